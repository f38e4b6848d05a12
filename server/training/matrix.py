"""Loans as the arrays that trainers take."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.scoring.features import Direction
from server.training.table import Loan

Matrix = npt.NDArray[np.float64]
RISK_SIGN = {Direction.SAFER: -1, Direction.RISKIER: 1, Direction.FREE: 0}


def inputs_of(loans: Sequence[Loan], names: Sequence[str]) -> Matrix:
    """(loan, feature) float64; the trainers' own mark for missing is NaN."""
    rows = [[loan.values.get(name, math.nan) for name in names] for loan in loans]
    return np.asarray(rows, dtype=np.float64)


def outcomes_of(loans: Sequence[Loan]) -> npt.NDArray[np.int64]:
    """(loan) int64: 1 where it defaulted."""
    return np.asarray([loan.defaulted for loan in loans], dtype=np.int64)


def weights_of(
    loans: Sequence[Loan], *, within_season: bool, half_life_seasons: int = 0
) -> Matrix | None:
    """(loan) float64 with a mean of one; None where every loan stands for itself.

    Parameters
    ----------
    within_season
        Weigh each season's outcomes so that all seasons have the same odds of default: a
        trainer then learns who defaults within a season, not which columns happened to be
        collected in bad years.
    half_life_seasons
        So many seasons before the last of them a loan weighs half; 0 lets all weigh alike.
    """
    weights = np.asarray([loan.weight for loan in loans], dtype=np.float64)
    if within_season:
        weights *= _levelled(loans)
    if half_life_seasons:
        weights *= _faded(loans, half_life_seasons)
    return None if np.all(weights == 1.0) else weights / weights.mean()


def _faded(loans: Sequence[Loan], half_life_seasons: int) -> Matrix:
    """(loan) float64: halved for each half-life of seasons between its own and the last."""
    seasons = sorted({loan.season for loan in loans}, reverse=True)
    weight = {season: 0.5 ** (ago / half_life_seasons) for ago, season in enumerate(seasons)}
    return np.asarray([weight[loan.season] for loan in loans], dtype=np.float64)


def _levelled(loans: Sequence[Loan]) -> Matrix:
    """(loan) float64: what brings its season's odds of default to the odds of all."""
    whole = _odds(loans)
    members: dict[str, list[Loan]] = {}
    for loan in loans:
        members.setdefault(loan.season, []).append(loan)
    apart = {season: math.sqrt(whole / _odds(its)) for season, its in members.items()}
    return np.asarray(
        [apart[x.season] if x.defaulted else 1 / apart[x.season] for x in loans], dtype=np.float64
    )


def _odds(loans: Sequence[Loan]) -> float:
    """Odds of default, smoothed by half a row of either outcome."""
    half = sum(loan.weight for loan in loans) / len(loans) / 2
    bads = sum(loan.weight for loan in loans if loan.defaulted)
    goods = sum(loan.weight for loan in loans if not loan.defaulted)
    return (bads + half) / (goods + half)
