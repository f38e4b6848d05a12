"""When a device's sensors lie, and how: planned ahead from the seed.

The kinds are those found in 55 channels of real loggers in two greenhouses (NE
Italy, 2021–2023): outages of up to 80 days, values stuck for up to 1,489 samples,
spikes of 240 °C and −95 °C, some of them on the day of installation. Those loggers
had an outage of more than a day every 15 to 65 days; these rates are modest against that, as a
village's devices are visited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from core.units import MS_PER_DAY, PPM
from core.wire.telemetry import METRICS, MetricKind
from firmware_sim.sensors.draws import Draws

EVERY_METRIC = ""
UNIT_FACTOR = 1_000  # klux to lux, as in both greenhouses
_SPIKE_MS = 15 * 60_000
_DAYS_MIN = 0.25
# Lengths low × (high/low)^(u^2): half of the greenhouses' outages were shorter than a day, a
# tenth longer than 23, the longest 80. This gives 1.1, 27 and 80.
_TAIL_POWER = 2


class FaultKind(Enum):
    """How a sensor lies."""

    OUTAGE = "outage"  # nothing can be read
    STUCK = "stuck"  # the last value is said again and again
    SPIKE = "spike"  # one value far outside what is possible
    UNIT = "unit"  # from now on in another unit: ``value`` times as much


@dataclass(frozen=True, slots=True)
class FaultRates:
    """How often faults begin and how long they last.

    Parameters
    ----------
    outage_per_day_ppm
        Chance that an outage of the whole device's sensors begins on a day [ppm].
    stuck_per_day_ppm, spike_per_day_ppm
        Chance that one channel sticks, or spikes, on a day [ppm].
    outage_days_max, stuck_days_max
        Longest of each [d]; lengths are uniform from a quarter of a day.
    spike_days_max
        Longest time for which a wire is broken [d]; 0 for spikes of a quarter of an hour.
    unit_per_day_ppm
        Chance that one channel speaks in another unit from a day on [ppm].
    is_long_tailed
        Whether most lengths are short and a few very long, as in real sets, not uniform.
    """

    outage_per_day_ppm: int = 3_300
    outage_days_max: int = 4
    stuck_per_day_ppm: int = 1_200
    stuck_days_max: int = 3
    spike_per_day_ppm: int = 4_000
    spike_days_max: int = 0
    unit_per_day_ppm: int = 0
    is_long_tailed: bool = False


NO_FAULTS = FaultRates(outage_per_day_ppm=0, stuck_per_day_ppm=0, spike_per_day_ppm=0)


@dataclass(frozen=True, slots=True)
class Episode:
    """One fault from ``from_ms`` until before ``until_ms`` [ms UTC].

    ``metric`` is :data:`EVERY_METRIC` for an outage; ``value`` belongs to a spike.
    """

    kind: FaultKind
    metric: str
    from_ms: int
    until_ms: int
    value: int = 0


def plan_faults(
    draws: Draws, metrics: Sequence[str], from_ms: int, until_ms: int, rates: FaultRates
) -> tuple[Episode, ...]:
    """The faults of one device's sensors between two instants [ms UTC], by their start."""
    episodes: list[Episode] = []
    for day_ms in range(from_ms, until_ms, MS_PER_DAY):
        episodes += _outages(draws, day_ms, rates)
        for metric in metrics:
            episodes += _stuck(draws, metric, day_ms, rates)
            episodes += _spikes(draws, metric, day_ms, rates)
            episodes += _units(draws, metric, (day_ms, until_ms), rates)
    return tuple(sorted(episodes, key=lambda e: (e.from_ms, e.metric)))


def active(episodes: Sequence[Episode], at_ms: int) -> tuple[Episode, ...]:
    """The faults under way at an instant [ms UTC]."""
    return tuple(e for e in episodes if e.from_ms <= at_ms < e.until_ms)


def _begins(draws: Draws, chance_ppm: int, *labels: str | int) -> bool:
    return draws.uniform("begin", *labels) * PPM < chance_ppm


def _span(
    draws: Draws, day_ms: int, days: tuple[float, float, bool], *labels: str | int
) -> tuple[int, int]:
    """Start and end of a fault; ``days`` are the least and the most, and whether long-tailed."""
    low, high, is_long_tailed = days
    start_ms = day_ms + round(draws.between(0, MS_PER_DAY, "start", *labels))
    if is_long_tailed:
        length = low * (high / low) ** (draws.uniform("days", *labels) ** _TAIL_POWER)
    else:
        length = draws.between(low, high, "days", *labels)
    return start_ms, start_ms + round(length * MS_PER_DAY)


def _outages(draws: Draws, day_ms: int, rates: FaultRates) -> list[Episode]:
    if not _begins(draws, rates.outage_per_day_ppm, "outage", day_ms):
        return []
    days = (_DAYS_MIN, rates.outage_days_max, rates.is_long_tailed)
    span = _span(draws, day_ms, days, "outage", day_ms)
    return [Episode(FaultKind.OUTAGE, EVERY_METRIC, *span)]


def _stuck(draws: Draws, metric: str, day_ms: int, rates: FaultRates) -> list[Episode]:
    if not _begins(draws, rates.stuck_per_day_ppm, "stuck", metric, day_ms):
        return []
    days = (_DAYS_MIN, rates.stuck_days_max, rates.is_long_tailed)
    span = _span(draws, day_ms, days, "stuck", metric, day_ms)
    return [Episode(FaultKind.STUCK, metric, *span)]


def _spikes(draws: Draws, metric: str, day_ms: int, rates: FaultRates) -> list[Episode]:
    """A time outside what is possible; counters do not spike."""
    bounds = METRICS[metric]
    labels = ("spike", metric, day_ms)
    if bounds.kind is MetricKind.COUNTER or not _begins(draws, rates.spike_per_day_ppm, *labels):
        return []
    start_ms = day_ms + round(draws.between(0, MS_PER_DAY - _SPIKE_MS, "start", *labels))
    beyond = round((bounds.high - bounds.low) * draws.between(0.1, 2.0, "beyond", *labels))
    upwards = bounds.low >= 0 or draws.uniform("side", *labels) < 0.5
    value = bounds.high + beyond if upwards else bounds.low - beyond
    end_ms = start_ms + _SPIKE_MS
    if rates.spike_days_max:
        days = (_SPIKE_MS / MS_PER_DAY, rates.spike_days_max, rates.is_long_tailed)
        start_ms, end_ms = _span(draws, day_ms, days, *labels)
    return [Episode(FaultKind.SPIKE, metric, start_ms, end_ms, value)]


def _units(draws: Draws, metric: str, span: tuple[int, int], rates: FaultRates) -> list[Episode]:
    """Somebody sets a logger up anew, in another unit; nobody sets it back."""
    day_ms, end_ms = span
    labels = ("unit", metric, day_ms)
    if METRICS[metric].kind is not MetricKind.GAUGE:
        return []
    if not rates.unit_per_day_ppm or not _begins(draws, rates.unit_per_day_ppm, *labels):
        return []
    start_ms = day_ms + round(draws.between(0, MS_PER_DAY, "start", *labels))
    return [Episode(FaultKind.UNIT, metric, start_ms, end_ms, UNIT_FACTOR)]
