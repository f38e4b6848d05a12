"""A civil day's features from usable readings: pure aggregation.

Gauges give a mean or an extreme, sums a sum, counters the sum of their rises, in
which a fall means that the device was reset and has counted from zero since. A rise
between two days belongs to the day of the later reading, so the days of a season add
up to what the counter counted.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from core.canonical import canonical_hash
from core.units import PPM, divide_half_even
from edge_node.features.quality import Reading
from edge_node.store.foreign import is_foreign

SOIL_STRESS = "soil_stress"


class Aggregate(Enum):
    """How a day's readings become one number."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    RISE = "rise"


@dataclass(frozen=True, slots=True)
class DailyDefinition:
    """A daily feature: its name, the metric it comes from, and how."""

    feature: str
    metric: str
    aggregate: Aggregate


DAILY: tuple[DailyDefinition, ...] = (
    DailyDefinition("soil_moisture_ppm", "soil_moisture_ppm", Aggregate.MEAN),
    DailyDefinition("rain_um", "rain_um", Aggregate.SUM),
    DailyDefinition("air_temperature_mean_mdeg_c", "air_temperature_mdeg_c", Aggregate.MEAN),
    DailyDefinition("air_temperature_max_mdeg_c", "air_temperature_mdeg_c", Aggregate.MAX),
    DailyDefinition("air_temperature_min_mdeg_c", "air_temperature_mdeg_c", Aggregate.MIN),
    DailyDefinition("relative_humidity_ppm", "relative_humidity_ppm", Aggregate.MEAN),
    DailyDefinition("solar_radiation_w_per_m2", "solar_radiation_w_per_m2", Aggregate.MEAN),
    DailyDefinition("wind_speed_mm_per_s", "wind_speed_mm_per_s", Aggregate.MEAN),
    DailyDefinition("activity_steps", "activity_steps", Aggregate.SUM),
    DailyDefinition("heads_count", "animals_seen_count", Aggregate.MAX),
    DailyDefinition("engine_s", "engine_s", Aggregate.RISE),
    DailyDefinition("area_worked_m2", "area_worked_m2", Aggregate.RISE),
    DailyDefinition("fuel_used_ml", "fuel_used_ml", Aggregate.RISE),
    DailyDefinition("energy_wh", "energy_wh", Aggregate.RISE),
    DailyDefinition("store_temperature_mdeg_c", "store_temperature_mdeg_c", Aggregate.MEAN),
    DailyDefinition("store_level_kg", "store_level_kg", Aggregate.MEAN),
)


@dataclass(frozen=True, slots=True)
class DeviceDay:
    """One device's usable readings of one metric on one day.

    ``before`` is its last usable reading before the day, from which a counter rises.
    """

    device_id: str
    readings: tuple[Reading, ...]
    coverage_ppm: int
    before: Reading | None = None


@dataclass(frozen=True, slots=True)
class DayValue:
    """A feature's value on a day, before it is stored.

    ``unsigned_ppm`` is the share of its readings that no device signed.
    """

    feature: str
    value: int
    coverage_ppm: int
    readings_count: int
    readings_sha256: str
    unsigned_ppm: int = 0


def day_value(definition: DailyDefinition, days: Sequence[DeviceDay]) -> DayValue | None:
    """The feature of a subject that one or several devices measure.

    Levels and rain of several devices are averaged; what each counts by itself (herd
    passages, engine, energy) is added up, but the heads seen are the most that one
    reader saw, for the same animals pass several.

    Parameters
    ----------
    definition
        Which feature.
    days
        Each device's readings of the metric on the day.

    Returns
    -------
    DayValue or None
        None if there is no usable reading.
    """
    present = [day for day in days if day.readings]
    if not present:
        return None
    values = [_of_device(definition.aggregate, day) for day in present]
    return DayValue(
        feature=definition.feature,
        value=_of_subject(definition)(values),
        coverage_ppm=sum(day.coverage_ppm for day in present) // len(days),
        readings_count=sum(len(day.readings) for day in present),
        readings_sha256=readings_sha256(definition.metric, present),
        unsigned_ppm=_unsigned_ppm(present),
    )


def soil_stress(moisture: DayValue, stress_below_ppm: int) -> DayValue:
    """1 if the day's mean soil moisture stood below the bound [ppm of volume], else 0."""
    return DayValue(
        SOIL_STRESS,
        int(moisture.value < stress_below_ppm),
        moisture.coverage_ppm,
        moisture.readings_count,
        moisture.readings_sha256,
        moisture.unsigned_ppm,
    )


def readings_sha256(metric: str, days: Sequence[DeviceDay]) -> str:
    """The hash of the ordered (device, epoch, seq, metric, value) rows behind a value.

    A counter's starting point, from an earlier day, is among them.
    """
    rows = [
        [day.device_id, reading.epoch, reading.seq, metric, reading.value]
        for day in sorted(days, key=lambda d: d.device_id)
        for reading in (*((day.before,) if day.before else ()), *day.readings)
    ]
    return canonical_hash(rows)


def _unsigned_ppm(days: Sequence[DeviceDay]) -> int:
    """The share of readings that came by a gateway; rounded up, so that one counts."""
    epochs = [reading.epoch for day in days for reading in day.readings]
    unsigned = sum(is_foreign(epoch) for epoch in epochs)
    return -(-unsigned * PPM // len(epochs))


def _of_device(aggregate: Aggregate, day: DeviceDay) -> int:
    values = [reading.value for reading in day.readings]
    if aggregate is Aggregate.MEAN:
        return divide_half_even(sum(values), len(values))
    if aggregate is Aggregate.MAX:
        return max(values)
    if aggregate is Aggregate.MIN:
        return min(values)
    if aggregate is Aggregate.SUM:
        return sum(values)
    return _rise(([day.before.value] if day.before else []) + values)


def _rise(values: Sequence[int]) -> int:
    """What a counter counted over its values; after a fall it has counted from zero."""
    return sum(b - a if b >= a else b for a, b in itertools.pairwise(values))


def _mean(values: Sequence[int]) -> int:
    return divide_half_even(sum(values), len(values))


_ACROSS: Mapping[Aggregate, Callable[[Sequence[int]], int]] = {
    Aggregate.MEAN: _mean,
    Aggregate.MIN: min,
    Aggregate.MAX: max,
    Aggregate.SUM: sum,
    Aggregate.RISE: sum,
}


def _of_subject(definition: DailyDefinition) -> Callable[[Sequence[int]], int]:
    if definition.metric == "rain_um":
        return _mean  # two gauges in one place measure the same rain
    if definition.metric == "store_level_kg":
        return sum  # each silo of a store has its own
    return _ACROSS[definition.aggregate]
