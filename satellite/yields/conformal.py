"""Intervals from left-out seasons: what a season that nobody has seen may do.

All plots of a district fail in the same year, so residuals of one season are not
exchangeable with those of another: pooled conformal intervals cover well on
average and badly in the season that matters (notes: 0.76 in the worst tenth of
seasons). Each season is therefore left out as a whole, each gets its own
quantiles, and the widest over seasons is used, with a little more where seasons
are few. Cf. Dunn, Wasserman & Ramdas 2023, doi:10.1080/01621459.2022.2060112.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVELS = {"p05": 0.05, "p10": 0.10, "p50": 0.50, "p90": 0.90, "p95": 0.95}
SCALE_FLOOR_SHARE = 0.1
# With fewer seasons than this their worst is not yet bad enough: a tenth more for each
# that is missing (the chance that a new season beats the worst of n is 1 / (n + 1)).
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
    seasons = np.unique(season)
    by_season = [residual[season == s] for s in seasons]
    inflate = 1.0 + INFLATE_PER_SEASON * max(SEASONS_ENOUGH - len(seasons), 0)
    offsets = {"p50": float(np.median([np.median(r) for r in by_season]))}
    for name, level in LEVELS.items():
        if level < 0.5:
            worst = min(float(np.quantile(r, level, method="lower")) for r in by_season)
            offsets[name] = min(worst * inflate if worst < 0 else worst, offsets["p50"])
        elif level > 0.5:
            worst = max(float(np.quantile(r, level, method="higher")) for r in by_season)
            offsets[name] = max(worst * inflate if worst > 0 else worst, offsets["p50"])
    return offsets


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
