"""Which readings may be used, and why not: pure functions over what was reported.

A first look at arrival judges each sample by itself (clock, range). A second look,
when a day is computed, judges it among its neighbours in time (duplicate, rate of
change, stuck), so that late and reordered data come to the same end. How much of a
day was seen at all is the day's coverage. Nothing is dropped: each reading keeps its
value and gets a code.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from core.units import MS_PER_HOUR, PPM
from core.wire.telemetry import METRICS, Metric, MetricKind, Sample
from edge_node.config import Settings

CLOCK_MS_MIN = 1_577_836_800_000  # 2020-01-01: no device of ours was made before
RATE_INTERVAL_MS_MIN = 60_000  # closer readings are judged as if a minute apart
# A herd that is complete every day, and a battery on the mains, stand still by right.
STEADY_METRICS = frozenset({"animals_seen_count", "battery_mv", "store_level_kg"})


class Quality(IntEnum):
    """What is known of a reading; the numbers are in databases and never change."""

    USABLE = 0
    RANGE = 1  # outside what is physically possible
    RATE = 2  # moved faster than is physically possible
    STUCK = 3  # one of too many identical values in a row
    CLOCK = 4  # the device did not know the time
    DUPLICATE = 5  # the same instant was reported before under a lower number
    UNKNOWN = 6  # not a metric that this release knows


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """The bounds that are settings; those of each metric are in ``core``.

    Parameters
    ----------
    clock_ahead_ms_max
        How far a device's clock may be ahead of the station's [ms].
    clock_error_ms_max
        How uncertain it may be, by the device's own account [ms].
    stuck_samples_min
        How many identical non-zero values of a gauge are a stuck sensor.
    """

    clock_ahead_ms_max: int
    clock_error_ms_max: int
    stuck_samples_min: int


@dataclass(frozen=True, slots=True, order=True)
class Reading:
    """A value of one metric of one device, in the order of time."""

    at_ms: int
    epoch: str
    seq: int
    value: int


def limits_of(settings: Settings) -> QualityLimits:
    """The bounds of quality control that are settings."""
    return QualityLimits(
        settings.clock_ahead_ms_max, settings.clock_error_ms_max, settings.stuck_samples_min
    )


def is_clock_plausible(sample: Sample, received_ms: int, limits: QualityLimits) -> bool:
    """Whether the device can have known the time when it took the sample."""
    return (
        CLOCK_MS_MIN <= sample.at_ms <= received_ms + limits.clock_ahead_ms_max
        and sample.error_ms <= limits.clock_error_ms_max
    )


def is_late(sample: Sample, received_ms: int, late_after_ms: int) -> bool:
    """Whether the sample came later than ``late_after_ms`` after it was taken."""
    return received_ms - sample.at_ms > late_after_ms


def first_look(name: str, value: int, *, clock_plausible: bool) -> Quality:
    """A reading's quality as far as it can be told by itself."""
    metric = METRICS.get(name)
    if metric is None:
        return Quality.UNKNOWN
    if not metric.low <= value <= metric.high:
        return Quality.RANGE
    return Quality.USABLE if clock_plausible else Quality.CLOCK


def second_look(
    metric: Metric, readings: Sequence[Reading], limits: QualityLimits
) -> tuple[Quality, ...]:
    """Each reading's quality among its neighbours.

    Parameters
    ----------
    metric
        What was measured.
    readings
        One device's readings that passed the first look, sorted.
    limits
        The bounds that are settings.
    """
    codes = [Quality.USABLE] * len(readings)
    for i, (before, after) in enumerate(itertools.pairwise(readings), start=1):
        if after.at_ms == before.at_ms:
            codes[i] = Quality.DUPLICATE
    _mark_rates(metric, readings, codes)
    if metric.kind is MetricKind.GAUGE and metric.name not in STEADY_METRICS:
        _mark_stuck(readings, codes, limits.stuck_samples_min)
    return tuple(codes)


def coverage_ppm(instants_ms: Sequence[int], start_ms: int, end_ms: int, every_ms: int) -> int:
    """The share of the expected readings of a span that were taken [ppm].

    A reading that follows the last counted one by less than half the sampling interval
    is not counted, so that a burst does not make up for silence.

    Parameters
    ----------
    instants_ms
        When usable readings were taken within the span [ms UTC], sorted.
    start_ms, end_ms
        The span [ms UTC], end excluded.
    every_ms
        The device's sampling interval [ms].
    """
    expected = max(1, (end_ms - start_ms) // every_ms)
    counted, last_ms = 0, start_ms - every_ms
    for at_ms in instants_ms:
        if 2 * (at_ms - last_ms) >= every_ms:
            counted, last_ms = counted + 1, at_ms
    return min(PPM, counted * PPM // expected)


def sampling_interval_ms(instants_ms: Sequence[int], default_ms: int) -> int:
    """The usual time between a device's readings [ms]: the median of the differences.

    Parameters
    ----------
    instants_ms
        When readings were taken [ms UTC], sorted.
    default_ms
        What to expect of a device that has said too little [ms].
    """
    steps = sorted(b - a for a, b in itertools.pairwise(instants_ms) if b > a)
    return steps[len(steps) // 2] if len(steps) >= 2 else default_ms


def _mark_rates(metric: Metric, readings: Sequence[Reading], codes: list[Quality]) -> None:
    """Mark what moved too fast since the last usable reading.

    A lone spike is marked; a level that holds is accepted at its second reading, for
    otherwise one wrong value would condemn all that follow.
    """
    last: Reading | None = None
    rejected: Reading | None = None
    for i, reading in enumerate(readings):
        if codes[i] is not Quality.USABLE:
            continue
        references = [r for r in (last, rejected) if r is not None]
        if not references or any(_is_possible(metric, r, reading) for r in references):
            last, rejected = reading, None
        else:
            codes[i], rejected = Quality.RATE, reading


def _is_possible(metric: Metric, before: Reading, after: Reading) -> bool:
    if metric.kind is MetricKind.SUM:
        return True  # an amount since the last sample: its bound is the range
    step = after.value - before.value
    if metric.kind is MetricKind.COUNTER and step < 0:
        step = after.value  # it was reset and has counted from zero since
    interval_ms = max(after.at_ms - before.at_ms, RATE_INTERVAL_MS_MIN)
    return abs(step) * MS_PER_HOUR <= metric.step_per_hour * interval_ms


def _mark_stuck(readings: Sequence[Reading], codes: list[Quality], samples_min: int) -> None:
    usable = [i for i, code in enumerate(codes) if code is Quality.USABLE]
    for value, run in itertools.groupby(usable, key=lambda i: readings[i].value):
        members = list(run)
        if value != 0 and len(members) >= samples_min:
            for i in members:
                codes[i] = Quality.STUCK
