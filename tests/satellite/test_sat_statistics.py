"""Exact statistics per plot, on grids whose answers can be worked out by hand."""

from __future__ import annotations

import json
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely import MultiPoint, Polygon
from shapely.geometry import mapping

from satellite.indices import index_named
from satellite.scenes.catalog import item_paths, read_item
from satellite.scenes.raster import Grid
from satellite.statistics.coverage import build_plan, projected
from satellite.statistics.gather import route_of
from satellite.statistics.plots import PlotError, read_plots
from satellite.statistics.sample import Sampler
from satellite.statistics.weighted import segments_of, statistics_of
from tests.support.tiny_scenes import (
    CRS,
    LEFT,
    TOP,
    box_ring,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
)

GRID = Grid(CRS, LEFT, TOP, 10.0, 8, 8)


def _looks(tmp_path: Path, ndvi: object, scl: object, *rings: object, **more: object) -> list:
    features = [plot_feature(f"p{i}", ring) for i, ring in enumerate(rings)]
    plots, problems = read_plots(write_plots(tmp_path / "plots.geojson", features))
    assert problems == []
    catalog = write_catalog(tmp_path, [ndvi_scene("s", "2026-04-01", ndvi, scl, **more)])
    item = read_item(item_paths(catalog)[0])
    return Sampler(plots, index_named("ndvi")).look(item)


def test_a_half_covered_pixel_weighs_half(tmp_path: Path) -> None:
    ndvi = [[0.2, 0.8, 0.5, 0.5], [0.2, 0.8, 0.5, 0.5], [0.5] * 4, [0.5] * 4]
    # 15 m × 20 m: the first column whole (2 × 0.2), the second by half (2 × 0.8 × ½).
    (look,) = _looks(tmp_path, ndvi, np.full((2, 2), 4), box_ring(0, 0, 15, 20))
    assert look.mean == pytest.approx((2 * 0.2 + 1 * 0.8) / 3, abs=2e-4)
    assert look.pixels == pytest.approx(3.0, abs=1e-3)
    assert look.valid_fraction == pytest.approx(1.0, abs=1e-6)


def test_a_coarse_classification_masks_the_fine_pixels_below_it(tmp_path: Path) -> None:
    ndvi = np.full((16, 4), 0.6)
    ndvi[8:] = 0.1  # cloud, which must not reach the mean
    scl = np.full((8, 2), 4)
    scl[4:] = 9  # from 80 m south; one more 20 m row north of it is dilated away
    (look,) = _looks(tmp_path, ndvi, scl, box_ring(0, 0, 40, 160))
    assert look.mean == pytest.approx(0.6, abs=2e-4)
    assert look.valid_fraction == pytest.approx(6 / 16, abs=1e-6)


def test_nodata_and_what_lies_off_the_scene_lower_the_valid_fraction(tmp_path: Path) -> None:
    scene = np.full((4, 4), 0.5)
    inside, half_off, outside = (
        box_ring(0, 0, 40, 40), box_ring(20, 0, 60, 40), box_ring(500, 500, 540, 540),
    )  # fmt: skip
    whole, half, none = _looks(tmp_path, scene, np.full((2, 2), 4), inside, half_off, outside)
    assert whole.valid_fraction == pytest.approx(1.0, abs=1e-6)
    assert half.valid_fraction == pytest.approx(0.5, abs=1e-3)
    assert half.mean == pytest.approx(0.5, abs=2e-4)
    assert (none.mean, none.valid_fraction, none.covered) == (None, 0.0, False)


def test_a_plot_under_cloud_has_no_mean(tmp_path: Path) -> None:
    (look,) = _looks(tmp_path, np.full((4, 4), 0.5), np.full((2, 2), 9), box_ring(0, 0, 40, 40))
    assert (look.mean, look.valid_fraction, look.covered) == (None, 0.0, True)


def test_full_pixels_are_counted_after_an_inner_buffer_of_5_m(tmp_path: Path) -> None:
    # 40 m square on the grid: 30 m remain, off the grid by half a pixel: 2 × 2 are whole.
    (look,) = _looks(tmp_path, np.full((4, 4), 0.5), np.full((2, 2), 4), box_ring(0, 0, 40, 40))
    assert look.full_pixels == 4


@settings(max_examples=25, deadline=None)
@given(
    corners=st.lists(st.tuples(st.floats(2, 78), st.floats(2, 78)), min_size=3, max_size=6),
    seed=st.integers(0, 1000),
)
def test_means_equal_exactextracts_own_zonal_statistics(
    tmp_path_factory: pytest.TempPathFactory, corners: list, seed: int
) -> None:
    hull = MultiPoint(corners).convex_hull
    if not isinstance(hull, Polygon) or hull.area < 100:
        return
    ring = _ring_of(hull)
    path = tmp_path_factory.mktemp("p") / "plots.geojson"
    plots, _ = read_plots(write_plots(path, [plot_feature("p", ring)]))
    values = np.random.default_rng(seed).random((8, 8))
    plan = build_plan(GRID, plots)
    mean = statistics_of(plan.segments, values[plan.rows, plan.cols]).mean
    source = NumPyRasterSource(values, LEFT, TOP - 80, LEFT + 80, TOP)
    feature = {"type": "Feature", "properties": {},
               "geometry": mapping(projected(plots[0].polygon, CRS))}  # fmt: skip
    (oracle,) = exact_extract(source, [feature], ["mean"])
    assert mean[0] == pytest.approx(oracle["properties"]["mean"], abs=1e-6)


def _ring_of(hull: Polygon) -> list[list[float]]:
    to_degrees = Transformer.from_crs(CRS, "OGC:CRS84", always_xy=True)
    return [list(to_degrees.transform(LEFT + x, TOP - y)) for x, y in hull.exterior.coords]


def test_the_plan_is_the_same_whether_plots_share_a_block_or_not(tmp_path: Path) -> None:
    wide = Grid(CRS, LEFT, TOP, 10.0, 3000, 3000)
    rings = [box_ring(x, y, x + 35, y + 35) for x in (0, 10_230, 20_000) for y in (0, 10_225)]
    plots, _ = read_plots(
        write_plots(tmp_path / "p", [plot_feature(f"p{i}", r) for i, r in enumerate(rings)])
    )
    plan = build_plan(wide, plots)
    route = route_of([plan], wide)
    covered = np.bincount(plan.plot, plan.weight)
    assert len(route.boxes) == 4, "two block rows by two block columns"
    for first, last in pairwise(route.bounds):
        places = route.places[first:last]
        blocks = zip(plan.rows[places] // 1024, plan.cols[places] // 1024, strict=True)
        assert len(set(blocks)) == 1
    assert sorted(route.places) == list(range(len(plan.plot)))
    assert covered == pytest.approx(plan.plot_weight, abs=1e-5)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.floats(0.01, 1), st.floats(-1, 1)), min_size=1, max_size=40
    )
)
def test_a_weighted_mean_lies_between_the_least_and_the_greatest(rows: list) -> None:
    plot, weight, value = (np.array(column) for column in zip(*sorted(rows), strict=True))
    found = statistics_of(segments_of(plot, weight, 4), value.astype(float))
    mean, total = found.mean, found.seen
    for p in range(4):
        own = value[plot == p]
        if len(own):
            assert own.min() - 1e-9 <= mean[p] <= own.max() + 1e-9
            assert total[p] == pytest.approx(weight[plot == p].sum())
        else:
            assert np.isnan(mean[p])


BOW_TIE = [[36.0, -1.0], [36.001, -1.001], [36.001, -1.0], [36.0, -1.001], [36.0, -1.0]]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"geometry": {"type": "Polygon", "coordinates": [BOW_TIE]}}, "cross itself"),
        ({"geometry": {"type": "Point", "coordinates": [36, -1]}}, "one polygon"),
        ({"geometry": None}, "polygon"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[36, -1], [36, 1]]]}}, "polygon"),
        ({"properties": {"plot_id": "bad", "sown_on": "last week"}}, "YYYY-MM-DD"),
        ({"properties": {"plot_id": "bad", "kind": "forest"}}, "crop or pasture"),
        ({"properties": {"crop": "maize"}}, "plot_id"),
        ({"properties": {"plot_id": "good"}}, "once"),
    ],
)
def test_a_bad_plot_is_named_and_the_others_go_on(tmp_path: Path, change: dict, says: str) -> None:
    good, bad = (plot_feature(name, box_ring(0, 0, 40, 40)) for name in ("good", "bad"))
    plots, problems = read_plots(write_plots(tmp_path / "p.geojson", [good, bad | change]))
    assert [plot.plot_id for plot in plots] == ["good"]
    assert [problem.code for problem in problems] == ["HL-SAT-005"]
    assert says in problems[0].detail


def test_files_that_are_not_plots_in_crs84_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.geojson"
    for text, says in (
        ("no json", "GeoJSON"),
        ("{}", "FeatureCollection"),
        ('{"features": []}', "at least one usable plot"),
        (json.dumps({"features": [], "crs": {"properties": {"name": "EPSG:32737"}}}), "reproject"),
    ):
        path.write_text(text)
        with pytest.raises(PlotError, match=says):
            read_plots(path)


def test_declared_dates_are_read(tmp_path: Path) -> None:
    feature = plot_feature("p", box_ring(0, 0, 40, 40), sown_on="2026-03-20", kind="crop")
    plots, _ = read_plots(write_plots(tmp_path / "p.geojson", [feature]))
    assert plots[0].sown_on == date(2026, 3, 20)
