"""Intervals from left-out seasons: what a season that nobody has seen may do.

All plots of a district fail in the same year, so residuals of one season are not
exchangeable with those of another: pooled conformal intervals cover well on
average and badly in the season that matters (notes: 0.76 in the worst tenth of
seasons). Each season is therefore left out as a whole, and its residuals are split
into the season's shock and what is left within it; the interval holds their sum for
a season that is yet to come, whose shock is drawn from Student's t.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import stdtrit

from satellite.yields.model import LEVELS

Array = NDArray[np.float64]

SHOCK_NODES = 200  # equally likely shocks that stand for their distribution


def season_offsets(residual: Array, season: NDArray[np.int64]) -> dict[str, float]:
    """Offsets of each quantile from the prediction, in units of ``error_scale``.

    Parameters
    ----------
    residual
        Scaled leave-season-out residuals, (row,).
    season
        The season of each row, (row,).

    Notes
    -----
    The quantiles of a residual within its season plus the shock of a season nobody
    has seen: Student's t around the mean shock, with a degree of freedom less than
    there are seasons, so that few seasons make wide intervals.
    """
    by_season = [residual[season == s] for s in np.unique(season)]
    shocks = np.array([values.mean() for values in by_season])
    within = np.concatenate([values - values.mean() for values in by_season])
    chance = (np.arange(SHOCK_NODES) + 0.5) / SHOCK_NODES
    nodes = stdtrit(max(len(by_season) - 1, 1), chance) * _shock_sd(by_season)
    new = shocks.mean() + nodes[:, None] + within[None, :]
    quantiles = np.quantile(new, list(LEVELS.values()))
    return {name: float(value) for name, value in zip(LEVELS, quantiles, strict=True)}


def tightened(offsets: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """Offsets in order of day, made never wider than those of an earlier day.

    Parameters
    ----------
    offsets
        As found at each checkpoint; those differ by chance where little was learned.

    Notes
    -----
    Each quantile's distance from the median is pooled with its neighbours' where it
    would rise (isotonic regression): the mean width stays what was found.
    """
    middle = _rolling_mean(np.array([found["p50"] for found in offsets]))
    result = [dict[str, float]() for _ in offsets]
    for name, level in LEVELS.items():
        outwards = 1.0 if level > 0.5 else -1.0
        away = np.array([outwards * (found[name] - found["p50"]) for found in offsets])
        steady = middle + outwards * isotonic_regression(away, increasing=False).x
        for found, value in zip(result, steady, strict=True):
            found[name] = float(value)
    return result


def _rolling_mean(values: Array) -> Array:
    """Each value with its two neighbours'; the ends with the one they have."""
    padded = np.concatenate([[np.nan], values, [np.nan]])
    mean: Array = np.nanmean(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    return mean


def _shock_sd(by_season: Sequence[Array]) -> float:
    """Standard deviation of a new season's shock, without what plots add to a mean."""
    means = np.array([values.mean() for values in by_season])
    if len(means) < 2:
        return 0.0
    sampling = float(np.mean([np.var(values) / len(values) for values in by_season]))
    between = max(float(np.var(means, ddof=1)) - sampling, 0.0)
    return float(np.sqrt(between * (1.0 + 1.0 / len(means))))


def coverage_by_season(
    residual: Array, season: NDArray[np.int64], names: Mapping[int, str]
) -> dict[str, float]:
    """Share of each season's plots inside the 90 % interval made without that season."""
    found: dict[str, float] = {}
    for s in np.unique(season):
        others = season != s
        if len(np.unique(season[others])) < 2:
            continue
        offsets = season_offsets(residual[others], season[others])
        own = residual[~others]
        inside = (own >= offsets["p05"]) & (own <= offsets["p95"])
        found[names[int(s)]] = float(np.mean(inside))
    return found
