"""Intervals from left-out seasons: what a season that nobody has seen may do.

All plots of a district fail in the same year, so residuals of one season are not
exchangeable with those of another: pooled conformal intervals cover well on
average and badly in the season that matters (notes: 0.76 in the worst tenth of
seasons). Each season is therefore left out as a whole, and its residuals are split
into the season's shock and what is left within it; the interval is the quantile
within seasons, moved outwards by one standard deviation of the shock. On the
simulated village (8 seasons, leave-season-out, days 45–90) that covers 0.89–0.92
on average, where pooling covers 0.84–0.88; the widest season's own quantiles
cover 0.90–0.94 at 1.1 to 1.4 times the width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVELS = {"p05": 0.05, "p10": 0.10, "p50": 0.50, "p90": 0.90, "p95": 0.95}
SCALE_FLOOR_SHARE = 0.1
# A shock's spread is badly known from few seasons: a tenth more for each that is missing.
SEASONS_ENOUGH = 6
INFLATE_PER_SEASON = 0.1


def error_scale(predicted: Array, average: float) -> Array:
    """By how much errors grow with the prediction [kg/ha].

    Halfway between constant and proportional: the errors of a failed plot are
    smaller than a good one's in kg/ha, and larger as a share.
    """
    return np.sqrt(np.maximum(predicted, SCALE_FLOOR_SHARE * average) * average)


def season_offsets(residual: Array, season: NDArray[np.int64]) -> dict[str, float]:
    """Offsets of each quantile from the prediction, in units of ``error_scale``.

    Parameters
    ----------
    residual
        Scaled leave-season-out residuals, (row,).
    season
        The season of each row, (row,).
    """
    by_season = [residual[season == s] for s in np.unique(season)]
    shocks = np.array([values.mean() for values in by_season])
    within = np.concatenate([values - values.mean() for values in by_season])
    move = _shock_sd(by_season) * (
        1.0 + INFLATE_PER_SEASON * max(SEASONS_ENOUGH - len(by_season), 0)
    )
    offsets: dict[str, float] = {}
    for name, level in LEVELS.items():
        outwards = float(np.sign(level - 0.5)) * move
        offsets[name] = float(shocks.mean() + np.quantile(within, level) + outwards)
    return offsets


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
