"""Each rule of the watch by itself: what begins, holds and ends an alert or a flag."""

from __future__ import annotations

import csv
import gzip
import itertools
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.units import PPM
from edge_node.features.crops import CROPS, Soil
from edge_node.features.derive import CropDay
from edge_node.store.doubts import SameDay
from edge_node.watch import animals, dryness, grain, machines, probes, twins
from edge_node.watch.dryness import Outlook, outlook, rain_ahead, recharge_um_a_day
from edge_node.watch.machines import MachineDay
from edge_node.watch.notices import (
    ADVICE,
    PATIENCE,
    SENTENCES,
    Level,
    NoticeKind,
    Turn,
    days_needed,
    turn,
)
from edge_node.watch.probes import Moved
from edge_node.watch.twins import Sighting, Span
from tests.support.requirements import require

LOAM = Soil(260_000, 120_000)
RAISE, HOLD, CLEAR = Level.RAISE, Level.HOLD, Level.CLEAR
MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def maize_on(age_days: int, ahead: int) -> CropDay | None:
    crop = CROPS["maize"]
    there = age_days + ahead <= crop.season_days
    return CropDay(crop, LOAM, age_days + ahead) if there else None


def ahead_of(depletion_mm: float, rain_mm: float = 0, age_days: int = 60) -> Outlook:
    rain = [round(1000 * rain_mm)] * dryness.AHEAD_DAYS
    return outlook(lambda n: maize_on(age_days, n), round(1000 * depletion_mm), 4_000, rain)


# Maize in its middle stage on loam: 140 mm in a metre, 4.8 mm a day, p = 0.558.
@pytest.mark.parametrize(
    ("depletion_mm", "rain_mm", "stress_days", "harm_days"),
    [
        (0, 0, 17, None),  # a full soil lasts longer than is looked ahead
        (40, 0, 8, 17),
        (75, 0, 1, 10),
        (78, 0, 1, 9),
        (110, 0, 0, 0),
        (40, 4.8, None, None),  # rain replaces what is used
        (75, 0.5, 1, 10),  # less than a fifth of ET0 evaporates where it falls
    ],
)
def test_outlook_without_and_with_rain(depletion_mm, rain_mm, stress_days, harm_days):
    found = ahead_of(depletion_mm, rain_mm)
    assert (found.stress_days, found.harm_days) == (stress_days, harm_days)


def test_a_crop_that_is_over_is_not_alarmed_for():
    assert ahead_of(78, age_days=124) == Outlook(None, None)


def test_young_roots_find_soil_as_dry_as_that_which_they_leave():
    young = ahead_of(30, age_days=20)
    assert young.harm_days is not None


@pytest.mark.parametrize(
    ("harm_days", "level"),
    [(0, RAISE), (10, RAISE), (11, HOLD), (14, HOLD), (15, CLEAR), (None, CLEAR)],
)
def test_dry_soil_is_raised_within_ten_days_and_cleared_beyond_fourteen(harm_days, level):
    assert dryness.judge(Outlook(1, harm_days), "Juu", ()).level is level


def test_rain_ahead_is_the_forecast_then_the_least_of_late_and_normal():
    assert rain_ahead({1: 9_000, 2: 0}, 3_000, 4_000)[:4] == (9_000, 0, 3_000, 3_000)
    assert rain_ahead({}, 9_000, 4_000)[0] == 4_000
    assert rain_ahead({}, None, 4_000)[0] == 4_000


def test_recharge_is_what_came_in_beyond_what_was_used():
    crop = CropDay(CROPS["maize"], LOAM, 60)
    dry = [(crop, 10_000 + 4_800 * i, 4_000) for i in range(8)]
    assert recharge_um_a_day(dry) == 0
    rained = [(crop, 10_000, 4_000)] * 8
    assert recharge_um_a_day(rained) == 4_800
    assert recharge_um_a_day([None, *rained[:3], None, None]) is None


STEADY = [1_000] * 14


@pytest.mark.parametrize(
    ("today", "mates", "level"),
    [
        (1_000, (), CLEAR),
        (600, (), RAISE),
        (601, (), HOLD),
        (800, (), CLEAR),
        (4_000, (), CLEAR),  # in heat, not ill
        (600, (500, 600, 550), CLEAR),  # all stay in when it pours
        (600, (1_500, 1_600, 1_700), RAISE),
        (1_000, (1_900, 2_000, 1_800), CLEAR),  # who walks as ever is not ill
        (100, (100, 100), RAISE),  # of a day that all but stops all, half is believed
    ],
)
def test_an_animal_is_held_against_its_weeks_and_its_neighbours(today, mates, level):
    others = [[*STEADY, mate] for mate in mates]
    found = animals.judge([*STEADY, today], others, "Kundi", ())
    assert found is not None
    assert found.level is level


def test_an_animal_that_was_not_seen_is_not_judged():
    assert animals.judge([*STEADY, None], [], "Kundi", ()) is None
    assert animals.judge([None] * 8 + [1_000] * 6 + [100], [], "Kundi", ()) is None


# Equilibrium moisture of shelled maize [% wet basis] by temperature [°F] and humidity [%],
# from a dryer maker's printed table (Airstream, owner's manual, LTD heater).
MAIZE_TABLE = """
35 60 14.8
50 80 17.9
60 50 11.7
70 60 12.8
70 70 14.5
80 70 14.0
80 80 16.0
90 70 13.6
100 50 10.1
100 90 17.7
"""


@pytest.mark.parametrize("row", MAIZE_TABLE.strip().splitlines())
def test_equilibrium_of_maize_is_that_of_a_printed_table(row):
    fahrenheit, humidity, moisture = map(float, row.split())
    celsius_m = round((fahrenheit - 32) * 5 / 9 * 1000)
    found = grain.equilibrium_ppm(grain.GRAINS["maize"], round(humidity * 10_000), celsius_m)
    assert found / 10_000 == pytest.approx(moisture, abs=0.11)


@given(st.sampled_from(sorted(grain.GRAINS)), st.integers(0, PPM), st.integers(0, 45_000))
def test_equilibrium_rises_with_humidity_and_falls_with_warmth(name, humidity, temperature):
    found = grain.equilibrium_ppm(grain.GRAINS[name], humidity, temperature)
    assert 0 <= found < PPM // 2
    assert (
        grain.equilibrium_ppm(grain.GRAINS[name], min(humidity + 10_000, PPM), temperature) >= found
    )
    assert grain.equilibrium_ppm(grain.GRAINS[name], humidity, temperature + 5_000) <= found


def air(*humidity_percent: float | None) -> list[tuple[int, int] | None]:
    return [None if h is None else (round(h * 10_000), 25_000) for h in humidity_percent]


@pytest.mark.parametrize(
    ("crop", "days", "level"),
    [
        ("maize", air(55, 55, 55, 55, 55, 55, 55), CLEAR),
        ("maize", air(70, 70, 70, 70, 70, 70, 70), RAISE),  # 14.2 % water
        ("maize", air(64, 64, 64, 64, 64, 64, 64), HOLD),  # 13.1 %
        ("maize", air(55, 56, 57, 58, 60, 61, 63), RAISE),  # on its way within ten days
        ("maize", air(40, 41, 42, 43, 44, 45, 46), CLEAR),  # rises, far from danger
        ("beans", air(66, 66, 66, 66, 66, 66, 66), CLEAR),  # beans keep where maize moulds
        ("", air(72, 72, 72), RAISE),  # whatever it is, moulds grow
        ("", air(60, 60, 60), CLEAR),
    ],
)
def test_a_store_is_damp_or_on_its_way(crop, days, level):
    found = grain.judge(crop, days, "Ghala", ())
    assert found is not None
    assert found.level is level


def test_a_store_that_was_not_seen_today_is_not_judged():
    assert grain.judge("maize", air(70, 70, None), "Ghala", ()) is None


ALL_DRY, ALL_WET = (
    [-40_000, -35_000, -50_000, -45_000, -42_000],
    [60_000, 55_000, 50_000, 65_000, 58_000],
)


@pytest.mark.parametrize(
    ("own_ppm", "others", "rain_mm", "level"),
    [
        (-41_000, ALL_DRY, 0, CLEAR),
        (0, ALL_DRY, 5, RAISE),  # in a bucket
        (-20_000, ALL_DRY, 5, HOLD),
        (0, ALL_WET, 60, RAISE),  # in a drawer
        (0, ALL_WET, 30, CLEAR),  # the gauge does not side with the neighbours
        (0, ALL_DRY, 30, CLEAR),
        (50_000, [-5_000, 0, -3_000, 2_000, 1_000], 3, RAISE),  # wetter without rain
        (-60_000, ALL_DRY, 0, CLEAR),  # drier than all is a thirsty crop
    ],
)
def test_a_probe_is_held_against_rain_and_neighbours(own_ppm, others, rain_mm, level):
    found = probes.judge(Moved("p", own_ppm), others, 1_000 * rain_mm, {})
    assert found is not None
    assert found.level is level


def test_half_a_village_under_its_own_cloud_is_no_fraud():
    others = [*ALL_DRY, 10_000, 12_000, 9_000]
    found = probes.judge(Moved("p", 11_000), others, 10_000, {})
    assert found is not None
    assert found.level is CLEAR


def test_a_probe_with_few_neighbours_or_no_gauge_is_not_judged():
    assert probes.judge(Moved("p", 0), ALL_DRY[:3], 0, {}) is None
    assert probes.judge(Moved("p", 0), ALL_DRY, None, {}) is None
    assert probes.moved_ppm([None] * 3 + [200_000] * 11) is None
    assert probes.moved_ppm([200_000] * 11 + [150_000] * 3) == -50_000


def week(*standing_hours: float, area_m2: int | None = 0) -> dict[str, MachineDay]:
    return {
        f"2026-05-{i:02d}": MachineDay(round(h * 3_600), area_m2)
        for i, h in enumerate(standing_hours, start=1)
    }


WORKED = [MachineDay(6 * 3_600, 20_000)] * 10


@pytest.mark.parametrize(
    ("days", "level"),
    [
        (week(5, 6, 4), RAISE),
        (week(5, 6), HOLD),
        (week(1.5, 1.5, 1.9, 1), CLEAR),  # warming up, driving home
        (week(5, 6, 4, area_m2=15_000), CLEAR),
        (week(5, 6, 4, area_m2=None), CLEAR),  # it does not report land
    ],
)
def test_an_engine_that_runs_and_works_nothing(days, level):
    found = machines.judge(days, WORKED, "Trekta")
    assert found is not None
    assert found.level is level


def test_a_machine_that_said_nothing_is_not_judged():
    assert machines.judge({}, WORKED, "Trekta") is None


def seen(tag: str, minute: int, farmer: str, error_s: int = 0) -> Sighting:
    return Sighting(tag, minute * MINUTE_MS, error_s * 1000, f"gate-{farmer}", farmer)


@pytest.mark.parametrize(
    ("sightings", "pairs"),
    [
        ([seen("t1", 0, "a"), seen("t1", 20, "b")], 1),
        ([seen("t1", 0, "a"), seen("t1", 60, "b")], 0),  # it may have walked
        ([seen("t1", 0, "a", 600), seen("t1", 55, "b", 600)], 0),  # the clocks may be off
        ([seen("t1", 0, "a"), seen("t1", 20, "a")], 0),
        ([seen("t1", 0, "a"), seen("t2", 5, "b")], 0),
        ([seen("t1", 0, "a"), seen("t1", 20, "b"), seen("t1", 40, "a")], 2),
    ],
)
def test_a_tag_cannot_be_on_two_farms_at_once(sightings, pairs):
    found = twins.twice_seen(sightings)
    assert len(found) == pairs
    assert twins.judge_tags(found, "Kundi").level is (RAISE if pairs else CLEAR)


@pytest.mark.parametrize(
    ("conflicts", "spans", "boots_back", "level"),
    [
        ((), [Span("e1", (1, 2, 3))], 0, CLEAR),
        ((), [Span("e1", (1, 2, 3)), Span("e2", (4, 5, 6))], 0, CLEAR),  # lost its memory
        ((), [Span("e1", (1, 3, 5)), Span("e2", (2, 4, 6))], 0, RAISE),  # two in turn
        (("row",), [Span("e1", (1, 2))], 0, HOLD),
        (("row", "row"), [Span("e1", (1, 2))], 0, RAISE),
        ((), [Span("e1", (1, 2))], 1, RAISE),
    ],
)
def test_two_that_speak_as_one(conflicts, spans, boots_back, level):
    assert twins.judge_counter(conflicts, spans, boots_back, {}).level is level


def test_a_day_that_is_said_again_names_whose_day_it_was():
    same = [
        SameDay("soil_moisture_ppm", "p2", day, "p1", day) for day in ("2026-05-01", "2026-05-02")
    ]
    assert twins.judge_repeats(same[:1], {}).level is HOLD  # one day may be chance
    chances = [same[0], SameDay("soil_moisture_ppm", "p2", "2026-05-02", "p3", "2026-05-02")]
    assert twins.judge_repeats(chances, {}).level is HOLD  # of two others, a day each
    found = twins.judge_repeats(same, {"name": "Juu", "device": "p2"})
    assert (found.level, found.params["other"], found.params["day"]) == (RAISE, "p1", "2026-05-02")
    assert twins.judge_repeats([], {}).level is CLEAR


@pytest.mark.parametrize("kind", NoticeKind)
def test_every_kind_begins_after_its_days_and_ends_after_its_days(kind):
    patience, needed = PATIENCE[kind], days_needed(kind)
    before = [CLEAR] * needed
    assert turn(kind, [*before, *[RAISE] * (patience.raise_days - 1)], is_open=False) is Turn.NONE
    assert turn(kind, [*before, *[RAISE] * patience.raise_days], is_open=False) is Turn.BEGINS
    bad = [RAISE] * needed
    assert turn(kind, [*bad, *[CLEAR] * (patience.clear_days - 1)], is_open=True) is Turn.GOES_ON
    assert turn(kind, [*bad, *[CLEAR] * patience.clear_days], is_open=True) is Turn.ENDS
    assert turn(kind, [*bad, *[HOLD] * needed], is_open=True) is Turn.GOES_ON
    assert turn(kind, [None] * (patience.silent_days_max - 1), is_open=True) is Turn.GOES_ON
    assert turn(kind, [None] * patience.silent_days_max, is_open=True) is Turn.ENDS


@given(
    st.sampled_from(list(NoticeKind)), st.lists(st.sampled_from([RAISE, HOLD, None]), max_size=30)
)
def test_nothing_that_is_between_the_bounds_flaps(kind, levels):
    """Without a single clear day, and not silent for long, what is open stays open."""
    silent = PATIENCE[kind].silent_days_max
    if levels[-silent:] != [None] * silent:
        assert turn(kind, levels, is_open=True) is Turn.GOES_ON


def test_every_kind_has_its_sentence_and_advice():
    assert set(SENTENCES) == set(ADVICE) == set(PATIENCE) == set(NoticeKind)


def test_real_cows_raise_no_alarm_and_a_planted_illness_does():
    """Five Agroscope cows, 45 days each (IceTag); an illness is a cut to 45 % for four days."""
    path = require("data") / "cow_activity" / "cow_icetag_15min.csv.gz"
    said: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            said[row["cow"]][row["ts_utc"][:10]].append(float(row["steps"]))
    herd = [
        [round(sum(steps)) for _, steps in sorted(days.items()) if len(steps) >= 48]
        for days in said.values()
    ]
    false, days, caught, planted = 0, 0, 0, 0
    for cow in herd:
        levels = [_level(cow, day) for day in range(14, len(cow))]
        days += len(levels)
        false += sum(pair == (RAISE, RAISE) for pair in itertools.pairwise(levels))
        for day in range(14, len(cow) - 4):
            ill = [*cow[:day], *(round(0.45 * n) for n in cow[day : day + 4])]
            found = [_level(ill, at) for at in range(day, day + 4)]
            planted += 1
            caught += any(pair == (RAISE, RAISE) for pair in itertools.pairwise(found))
    assert days > 140
    assert false == 0
    assert caught / planted > 0.9


def _level(steps: list[int], day: int) -> Level | None:
    found = animals.judge(steps[: day + 1], [], "cow", ())
    return None if found is None else found.level
