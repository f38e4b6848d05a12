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


def weights_of(loans: Sequence[Loan]) -> Matrix | None:
    """(loan) float64 with a mean of one; None where every loan stands for itself."""
    weights = np.asarray([loan.weight for loan in loans], dtype=np.float64)
    return None if np.all(weights == 1.0) else weights / weights.mean()
