"""Boundaries drawn too wide, on patches whose crop ends where it is told to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import shapely
from scipy import ndimage
from shapely import Polygon

from satellite.integrity.boundary import BORDER_M, read_boundary
from satellite.integrity.patches import Patch
from satellite.integrity.pictures import boundary_picture
from satellite.integrity.rates import Counted, base_rate_ppm, counted, wilson

PIXEL_M = 10.0
SIDE = 20
DAYS = np.array([date(2026, 3, 20).toordinal() + 10 * k for k in range(12)])
CROP = 0.25 + 0.5 * np.exp(-(((np.arange(12) - 5) / 2.5) ** 2))
BARE = np.full(12, 0.25)


def square(half_m: float) -> Polygon:
    return shapely.box(100 - half_m, 100 - half_m, 100 + half_m, 100 + half_m)


def share(polygon: Polygon) -> np.ndarray:
    x, y = np.meshgrid(np.arange(SIDE) * PIXEL_M, np.arange(SIDE)[::-1] * PIXEL_M)
    cells = shapely.box(x, y, x + PIXEL_M, y + PIXEL_M)
    return np.asarray(shapely.area(shapely.intersection(cells, polygon)) / PIXEL_M**2)


def patch(
    declared: Polygon, cropped: Polygon, outside: np.ndarray = BARE, spread: float = 0.0
) -> Patch:
    """A scene stack in which the crop stands on ``cropped`` and the rest is ``outside``.

    ``spread`` is the blur [pixels, standard deviation].
    """
    x, y = np.meshgrid((np.arange(SIDE) + 0.5) * PIXEL_M, (np.arange(SIDE)[::-1] + 0.5) * PIXEL_M)
    away = shapely.distance(shapely.points(x, y), declared.exterior)
    depth = np.where(shapely.contains_xy(declared, x, y), away, -away)
    of_crop = ndimage.gaussian_filter(share(cropped), spread) if spread else share(cropped)
    rng = np.random.default_rng(1)
    value = of_crop * CROP[:, None, None] + (1 - of_crop) * outside[:, None, None]
    value = value + rng.normal(0, 0.01, value.shape)
    return Patch(
        "plot-1", declared, 0.0, SIDE * PIXEL_M, PIXEL_M, share(declared), depth, DAYS, value
    )


@pytest.mark.parametrize("spread", [0.0, 0.6, 0.9])
def test_an_honest_boundary_bears_its_crop_however_blurred(spread: float):
    found = read_boundary(patch(square(45), square(45), spread=spread))
    assert found is not None
    assert abs(found.border_m) < 1.0
    assert not found.is_exaggerated
    assert found.cropped_m2 == pytest.approx(found.declared_m2, rel=0.03)


@pytest.mark.parametrize(("east_m", "north_m"), [(8, 0), (0, -12), (7, 7)])
def test_a_plot_that_lies_some_metres_off_is_honest(east_m: float, north_m: float):
    crop = shapely.box(55 + east_m, 55 + north_m, 145 + east_m, 145 + north_m)
    found = read_boundary(patch(square(45), crop, spread=0.75))
    assert found is not None
    assert abs(found.border_m) < 1.5
    assert not found.is_exaggerated


@pytest.mark.parametrize("wider_m", [3.0, 8.0, 11.0])
def test_a_boundary_drawn_too_wide_is_measured(wider_m: float):
    found = read_boundary(patch(square(43 + wider_m), square(43), spread=0.75))
    assert found is not None
    assert found.border_m == pytest.approx(wider_m, abs=1.5)
    assert found.is_exaggerated is (wider_m > 5)  # a little is within what honest plots show
    assert found.cropped_m2 >= 86**2  # at most, so never less than the truth
    assert found.cropped_m2 < found.declared_m2


def test_one_side_over_a_neighbours_land_is_enough():
    declared = shapely.box(55, 55, 145, 170)
    found = read_boundary(patch(declared, shapely.box(55, 55, 145, 145)))
    assert found is not None
    assert found.is_exaggerated


def test_a_core_of_two_fields_is_not_judged():
    assert read_boundary(patch(square(60), shapely.box(40, 40, 102, 160))) is None


def test_what_is_seen_from_some_sides_alone_is_told_with_its_doubt():
    all_around = patch(square(45), square(45), spread=0.75)
    value = all_around.value.copy()
    x = np.arange(SIDE) * PIXEL_M
    value[:, :, x >= 140] = CROP[:, None, None]  # the same crop on two sides
    value[:, x < 60, :] = CROP[:, None, None]
    whole, part = read_boundary(all_around), read_boundary(replace(all_around, value=value))
    assert whole is not None
    assert part is not None
    assert part.judged_share < 0.7 < whole.judged_share
    assert part.error_m > 1.5 * whole.error_m


def test_land_around_that_looks_like_the_plot_says_nothing():
    assert read_boundary(patch(square(45), square(40), outside=CROP)) is None


@pytest.mark.parametrize("half_m", [8.0, 15.0])
def test_a_plot_without_enough_core_is_not_judged(half_m: float):
    assert read_boundary(patch(square(half_m), square(half_m))) is None


def test_too_few_clear_days_are_not_judged():
    seen = patch(square(50), square(40))
    assert read_boundary(seen.on(DAYS[:7].tolist())) is None
    seen.value[3:] = np.nan
    assert read_boundary(seen) is None


def test_its_picture_is_the_same_bytes_each_time():
    seen = patch(square(50), square(40))
    found = read_boundary(seen)
    assert found is not None
    assert boundary_picture("t", seen, found) == boundary_picture("t", seen, found)
    assert found.border_low_m > BORDER_M


def test_precision_is_bayes_at_the_true_base_rate():
    good = Counted(planted=10_000, found=9_000, honest=100_000, false=1_000)
    assert good.precision(base_rate_ppm() / 1e6) == pytest.approx(0.14, abs=0.003)
    assert Counted(100, 100, 300, 0).precision(0.0018) < 0.6  # none seen is not none
    assert counted("phantom_plot").planted >= 100


def test_a_share_has_an_interval_that_holds_it():
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(9, 10)
    assert low < 0.9 < high
    assert wilson(0, 50)[0] == 0.0
    assert wilson(50, 50)[1] == pytest.approx(1.0)
