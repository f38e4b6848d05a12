"""A walked area, and how much of it lies over another plot, also where 180° is."""

from __future__ import annotations

from core.lending.walk import measure, overlap_percent

SIDE_E7 = 8_993  # a hundred metres on the equator


def square(lon_e7: int, lat_e7: int = 0, side_e7: int = SIDE_E7) -> tuple[tuple[int, int], ...]:
    """Corners from the south-west, with longitudes brought back to ±180°."""
    turn = 3_600_000_000
    east = (lon_e7 + side_e7 + turn // 2) % turn - turn // 2
    return (lon_e7, lat_e7), (east, lat_e7), (east, lat_e7 + side_e7), (lon_e7, lat_e7 + side_e7)


def test_a_plot_over_180_degrees_measures_as_anywhere_else():
    here = measure(square(370_000_000), (600,) * 4)
    there = measure(square(1_800_000_000 - SIDE_E7 // 2), (600,) * 4)
    assert there == here
    assert (here.area_m2, here.low_m2) == (10_000, 9_278)


def test_an_overlap_is_the_share_of_the_ground_that_was_walked():
    mine = square(370_000_000)
    assert overlap_percent(mine, mine) == 100
    assert overlap_percent(mine, square(370_000_000 + SIDE_E7 // 2)) == 50
    assert overlap_percent(mine, square(370_000_000 + 2 * SIDE_E7)) == 0
    assert overlap_percent(mine, square(370_000_000, 1, 10 * SIDE_E7)) >= 99


def test_an_overlap_over_180_degrees_is_seen():
    mine = square(1_800_000_000 - SIDE_E7 // 2)
    assert overlap_percent(mine, square(-1_800_000_000, 0)) == 50
    assert overlap_percent(mine, square(0)) == 0
