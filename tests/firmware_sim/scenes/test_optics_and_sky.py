from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from firmware_sim.scenes.clouds import (
    SCL_BARE,
    SCL_CLOUD_HIGH,
    SCL_SHADOW,
    SCL_VEGETATION,
    Sky,
    classify,
    draw_sky,
    through_sky,
)
from firmware_sim.scenes.noise import coarser, finer, power_law_field
from firmware_sim.scenes.optics import Ground, index_of_canopy, lay_out, reflectance
from firmware_sim.scenes.raster import Grid, burn

SMALL = Grid(32737, 0.0, 40.0, 10, 4)
WEST_HALF = ((0.0, 0.0), (20.0, 0.0), (20.0, 40.0), (0.0, 40.0))
HALF_A_PIXEL_MORE = ((0.0, 0.0), (25.0, 0.0), (25.0, 40.0), (0.0, 40.0))
MARCH = date(2026, 3, 20)
CELLS = 125


def of(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def test_leaves_raise_the_index_and_withering_and_wet_soil_change_it() -> None:
    lai = of(0.0, 0.5, 1.5, 3.0)
    index = index_of_canopy(lai, np.zeros(4), np.zeros(4))
    assert (np.diff(index) > 0.1).all()
    assert 0.1 < index[0] < 0.25
    assert 0.75 < index[3] < 0.9
    withered = index_of_canopy(of(0.1), of(2.9), of(0.0))
    assert withered[0] < 0.4
    bare_red_is_darker_when_wet = index_of_canopy(of(0.0), of(0.0), of(1.0))
    assert bare_red_is_darker_when_wet[0] > index[0]


def test_ring_covers_the_pixels_that_it_covers() -> None:
    covered = burn([WEST_HALF], SMALL, 1)
    assert covered.tolist() == [[0, 0, -1, -1]] * 4


def test_pixel_on_an_edge_mixes_both_sides_by_area() -> None:
    land = lay_out(SMALL, [HALF_A_PIXEL_MORE], 1, np.ones(2), np.random.default_rng(0))
    assert land.first[0].tolist()[:2] == [0, 0]
    assert land.first[0, 3] == 1
    assert {int(land.first[0, 2]), int(land.second[0, 2])} == {0, 1}
    assert land.first_share[0, 2] == pytest.approx(2 / 3, abs=0.01)
    assert land.first_share[0, 0] == 1.0


def test_crop_beside_bare_soil_is_seen_as_such() -> None:
    grid = Grid(32737, 0.0, 400.0, 10, 40)
    west = ((0.0, 0.0), (200.0, 0.0), (200.0, 400.0), (0.0, 400.0))
    rng = np.random.default_rng(1)
    land = lay_out(grid, [west], 1, np.ones(2), rng)
    red, nir = reflectance(land, Ground(of(3.0, 0.0), of(0.0, 0.0), of(0.3, 0.3)), rng)
    index = (nir - red) / (nir + red)
    assert index[:, :18].mean() > 0.75
    assert index[:, 22:].mean() < 0.3
    assert index[:, 18].mean() > index[:, 19].mean() > index[:, 20].mean() > index[:, 21].mean()


def test_field_of_chance_is_alike_nearby_and_repeats_with_its_seed() -> None:
    field = power_law_field(128, 3.0, np.random.default_rng(5))
    assert abs(float(field.mean())) < 1e-3
    assert float(field.std()) == pytest.approx(1.0, abs=1e-3)
    assert np.corrcoef(field[:, :-1].ravel(), field[:, 1:].ravel())[0, 1] > 0.9
    again = power_law_field(128, 3.0, np.random.default_rng(5))
    assert field.tobytes() == again.tobytes()


def test_coarse_cells_are_means_and_fine_ones_keep_the_light() -> None:
    image = np.arange(16, dtype=np.float32).reshape(4, 4)
    assert coarser(image).tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert float(finer(image).mean()) == pytest.approx(float(image.mean()), abs=0.01)


def test_sky_is_covered_about_as_much_as_asked() -> None:
    covered = [
        float((draw_sky(CELLS, 0.5, MARCH, -1.05, np.random.default_rng(s)).opacity > 0.2).mean())
        for s in range(60)
    ]
    assert 0.35 < np.mean(covered) < 0.6
    clear = [draw_sky(CELLS, 0.01, MARCH, -1.05, np.random.default_rng(s)) for s in range(40)]
    assert all(float(sky.shadow.max()) == 0 for sky in clear)
    veiled = [float(sky.opacity.max()) > 0 for sky in clear]
    assert 0 < sum(veiled) < 15


def test_shadow_is_its_cloud_moved_away_from_the_morning_sun() -> None:
    sky = draw_sky(CELLS, 0.35, MARCH, -1.05, np.random.default_rng(11))
    best, shift = -1.0, 0
    for east in range(5, 60):
        likeness = np.corrcoef(
            sky.opacity[:, east:].ravel(), sky.shadow[:, : CELLS - east].ravel()
        )[0, 1]
        if likeness > best:
            best, shift = likeness, east
    assert best > 0.9
    assert shift > 10


def test_cloud_hides_the_ground_and_shadow_darkens_it() -> None:
    ground = np.full((8, 8), 0.3, dtype=np.float32)
    zero, one = np.zeros((4, 4), dtype=np.float32), np.ones((4, 4), dtype=np.float32)
    under, _ = through_sky(ground, ground, Sky(one, zero), np.random.default_rng(0))
    shaded, _ = through_sky(ground, ground, Sky(zero, one), np.random.default_rng(0))
    clear, _ = through_sky(ground, ground, Sky(zero, zero), np.random.default_rng(0))
    assert under.min() > 0.4
    assert shaded.max() < 0.18
    assert clear == pytest.approx(ground)


def test_mask_finds_thick_cloud_and_misses_part_of_the_edges() -> None:
    thick = thin = thick_found = thin_found = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sky = draw_sky(CELLS, 0.4, MARCH, -1.05, rng)
        red = np.full((CELLS, CELLS), 0.06, dtype=np.float32)
        scl = classify(red, 5 * red, sky, rng)
        found = np.isin(scl, (8, 9, 10))
        thick_at, thin_at = sky.opacity > 0.6, (sky.opacity > 0.08) & (sky.opacity < 0.3)
        thick += int(thick_at.sum())
        thick_found += int(found[thick_at].sum())
        thin += int(thin_at.sum())
        thin_found += int(found[thin_at].sum())
    assert thick_found > 0.99 * thick
    assert 0.05 < thin_found / thin < 0.7


def test_mask_names_what_it_sees() -> None:
    rng = np.random.default_rng(3)
    zero, one = np.zeros((6, 6), dtype=np.float32), np.ones((6, 6), dtype=np.float32)
    green = classify(0.04 * one, 0.40 * one, Sky(zero, zero), rng)
    bare = classify(0.14 * one, 0.20 * one, Sky(zero, zero), rng)
    cloud = classify(0.5 * one, 0.5 * one, Sky(one, zero), rng)
    shade = classify(0.02 * one, 0.10 * one, Sky(zero, one), rng)
    assert set(np.unique(green)) == {SCL_VEGETATION}
    assert set(np.unique(bare)) == {SCL_BARE}
    assert set(np.unique(cloud)) == {SCL_CLOUD_HIGH}
    assert set(np.unique(shade)) == {SCL_SHADOW}
