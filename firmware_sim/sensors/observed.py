"""What goes wrong in a real recording, counted, and the rates that it gave.

The functions are pure: instants and values of one channel in, faults out. ``GREENHOUSE``
holds the rates of 62 channels of 27 loggers in two tunnel greenhouses (NE Italy,
2021–2023, every 15 minutes, 903,369 readings); ``tests/firmware_sim/test_observed.py``
counts them again where the data is at hand.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from core.units import MS_PER_DAY
from firmware_sim.sensors.faults import FaultRates

GAP_MS_MIN = MS_PER_DAY // 4  # a shorter hole is a missed sample, not an outage
STUCK_SAMPLES_MIN = 24
UNIT_FACTOR_MIN = 100.0  # klux to lux is 1000; no weather changes a week's median so much
WINDOW = 7 * 96  # samples on each side of a change of unit: a week

# Outages by the loggers' days, the others by the channels'; sticking and wild values by
# the 39 temperature channels alone, for wet air and dry soil stand still by themselves.
GREENHOUSE = FaultRates(
    outage_per_day_ppm=62_800,
    outage_days_max=80,
    stuck_per_day_ppm=5_400,
    stuck_days_max=2,
    spike_per_day_ppm=18_500,
    spike_days_max=65,
    unit_per_day_ppm=135,
    is_long_tailed=True,
)


@dataclass(frozen=True, slots=True)
class Observed:
    """Faults of one channel.

    Parameters
    ----------
    days
        How long it was recorded [d], outages and all.
    outages_days
        The length of each outage [d].
    stuck_days
        The length of each run of one value [d].
    wild_samples
        The length of each run of readings outside what is possible [samples].
    is_wild_at_first
        Whether the channel was wild on the day of its installation.
    unit_changes
        How often the level changed by a factor of a hundred or more, for good.
    """

    days: float
    outages_days: tuple[float, ...]
    stuck_days: tuple[float, ...]
    wild_samples: tuple[int, ...]
    is_wild_at_first: bool
    unit_changes: int


def observed(
    at_ms: Sequence[int], values: Sequence[float], bounds: tuple[float, float]
) -> Observed:
    """The faults of a channel.

    Parameters
    ----------
    at_ms
        When each reading was taken [ms UTC], rising.
    values
        The readings.
    bounds
        The lowest and the highest that is possible, in the readings' unit.
    """
    low, high = bounds
    steps = [b - a for a, b in itertools.pairwise(at_ms)]
    wild = [not low <= value <= high for value in values]
    return Observed(
        days=(at_ms[-1] - at_ms[0]) / MS_PER_DAY,
        outages_days=tuple(step / MS_PER_DAY for step in steps if step > GAP_MS_MIN),
        stuck_days=tuple(_stuck(at_ms, values)),
        wild_samples=tuple(len(list(run)) for is_wild, run in itertools.groupby(wild) if is_wild),
        is_wild_at_first=any(
            is_wild for t, is_wild in zip(at_ms, wild, strict=True) if t < at_ms[0] + MS_PER_DAY
        ),
        unit_changes=_unit_changes(values),
    )


def _stuck(at_ms: Sequence[int], values: Sequence[float]) -> list[float]:
    """Lengths of runs of one value [d]; zero is what many a sensor says at rest."""
    found, first = [], 0
    for value, run in itertools.groupby(values):
        count = len(list(run))
        if count >= STUCK_SAMPLES_MIN and value != 0:
            found.append((at_ms[first + count - 1] - at_ms[first]) / MS_PER_DAY)
        first += count
    return found


def _unit_changes(values: Sequence[float]) -> int:
    """How often the median of a week's positive values is another's of the week before."""
    weeks = [
        statistics.median(positive)
        for i in range(0, len(values) - WINDOW + 1, WINDOW)
        if (positive := [v for v in values[i : i + WINDOW] if v > 0])
    ]
    pairs = itertools.pairwise(weeks)
    return sum(max(a, b) / min(a, b) >= UNIT_FACTOR_MIN for a, b in pairs)
