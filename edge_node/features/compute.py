"""Computes the days whose readings changed, and settles the days that have closed.

Run now and then; each day of a subject is one transaction. Computing again from the
same readings changes nothing; other readings make a new version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.canonical import canonical_hash
from core.scoring.features import DailyFeature
from core.units import MS_PER_DAY, MS_PER_HOUR, PPM, civil_day, day_start_ms, share_ppm
from core.wire.telemetry import METRICS
from edge_node.config import Settings
from edge_node.features.daily import (
    DAILY,
    Aggregate,
    DailyDefinition,
    DayValue,
    DeviceDay,
    day_value,
    soil_stress,
)
from edge_node.features.derive import derive_until
from edge_node.features.land import read_land
from edge_node.features.quality import (
    Quality,
    Reading,
    coverage_ppm,
    limits_of,
    sampling_interval_ms,
    second_look,
)
from edge_node.store import daily as store
from edge_node.store import doubts
from edge_node.store.daily import RawReading
from edge_node.store.database import StationDatabase

DAYS_AT_ONCE_MAX = 500
REACH_MS = 30 * MS_PER_DAY  # how far back a counter's last value is looked for
SAMPLE_MS_UNKNOWN = MS_PER_HOUR  # what to expect of a device that has said too little
# A day of these with so many readings, of so many values, is never said twice by chance.
PRINTED_METRICS = frozenset({"soil_moisture_ppm", "air_temperature_mdeg_c", "activity_steps"})
# With fewer, honest days meet: a herd that sleeps, walks out and comes home says five
# values in eight readings, and each herd of the village says much the same.
PRINT_READINGS_MIN, PRINT_VALUES_MIN = 8, 8
PRINT_READINGS_MANY, PRINT_VALUES_OF_MANY_MIN = 20, 4
_JUDGED_AT_ARRIVAL = (Quality.RANGE, Quality.CLOCK, Quality.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Day:
    subject_id: str
    day: date
    start_ms: int

    @property
    def end_ms(self) -> int:
        return self.start_ms + MS_PER_DAY


def compute_daily_features(db: StationDatabase, settings: Settings, now_ms: int) -> int:
    """Compute every day whose readings changed; how many (subject, day) pairs there were.

    Parameters
    ----------
    db
        The station's database.
    settings
        Zone, bounds of quality control, grace and thresholds.
    now_ms
        The station's time [ms UTC].
    """
    computed = 0
    while pairs := store.stale_days(db, DAYS_AT_ONCE_MAX):
        for (subject_id, day), devices in _by_subject(db, pairs).items():
            with db.atomic():
                for each in _with_followers(db, settings, subject_id, day, devices):
                    _compute(db, settings, each, now_ms)
                    computed += 1
                    store.mark_underived(db, [(subject_id, each.day.isoformat())])
                store.clear_stale(db, [(device, day) for device in devices])
    last_day = last_closed_day(settings, now_ms)
    derive_until(db, read_land(settings), last_day, now_ms)
    with db.atomic():
        store.settle_until(db, last_day.isoformat())
    return computed


def last_closed_day(settings: Settings, now_ms: int) -> date:
    """The last civil day of the site whose features are no longer open."""
    open_day = civil_day(now_ms - settings.day_grace_ms, settings.utc_offset_ms)
    return open_day - timedelta(days=1)


def _by_subject(
    db: StationDatabase, pairs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[str]]:
    """The stale devices of each (subject, day); a removed device's days are its own."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for device, day in pairs:
        grouped.setdefault((store.subject_of(db, device) or "", day), []).append(device)
    return grouped


def _with_followers(
    db: StationDatabase, settings: Settings, subject_id: str, day: str, devices: Sequence[str]
) -> list[_Day]:
    """The day itself, and the next day on which each device spoke: its counters rise from here."""
    if not subject_id:
        return []
    first = _day(settings, subject_id, date.fromisoformat(day))
    found = {first.day: first}
    for device in devices:
        span = (first.end_ms, first.end_ms + REACH_MS)
        after_ms = store.first_instant_after(db, device, span)
        if after_ms is not None:
            follower = civil_day(after_ms, settings.utc_offset_ms)
            found[follower] = _day(settings, subject_id, follower)
    return list(found.values())


def _day(settings: Settings, subject_id: str, day: date) -> _Day:
    return _Day(subject_id, day, day_start_ms(day, settings.utc_offset_ms))


def _compute(db: StationDatabase, settings: Settings, day: _Day, now_ms: int) -> None:
    on = day.day.isoformat()
    judged = [
        (device, doubts.kept_ppm(db, device, on), _judged(db, settings, device, day))
        for device in store.subject_devices(db, day.subject_id)
    ]
    for device, _, by_metric in judged:
        _print(db, device, by_metric, day)
    for definition in DAILY:
        parts = [
            _device_day((device, kept), definition, by_metric[definition.metric], day)
            for device, kept, by_metric in judged
            if definition.metric in by_metric
        ]
        value = day_value(definition, parts)
        if value is None:
            continue
        _put(db, day, value, now_ms)
        if definition.feature == "soil_moisture_ppm":
            _put(db, day, soil_stress(value, settings.soil_stress_moisture_ppm), now_ms)


def _judged(
    db: StationDatabase, settings: Settings, device: str, day: _Day
) -> Mapping[str, list[Reading]]:
    """A device's usable readings by metric up to the end of the day; codes are written back."""
    limits = limits_of(settings)
    span = (day.start_ms - REACH_MS, day.start_ms)
    before = store.samples_before(db, device, span, limits.stuck_samples_min)
    within = store.readings_between(db, device, day.start_ms, day.end_ms)
    by_metric: dict[str, list[RawReading]] = {}
    for raw in (*before, *within):
        if raw.qc not in _JUDGED_AT_ARRIVAL:
            by_metric.setdefault(raw.metric, []).append(raw)
    usable: dict[str, list[Reading]] = {}
    for name, raws in by_metric.items():
        raws.sort(key=_in_time)
        readings = [Reading(r.at_ms, r.epoch, r.seq, r.value) for r in raws]
        codes = second_look(METRICS[name], readings, limits)
        usable[name] = [r for r, code in zip(readings, codes, strict=True) if not code]
        changed = [
            (int(code), raw)
            for code, raw in zip(codes, raws, strict=True)
            if raw.at_ms >= day.start_ms and raw.qc != code
        ]
        store.set_quality(db, changed)
    return usable


def _in_time(raw: RawReading) -> tuple[int, str, int]:
    return raw.at_ms, raw.epoch, raw.seq


def _print(
    db: StationDatabase, device: str, by_metric: Mapping[str, Sequence[Reading]], day: _Day
) -> None:
    """Keep a hash of what the device said on the day, where chance cannot repeat it."""
    for metric in PRINTED_METRICS & by_metric.keys():
        values = [r.value for r in by_metric[metric] if r.at_ms >= day.start_ms]
        if _tells(len(values), len(set(values))):
            doubts.put_print(db, device, metric, day.day.isoformat(), canonical_hash(values))


def _tells(readings_count: int, values_count: int) -> bool:
    """Whether a day has so much to say that no honest day says the same."""
    if readings_count >= PRINT_READINGS_MANY:
        return values_count >= PRINT_VALUES_OF_MANY_MIN
    return readings_count >= PRINT_READINGS_MIN and values_count >= PRINT_VALUES_MIN


def _device_day(
    believed: tuple[str, Mapping[str, int]],
    definition: DailyDefinition,
    usable: Sequence[Reading],
    day: _Day,
) -> DeviceDay:
    device, kept = believed
    before = [reading for reading in usable if reading.at_ms < day.start_ms]
    within = tuple(reading for reading in usable if reading.at_ms >= day.start_ms)
    every_ms = sampling_interval_ms([reading.at_ms for reading in usable], SAMPLE_MS_UNKNOWN)
    instants = [reading.at_ms for reading in within]
    counts_on = definition.aggregate is Aggregate.RISE
    return DeviceDay(
        device_id=device,
        readings=within,
        coverage_ppm=share_ppm(
            coverage_ppm(instants, day.start_ms, day.end_ms, every_ms),
            kept.get(definition.metric, PPM),
        ),
        before=before[-1] if counts_on and before else None,
    )


def _put(db: StationDatabase, day: _Day, value: DayValue, now_ms: int) -> None:
    feature = DailyFeature(
        subject_id=day.subject_id,
        feature=value.feature,
        day=day.day.isoformat(),
        value=value.value,
        coverage_ppm=value.coverage_ppm,
        readings_count=value.readings_count,
        readings_sha256=value.readings_sha256,
    )
    store.put_feature(db, feature, now_ms, value.unsigned_ppm)
