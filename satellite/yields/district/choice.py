"""Every choice of a backtest, made on the seasons before the first that is held out.

The function takes a table that ends there, so that no later row can reach it. A rung
is admitted only if the left-out error falls; penalties, units and intervals are chosen
by the same left-out seasons and then frozen. Slopes and averages are fitted again each
year, as they would be in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from satellite.yields.district.bounds import COVER, Bounds, Pooling, Spread, interval
from satellite.yields.district.rungs import (
    Base,
    Departure,
    Light,
    Residual,
    Rungs,
    base_yields,
    left_out,
    predicted,
)
from satellite.yields.district.table import DistrictTable, YieldTableError

Array = NDArray[np.float64]

SEASONS_MIN = 3
# Pooling takes seasons for exchangeable, which they are not (notes of many lands: 0.76
# covered in the worst tenth of seasons); four early seasons are too few to show it.
POOLINGS = (Pooling.SEASON_MAX, Pooling.SEASON_SHOCK)
PENALTIES = (0.0, 30.0, 100.0, 300.0)  # in district-seasons of one standard deviation
ALARM_SHARE = 0.70  # of the district's average: a harvest below is a bad one


@dataclass(frozen=True, slots=True)
class Step:
    """A rung with its left-out error, and whether it was admitted."""

    rungs: Rungs
    nrmse: float
    admitted: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """What is frozen: rungs, intervals, and the share of average that raises the alarm."""

    rungs: Rungs
    bounds: Bounds
    alarm_below: float
    ladder: tuple[Step, ...]


def choose(table: DistrictTable) -> Choice:
    """All choices from one table of past seasons, each season left out in turn.

    Raises
    ------
    YieldTableError
        If fewer than ``SEASONS_MIN`` seasons have yields.
    """
    learn = table.harvested
    if len(learn) < SEASONS_MIN:
        raise YieldTableError(
            f"expected {SEASONS_MIN} seasons with yields to choose from, got {len(learn)}"
        )
    rungs, ladder = _climb(table)
    return Choice(rungs, _bounds(table, rungs), _alarm_below(table, rungs), ladder)


def nrmse(told: Array, truth: Array) -> float:
    """Root mean square error as a percentage of the mean [%], where both are known."""
    known = np.isfinite(truth) & np.isfinite(told)
    rmse = np.sqrt(np.mean((told - truth)[known] ** 2))
    return float(100.0 * rmse / truth[known].mean())


def _climb(table: DistrictTable) -> tuple[Rungs, tuple[Step, ...]]:
    truth = table.yields[:, list(table.harvested)]
    best = Rungs()
    least = nrmse(left_out(table, best, table.harvested), truth)
    ladder = [Step(best, least, admitted=True)]
    for candidates in (_bases, _lights, _residuals, _responses):
        tried = [
            (nrmse(left_out(table, rungs, table.harvested), truth), rungs)
            for rungs in candidates(best)
        ]
        if not tried:
            continue
        error, rungs = min(tried, key=lambda pair: pair[0])
        admitted = error < least
        ladder.append(Step(rungs, error, admitted))
        if admitted:
            best, least = rungs, error
    return best, tuple(ladder)


def _bases(below: Rungs) -> Iterator[Rungs]:
    yield Rungs(Base.TREND, below.light, below.residual)


def _lights(below: Rungs) -> Iterator[Rungs]:
    for light in (Light.SEASON, Light.GRAIN):
        yield Rungs(below.base, light)


def _residuals(below: Rungs) -> Iterator[Rungs]:
    for departure, relative, penalty in product(Departure, (True, False), PENALTIES):
        yield Rungs(below.base, below.light, Residual(departure, relative, penalty))


def _responses(below: Rungs) -> Iterator[Rungs]:
    if below.light is not Light.NONE or below.residual is not None:
        yield replace(below, own_response=True)


def _bounds(table: DistrictTable, rungs: Rungs) -> Bounds:
    """The narrowest intervals that cover what they claim in every left-out season."""
    found: list[tuple[bool, float, Bounds]] = []
    for pooling, spread in product(POOLINGS, Spread):
        bounds = Bounds(pooling, spread)
        covered, width = _left_out_cover(table, rungs, bounds)
        enough = min(covered) >= COVER
        found.append((not enough, width if enough else -min(covered), bounds))
    return min(found, key=lambda one: one[:2])[2]


def _left_out_cover(
    table: DistrictTable, rungs: Rungs, bounds: Bounds
) -> tuple[list[float], float]:
    """Coverage of each season by intervals made from the others, and their mean width."""
    covered, widths = [], []
    for out in table.harvested:
        others = [season for season in table.harvested if season != out]
        told_then = left_out(table, rungs, others)
        told = predicted(table, rungs, others, out)
        errors = table.yields[:, others] - told_then
        low, high = interval(told, errors, told_then, bounds)
        truth = table.yields[:, out]
        known = np.isfinite(truth)
        covered.append(float(np.mean(((low <= truth) & (truth <= high))[known])))
        widths.append(float(np.mean((high - low)[known])))
    return covered, float(np.mean(widths))


def _alarm_below(table: DistrictTable, rungs: Rungs) -> float:
    """The told share of average that parts bad harvests from others best (Youden 1950)."""
    learn = table.harvested
    shares, bad = [], []
    for out in learn:
        others = [season for season in learn if season != out]
        average = base_yields(table, Base.AVERAGE, others, out)
        shares.append(predicted(table, rungs, others, out) / average)
        bad.append(table.yields[:, out] / average)
    told, truth = np.concatenate(shares), np.concatenate(bad)
    known = np.isfinite(truth) & np.isfinite(told)
    told, is_bad = told[known], truth[known] < ALARM_SHARE
    if not is_bad.any() or is_bad.all():
        return ALARM_SHARE
    gains = [np.mean(told[is_bad] < t) - np.mean(told[~is_bad] < t) for t in np.unique(told)]
    return float(np.unique(told)[int(np.argmax(gains))])
