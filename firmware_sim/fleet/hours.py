"""The hours of a day, from what the season's truth says of the whole day.

The truth is daily; devices measure every few hours. Temperature follows a cosine
with its height at 15 h, sunshine a half sine from 6 h to 18 h (day length near the
equator; Campbell and Norman 1998, chapters 2 and 11), rain falls in the afternoon,
animals walk by day and machines work from 7 h to 16 h. What accumulates is built
from cumulative sums, so that the samples of a day add up to the day's truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.units import MS_PER_DAY, day_start_ms
from firmware_sim.district.season import Floats, SeasonSpec
from firmware_sim.history.register import UTC_OFFSET_MINUTES

_MJ = 1e6
_DAYLIGHT_S = 12 * 3600
_WARMEST_H = 15.0


@dataclass(frozen=True, slots=True)
class Span:
    """Hours of the day over which something is spread evenly [h]."""

    from_h: float
    until_h: float

    def share(self, hour: float) -> float:
        """How much of the day's amount has come by an hour [0–1]."""
        return min(1.0, max(0.0, (hour - self.from_h) / (self.until_h - self.from_h)))


ALL_DAY = Span(0, 24)
AFTERNOON = Span(14, 20)
DAYLIGHT = Span(6, 18)
WORKING = Span(7, 16)


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant within the season: the day's column and the local hour [h]."""

    day: int
    hour: float


def moment_of(spec: SeasonSpec, at_ms: int) -> Moment:
    """Where an instant [ms UTC] lies in the season; before and after it, its ends."""
    start_ms = day_start_ms(spec.first_day, UTC_OFFSET_MINUTES * 60_000)
    day, rest_ms = divmod(at_ms - start_ms, MS_PER_DAY)
    if day < 0:
        return Moment(0, 0.0)
    if day >= spec.days:
        return Moment(spec.days - 1, 24.0)
    return Moment(day, rest_ms / 3_600_000)


def level(daily: Floats, moment: Moment) -> float:
    """A slow level (days,) at a moment, on a straight line between the middays."""
    return float(np.interp(moment.day + moment.hour / 24 - 0.5, np.arange(len(daily)), daily))


def total(daily: Floats, moment: Moment, span: Span) -> float:
    """What a daily amount (days,) has come to since the season began."""
    return float(daily[: moment.day].sum() + daily[moment.day] * span.share(moment.hour))


def temperature_c(tmin_c: float, tmax_c: float, hour: float) -> float:
    """Air temperature [°C] at an hour of a day with these extremes."""
    return (tmin_c + tmax_c) / 2 + (tmax_c - tmin_c) / 2 * _daily_wave(hour)


def soil_temperature_c(tmin_c: float, tmax_c: float, hour: float) -> float:
    """Temperature at 20 cm [°C]: a third of the air's swing, four hours later."""
    swing_c = (tmax_c - tmin_c) / 6
    return (tmin_c + tmax_c) / 2 + swing_c * _daily_wave(hour - 4)


def sun_w_per_m2(radiation_mj_per_m2: float, hour: float) -> float:
    """Global radiation [W/m²] at an hour, from the day's sum [MJ/m²]."""
    peak = radiation_mj_per_m2 * _MJ * math.pi / (2 * _DAYLIGHT_S)
    return max(0.0, peak * math.sin(math.pi * (hour - 6) / 12)) if 6 <= hour <= 18 else 0.0


def humidity(mean: float, hour: float) -> float:
    """Relative humidity [0–1] at an hour, lowest when it is warmest."""
    return min(1.0, max(0.05, mean - 0.15 * _daily_wave(hour)))


def wind_m_per_s(mean: float, hour: float) -> float:
    """Wind [m/s] at an hour, strongest in the afternoon."""
    return mean * (1 + 0.4 * _daily_wave(hour))


def _daily_wave(hour: float) -> float:
    return math.cos(2 * math.pi * (hour - _WARMEST_H) / 24)
