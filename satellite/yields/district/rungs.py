"""The rungs for districts: average, trend, light × harvest index, months, own response.

Every function takes the seasons that it may learn from as positions; yields of others
are not touched. The index of those others may be used for what is *normal*: it was
seen from above before any harvest, and holds no yield.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from satellite.yields.district.table import DistrictTable

Array = NDArray[np.float64]
Seasons = Sequence[int]

RESPONSE_SEASONS_MIN = 3  # two left-out steps would show a district's luck, not its response


class Base(Enum):
    """What a district yields when nothing is known of the season."""

    AVERAGE = "average"
    TREND = "trend"


class Light(Enum):
    """Over which months the light that the canopy absorbs is counted."""

    NONE = "none"
    SEASON = "season"
    GRAIN = "grain"  # from the month in which the normal is greenest


class Departure(Enum):
    """How a month's departure from the district's normal is measured."""

    INDEX = "index"
    SHARE = "share"
    SPREAD = "spread"  # in standard deviations of the district's own past


@dataclass(frozen=True, slots=True)
class Residual:
    """The season's step on what light leaves over: one slope a month, and their mean.

    With a handful of seasons nobody can say which month counts, and the month that fits
    best is the one that was luckiest; the plain mean of one-month models is the remedy
    (Bates & Granger 1969, doi:10.1057/jors.1969.103).
    """

    departure: Departure
    relative: bool
    penalty: float


@dataclass(frozen=True, slots=True)
class Rungs:
    """Which rungs are used."""

    base: Base = Base.AVERAGE
    light: Light = Light.NONE
    residual: Residual | None = None
    own_response: bool = False


def predicted(table: DistrictTable, rungs: Rungs, learn: Seasons, target: int) -> Array:
    """What the ladder says of one season from others: (unit,) [kg/ha], NaN if nothing.

    Parameters
    ----------
    learn
        Positions of the seasons whose yields may be used.
    target
        Position of the season to be told.
    """
    base = base_yields(table, rungs.base, learn, target)
    step = light_step(table, rungs.light, learn, target) * base
    if rungs.residual is not None:
        step = step + _residual_step(table, rungs, learn, target)
    if rungs.own_response and len(learn) >= RESPONSE_SEASONS_MIN:
        step = step * _responses(table, rungs, learn)
    return np.maximum(base + step, 0.0)


def left_out(table: DistrictTable, rungs: Rungs, learn: Seasons) -> Array:
    """Each season as told by the others: (unit, season of ``learn``) [kg/ha]."""
    return np.stack(
        [predicted(table, rungs, [s for s in learn if s != out], out) for out in learn], axis=1
    )


def base_yields(table: DistrictTable, base: Base, learn: Seasons, target: int) -> Array:
    """The average or the trend of each district's seasons: (unit,) [kg/ha].

    A district without a harvest takes the mean of the others.
    """
    yields = table.yields[:, list(learn)]
    known = np.isfinite(yields)
    count = known.sum(axis=1)
    mean = np.where(known, yields, 0.0).sum(axis=1) / np.maximum(count, 1)
    mean = np.where(count > 0, mean, mean[count > 0].mean() if (count > 0).any() else np.nan)
    if base is Base.AVERAGE:
        return mean
    years = np.array(table.seasons, dtype=float)
    when = np.where(known, years[list(learn)], 0.0)
    centre = when.sum(axis=1) / np.maximum(count, 1)
    away = np.where(known, years[list(learn)] - centre[:, None], 0.0)
    slope = (away * np.where(known, yields, 0.0)).sum(axis=1)
    slope = slope / np.maximum((away**2).sum(axis=1), 1.0)
    trend: Array = np.maximum(mean + slope * (years[target] - centre), 0.0)
    return trend


def light_step(table: DistrictTable, light: Light, learn: Seasons, target: int) -> Array:
    """Light absorbed beyond that of the seasons averaged, as a share of normal: (unit,)."""
    if light is Light.NONE:
        return np.zeros(len(table.units))
    return _over_learned(light_departures(table, light)[:, :, None], learn, target)[:, 0]


def light_departures(table: DistrictTable, light: Light) -> Array:
    """Each season's absorbed light against the district's mean, less one: (unit, season)."""
    months = slice(0, None)
    if light is Light.GRAIN:
        months = slice(int(np.argmax(np.nanmean(table.ndvi, axis=(0, 1)))), None)
    absorbed = table.absorbed[:, :, months].sum(axis=2)
    departures: Array = absorbed / np.nanmean(absorbed, axis=1, keepdims=True) - 1.0
    return departures


def month_departures(table: DistrictTable, kind: Departure) -> Array:
    """Each month's departure from the district's normal: (unit, season, month)."""
    normal = np.nanmean(table.ndvi, axis=1, keepdims=True)
    away = table.ndvi - normal
    if kind is Departure.SHARE:
        away = away / np.maximum(np.abs(normal), 1e-3)
    elif kind is Departure.SPREAD:
        away = away / np.maximum(np.nanstd(table.ndvi, axis=1, ddof=1, keepdims=True), 1e-6)
    # All districts' months of one kind in one unit, so that a penalty means the same.
    scale = np.nanstd(away, axis=(0, 1), keepdims=True)
    scaled: Array = away / np.maximum(scale, 1e-12)
    return scaled


def _residual_step(table: DistrictTable, rungs: Rungs, learn: Seasons, target: int) -> Array:
    residual = rungs.residual
    if residual is None:
        return np.zeros(len(table.units))
    base = base_yields(table, Base.AVERAGE, learn, target)
    unit = base if residual.relative else np.ones_like(base)
    away = month_departures(table, residual.departure)
    slopes = _slopes(
        away, _unexplained(table, rungs, learn) / unit[:, None], learn, residual.penalty
    )
    steps: Array = unit * np.mean(_over_learned(away, learn, target) * slopes, axis=1)
    return steps


def _responses(table: DistrictTable, rungs: Rungs, learn: Seasons) -> Array:
    """By how much more or less than all each district follows its steps: (unit,), 1 as all.

    Notes
    -----
    A slope of each district's left-out errors on its left-out steps, shrunk towards none
    by what slopes vary between districts against what they are unsure (a random slope;
    variance by moments, DerSimonian & Laird 1986, doi:10.1016/0197-2456(86)90046-2).
    Season shocks are taken out first, and no constant is chosen.
    """
    below = replace(rungs, own_response=False)
    average = np.stack(
        [base_yields(table, rungs.base, [s for s in learn if s != o], o) for o in learn], axis=1
    )
    step = left_out(table, below, learn) / average - 1.0
    error = table.yields[:, list(learn)] / average - 1.0 - step
    error = np.where(np.isfinite(error), error - _mean(error, axis=0), 0.0)
    step = np.where(np.isfinite(table.yields[:, list(learn)]), np.nan_to_num(step), 0.0)
    strength = np.maximum((step**2).sum(axis=1), 1e-9)
    slope = (step * error).sum(axis=1) / strength
    left = float(((error - slope[:, None] * step) ** 2).sum())
    unsure = max(left / max(error.size - len(slope), 1), 1e-9) / strength
    weight = 1.0 / unsure
    excess = float((weight * (slope - np.average(slope, weights=weight)) ** 2).sum())
    spread = float(weight.sum() - (weight**2).sum() / weight.sum())
    between = max(excess - (len(slope) - 1), 0.0) / max(spread, 1e-9)
    responses: Array = 1.0 + slope * between / (between + unsure)
    return responses


def _unexplained(table: DistrictTable, rungs: Rungs, learn: Seasons) -> Array:
    """What base and light leave of the seasons learned from: (unit, season of learn)."""
    below = np.stack(
        [
            (base := base_yields(table, rungs.base, learn, season))
            + base * light_step(table, rungs.light, learn, season)
            for season in learn
        ],
        axis=1,
    )
    result: Array = table.yields[:, list(learn)] - below
    return result


def _slopes(away: Array, target: Array, learn: Seasons, penalty: float) -> Array:
    """One slope a month, from differences between districts within seasons: (month,).

    A season's own shock, that no month tells, would be mistaken for the month's effect
    where there are four of them; within a season every district speaks.
    """
    known = np.isfinite(target)[:, :, None] & np.isfinite(away[:, list(learn)])
    x = _within(np.where(known, away[:, list(learn)], np.nan))
    y = _within(np.where(known, target[:, :, None], np.nan))
    strength = np.maximum((x * x).sum(axis=(0, 1)) + penalty, 1e-9)
    slopes: Array = (x * y).sum(axis=(0, 1)) / strength
    return slopes


def _within(values: Array) -> Array:
    """Distances from the district's mean and then from the season's; 0 where unknown."""
    own = values - _mean(values, axis=1)
    return np.nan_to_num(own - _mean(own, axis=0))


def _over_learned(away: Array, learn: Seasons, target: int) -> Array:
    """A season's departures from those of the seasons averaged; 0 where unseen."""
    return np.nan_to_num(away[:, target] - _mean(away[:, list(learn)], axis=1)[:, 0])


def _mean(values: Array, axis: int) -> Array:
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=axis, keepdims=True), 1)
    mean: Array = np.where(known, values, 0.0).sum(axis=axis, keepdims=True) / count
    return mean
