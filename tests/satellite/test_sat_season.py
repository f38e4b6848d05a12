"""Which season, which dates, which stage: tables of looks and what they must lead to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon

from core.wire.evidence import EvidenceKind, Stage
from satellite.indices import INDICES
from satellite.season.calendar import crop_name, declared_season
from satellite.season.detect import SeasonSeen, season_of
from satellite.season.stages import stage_seen
from satellite.series import Series, SeriesLook, series_of, smooth
from satellite.statistics.plots import Plot
from satellite.statistics.store import LookRow, SceneRow

LEVELS = INDICES["ndvi"].levels
SOWN = date(2026, 3, 20)
FLANDERS, KENYA = (4.06, 50.75), (37.0, -1.0)


def _plot(crop: str, at: tuple[float, float] = KENYA, **more: object) -> Plot:
    lon, lat = at
    box = Polygon([(lon, lat), (lon + 1e-3, lat), (lon + 1e-3, lat + 1e-3), (lon, lat + 1e-3)])
    return Plot(**({"plot_id": "p", "kind": EvidenceKind.CROP, "polygon": box,
                    "ring_sha256": "0" * 64, "crop": crop} | more))  # fmt: skip


def _series(start: date, means: list[float | None], step_days: int = 5) -> Series:
    rows = []
    for i, mean in enumerate(means):
        day = start + timedelta(days=i * step_days)
        scene = SceneRow(f"s{i}", "", "h", day, f"{day}T08:00Z", "05.10")
        rows.append(LookRow("p", scene, mean, 0.0 if mean is None else 1.0, 60.0, 30))
    return series_of(rows, LEVELS)["p"]


def _seen(plot: Plot, start: date, means: list[float | None], step_days: int = 5) -> SeasonSeen:
    series = _series(start, means, step_days)
    (curve,) = smooth([series], LEVELS.noise_sd)
    return season_of(plot, series, curve, LEVELS)


def _maize(days: int, peak: float = 0.82) -> list[float]:
    t = np.arange(0, days + 1, 5)
    return list(0.18 + (peak - 0.18) / (1 + np.exp(-(t - 40) / 7)) / (1 + np.exp((t - 115) / 8)))


# declaration -> season id, first day, peak window
DECLARED = """
crop  at season_id        sown_on    as_of      season            first      peak_from  peak_to
maize ke 2026-long-rains  2026-03-20 2026-05-01 2026-long-rains   2026-03-10 2026-05-04 2026-07-08
maize ke 2026-long-rains  -          2026-04-01 2026-long-rains   2026-02-15 2026-04-20 2026-07-15
maize ke 2026-short-rains -          2027-01-01 2026-short-rains  2026-09-20 2026-11-25 2027-01-31
maize ke -                -          2021-09-10 2021-long-rains   2021-02-15 2021-04-20 2021-07-15
maize ke -                -          2021-12-15 2021-short-rains  2021-09-20 2021-11-25 2022-01-31
maize be -                -          2019-11-27 2019-maize        2019-04-10 2019-06-28 2019-09-12
wheat be -                -          2019-11-27 2019-winter-wheat 2018-10-01 2019-04-15 2019-06-25
wheat be -                -          2020-01-15 2020-winter-wheat 2019-10-01 2020-04-15 2020-06-25
grass be -                -          2019-11-27 2019-grass        2019-01-01 2019-03-15 2019-10-15
"""


@pytest.mark.parametrize("line", DECLARED.strip().splitlines()[1:])
def test_the_declared_season_is_found(line: str) -> None:
    crop, at, season_id, sown, as_of, season, first, peak_from, peak_to = line.split()
    plot = _plot(
        crop,
        {"ke": KENYA, "be": FLANDERS}[at],
        season_id="" if season_id == "-" else season_id,
        sown_on=None if sown == "-" else date.fromisoformat(sown),
    )
    found = declared_season(plot, date.fromisoformat(as_of))
    days = (found.first_day, found.peak_from, found.peak_to)
    assert found.season_id == season
    assert [date.fromordinal(day).isoformat() for day in days] == [first, peak_from, peak_to]


def test_an_unknown_crop_has_the_last_year_as_its_season_and_says_so() -> None:
    found = declared_season(_plot("dragon fruit"), date(2026, 5, 1))
    assert not found.has_calendar
    assert date.fromordinal(found.first_day) == date(2025, 5, 1)


def test_a_declared_window_wins_over_the_calendar() -> None:
    plot = _plot("maize", season_from=date(2026, 3, 1), season_to=date(2026, 6, 30))
    found = declared_season(plot, date(2026, 6, 1))
    assert (found.first_day, found.last_day) == (
        date(2026, 3, 1).toordinal(),
        date(2026, 6, 30).toordinal(),
    )
    assert found.peak_to == date(2026, 6, 30).toordinal()


def test_register_names_of_crops_are_known() -> None:
    assert crop_name(" Winter Wheat ") == crop_name("wheat") == "winter wheat"
    assert crop_name("grass/pasture") == "grass"
    assert crop_name("sorghum?") == "sorghum"


def test_a_whole_season_of_maize_has_its_dates_and_ends_harvested() -> None:
    seen = _seen(_plot("maize", sown_on=SOWN), SOWN, _maize(150))
    start, peak, end = (
        day - SOWN.toordinal() for day in (seen.start_day, seen.peak_day, seen.end_day)
    )
    assert 22 <= start <= 34
    assert 70 <= peak <= 88
    assert 118 <= end <= 132
    assert seen.peak == pytest.approx(0.81, abs=0.03)
    assert seen.stage.stage is Stage.HARVESTED


def test_stages_come_in_order_each_on_its_second_look() -> None:
    plot, means = _plot("maize", sown_on=SOWN), _maize(150)
    reached: dict[Stage, int] = {}
    for n in range(1, len(means) + 1):
        seen = _seen(plot, SOWN, means[:n])
        if seen.stage.day is not None:
            reached.setdefault(seen.stage.stage, seen.stage.day - SOWN.toordinal())
    assert list(reached) == list(Stage)[1:]
    assert list(reached.values()) == sorted(reached.values())
    # The curve is above 0.32 from day 35 (0.39), above 0.50 from day 45 (0.61).
    assert reached[Stage.EMERGENCE] == 40
    assert reached[Stage.VEGETATIVE] == 50


def test_one_noisy_look_is_no_stage() -> None:
    bare = [0.18] * 8
    assert _seen(_plot("maize", sown_on=SOWN), SOWN, [*bare, 0.7]).stage.stage is Stage.SOWING
    assert _seen(_plot("maize", sown_on=SOWN), SOWN, [*bare, 0.7, 0.2]).stage.stage is Stage.SOWING


def test_what_was_green_before_sowing_is_not_the_crop() -> None:
    cover_crop = [0.7, 0.7, 0.6]
    seen = _seen(_plot("maize", sown_on=SOWN), SOWN - timedelta(days=15), cover_crop)
    assert seen.stage.stage is Stage.SOWING


def test_a_canopy_that_clouds_hid_until_it_closed_has_emerged() -> None:
    hidden: list[float | None] = [None, None, None, None, None, 0.68, None, 0.72]
    seen = _seen(_plot("maize", sown_on=SOWN), SOWN, hidden)
    assert seen.stage.stage is Stage.VEGETATIVE
    early: list[float | None] = [None, 0.68, 0.66, 0.60]
    seen = _seen(_plot("maize", sown_on=SOWN), SOWN, early)
    assert seen.stage.stage is Stage.SOWING, "so soon after sowing it is what stood before"


def test_the_calendar_alone_releases_no_stage() -> None:
    clouds: list[float | None] = [0.18, 0.18, 0.18, *[None] * 20]
    seen = _seen(_plot("maize", sown_on=SOWN), SOWN, clouds)
    assert seen.stage.stage is Stage.SOWING
    assert seen.stage.day is None
    assert not seen.exists


def test_a_plot_that_stays_bare_has_no_season() -> None:
    noise = np.random.default_rng(3).normal(0, 0.015, 30)
    seen = _seen(_plot("maize", sown_on=SOWN), SOWN, [0.2 + float(n) for n in noise])
    assert not seen.exists
    assert seen.stage.stage is Stage.SOWING


def test_of_several_seasons_the_declared_crops_is_reported() -> None:
    # A catch crop peaks in early April (0.75), maize in mid August (0.80), another in December.
    t = np.arange(0, 360, 5)
    bumps = 0.57 * np.exp(-(((t - 95) / 25) ** 2)) + 0.62 * np.exp(-(((t - 226) / 30) ** 2))
    means = list(0.18 + bumps + 0.5 * np.exp(-(((t - 345) / 22) ** 2)))
    seen = _seen(_plot("maize", FLANDERS), date(2019, 1, 1), means)
    assert seen.peak_day is not None
    assert abs(seen.peak_day - date(2019, 8, 15).toordinal()) <= 6
    assert date(2019, 6, 10) <= date.fromordinal(seen.start_day or 1) <= date(2019, 7, 15)
    assert date(2019, 9, 5) <= date.fromordinal(seen.end_day or 1) <= date(2019, 10, 5)


def test_a_season_may_cross_the_year() -> None:
    start = date(2018, 9, 20)
    t = np.arange(0, 330, 7)
    means = list(0.2 + 0.65 / (1 + np.exp(-(t - 150) / 25)) / (1 + np.exp((t - 285) / 6)))
    seen = _seen(_plot("winter wheat", FLANDERS), start, means, step_days=7)
    assert seen.start_day is not None
    assert seen.start_day < date(2019, 2, 1).toordinal() < (seen.peak_day or 0)
    assert seen.stage.stage is Stage.HARVESTED


def test_pasture_greens_but_never_heads() -> None:
    plot = replace(_plot(""), kind=EvidenceKind.PASTURE, season_id="2026-long-rains")
    seen = _seen(plot, SOWN, _maize(150))
    assert seen.stage.stage is Stage.VEGETATIVE


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.floats(0.05, 0.95)), min_size=3, max_size=32),
)
def test_a_stage_never_goes_back_as_looks_arrive(means: list[float | None]) -> None:
    plot = _plot("maize", sown_on=SOWN)
    season = declared_season(plot, SOWN + timedelta(days=30))
    looks = [k for k in _series(SOWN, means).looks if k.mean is not None]
    before = (0, None)
    for n in range(len(looks) + 1):
        seen = stage_seen(looks[:n], season, LEVELS, Stage.HARVESTED)
        assert seen.stage.rank >= before[0]
        if seen.stage.rank == before[0]:
            assert seen.day == before[1], "and its date stays"
        before = (seen.stage.rank, seen.day)


def test_looks_outside_the_season_do_not_count() -> None:
    season = declared_season(_plot("maize", sown_on=SOWN), SOWN)
    green = [SeriesLook(SOWN.toordinal() - d, 0.8, 1.0, "s", "h", used=True) for d in (9, 4)]
    late = [SeriesLook(season.last_day + d, 0.8, 1.0, "s", "h", used=True) for d in (1, 6)]
    assert stage_seen(green + late, season, LEVELS, Stage.HARVESTED).stage is Stage.SOWING
