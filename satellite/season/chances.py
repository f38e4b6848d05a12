"""How sure today's growth stage is: the chance of each, from the curve's posterior band.

The stage that counts is the one that two looks confirmed (:mod:`satellite.season.stages`).
This says beside it what the curve makes likely today: each stage is passed once a level
was passed, so its chance is that of the day on which the curve and its band speak most
clearly for it. Beyond the last look the band widens with every day, and a stage's own
season must have come; so clouds make the answer vague and never quick.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.units import PPM
from core.wire.evidence import Stage
from satellite.indices import Levels
from satellite.season.calendar import DeclaredSeason
from satellite.season.stages import EMERGE_DAYS_MIN, HARVEST_LEFT, NEW_HIGH, RIPE_FALL
from satellite.series import Z_90, Curve

Array = NDArray[np.float64]

# What a canopy may change in a day without a look, as standard deviation: 0.01 NDVI.
DRIFT_DIPS_PER_DAY = 0.1
# The clearest of many days flatters; with this much more doubt a stated chance is as often
# true as it says (tests/satellite/test_sat_phenology.py).
CLEAREST_DAY = 1.5


@dataclass(frozen=True, slots=True)
class StageChances:
    """The chance of each stage today [ppm], in the order of ``Stage``; they sum to PPM."""

    ppm: tuple[int, ...]

    def of(self, stage: Stage) -> int:
        """The chance of a stage [ppm]."""
        return self.ppm[stage.rank]

    @property
    def likeliest(self) -> Stage:
        """The stage with the greatest chance."""
        return list(Stage)[int(np.argmax(self.ppm))]


def stage_chances(
    curve: Curve, season: DeclaredSeason, levels: Levels, today: tuple[int, Stage]
) -> StageChances:
    """The chance of each stage on a day.

    Parameters
    ----------
    today
        The day [proleptic ordinal], and the furthest stage that the crop can reach.
    """
    day, last = today
    first = max(season.first_day, curve.first_day)
    first = max(first, (season.sown_day or first) + (EMERGE_DAYS_MIN if season.sown_day else 0))
    days, mean, sd = _until(curve, first, min(day, season.last_day), levels)
    if not len(days):
        return StageChances((PPM, *[0] * (len(Stage) - 1)))
    passed = [1.0, *_passed(days, mean, sd, season, levels)]
    for rank in range(1, len(passed)):
        passed[rank] = min(passed[rank - 1], passed[rank]) if rank <= last.rank else 0.0
    shares = -np.diff([*passed, 0.0])
    ppm = [round(float(share) * PPM) for share in shares]
    ppm[int(np.argmax(ppm))] += PPM - sum(ppm)
    return StageChances(tuple(ppm))


def _until(curve: Curve, first: int, last: int, levels: Levels) -> tuple[Array, Array, Array]:
    """Days, curve and standard deviation from one day to another, past the last look too."""
    days = np.arange(first, last + 1)
    inside = np.clip(days - curve.first_day, 0, len(curve.mean) - 1)
    beyond = np.maximum(days - curve.last_day, 0) * DRIFT_DIPS_PER_DAY * levels.dip
    sd = (curve.high - curve.mean)[inside] / Z_90
    return days.astype(np.float64), curve.mean[inside], CLEAREST_DAY * np.hypot(sd, beyond)


def _passed(
    days: Array, mean: Array, sd: Array, season: DeclaredSeason, levels: Levels
) -> list[float]:
    """The chance that each stage after sowing has been reached."""
    top = int(np.argmax(mean))
    soil, peak = float(mean[: top + 1].min()), float(mean[top])
    against_peak = np.hypot(sd, sd[top])
    late = np.arange(len(days)) > top
    return [
        _chance((mean - levels.emerged) / sd),
        _chance((mean - levels.closed) / sd),
        _chance(((peak - mean + NEW_HIGH) / against_peak)[late & (days >= season.head_from)]),
        _chance(
            ((peak - mean - RIPE_FALL * (peak - soil)) / against_peak)[
                late & (days >= season.ripe_from)
            ]
        ),
        _chance(
            ((max(levels.bare, soil + HARVEST_LEFT * (peak - soil)) - mean) / sd)[
                late & (days >= season.harvest_from)
            ]
        ),
    ]


def _chance(clear: Array) -> float:
    """The chance on the clearest day, from distances in standard deviations."""
    return 0.5 * math.erfc(-float(clear.max()) / math.sqrt(2.0)) if len(clear) else 0.0
