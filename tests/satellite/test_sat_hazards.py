"""Alerts, anomalies and forage on two simulated villages whose truth is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pytest

from core.wire.evidence import Anomalies, EvidenceKind, HazardKind
from firmware_sim.district.perils import Peril, draw_perils
from firmware_sim.district.simulate import live_season
from satellite.hazards.alerts import hazards_of
from satellite.hazards.anomalies import anomalies_of, conditions_of
from satellite.hazards.crowd import Watched, neighbours_of
from satellite.hazards.forage import PairsError, calibrated, forage_trend, green_now
from satellite.series import SeriesLook
from tests.support.hazard_scores import Case, cases_of, score
from tests.support.watched_village import NDVI, Live, Seen, Village

SEED = 2
LEVELS = NDVI.levels
SUDDEN = (Peril.HAIL, Peril.FLOOD, Peril.LATE_SOWING, Peril.FAILED_EMERGENCE)


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Village:
    return Village(SEED, tmp_path_factory.mktemp("village"))


@pytest.fixture(scope="module")
def struck(village: Village) -> Live:
    return village.live(SUDDEN)


@pytest.fixture(scope="module")
def dry(village: Village) -> Live:
    return village.live((Peril.DROUGHT,))


@pytest.fixture(scope="module")
def calm(village: Village) -> Live:
    return village.live()


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return cases_of(4, tmp_path_factory.mktemp("scored"))


def clouded(seen: Seen, from_day: int = 0) -> Seen:
    """The same plot, with nothing seen of it from a day on."""
    looks = tuple(
        dataclasses.replace(look, mean=None, valid_fraction=0.0, used=False)
        if look.day >= from_day
        else look
        for look in seen.series.looks
    )
    return dataclasses.replace(seen, series=dataclasses.replace(seen.series, looks=looks))


def test_hazards_are_found_where_they_were_planted_and_hardly_elsewhere(cases: list[Case]):
    drought, hail = score(cases, HazardKind.DROUGHT), score(cases, HazardKind.HAIL)
    late, failed = (
        score(cases, kind) for kind in (HazardKind.LATE_SOWING, HazardKind.FAILED_EMERGENCE)
    )
    assert drought.hit / drought.happened >= 0.8
    assert drought.lead_days is not None
    assert drought.lead_days[1] >= 7
    assert hail.severe_hit / hail.severe >= 0.6
    assert late.hit / late.happened >= 0.5
    assert failed.hit / failed.happened >= 0.7
    for kind in HazardKind:
        one = score(cases, kind)
        bound = 0.10 if kind is HazardKind.DROUGHT else 0.03
        assert one.false_alarms / one.plot_seasons <= bound, kind


def test_a_flood_seen_under_water_is_raised_at_that_look_and_called_a_flood(
    village: Village, struck: Live
):
    said = hazards_of(struck.seen, village.past, struck.weather, LEVELS, struck.water)
    by_plot = {s.plot.plot_id: h for s, h in zip(struck.seen, said, strict=True)}
    planted = draw_perils(village.district, live_season(drought=False), SUDDEN)
    found = 0
    for strike in planted.strikes:
        if strike.peril is not Peril.FLOOD:
            continue
        day = struck.truth.spec.first_day + timedelta(days=strike.day)
        plot_id = village.district.plots[strike.plot].plot_id
        for hazard in by_plot[plot_id]:
            if hazard.kind is HazardKind.FLOOD:
                found += 1
                assert day.isoformat() <= hazard.since_on == hazard.raised_on
                assert hazard.severity_ppm > 100_000
    assert found >= 2


def test_what_was_raised_rests_on_looks_up_to_that_day_only(village: Village, struck: Live):
    """The same hazards come out whether looks are given at once or day by day."""
    whole = _told(struck.seen, village, struck)
    for day in (date(2026, 5, 10), date(2026, 5, 31), date(2026, 6, 20)):
        upto = _told(struck.until(day), village, struck)
        assert upto == {one for one in whole if one[2] <= day.isoformat()}


def test_a_drought_known_by_rain_is_raised_before_the_leaves_show_it(village: Village, dry: Live):
    with_rain = _first_drought(village, dry, use_rain=True)
    without = _first_drought(village, dry, use_rain=False)
    zone = _dry_plots(village)
    told = {plot: with_rain[plot] for plot in zone if plot in with_rain}
    assert len(told) >= 0.8 * len(zone)
    later = [without[plot] > day for plot, day in told.items() if plot in without]
    assert later
    assert np.mean(later) >= 0.8


def test_a_cloud_or_an_unseen_plot_raises_nothing(village: Village, struck: Live, dry: Live):
    for live in (struck, dry):
        hidden = [clouded(seen) for seen in live.seen]
        assert not any(hazards_of(hidden, village.past, live.weather, LEVELS, {}))


def test_a_plot_hidden_since_before_the_drought_is_not_said_to_suffer(village: Village, dry: Live):
    spell = draw_perils(village.district, live_season(drought=False), (Peril.DROUGHT,)).drought
    assert spell is not None
    since = dry.truth.spec.first_day.toordinal() + spell.start_day - 25
    hidden = [clouded(seen, since) for seen in dry.seen]
    said = hazards_of(hidden, village.past, dry.weather, LEVELS)
    assert not any(h.kind is HazardKind.DROUGHT for some in said for h in some)


def test_one_cloud_over_all_plots_is_neither_hail_nor_flood(village: Village, calm: Live):
    """A haze that the mask missed lowers every plot by the same; nobody lost leaves."""
    day = _best_seen(calm)
    hazy = [_lowered(seen, day, 0.25) for seen in calm.seen]
    kinds = {h.kind for some in hazards_of(hazy, village.past, None, LEVELS) for h in some}
    assert not kinds & {HazardKind.HAIL, HazardKind.FLOOD}


def test_one_low_look_at_one_plot_is_not_enough(village: Village, calm: Live):
    usable = [k.day for k in calm.seen[0].series.looks if k.used]
    one = [_lowered(calm.seen[0], usable[len(usable) // 2], 0.3), *calm.seen[1:]]
    said = hazards_of(one, village.past, None, LEVELS)[0]
    assert not {h.kind for h in said} & {HazardKind.HAIL, HazardKind.FLOOD}


def test_a_plot_alone_without_past_and_weather_raises_nothing(struck: Live):
    assert hazards_of(struck.seen[:1], None, None, LEVELS) == [()]


def test_anomalies_fall_in_the_struck_zone_and_stay_near_nothing_in_a_calm_season(
    village: Village, dry: Live, calm: Live
):
    day = date(2026, 6, 20)
    usual = _by_plot(calm.until(day), village)
    dried = _by_plot(dry.until(day), village)
    zone = _dry_plots(village)
    fallen = [
        dried[p].region_ppm - usual[p].region_ppm
        for p in zone
        if dried[p].region_ppm is not None and usual[p].region_ppm is not None
    ]
    assert len(fallen) >= 10
    assert np.median(fallen) < -80_000
    others = [a for p, a in usual.items() if a.region_ppm is not None]
    assert abs(np.median([a.region_ppm for a in others])) < 150_000
    assert abs(np.median([a.neighbours_ppm for a in others if a.neighbours_ppm is not None])) < (
        60_000
    )
    vcis = [a.vci_ppm for a in others if a.vci_ppm is not None]
    assert min(vcis) >= 0
    assert max(vcis) <= 1_000_000


def test_an_unseen_plot_has_no_anomaly(village: Village, struck: Live):
    hidden = [dataclasses.replace(clouded(seen), curve=None) for seen in struck.seen[:5]]
    assert anomalies_of(hidden, village.past, LEVELS) == [Anomalies()] * 5


def test_without_a_past_only_neighbours_are_compared(struck: Live):
    found = anomalies_of(struck.until(date(2026, 6, 1)), None, LEVELS)
    assert any(a.neighbours_ppm is not None for a in found)
    assert all(a.own_ppm is a.region_ppm is a.vci_ppm is None for a in found)


def test_vegetation_health_is_the_mean_of_green_and_cool(village: Village, dry: Live):
    found = conditions_of(dry.until(date(2026, 6, 10)), village.past, dry.weather)
    whole = [c for c in found if c.vhi is not None]
    assert len(whole) >= 50
    for one in whole:
        assert one.vci is not None
        assert one.tci is not None
        assert one.vhi == pytest.approx((one.vci + one.tci) / 2)
        assert one.spi_30 is not None
    bare = conditions_of(dry.seen[:3], None, None)
    assert all(c.vci is c.tci is c.vhi is c.spi_30 is None for c in bare)


def test_grass_is_told_in_kilograms_that_hold_what_stands_there(
    village: Village, dry: Live, calm: Live
):
    """Calibrated on one season's cuts, tried on another: the 80 % interval covers."""
    pairs = [pair for day in _cut_days() for pair in _pairs(village, calm, day)]
    line = calibrated([green for green, _ in pairs], [kg for _, kg in pairs])
    inside, trends = [], 0
    for day in _cut_days():
        for seen, kg in _grazed(village, dry, day):
            told = forage_trend(seen, village.past, LEVELS, line)
            if told is None:
                continue
            assert told.dry_matter_kg_per_ha is not None
            inside.append(told.dry_matter_kg_per_ha.low <= kg <= told.dry_matter_kg_per_ha.high)
            trends += told.sureness >= 0.9
            assert 0.5 <= told.sureness <= 1.0
    assert len(inside) >= 15
    assert np.mean(inside) >= 0.7
    assert trends >= 3


def test_a_pasture_hardly_seen_or_without_cuts_is_told_less(village: Village, dry: Live):
    seen = next(s for s in dry.seen if s.plot.kind is EvidenceKind.PASTURE)
    assert forage_trend(clouded(seen), village.past, LEVELS) is None
    told = forage_trend(seen, None, LEVELS)
    assert told is not None
    assert told.relative is None
    assert told.dry_matter_kg_per_ha is None
    with pytest.raises(PairsError, match="expected at least 8 pairs"):
        calibrated([0.1], [500.0])
    with pytest.raises(PairsError, match="differing greenness"):
        calibrated([0.1] * 9, [500.0] * 9)


def test_neighbours_are_the_nearest_within_reach_and_never_oneself():
    places = [(37.0, -1.0), (37.001, -1.0), (37.002, -1.0), (38.0, -1.0)]
    near = neighbours_of(places)
    assert {int(i) for i in near[0] if i >= 0} == {1, 2}
    assert {int(i) for i in near[3] if i >= 0} == set()
    assert neighbours_of(places[:1]).tolist() == [[-1]]


def _best_seen(live: Live) -> int:
    """The day of May on which most plots were seen."""
    days = {k.day for k in live.seen[0].series.looks if k.date.month == 5}
    return max(
        days, key=lambda d: sum(k.day == d and k.used for s in live.seen for k in s.series.looks)
    )


def _lowered(seen: Seen, day: int, by: float) -> Seen:
    def low(look: SeriesLook) -> SeriesLook:
        if look.day != day or look.mean is None:
            return look
        return dataclasses.replace(look, mean=look.mean - by)

    looks = tuple(low(look) for look in seen.series.looks)
    return dataclasses.replace(seen, series=dataclasses.replace(seen.series, looks=looks))


def _told(seen: Sequence[Seen], village: Village, live: Live) -> set[tuple[str, str, str]]:
    said = hazards_of(seen, village.past, live.weather, LEVELS, live.water)
    return {
        (one.plot.plot_id, hazard.kind.value, hazard.raised_on)
        for one, hazards in zip(seen, said, strict=True)
        for hazard in hazards
    }


def _first_drought(village: Village, live: Live, *, use_rain: bool) -> dict[str, str]:
    weather = live.weather if use_rain else None
    said = hazards_of(live.seen, village.past, weather, LEVELS)
    return {
        one.plot.plot_id: hazard.raised_on
        for one, hazards in zip(live.seen, said, strict=True)
        for hazard in hazards
        if hazard.kind is HazardKind.DROUGHT
    }


def _dry_plots(village: Village) -> list[str]:
    planted = draw_perils(village.district, live_season(drought=False), (Peril.DROUGHT,))
    return [village.district.plots[strike.plot].plot_id for strike in planted.strikes]


def _by_plot(seen: Sequence[Watched], village: Village) -> dict[str, Anomalies]:
    found = anomalies_of(seen, village.past, LEVELS)
    return {
        one.plot.plot_id: anomalies
        for one, anomalies in zip(seen, found, strict=True)
        if one.plot.kind is EvidenceKind.CROP
    }


def _cut_days() -> list[date]:
    return [date(2026, month, 15) for month in (4, 5, 6, 7, 8)]


def _grazed(village: Village, live: Live, day: date) -> list[tuple[Seen, float]]:
    rows = {p.pasture_id: i for i, p in enumerate(village.district.pastures)}
    kg = live.truth.pastures.biomass_kg_per_ha[:, live.truth.day_index(day)]
    return [
        (seen, float(kg[rows[seen.plot.plot_id]]))
        for seen in live.until(day)
        if seen.plot.plot_id in rows
    ]


def _pairs(village: Village, live: Live, day: date) -> list[tuple[float, float]]:
    every = [(green_now(seen, LEVELS), kg) for seen, kg in _grazed(village, live, day)]
    return [(green, kg) for green, kg in every if green is not None]
