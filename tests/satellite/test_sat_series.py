"""Curves from looks: the smoother against plain algebra, dips, repeated scenes."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.indices import INDICES
from satellite.series import (
    LAMBDA,
    Series,
    SeriesLook,
    kept_looks,
    robust_whittaker,
    series_of,
    smooth,
    whittaker,
    whittaker_mean,
)
from satellite.statistics.store import LookRow, SceneRow

LEVELS = INDICES["ndvi"].levels
DAY0 = date(2026, 3, 1)


def _row(
    day: int, mean: float | None, valid: float = 1.0, baseline: str = "05.10", name: str = ""
) -> LookRow:
    when = DAY0 + timedelta(days=day)
    scene = SceneRow(name or f"s{day}", "", f"sha-{name or day}", when, f"{when}T08:00Z", baseline)
    return LookRow("p", scene, mean, valid, 40.0, 16)


def _series(means: dict[int, float]) -> Series:
    rows = [_row(day, mean) for day, mean in means.items()]
    return series_of(rows, LEVELS)["p"]


@settings(max_examples=40, deadline=None)
@given(n=st.integers(5, 40), penalty=st.floats(0.5, 5000), seed=st.integers(0, 10_000))
def test_whittaker_equals_dense_algebra(n: int, penalty: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    value = rng.normal(0.5, 0.2, (2, n))
    weight = np.where(rng.random((2, n)) < 0.5, rng.random((2, n)), 0.0)
    weight[:, [0, n // 2, n - 1]] = 1.0
    mean, inverse = whittaker(value, weight, penalty)
    difference = np.diff(np.eye(n), 2, axis=0)
    for k in range(2):
        dense = np.diag(weight[k]) + penalty * difference.T @ difference
        assert mean[k] == pytest.approx(np.linalg.solve(dense, weight[k] * value[k]), abs=1e-7)
        assert inverse[k] == pytest.approx(np.diag(np.linalg.inv(dense)), rel=1e-6)


@given(a=st.floats(-0.5, 1), slope=st.floats(-0.01, 0.01))
@settings(max_examples=30, deadline=None)
def test_a_straight_line_is_kept_as_it_is(a: float, slope: float) -> None:
    days = np.arange(60)
    line = a + slope * days
    weight = np.where(days % 5 == 0, 1.0, 0.0)
    mean, _ = robust_whittaker(line[None, :], weight[None, :], 0.03)
    assert mean[0] == pytest.approx(line, abs=1e-6)


def test_the_90_percent_band_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    days = np.arange(120)
    truth = np.cumsum(np.cumsum(rng.normal(0, 0.03 / np.sqrt(LAMBDA), (300, 120)), axis=1), axis=1)
    weight = np.where(rng.random((300, 120)) < 0.2, 1.0, 0.0)
    weight[:, [0, 60, 119]] = 1.0
    mean, sd = robust_whittaker(truth + rng.normal(0, 0.03, truth.shape), weight, 0.03)
    inside = np.abs(truth - mean) <= 1.6449 * sd
    assert len(days) == 120
    assert 0.87 <= inside.mean() <= 0.93


def test_a_cloud_dip_is_dropped_and_a_harvest_is_kept() -> None:
    cloud = {0: 0.80, 5: 0.82, 10: 0.40, 15: 0.84, 20: 0.83}
    assert kept_looks(list(cloud), list(cloud.values()), 0.1) == {0, 5, 15, 20}
    harvest = {0: 0.80, 5: 0.78, 10: 0.20, 15: 0.19, 20: 0.18}
    assert kept_looks(list(harvest), list(harvest.values()), 0.1) == {0, 5, 10, 15, 20}
    slow = {0: 0.80, 25: 0.20, 55: 0.80}  # ploughed and sown again in the weeks between
    assert kept_looks(list(slow), list(slow.values()), 0.1) == {0, 25, 55}
    last = {0: 0.80, 5: 0.20}  # has no second neighbour yet
    assert kept_looks(list(last), list(last.values()), 0.1) == {0, 5}


def test_a_look_that_saw_too_little_is_kept_but_not_used() -> None:
    rows = [_row(0, 0.5), _row(5, 0.9, valid=0.39), _row(10, 0.5), _row(15, None, valid=0.0)]
    series = series_of(rows, LEVELS)["p"]
    assert [look.used for look in series.looks] == [True, False, True, False]


def test_a_small_plot_needs_to_be_seen_almost_whole() -> None:
    row = _row(0, 0.5, valid=0.7)
    small = LookRow("p", row.scene, row.mean, row.valid_fraction, 9.0, 2)
    series = series_of([small], LEVELS)["p"]
    assert series.is_small
    assert not series.looks[0].used


def test_a_reprocessed_scene_and_a_neighbouring_tile_count_once() -> None:
    rows = [
        _row(0, 0.50, baseline="04.00", name="old"),
        _row(0, 0.55, valid=0.9, baseline="05.10", name="new"),
        _row(5, 0.60, valid=0.3, name="tile-a"),
        _row(5, 0.61, valid=1.0, name="tile-b"),
    ]
    for order in (rows, rows[::-1]):
        series = series_of(order, LEVELS)["p"]
        assert [look.scene_id for look in series.looks] == ["new", "tile-b"]


def test_cloud_below_the_curve_pulls_less_than_the_looks_around_it() -> None:
    days = list(range(0, 60, 5))
    hazy = dict.fromkeys(days, 0.6) | {25: 0.45, 30: 0.45}  # two in a row: not a single dip
    (curve,) = smooth([_series(hazy)], LEVELS.noise_sd)
    assert curve is not None
    at = curve.at(DAY0.toordinal() + 27)
    assert at is not None
    value, weight = np.zeros((2, 1, 56))
    value[0, days], weight[0, days] = list(hazy.values()), 1.0
    assert at > whittaker_mean(value, weight, LAMBDA)[0, 27] + 0.015, "without a robust weight"


def test_too_few_looks_have_no_curve_and_a_curve_ends_with_its_looks() -> None:
    few, enough = _series({0: 0.2, 5: 0.3}), _series({0: 0.2, 5: 0.3, 20: 0.5})
    none, curve = smooth([few, enough], LEVELS.noise_sd)
    assert none is None
    assert curve is not None
    assert (curve.first_day, curve.last_day) == (DAY0.toordinal(), DAY0.toordinal() + 20)
    assert curve.at(DAY0.toordinal() + 21) is None
    assert (curve.low <= curve.mean).all()
    assert (curve.mean <= curve.high).all()


def test_a_long_gap_has_no_peak_of_its_own_and_a_wide_band() -> None:
    means = {0: 0.2, 5: 0.3, 10: 0.4, 15: 0.5, 115: 0.5, 120: 0.4, 125: 0.3, 130: 0.2}
    (curve,) = smooth([_series(means)], LEVELS.noise_sd)
    assert curve is not None
    inside = curve.mean[16:115]
    assert inside.max() <= max(curve.mean[15], curve.mean[115]) + 1e-9
    assert (curve.high - curve.low)[65] > 3 * (curve.high - curve.low)[5]


def test_series_between_days_includes_both() -> None:
    looks = tuple(SeriesLook(day, 0.5, 1.0, "s", "h", used=True) for day in (1, 2, 3, 4))
    assert [k.day for k in Series("p", looks, 9.0, 9).between(2, 3).looks] == [2, 3]
