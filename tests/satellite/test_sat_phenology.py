"""Dates, bands and stages against simulated truth, at 45 % gaps; figures in docs/season.md."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from shapely import box

from core.units import PPM
from core.wire.evidence import EvidenceKind, Observability, Stage
from satellite.indices import INDICES
from satellite.season.calendar import declared_season
from satellite.season.detect import SeasonSeen, season_of
from satellite.season.found import seasons_found
from satellite.season.observability import observability
from satellite.series import Curve, Series, SeriesLook, kept_looks, smooth
from satellite.statistics.plots import Plot
from tests.support.seasons_simulated import Simulated, simulated

LEVELS = INDICES["ndvi"].levels
FIRST = date(2026, 2, 1)
SOWN_DAY = 40
MEDIAN_ERROR_DAYS_MAX = 5
DATES = ("start", "peak", "end")


def _plot(sown_on: date | None) -> Plot:
    where = box(37.0, -1.0, 37.001, -0.999)
    return Plot(
        plot_id="p", kind=EvidenceKind.CROP, polygon=where, ring_sha256="0" * 64, crop="maize",
        sown_on=sown_on,
    )  # fmt: skip


def _seen(some: list[Simulated], sown_day: int = SOWN_DAY) -> list[SeasonSeen]:
    curves = smooth([one.series for one in some], LEVELS.noise_sd)
    plots = [_plot(one.first_day + timedelta(days=sown_day)) for one in some]
    return [
        season_of(plot, one.series, curve, LEVELS)
        for plot, one, curve in zip(plots, some, curves, strict=True)
    ]


def _maize(seed: int, count: int, *, weeds: bool = False, first: date = FIRST) -> list[Simulated]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(105, 150, count)
    return [simulated(rng, first, 240, (SOWN_DAY,), int(n), weeds=weeds) for n in lengths]


def _errors(some: list[Simulated], seen: list[SeasonSeen], name: str) -> np.ndarray:
    """Error [days] and its stated bound, of each series in which the date was found."""
    rows = []
    for one, season in zip(some, seen, strict=True):
        day = getattr(season, f"{name}_day")
        if day is not None:
            true = one.first_day.toordinal() + getattr(one.seasons[0], name)
            rows.append((day - true, getattr(season, f"{name}_days_90")))
    return np.array(rows, dtype=float)


def test_the_simulated_sky_takes_45_percent_of_the_looks() -> None:
    looks = [look for one in _maize(3, 200) for look in one.series.looks]
    assert np.mean([look.mean is None for look in looks]) == pytest.approx(0.45, abs=0.02)


@pytest.mark.parametrize("weeds", [False, True])
def test_dates_are_within_five_days_and_their_bounds_hold(weeds: bool) -> None:
    some = _maize(7, 250, weeds=weeds)
    seen = _seen(some)
    for name in DATES:
        found = _errors(some, seen, name)
        inside = np.mean(np.abs(found[:, 0]) <= found[:, 1])
        print(f"weeds {weeds} {name}: n {len(found)}, median error "
              f"{np.median(np.abs(found[:, 0])):.1f} d, bias {np.median(found[:, 0]):+.1f}, "
              f"90th {np.quantile(np.abs(found[:, 0]), 0.9):.0f}, covered {inside:.3f}, "
              f"bound {np.median(found[:, 1]):.0f} d")  # fmt: skip
        assert len(found) >= 0.97 * len(some)
        assert np.median(np.abs(found[:, 0])) <= MEDIAN_ERROR_DAYS_MAX
        assert inside >= 0.84


def test_weeds_that_are_ploughed_in_do_not_start_the_season_before_sowing() -> None:
    seen = _seen(_maize(11, 250, weeds=True))
    sown = FIRST.toordinal() + SOWN_DAY
    assert np.mean([s.start_day is not None and s.start_day < sown for s in seen]) <= 0.01


def test_the_90_percent_band_covers_nine_tenths_of_simulated_seasons() -> None:
    some = _maize(13, 250)
    curves = smooth([one.series for one in some], LEVELS.noise_sd)
    shares = []
    for one, curve in zip(some, curves, strict=True):
        assert curve is not None
        start = curve.first_day - one.first_day.toordinal()
        truth = one.truth[start : start + len(curve.mean)]
        shares.append(np.mean((curve.low <= truth) & (truth <= curve.high)))
    assert 0.87 <= np.mean(shares) <= 0.93


def test_a_year_with_two_crops_has_two_seasons() -> None:
    rng = np.random.default_rng(17)
    some = [simulated(rng, FIRST, 420, (40, 225), 125) for _ in range(120)]
    curves = [c for c in smooth([one.series for one in some], LEVELS.noise_sd) if c is not None]
    every = [seasons_found(curve, LEVELS) for curve in curves]
    assert np.mean([len(found) == 2 for found in every]) >= 0.93
    for k in (0, 1):
        for name in DATES:
            errors = [
                abs(getattr(found[k], name).day - FIRST.toordinal() - getattr(one.seasons[k], name))
                for one, found in zip(some, every, strict=True)
                if len(found) == 2 and getattr(found[k], name) is not None
            ]
            assert len(errors) >= 100
            assert np.median(errors) <= MEDIAN_ERROR_DAYS_MAX


def test_a_season_over_new_year_has_its_dates() -> None:
    some = _maize(19, 120, first=date(2025, 10, 1))
    seen = _seen(some)
    for name in DATES:
        found = _errors(some, seen, name)
        assert len(found) >= 115
        assert np.median(np.abs(found[:, 0])) <= MEDIAN_ERROR_DAYS_MAX
    days = [date.fromordinal(s.peak_day) for s in seen if s.peak_day is not None]
    assert {day.year for day in days} == {2026}


def test_bare_soil_has_no_season() -> None:
    rng = np.random.default_rng(23)
    some = [simulated(rng, FIRST, 240, ()) for _ in range(200)]
    seen = _seen(some)
    assert np.mean([s.exists for s in seen]) <= 0.01
    assert np.mean([len(s.every) > 0 for s in seen]) <= 0.01


def test_a_season_that_began_before_the_first_look_has_no_start_but_an_end() -> None:
    rng = np.random.default_rng(29)
    one = simulated(rng, FIRST, 240, (-45,), 130)
    (curve,) = smooth([one.series], LEVELS.noise_sd)
    assert curve is not None
    (found,) = seasons_found(curve, LEVELS)
    assert found.start is None
    assert found.end is not None
    assert abs(found.end.day - FIRST.toordinal() - one.seasons[0].end) <= found.end.days_90


def _wide(curve: Curve, share: float) -> Curve:
    half = (curve.high - curve.mean) * share
    return Curve(curve.first_day, curve.mean, curve.mean - half, curve.mean + half)


def test_a_wider_band_makes_every_date_less_sure_and_at_last_no_season() -> None:
    (one,) = _maize(31, 1)
    (curve,) = smooth([one.series], LEVELS.noise_sd)
    assert curve is not None
    bounds = [
        [f.days_90 for f in (s.start, s.peak, s.end) if f is not None]
        for share in (0.5, 1.0, 2.0)
        for s in seasons_found(_wide(curve, share), LEVELS)
    ]
    assert [len(row) for row in bounds] == [3, 3, 3]
    assert bounds[0] < bounds[1] < bounds[2]
    assert seasons_found(_wide(curve, 100.0), LEVELS) == ()


def _true_stage(one: Simulated, today: int, plot: Plot) -> int:
    grown, first = one.seasons[0], one.first_day.toordinal()
    season = declared_season(plot, one.first_day + timedelta(days=today))
    days = np.arange(SOWN_DAY + 5, today + 1)
    after = days[days > grown.peak]
    peak, soil = one.truth[grown.peak], one.truth[SOWN_DAY : SOWN_DAY + 20].min()
    stubble = max(LEVELS.bare, soil + 0.2 * (peak - soil))
    is_ripe = (one.truth[after] <= peak - 0.25 * (peak - soil)) & (
        after + first >= season.ripe_from
    )
    is_cut = (one.truth[after] <= stubble) & (after + first >= season.harvest_from)
    passed = (
        True,
        (one.truth[days] >= LEVELS.emerged).any(),
        (one.truth[days] >= LEVELS.closed).any(),
        (after + first >= season.head_from).any(),
        is_ripe.any(),
        is_cut.any(),
    )
    return max(rank for rank in range(6) if all(passed[: rank + 1]))


def test_the_chance_of_a_stage_is_how_often_it_is_true() -> None:
    rng, stated, true = np.random.default_rng(37), [], []
    plot = _plot(FIRST + timedelta(days=SOWN_DAY))
    for one in _maize(37, 200):
        last = FIRST.toordinal() + int(rng.integers(SOWN_DAY + 15, 235))
        series = one.series.between(FIRST.toordinal(), last)
        (curve,) = smooth([series], LEVELS.noise_sd)
        season = season_of(plot, series, curve, LEVELS)
        if curve is None or season.chances is None:
            continue
        assert sum(season.chances.ppm) == PPM
        today = series.looks[-1].day - FIRST.toordinal()
        rank = _true_stage(one, today, plot)
        stated += [season.chances.of(stage) / PPM for stage in Stage]
        true += [stage.rank == rank for stage in Stage]
    chance, is_true = np.array(stated), np.array(true)
    for low, high in ((0.0, 0.05), (0.05, 0.4), (0.4, 0.8), (0.8, 1.01)):
        at = (chance >= low) & (chance < high)
        print(f"{low:.2f}–{high:.2f}: {at.sum()} stated {chance[at].mean():.3f} "
              f"true {is_true[at].mean():.3f}")  # fmt: skip
        assert abs(chance[at].mean() - is_true[at].mean()) <= 0.15
    assert is_true[chance > 0.5].mean() >= 0.75


def test_weeks_without_a_look_make_the_stage_less_sure() -> None:
    (one,) = _maize(41, 1)
    plot = _plot(FIRST + timedelta(days=SOWN_DAY))
    until = FIRST.toordinal() + one.seasons[0].start + 25
    seen = one.series.between(FIRST.toordinal(), until)
    blind = SeriesLook(until + 40, None, 0.0, "cloud", "h", used=False)
    later = Series("p", (*seen.looks, blind), seen.pixels, seen.full_pixels)
    sure, vague = (
        season_of(plot, series, smooth([series], LEVELS.noise_sd)[0], LEVELS).chances
        for series in (seen, later)
    )
    assert sure is not None
    assert vague is not None
    assert max(vague.ppm) < max(sure.ppm)


def _looks(means: dict[int, float]) -> Series:
    looks = tuple(
        SeriesLook(FIRST.toordinal() + day, mean, 1.0, f"s{day}", "h", used=True)
        for day, mean in means.items()
    )
    return Series("p", looks, 60.0, 30)


RISE = {40: 0.2, 45: 0.2, 60: 0.34, 65: 0.45, 70: 0.6, 75: 0.7, 95: 0.8, 110: 0.8, 120: 0.76}
CUT = RISE | {135: 0.75, 145: 0.25, 150: 0.24}
WITHERED = RISE | {115: 0.66, 120: 0.58, 128: 0.46, 134: 0.38, 140: 0.31, 145: 0.29}
STAYED_LOW = WITHERED | {150: 0.27, 157: 0.26}


@pytest.mark.parametrize(
    ("means", "stage"),
    [(CUT, Stage.HARVESTED), (WITHERED, Stage.RIPENING), (STAYED_LOW, Stage.HARVESTED)],
)
def test_a_crop_that_withers_is_not_called_harvested_at_once(
    means: dict[int, float], stage: Stage
) -> None:
    series = _looks(means)
    plot = _plot(FIRST + timedelta(days=SOWN_DAY))
    (curve,) = smooth([series], LEVELS.noise_sd)
    assert season_of(plot, series, curve, LEVELS).stage.stage is stage


# A low look between two green ones: what came before and after, and whether soil explains it.
SOIL = """
before here after gap_days kept
0.50   0.22 0.45   10      yes
0.70   0.20 0.48   14      yes
0.50   0.22 0.45    5      no
0.80   0.22 0.82   10      no
0.80   0.45 0.70   14      no
0.25   0.08 0.24    5      no
"""


@pytest.mark.parametrize("line", SOIL.strip().splitlines()[1:])
def test_bare_soil_between_crops_is_no_outlier_and_cloud_is(line: str) -> None:
    before, here, after, gap, kept = line.split()
    days = [0, 10, 10 + int(gap)]
    found = kept_looks(days, [float(before), float(here), float(after)], LEVELS.dip, LEVELS.bare)
    assert (10 in found) is (kept == "yes")


def test_observability_counts_looks_shares_and_the_longest_gap() -> None:
    day = FIRST.toordinal()
    looks = [
        (0, 0.5, 1.0, True),
        (12, 0.5, 0.5, True),
        (17, None, 0.0, False),
        (20, 0.4, 0.3, False),
    ]
    series = Series(
        "p", tuple(SeriesLook(day + d, m, v, "s", "h", used=u) for d, m, v, u in looks), 12.345, 7
    )
    season = declared_season(_plot(FIRST), FIRST)  # opens ten days before it was sown
    assert observability(series, season) == Observability(
        looks=4, valid_mean_ppm=450_000, gap_days_max=12, pixels_e2=1234, full_pixels=7
    )
    unseen = Series("p", (SeriesLook(day + 31, None, 0.0, "s", "h", used=False),), 12.0, 7)
    assert observability(unseen, season).gap_days_max == 41
    before = Series("p", (SeriesLook(day - 99, 0.4, 1.0, "s", "h", used=True),), 12.0, 7)
    assert observability(before, season) == Observability(0, 0, 0, 1200, 7)
