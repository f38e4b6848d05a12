"""Intervals for districts: how far a season that nobody has seen may lie from its estimate.

Districts of a country fail in the same year, so errors of one season are one draw, not
seventy. Three ways are offered, and the choice between them is made on early seasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from satellite.yields.conformal import season_offsets

Array = NDArray[np.float64]

COVER = 0.90
SCALE_SHARE_MIN = 0.1  # of the mean yield: below, a share of the estimate is noise


class Pooling(Enum):
    """How left-out errors become an interval."""

    POOLED = "pooled"  # plain split conformal, as if seasons did not matter
    SEASON_MAX = "season_max"  # the widest of the seasons' own conformal intervals
    SEASON_SHOCK = "season_shock"  # Student's t over seasons plus what is left within


class Spread(Enum):
    """What errors are measured in."""

    CONSTANT = "constant"
    ROOT = "root"  # halfway, as the plots' (model.error_scale)
    PROPORTIONAL = "proportional"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How intervals are made."""

    pooling: Pooling
    spread: Spread


def conformal_quantile(errors: Array, cover: float = COVER) -> float:
    """The least bound that a new exchangeable error keeps with that chance.

    Notes
    -----
    The ⌈(n + 1) · cover⌉-th smallest (Vovk et al. 2005, *Algorithmic Learning in a Random
    World*); the largest where there are too few.
    """
    ordered = np.sort(errors)
    rank = int(np.ceil((len(ordered) + 1) * cover - 1e-9))
    return float(ordered[min(rank, len(ordered)) - 1])


def error_unit(told: Array, mean: float, spread: Spread) -> Array:
    """What an error is measured in, for each estimate [kg/ha]."""
    floored = np.maximum(told, SCALE_SHARE_MIN * mean)
    if spread is Spread.CONSTANT:
        return np.full_like(told, mean)
    return floored if spread is Spread.PROPORTIONAL else np.sqrt(floored * mean)


def offsets(errors: Array, pooling: Pooling) -> tuple[float, float]:
    """The interval's ends in the errors' unit, from errors (unit, season); NaN unknown."""
    known = np.isfinite(errors)
    if pooling is Pooling.SEASON_SHOCK:
        season = np.broadcast_to(np.arange(errors.shape[1]), errors.shape)[known]
        found = season_offsets(errors[known], season)
        return found["p05"], found["p95"]
    if pooling is Pooling.POOLED:
        far = conformal_quantile(np.abs(errors[known]))
        return -far, far
    far = max(
        conformal_quantile(np.abs(errors[known[:, s], s]))
        for s in range(errors.shape[1])
        if known[:, s].any()
    )
    return -far, far


def interval(told: Array, errors: Array, told_then: Array, bounds: Bounds) -> tuple[Array, Array]:
    """Low and high ends [kg/ha] from past left-out errors.

    Parameters
    ----------
    told
        The estimates to be bounded, (unit,).
    errors
        Past truth less estimate, (unit, season); NaN where there was no harvest.
    told_then
        The estimates of that time, (unit, season).
    """
    mean = float(np.nanmean(np.where(np.isfinite(errors), told_then + errors, np.nan)))
    low, high = offsets(errors / error_unit(told_then, mean, bounds.spread), bounds.pooling)
    unit = error_unit(told, mean, bounds.spread)
    return np.maximum(told + low * unit, 0.0), told + high * unit
