"""Newton's method on sums that others add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from server.training.matrix import Matrix

RIDGE = 1e-6  # on all but the intercept, so that a constant column has a weight
ROUNDS_MAX = 40
SETTLED = 1e-11  # of the largest step

Sums = Sequence[float]


def step(numbers: Sums, weights: Sequence[float]) -> tuple[Matrix, float]:
    """The next weights, and the size of the largest change.

    Parameters
    ----------
    numbers
        As :func:`server.training.federated.sums.newton` gives them.
    """
    size = len(weights)
    gradient = np.asarray(numbers[2 : 2 + size])
    curvature = np.zeros((size, size))
    curvature[np.triu_indices(size)] = numbers[2 + size :]
    curvature += np.triu(curvature, 1).T
    ridge = np.full(size, RIDGE)
    ridge[0] = 0.0
    now = np.asarray(weights, dtype=np.float64)
    change = np.linalg.solve(curvature + np.diag(ridge), gradient - ridge * now)
    # Far from the answer a whole step can overshoot; a capped one cannot.
    change *= min(1.0, 4.0 / max(float(np.abs(change).max()), 1e-300))
    return now + change, float(np.abs(change).max())


def fit(ask: Callable[[Sequence[float]], Sums], size: int) -> Matrix:
    """Weights fitted to sums that are at hand; the intercept first."""
    weights: Matrix = np.zeros(size)
    for _ in range(ROUNDS_MAX):
        weights, change = step(ask([float(w) for w in weights]), [float(w) for w in weights])
        if change < SETTLED:
            break
    return weights
