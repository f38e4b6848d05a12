"""Weighted statistics against exactextract's own, and what they must not depend on."""

from __future__ import annotations

import numpy as np
import pytest
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from shapely import Polygon, box
from shapely.affinity import rotate
from shapely.geometry import mapping

from core.wire.evidence import EvidenceKind
from satellite.scenes.raster import Grid
from satellite.statistics.coverage import build_plan, projected
from satellite.statistics.plots import Plot
from satellite.statistics.weighted import segments_of, statistics_of
from tests.support.tiny_scenes import CRS, LEFT, TOP, in_degrees

GRID = Grid(CRS, LEFT, TOP, 10.0, 60, 60)
OPS = ["mean", "stdev", "median", "quantile(q=0.1)", "quantile(q=0.9)", "count"]


def _plot(name: str, shape: Polygon) -> Plot:
    return Plot(name, EvidenceKind.CROP, in_degrees(shape), "")


def _shapes() -> dict[str, Polygon]:
    rng = np.random.default_rng(5)
    square = box(100, 100, 180, 180)
    shapes = {
        "half a pixel": box(302, 302, 307, 307),
        "over the edge": box(-40, -40, 55, 55),
        "holed": Polygon(square.exterior.coords, [box(120, 120, 150, 150).exterior.coords]),
        "two parts": box(300, 100, 340, 140).union(box(380, 100, 420, 140)),
        "one": square,
        "the same again": square,
        "outside": box(900, 900, 950, 950),
    }
    for i in range(40):
        x, y = rng.uniform(0, 520, 2)
        width, height = rng.uniform(5, 120, 2)
        shapes[f"p{i}"] = rotate(box(x, y, x + width, y + height), rng.uniform(0, 90))
    return shapes


def _found(value: np.ndarray) -> tuple[list[Plot], dict[str, np.ndarray], list[dict]]:
    plots = [_plot(name, shape) for name, shape in _shapes().items()]
    plan = build_plan(GRID, plots)
    found = statistics_of(plan.segments, value[plan.rows, plan.cols])
    source = NumPyRasterSource(value, LEFT, TOP - 600, LEFT + 600, TOP)
    features = [
        {"type": "Feature", "properties": {}, "geometry": mapping(projected(p.polygon, CRS))}
        for p in plots
    ]
    theirs = [row["properties"] for row in exact_extract(source, features, OPS)]
    ours = {
        "mean": found.mean, "stdev": found.std, "median": found.median,
        "quantile_10": found.p10, "quantile_90": found.p90, "count": found.seen,
    }  # fmt: skip
    return plots, ours, theirs


@pytest.mark.parametrize("unseen", [0.0, 0.3, 0.97])
def test_every_statistic_equals_exactextracts(unseen: float) -> None:
    rng = np.random.default_rng(7)
    value = rng.normal(0.5, 0.2, (60, 60))
    value[rng.random((60, 60)) < unseen] = np.nan
    plots, ours, theirs = _found(value)
    seen = 0
    for i, plot in enumerate(plots):
        if not theirs[i]["count"]:
            assert ours["count"][i] == 0, plot.plot_id
            assert all(np.isnan(ours[name][i]) for name in ours if name != "count")
            continue
        seen += 1
        for name, values in ours.items():
            assert values[i] == pytest.approx(theirs[i][name], abs=1e-6), (plot.plot_id, name)
    assert seen >= 10


def test_equal_weights_give_numpys_quantiles() -> None:
    value = np.random.default_rng(1).random(37)
    found = statistics_of(segments_of(np.zeros(37, np.int32), np.ones(37), 1), value)
    expected = np.quantile(value, [0.1, 0.5, 0.9])
    assert [found.p10[0], found.median[0], found.p90[0]] == pytest.approx(expected, abs=1e-12)
    assert found.std[0] == pytest.approx(value.std(), abs=1e-12)


def test_a_small_spread_on_a_large_mean_keeps_its_digits() -> None:
    # A difference of large squares would leave nothing: 1e8² has no digit left for 1e-4.
    value = 1e8 + np.array([-1.0, 0.0, 1.0, 0.0])
    found = statistics_of(segments_of(np.zeros(4, np.int32), np.ones(4), 1), value)
    assert found.std[0] == pytest.approx(np.sqrt(0.5), rel=1e-9)


def test_a_plots_numbers_do_not_depend_on_which_other_plots_there_are() -> None:
    value = np.random.default_rng(3).random((60, 60))
    plots = [_plot(name, shape) for name, shape in _shapes().items()]
    plan = build_plan(GRID, plots)
    together = statistics_of(plan.segments, value[plan.rows, plan.cols])
    for i, plot in enumerate(plots):
        own = build_plan(GRID, [plot])
        alone = statistics_of(own.segments, value[own.rows, own.cols])
        for name in ("seen", "mean", "std", "p10", "median", "p90"):
            one, other = getattr(alone, name)[0], getattr(together, name)[i]
            assert one == other or np.isnan([one, other]).all(), (plot.plot_id, name)


def test_one_pixel_is_its_own_statistics() -> None:
    found = statistics_of(segments_of(np.zeros(1, np.int32), np.array([0.25]), 1), np.array([0.4]))
    assert (found.seen[0], found.mean[0], found.std[0]) == (0.25, 0.4, 0.0)
    assert (found.p10[0], found.median[0], found.p90[0]) == (0.4, 0.4, 0.4)


def _read_off(value: np.ndarray, weight: np.ndarray) -> list[float]:
    """The quantiles by their definition: S_k of the different values, one at a time."""
    values = np.unique(value[~np.isnan(value)])
    weights = np.array([weight[value == one].sum() for one in values])
    n = len(values)
    stand = np.array([k * weights[k] + (n - 1) * weights[:k].sum() for k in range(n)])
    return [float(np.interp(q * (n - 1) * weights.sum(), stand, values)) for q in (0.1, 0.5, 0.9)]


def _levels(value: np.ndarray, weight: np.ndarray) -> list[float]:
    found = statistics_of(segments_of(np.zeros(len(value), np.int32), weight, 1), value)
    return [found.p10[0], found.median[0], found.p90[0]]


def _by_exactextract(value: np.ndarray, weight: np.ndarray) -> list[float]:
    """exactextract's quantiles of one row of pixels, covered from below by their weights."""
    n = len(value)
    corners = [(k + side, weight[k]) for k in range(n) for side in (0, 1)]
    stair = Polygon([(0, 0), *corners, (n, 0)])
    source = NumPyRasterSource(value[None, :], 0, 0, n, 1)
    feature = {"type": "Feature", "properties": {}, "geometry": mapping(stair)}
    (row,) = exact_extract(source, [feature], OPS)
    return [row["properties"][name] for name in ("quantile_10", "median", "quantile_90")]


def _tied(seed: int, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.round(rng.normal(0.5, 0.2, pixels) * 25) / 25, rng.uniform(0.05, 1.0, pixels)


@pytest.mark.parametrize("seed", range(20))
def test_where_values_tie_the_quantiles_are_still_exactextracts(seed: int) -> None:
    value, weight = _tied(seed, 15 + 3 * seed)
    assert len(np.unique(value)) < len(value)
    assert _levels(value, weight) == pytest.approx(_by_exactextract(value, weight), abs=1e-6)


def test_tied_pixels_may_come_in_any_order() -> None:
    value, weight = _tied(0, 60)
    order = np.random.default_rng(0).permutation(60)
    assert _levels(value[order], weight[order]) == pytest.approx(_levels(value, weight), abs=1e-12)


def test_many_plots_of_tied_and_other_pixels_equal_exactextracts() -> None:
    value = np.round(np.random.default_rng(9).normal(0.5, 0.2, (60, 60)), 2)
    value[:30] += np.random.default_rng(10).normal(0, 1e-3, (30, 60))
    value[::7, ::3] = np.nan
    _, ours, theirs = _found(value)
    for name, values in ours.items():
        for mine, row in zip(values, theirs, strict=True):
            if row["count"]:
                assert mine == pytest.approx(row[name], abs=1e-6), name


@pytest.mark.parametrize("pixels", [1, 2, 3, 40, 257, 3000])
def test_quantiles_are_those_of_their_definition(pixels: int) -> None:
    # Values that differ in their last bits, and both zeros: the sort's own bits must not show.
    rng = np.random.default_rng(pixels)
    near = 0.3 * (1 + rng.integers(0, 3, pixels) * np.finfo(float).eps)
    kinds = rng.integers(0, 5, pixels)
    value = np.choose(
        kinds, [near, rng.normal(0, 1, pixels), np.full(pixels, -0.0), np.zeros(pixels),
                np.full(pixels, np.nan)],
    )  # fmt: skip
    value[0] = 0.25
    weight = rng.uniform(0.01, 1.0, pixels)
    assert _levels(value, weight) == pytest.approx(_read_off(value, weight), abs=1e-9)
