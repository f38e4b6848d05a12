"""Boundaries drawn too wide, on patches whose crop ends where it is told to."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import shapely
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


def patch(declared: Polygon, cropped: Polygon, outside: np.ndarray = BARE) -> Patch:
    """A scene stack in which the crop stands on ``cropped`` and the rest is ``outside``."""
    x, y = np.meshgrid((np.arange(SIDE) + 0.5) * PIXEL_M, (np.arange(SIDE)[::-1] + 0.5) * PIXEL_M)
    away = shapely.distance(shapely.points(x, y), declared.exterior)
    depth = np.where(shapely.contains_xy(declared, x, y), away, -away)
    of_crop = share(cropped)
    rng = np.random.default_rng(1)
    value = of_crop * CROP[:, None, None] + (1 - of_crop) * outside[:, None, None]
    value = value + rng.normal(0, 0.01, value.shape)
    return Patch(
        "plot-1", declared, 0.0, SIDE * PIXEL_M, PIXEL_M, share(declared), depth, DAYS, value
    )


def test_an_honest_boundary_bears_its_crop():
    found = read_boundary(patch(square(45), square(45)))
    assert found is not None
    assert abs(found.border_m) < 1.0
    assert not found.is_exaggerated
    assert found.cropped_m2 == pytest.approx(found.declared_m2, rel=0.03)


@pytest.mark.parametrize("wider_m", [5.0, 8.0, 11.0])
def test_a_boundary_drawn_too_wide_is_measured(wider_m: float):
    found = read_boundary(patch(square(43 + wider_m), square(43)))
    assert found is not None
    assert found.is_exaggerated
    assert 0.4 * wider_m < found.border_m < 1.3 * wider_m  # too little, never too much
    assert found.cropped_m2 + 2 * found.error_m2 >= 86**2
    assert found.cropped_m2 < found.declared_m2


def test_one_side_over_a_neighbours_land_is_enough():
    declared = shapely.box(55, 55, 145, 170)
    found = read_boundary(patch(declared, shapely.box(55, 55, 145, 145)))
    assert found is not None
    assert found.is_exaggerated


def test_land_around_that_looks_like_the_plot_says_nothing():
    assert read_boundary(patch(square(45), square(40), outside=CROP)) is None


@pytest.mark.parametrize("half_m", [8.0, 15.0])
def test_a_plot_without_enough_core_is_not_judged(half_m: float):
    assert read_boundary(patch(square(half_m), square(half_m))) is None


def test_too_few_clear_days_are_not_judged():
    seen = patch(square(50), square(40))
    assert read_boundary(seen.on(DAYS[:3].tolist())) is None
    seen.value[3:] = np.nan
    assert read_boundary(seen) is None


def test_its_picture_is_the_same_bytes_each_time():
    seen = patch(square(50), square(40))
    found = read_boundary(seen)
    assert found is not None
    assert boundary_picture("t", seen, found) == boundary_picture("t", seen, found)
    assert found.border_m > BORDER_M


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
