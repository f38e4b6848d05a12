"""What the watch looks at on one closed day: rows and features in, judgements out.

Each look yields, for one thing, a rule's judgement and which readings it doubts. What
cannot be seen is judged None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from core.units import MS_PER_DAY, civil_day, day_start_ms, divide_half_even
from core.wire.registry import Subject, SubjectKind
from edge_node.config import Settings
from edge_node.features.crops import CROPS, Soil
from edge_node.features.derive import (
    DAY_COVERAGE_PPM_MIN,
    DEPLETION,
    REFERENCE,
    CropDay,
    known_soil,
)
from edge_node.features.land import Land
from edge_node.store import daily, notices, village
from edge_node.store.database import StationDatabase
from edge_node.store.doubts import Doubt, SameDay, heard_at_ms, same_days
from edge_node.store.forecasts import newest_forecast
from edge_node.watch import animals, dryness, grain, machines, probes, twins
from edge_node.watch.machines import MachineDay
from edge_node.watch.notices import EVIDENCE_ROWS_MAX, Judgement, Level, NoticeKind
from edge_node.watch.probes import Moved
from edge_node.watch.twins import Sighting, Span

DOUBTED_PPM = 250_000  # what is kept of the coverage of readings that a flag doubts
HERD_DOUBTED_PPM = 400_000  # of a herd's day with an animal that was elsewhere too: too thin
_DOUBTED_COVERAGE_PPM_MIN = 100_000  # the watch still looks at what it doubts
_WEEK_DAYS = 7
_MACHINE_DAYS = 60
_ROWS_MAX = 10_000
_METRIC_OF_KIND: Mapping[str, tuple[str, ...]] = {
    "soil_probe": ("soil_moisture_ppm",),
    "weather_station": ("rain_um", "air_temperature_mdeg_c"),
    "ear_tag_reader": ("animals_seen_count", "activity_steps"),
    "machine": ("engine_s", "area_worked_m2", "fuel_used_ml"),
    "electricity_meter": ("energy_wh", "store_temperature_mdeg_c"),
    "silo_sensor": ("store_level_kg", "relative_humidity_ppm"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """One rule's word on one thing."""

    kind: NoticeKind
    about: str
    subject_id: str
    judgement: Judgement | None
    doubts: tuple[Doubt, ...] = ()


class Today:
    """One closed day at the station, and the days before it.

    Parameters
    ----------
    db
        The station's database.
    settings
        Zone and normals.
    land
        Soils.
    day
        The day.
    """

    def __init__(self, db: StationDatabase, settings: Settings, land: Land, day: date) -> None:
        self.db, self.settings, self.land, self.day = db, settings, land, day

    def back(self, days: int) -> list[str]:
        """The last so many civil days, the day itself last."""
        return [(self.day - timedelta(days=i)).isoformat() for i in range(days - 1, -1, -1)]

    def span_ms(self, days: int) -> tuple[int, int]:
        """From the start of the first to the end of the last of so many days [ms UTC]."""
        end_ms = day_start_ms(self.day, self.settings.utc_offset_ms) + MS_PER_DAY
        return end_ms - days * MS_PER_DAY, end_ms

    def values(
        self, subject_id: str, name: str, days: int, coverage_ppm_min: int = DAY_COVERAGE_PPM_MIN
    ) -> list[int | None]:
        """A subject's daily feature, the day itself last; None where it was not seen."""
        wanted = self.back(days)
        found = daily.daily_features(self.db, subject_id, (wanted[0], wanted[-1]), (name,))
        seen = {one.day: one.value for one in found if one.coverage_ppm >= coverage_ppm_min}
        return [seen.get(on) for on in wanted]

    def subjects(self, kind: SubjectKind) -> list[Subject]:
        """The registered subjects of a kind that some device measures."""
        found = daily.measured_subjects(self.db, kind.value)
        return [village.subject(self.db, name) for name in found]

    @cached_property
    def weather(self) -> dict[str, tuple[list[int | None], list[int | None]]]:
        """Evapotranspiration and rain of the last days at each weather station."""
        days = probes.WINDOW_DAYS
        return {
            one.subject_id: (
                self.values(one.subject_id, REFERENCE, days),
                self.values(one.subject_id, "rain_um", days),
            )
            for one in self.subjects(SubjectKind.VILLAGE)
        }

    def over(self, plot_id: str, which: int) -> list[int | None]:
        """The weather over a plot on the last days: 0 evapotranspiration, 1 rain."""
        named = self.land.plot(plot_id).weather
        rows = [both[which] for name, both in self.weather.items() if not named or name == named]
        return [_mean(column) for column in zip(*rows, strict=True)]


def look(today: Today) -> Iterator[Look]:
    """Everything that the watch looks at on a day."""
    yield from _dry_soil(today)
    yield from _ill_animals(today)
    yield from _damp_grain(today)
    yield from _strange_probes(today)
    yield from _standing_engines(today)
    yield from _tags(today)
    yield from _counters(today)


def _dry_soil(today: Today) -> Iterator[Look]:
    days = dryness.RECENT_DAYS + 1
    for plot in today.subjects(SubjectKind.PLOT):
        if plot.crop not in CROPS or not plot.sown_on:
            continue
        depletions = today.values(plot.subject_id, DEPLETION, days)
        references = today.over(plot.subject_id, 0)
        known = [one for one in references[-_WEEK_DAYS:] if one is not None]
        soil = known_soil(today.db, today.land, plot.subject_id, today.day)
        judgement = None
        # On a soil that is only guessed, sand would alarm for nothing and clay not at all.
        if depletions[-1] is not None and known and soil is not None:
            reference = divide_half_even(sum(known), len(known))
            judgement = _dry_plot(today, (plot, soil), depletions, (reference, references[-days:]))
        yield Look(NoticeKind.DRY_SOIL, plot.subject_id, plot.subject_id, judgement)


def _dry_plot(
    today: Today,
    where: tuple[Subject, Soil],
    depletions: list[int | None],
    references: tuple[int, list[int | None]],
) -> Judgement:
    (plot, soil), (reference, recent) = where, references
    crop = CROPS[plot.crop]
    age = (today.day - date.fromisoformat(plot.sown_on)).days

    def crop_on(ahead: int) -> CropDay | None:
        there = 0 <= age + ahead <= crop.season_days - crop.stage_days[3] // 2
        return CropDay(crop, soil, age + ahead) if there else None

    seen = [
        (CropDay(crop, soil, max(age - back, 0)), depletion, one)
        if depletion is not None and one is not None
        else None
        for back, depletion, one in zip(
            range(len(depletions) - 1, -1, -1), depletions, recent, strict=True
        )
    ]
    rain = dryness.rain_ahead(
        newest_forecast(today.db, today.land.plot(plot.subject_id).weather, today.day),
        dryness.recharge_um_a_day(seen),
        today.settings.rain_normal_um_per_day,
    )
    found = dryness.outlook(crop_on, depletions[-1] or 0, reference, rain)
    evidence = (
        f"{plot.subject_id} {DEPLETION} {today.day}: {depletions[-1]}",
        f"{REFERENCE}, mean of {_WEEK_DAYS} days: {reference}",
        (
            f"rain reckoned with, next {dryness.RAISE_WITHIN_DAYS} days: "
            f"{sum(rain[: dryness.RAISE_WITHIN_DAYS])} um"
        ),
        f"stress in {found.stress_days} days, harm in {found.harm_days}",
    )
    return dryness.judge(found, plot.name or plot.subject_id, evidence)


def _ill_animals(today: Today) -> Iterator[Look]:
    days = animals.BASELINE_DAYS + 1
    steps = {
        (device, herd.subject_id, herd.name or herd.subject_id): _steps(today, device, days)
        for herd in today.subjects(SubjectKind.HERD)
        for device in daily.subject_devices(today.db, herd.subject_id)
    }
    for key, own in steps.items():
        device, subject_id, name = key
        mates = [other for other_key, other in steps.items() if other_key != key]
        told = zip(today.back(days), own, strict=True)
        evidence = tuple(f"{device} activity_steps {on}: {n}" for on, n in told if n is not None)
        judgement = animals.judge(own, mates, name, evidence)
        yield Look(NoticeKind.FEVER_LIKE, device, subject_id, judgement)


def _steps(today: Today, device: str, days: int) -> list[int | None]:
    """Daily steps; a day with less than half of the usual number of readings is not seen."""
    span, offset = today.span_ms(days), today.settings.utc_offset_ms
    found = notices.day_sums(today.db, device, "activity_steps", span, offset)
    most = max((count for _, count in found.values()), default=0)
    last = day_start_ms(today.day) // MS_PER_DAY
    told = [found.get(last - back) for back in range(days - 1, -1, -1)]
    return [None if one is None or 2 * one[1] < most else one[0] for one in told]


def _damp_grain(today: Today) -> Iterator[Look]:
    days = grain.TREND_DAYS
    for store in today.subjects(SubjectKind.STORE):
        damp = today.values(store.subject_id, "relative_humidity_ppm", days)
        if all(one is None for one in damp):
            continue
        warm = today.values(store.subject_id, "store_temperature_mdeg_c", days)
        outside = today.values(store.subject_id, "air_temperature_mean_mdeg_c", days)
        warm = [one if one is not None else other for one, other in zip(warm, outside, strict=True)]
        air = [None if a is None or b is None else (a, b) for a, b in zip(damp, warm, strict=True)]
        evidence = tuple(
            f"{store.subject_id} {on}: {a} ppm of humidity at {b} thousandths of °C"
            for on, a, b in zip(today.back(days), damp, warm, strict=True)
            if a is not None
        )
        name = store.name or store.subject_id
        judgement = grain.judge(store.crop, air, name, evidence)
        yield Look(NoticeKind.DAMP_GRAIN, store.subject_id, store.subject_id, judgement)


def _strange_probes(today: Today) -> Iterator[Look]:
    days, kind = probes.WINDOW_DAYS, NoticeKind.PROBE_DISAGREES
    plots = today.subjects(SubjectKind.PLOT)
    moved = {
        plot.subject_id: probes.moved_ppm(
            today.values(plot.subject_id, "soil_moisture_ppm", days, _DOUBTED_COVERAGE_PPM_MIN)
        )
        for plot in plots
    }
    doubted = notices.open_abouts(today.db, kind.value)
    for plot in plots:
        own = moved[plot.subject_id]
        devices = daily.subject_devices(today.db, plot.subject_id)
        others = [
            ppm
            for name, ppm in moved.items()
            if ppm is not None and name != plot.subject_id and name not in doubted
        ]
        rains = today.over(plot.subject_id, 1)
        rain = sum(one or 0 for one in rains) if _mostly_seen(rains) else None
        params = {"name": plot.name or plot.subject_id, "device": devices[0]}
        judgement = (
            None if own is None else probes.judge(Moved(devices[0], own), others, rain, params)
        )
        doubts = tuple(
            Doubt(device, on, "soil_moisture_ppm", kind.value, DOUBTED_PPM)
            for device in devices
            for on in today.back(days)
        )
        yield Look(kind, plot.subject_id, plot.subject_id, judgement, doubts)


def _standing_engines(today: Today) -> Iterator[Look]:
    kind = NoticeKind.ENGINE_STANDS
    for machine in today.subjects(SubjectKind.MACHINE):
        name = machine.subject_id
        engine = today.values(name, "engine_s", _MACHINE_DAYS, 0)
        area = today.values(name, "area_worked_m2", _MACHINE_DAYS, 0)
        told = {
            on: MachineDay(ran, land)
            for on, ran, land in zip(today.back(_MACHINE_DAYS), engine, area, strict=True)
            if ran is not None
        }
        recent = set(today.back(machines.WEEK_DAYS))
        week = {on: one for on, one in told.items() if on in recent}
        before = [one for on, one in told.items() if on not in recent]
        judgement = machines.judge(week, before, machine.name or name)
        pace = machines.usual_pace_m2_per_hour(before)
        doubts = tuple(
            Doubt(device, on, "engine_s", kind.value, DOUBTED_PPM)
            for device in daily.subject_devices(today.db, name)
            for on, one in week.items()
            if machines.stands(one, pace)
        )
        yield Look(kind, name, name, judgement, doubts)


def _tags(today: Today) -> Iterator[Look]:
    kind = NoticeKind.TAG_ON_TWO_FARMS
    rows = notices.sightings_between(today.db, today.span_ms(_WEEK_DAYS), _ROWS_MAX)
    pairs = twins.twice_seen([Sighting(*row) for row in rows])
    for herd in today.subjects(SubjectKind.HERD):
        devices = set(daily.subject_devices(today.db, herd.subject_id))
        own = [pair for pair in pairs if devices & {pair[0].device_id, pair[1].device_id}]
        judgement = twins.judge_tags(own, herd.name or herd.subject_id)
        days = {
            (one.device_id, civil_day(one.at_ms, today.settings.utc_offset_ms).isoformat())
            for pair in own
            for one in pair
            if one.device_id in devices
        }
        doubts = tuple(
            Doubt(device, on, "animals_seen_count", kind.value, HERD_DOUBTED_PPM)
            for device, on in sorted(days)
        )
        yield Look(kind, herd.subject_id, herd.subject_id, judgement, doubts)


def _counters(today: Today) -> Iterator[Look]:
    week = today.back(_WEEK_DAYS)
    same: dict[str, list[SameDay]] = {}
    for told in same_days(today.db, week[0], _ROWS_MAX):
        one = _copier_first(today, told)
        same.setdefault(one.device_id, []).append(one)
    span = today.span_ms(_WEEK_DAYS)
    for device, subject_id, device_kind in notices.registered(today.db):
        params = {"name": subject_id, "device": device}
        spans = [Span(*row) for row in notices.epoch_hours(today.db, device, span).items()]
        judgement = twins.judge_counter(
            notices.conflicts_of(today.db, device, span[0]),
            spans,
            notices.boots_back(today.db, device, span[0]),
            params,
        )
        kind = NoticeKind.COUNTER_REPEATED
        doubts = tuple(
            Doubt(device, on, metric, kind.value, DOUBTED_PPM)
            for on in week
            for metric in _METRIC_OF_KIND.get(device_kind, ())
        )
        # A device that said nothing at all lately has not been looked at.
        seen = judgement if spans or judgement.level is not Level.CLEAR else None
        yield Look(kind, device, subject_id, seen, doubts)
        kind, own = NoticeKind.READINGS_REPEATED, same.get(device, [])
        copies = tuple(
            Doubt(device, one.day, one.metric, kind.value, 0) for one in own[:EVIDENCE_ROWS_MAX]
        )
        repeated = twins.judge_repeats(own, params) if spans or own else None
        yield Look(kind, device, subject_id, repeated, copies)


def _copier_first(today: Today, one: SameDay) -> SameDay:
    """Of two devices that said one day, the one that was heard later: only it can have copied."""
    if one.day != one.other_day:
        return one
    start_ms = day_start_ms(date.fromisoformat(one.day), today.settings.utc_offset_ms)
    span = (start_ms, start_ms + MS_PER_DAY)
    own, other = (
        heard_at_ms(today.db, name, span) for name in (one.device_id, one.other_device_id)
    )
    if own >= other:
        return one
    return SameDay(one.metric, one.other_device_id, one.day, one.device_id, one.day)


def _mostly_seen(days: list[int | None]) -> bool:
    return 2 * sum(one is not None for one in days) > len(days)


def _mean(values: tuple[int | None, ...]) -> int | None:
    known = [value for value in values if value is not None]
    return divide_half_even(sum(known), len(known)) if known else None
