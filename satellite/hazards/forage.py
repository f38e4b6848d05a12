"""Grass for herds: how much against usual, whether it grows or goes, and kilograms if known.

Greenness above soil over the last month, relative to the same days of other years, is
what an index knows of forage; kilograms need a local calibration (cut or plate-meter
pairs), as the ratio differs several-fold between swards. Without one none are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from core.errors import HarvestlineError
from satellite.hazards.crowd import Watched, seen_well
from satellite.hazards.past import Clock, Past, Usual, position_of
from satellite.indices import Levels

Array = NDArray[np.float64]

TREND_DAYS = 30
LOOKS_MIN = 3
FORAGE_ERROR_SHARE = 0.20  # of reading grass from greenness (15–30 % in field calibrations)
GREEN_MIN = 0.05  # usual greenness below which a ratio is noise [index units]
SOIL_SHARE = 0.5  # of `bare`: greenness is counted above it
RELATIVE_MAX = 3.0
PAIRS_MIN = 8
NOISE_LOOKS = 3.0  # the index's known noise counts as so many looks


class PairsError(HarvestlineError):
    """Pairs of greenness and cut grass cannot be used."""

    code = "HL-SAT-021"


@dataclass(frozen=True, slots=True)
class Range:
    """A value with its 80 % interval."""

    low: float
    mid: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Dry matter from greenness: a line through measured pairs, with its spread.

    Parameters
    ----------
    kg_per_ha, kg_per_ha_per_index
        Dry matter on bare ground, and per unit of greenness above soil.
    spread_kg_per_ha
        Standard deviation of a pair about the line.
    pairs, mean_green, sum_squares
        How many, and where they lay: an estimate far from them is less sure.
    """

    kg_per_ha: float
    kg_per_ha_per_index: float
    spread_kg_per_ha: float
    pairs: int
    mean_green: float
    sum_squares: float

    def dry_matter(self, green: float) -> Range:
        """Dry matter of a pasture [kg/ha], with the prediction interval at 80 %."""
        mid = self.kg_per_ha + self.kg_per_ha_per_index * green
        lever = 1 + 1 / self.pairs + (green - self.mean_green) ** 2 / self.sum_squares
        half = float(stdtrit(self.pairs - 2, 0.9)) * self.spread_kg_per_ha * lever**0.5
        return Range(max(mid - half, 0.0), max(mid, 0.0), max(mid + half, 0.0))


@dataclass(frozen=True, slots=True)
class ForageTrend:
    """What a pasture offers a herd on the day of its last look.

    Parameters
    ----------
    relative
        Greenness of the last month against the same days of other years [1 is usual].
    change_per_30_days
        Change of greenness over 30 days [index units].
    sureness
        Chance that the change has the sign that it shows [0.5–1].
    relative_change
        The same change beyond what is usual in these weeks [index units].
    dry_matter_kg_per_ha
        Absent without a local calibration.
    looks
        On which the trend rests.
    """

    relative: Range | None
    change_per_30_days: float
    sureness: float
    relative_change: float | None
    dry_matter_kg_per_ha: Range | None
    looks: int


def calibrated(green: Sequence[float], kg_per_ha: Sequence[float]) -> Calibration:
    """The line through measured pairs of greenness above soil and dry matter.

    Raises
    ------
    PairsError
        If there are too few, or all show the same greenness.
    """
    x, y = np.array(green), np.array(kg_per_ha)
    if len(x) < PAIRS_MIN or len(x) != len(y):
        raise PairsError(f"expected at least {PAIRS_MIN} pairs, got {len(x)} and {len(y)}")
    squares = float(((x - x.mean()) ** 2).sum())
    if squares <= 0:
        raise PairsError("expected pairs of differing greenness, got one level: cut more places")
    slope = float(((x - x.mean()) * y).sum() / squares)
    start = float(y.mean() - slope * x.mean())
    left = y - start - slope * x
    spread = float(np.sqrt((left**2).sum() / (len(x) - 2)))
    return Calibration(start, slope, spread, len(x), float(x.mean()), squares)


def green_now(watched: Watched, levels: Levels) -> float | None:
    """Mean greenness above soil over the looks of the last month; absent without any."""
    days, values = _recent(watched)
    return float(values.mean()) - SOIL_SHARE * levels.bare if len(days) else None


def forage_trend(
    watched: Watched, past: Past | None, levels: Levels, calibration: Calibration | None = None
) -> ForageTrend | None:
    """What a pasture offers; absent with fewer than three usable looks in a month."""
    days, values = _recent(watched)
    if len(days) < LOOKS_MIN:
        return None
    slope, error, freedom = _slope(days, values, levels.noise_sd)
    usual = _usual(watched, past)
    green = float(values.mean()) - SOIL_SHARE * levels.bare
    return ForageTrend(
        relative=_relative(days, green, usual, levels),
        change_per_30_days=slope * TREND_DAYS,
        sureness=float(stdtr(freedom, abs(slope) / error)),
        relative_change=_beyond(days, slope, usual),
        dry_matter_kg_per_ha=None if calibration is None else calibration.dry_matter(green),
        looks=len(days),
    )


def _recent(watched: Watched) -> tuple[Array, Array]:
    """Days and values of the usable looks of the last month, dips left out."""
    as_of = watched.series.looks[-1].day
    kept = {look.day for look in watched.series.used}
    looks = seen_well(watched.series)
    days = [d for d in sorted(looks) if as_of - TREND_DAYS < d <= as_of and d in kept]
    return np.array(days, dtype=float), np.array([looks[int(d)] for d in days])


def _slope(days: Array, values: Array, noise_sd: float) -> tuple[float, float, float]:
    """Slope per day, its standard error, and the degrees of freedom behind that.

    The noise is the residuals', shrunk to what a look is known to have.
    """
    away = days - days.mean()
    squares = float((away**2).sum())
    slope = float((away * values).sum() / squares)
    left = values - values.mean() - slope * away
    freedom = NOISE_LOOKS + len(days) - 2
    variance = (NOISE_LOOKS * noise_sd**2 + float((left**2).sum())) / freedom
    return slope, float(np.sqrt(variance / squares)), freedom


def _usual(watched: Watched, past: Past | None) -> Usual | None:
    if past is None:
        return None
    crop = watched.season.declared.crop
    own = past.of_plot(Clock.YEAR, crop, watched.plot.plot_id)
    return own or past.of_region(Clock.YEAR, crop)


def _relative(days: Array, green: float, usual: Usual | None, levels: Levels) -> Range | None:
    if usual is None:
        return None
    at = [position_of(int(day), None)[1] for day in days]
    means = [value for value in map(usual.mean_at, at) if value is not None]
    if len(means) < len(days):
        return None
    normal = float(np.mean(means)) - SOIL_SHARE * levels.bare
    if normal < GREEN_MIN:
        return None
    spreads = [usual.spread_at(position) or 0.0 for position in at]
    mid = float(np.clip(green / normal, 0.0, RELATIVE_MAX))
    noise = levels.noise_sd / len(days) ** 0.5 / normal
    doubt = mid * float(np.mean(spreads)) / max(usual.curves, 1) ** 0.5 / normal
    sd = float(np.sqrt(noise**2 + doubt**2 + (mid * FORAGE_ERROR_SHARE) ** 2))
    half = float(stdtrit(30.0, 0.9)) * sd
    return Range(max(mid - half, 0.0), mid, min(mid + half, RELATIVE_MAX))


def _beyond(days: Array, slope: float, usual: Usual | None) -> float | None:
    """The change over a month beyond what these weeks usually bring [index units]."""
    if usual is None:
        return None
    first, last = (usual.mean_at(position_of(int(d), None)[1]) for d in (days[0], days[-1]))
    if first is None or last is None or days[-1] <= days[0]:
        return None
    return (slope - (last - first) / float(days[-1] - days[0])) * TREND_DAYS
