"""Every season that a curve shows, each date with its error: catch crops before and after too.

The curve is cut at its turns: a rise and a fall of at least the index's ``season_min``,
and more than the band leaves open, make a season, wherever in the year it lies. Its
start and end are where a fifth of its rise is reached and left (TIMESAT; Jönsson &
Eklundh 2004, doi:10.1016/j.cageo.2004.05.006); its base is its own on either side.

A date's error is read off the posterior band: the days on which the curve cannot be
told from the level that was to be crossed, or from its own peak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from satellite.indices import Levels
from satellite.series import Z_90, Curve

Array = NDArray[np.float64]

AMPLITUDE_SHARE = 0.20
# The band is of single days, and the errors of neighbouring days go together: near a peak
# less is open than two bands say. Set so that 90 % of simulated truths are inside.
PEAK_BAND_SHARE = 0.55
DAYS_90_MIN = 2
DAYS_90_MAX = 180


@dataclass(frozen=True, slots=True)
class DateSeen:
    """A date [proleptic ordinal] and the bound of its error either side at 90 % [days]."""

    day: int
    days_90: int


@dataclass(frozen=True, slots=True)
class SeasonFound:
    """One season of a curve.

    ``start`` is absent if it had begun before the first look, ``end`` if it has not ended
    by the last; ``height`` is the curve's peak [index units].
    """

    start: DateSeen | None
    peak: DateSeen
    end: DateSeen | None
    height: float


def seasons_found(curve: Curve, levels: Levels) -> tuple[SeasonFound, ...]:
    """All seasons of a curve, in order of time; none is a result."""
    turns = _turns(curve, levels.season_min)
    around: list[int | None] = [None, *(at for at, _ in turns), None]
    return tuple(
        _season(curve, around[k], at, around[k + 2])
        for k, (at, is_peak) in enumerate(turns)
        if is_peak and curve.mean[at] >= levels.emerged
    )


def is_sure(curve: Curve, low: int, high: int) -> bool:
    """Whether the band leaves no doubt that a curve rose or fell between two positions."""
    sd = _sd(curve)
    open_to_doubt = Z_90 * float(np.hypot(sd[low], sd[high]))
    return bool(abs(curve.mean[high] - curve.mean[low]) > open_to_doubt)


def crossing(curve: Curve, base: int, at: int, peak: int) -> DateSeen:
    """The date at which a curve crossed a fifth of its rise from a base, with its error.

    Parameters
    ----------
    base, at, peak
        Positions on the curve: the lowest, the crossing, the highest.
    """
    sd = _sd(curve)
    level = curve.mean[at]
    share = AMPLITUDE_SHARE
    level_sd = float(np.hypot((1 - share) * sd[base], share * sd[peak]))
    width = Z_90 * np.hypot(sd, level_sd)
    first, last = sorted((base, peak))
    return DateSeen(
        curve.first_day + at, _reach(np.abs(curve.mean - level) <= width, at, first, last)
    )


def peak_date(curve: Curve, peak: int, first: int, last: int) -> DateSeen:
    """The date of a curve's peak between two positions, with its error."""
    sd = _sd(curve)
    width = PEAK_BAND_SHARE * Z_90 * np.hypot(sd, sd[peak])
    like = curve.mean[peak] - curve.mean <= width
    return DateSeen(curve.first_day + peak, _reach(like, peak, first, last))


def _season(curve: Curve, before: int | None, peak: int, after: int | None) -> SeasonFound:
    values = curve.mean
    start = end = None
    if before is not None:
        level = values[before] + AMPLITUDE_SHARE * (values[peak] - values[before])
        at = before + int(np.flatnonzero(values[before : peak + 1] <= level)[-1])
        start = crossing(curve, before, at, peak)
    if after is not None:
        level = values[after] + AMPLITUDE_SHARE * (values[peak] - values[after])
        at = peak + int(np.flatnonzero(values[peak : after + 1] <= level)[0])
        end = crossing(curve, after, at, peak)
    reach = (before or 0, len(values) - 1 if after is None else after)
    return SeasonFound(start, peak_date(curve, peak, *reach), end, float(values[peak]))


def _turns(curve: Curve, least: float) -> list[tuple[int, bool]]:
    """Troughs and peaks (position, is it a peak) between which the curve moves by enough."""
    values = curve.mean
    slope = np.sign(np.diff(values))
    inner = np.flatnonzero(slope[1:] * slope[:-1] <= 0) + 1
    turns: list[tuple[int, bool]] = []
    low = high = 0  # the lowest and the highest since the last turn
    for i in [*inner.tolist(), len(values) - 1]:
        low, high = (
            (i if values[i] < values[low] else low),
            (i if values[i] > values[high] else high),
        )
        after_peak = turns[-1][1] if turns else None
        if after_peak is not False and _moved(curve, low, i, least):
            turns.append((low, False))
            high = i
        elif after_peak is not True and _moved(curve, i, high, least):
            turns.append((high, True))
            low = i
    if turns:
        was_peak = turns[-1][1]
        turns.append((low if was_peak else high, not was_peak))
    return turns


def _moved(curve: Curve, low: int, high: int, least: float) -> bool:
    """Whether one place lies above another by enough, and by more than chance."""
    return bool(curve.mean[high] - curve.mean[low] >= least) and is_sure(curve, low, high)


def _reach(within: NDArray[np.bool_], at: int, first: int, last: int) -> int:
    """Days from a position to the farther end of the run of days within."""
    outside = np.flatnonzero(~within[at : last + 1])
    later = int(outside[0]) if len(outside) else last - at + 1
    outside = np.flatnonzero(~within[first : at + 1][::-1])
    earlier = int(outside[0]) if len(outside) else at - first + 1
    return int(np.clip(round((later + earlier) / 2), DAYS_90_MIN, DAYS_90_MAX))


def _sd(curve: Curve) -> Array:
    sd: Array = (curve.high - curve.mean) / Z_90
    return sd
