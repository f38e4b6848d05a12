"""Whittaker's smoother with its posterior band, for many series at once.

Least squares with a penalty on second differences (Eilers 2003,
doi:10.1021/ac034173t) is also a Gaussian posterior, so the diagonal of the inverse
gives the band. The matrix has five diagonals: one LDL' factorisation serves both.

Two paths give the same bits: numpy, which loops over days and works on thousands of
series in each step, and the same arithmetic compiled by numba where the extra
``satellite-fast`` is installed and there is enough to do (docs/season.md has the times).
"""

from __future__ import annotations

import importlib
import sys
from enum import Enum
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DAYS_MIN = 3  # below, there is no second difference to penalise
# Each step should outweigh numpy's overhead and still fit in a core's cache.
CELLS_AT_ONCE = 300_000
SERIES_AT_ONCE_MIN, SERIES_AT_ONCE_MAX = 2_048, 4_096
# Beside the series of a day, so that the next day's begin in another part of the cache:
# where they are 32 KiB apart, taking one series out of all days is six times as slow.
BESIDE = 8
# Importing numba costs 1.3 s, which three calls with so many series × days win back.
COMPILED_CELLS_MIN = 50_000_000
_COMPILED = "satellite.series.compiled"


class Path(Enum):
    """Which implementation to take; ``AUTO`` takes the compiled one where it pays."""

    AUTO = "auto"
    NUMPY = "numpy"
    COMPILED = "compiled"


def whittaker(
    value: Array, weight: Array, penalty: float, path: Path = Path.AUTO
) -> tuple[Array, Array]:
    """Solve ``(W + λ D'D) z = W y`` for each series; also the diagonal of the inverse.

    Parameters
    ----------
    value, weight
        (series, day) float64; at least two positive weights a series.
    penalty
        λ, on squared second differences.

    Notes
    -----
    LDL' of the pentadiagonal matrix, then the inverse's band by Takahashi's
    recursion (1973). Everything is divided by λ, which makes the outer band one.
    """
    if value.shape[1] < DAYS_MIN:
        return value.copy(), 1.0 / np.maximum(weight, 1e-9)
    mean, inverse = np.empty(value.shape), np.empty(value.shape)
    _solve(value, weight, penalty, mean, inverse, path)
    return mean, inverse


def whittaker_mean(value: Array, weight: Array, penalty: float, path: Path = Path.AUTO) -> Array:
    """The same curve without its band, in two thirds of the time."""
    if value.shape[1] < DAYS_MIN:
        return value.copy()
    mean = np.empty(value.shape)
    _solve(value, weight, penalty, mean, None, path)
    return mean


def compiled() -> ModuleType | None:
    """The compiled path, or nothing where numba is not installed."""
    try:
        return importlib.import_module(_COMPILED)
    except ImportError:
        return None


def _solve(
    value: Array, weight: Array, penalty: float, mean: Array, inverse: Array | None, path: Path
) -> None:
    wanted = path is Path.COMPILED or (
        path is Path.AUTO and (value.size >= COMPILED_CELLS_MIN or _COMPILED in sys.modules)
    )
    fast = compiled() if wanted else None
    if path is Path.COMPILED and fast is None:
        raise ModuleNotFoundError("expected numba: pip install harvestline[satellite-fast]")
    if fast is not None:
        fast.solve(value, weight, penalty, _ends(value.shape[1]), (mean, inverse))
        return
    days = value.shape[1]
    rows = int(np.clip(CELLS_AT_ONCE // days, SERIES_AT_ONCE_MIN, SERIES_AT_ONCE_MAX))
    room = np.empty((3, days, min(rows, len(value)) + BESIDE))
    for start in range(0, len(value), rows):
        some = slice(start, start + rows)
        block = _Block(value[some], weight[some], penalty, room)
        mean[some] = block.solved().T
        if inverse is not None:
            np.multiply(block.inverse_diagonal().T, 1.0 / penalty, out=inverse[some])


def _ends(days: int) -> tuple[Array, Array]:
    """The main and the next diagonal of D'D: (day,); the outer one is 1."""
    main, beside = np.zeros(days), np.zeros(days)
    for offset, coefficient in ((0, 1.0), (1, -2.0), (2, 1.0)):
        main[offset : days - 2 + offset] += coefficient**2
    beside[: days - 2] -= 2.0
    beside[1 : days - 1] -= 2.0
    return main, beside


class _Block:
    """Some thousand series with (day, series) arrays; every step works on one day of all.

    ``_r`` holds the reciprocal pivots, which with an outer band of one are also the
    second column below the diagonal of L; ``_low`` the first. ``room`` is used from
    block to block: fresh memory would cost a third of the time.
    """

    def __init__(self, value: Array, weight: Array, penalty: float, room: Array) -> None:
        series, self._days = value.shape
        main, beside = _ends(self._days)
        self._r: Array = room[0, :, :series]
        self._low: Array = room[1, :, :series]
        self._right: Array = room[2, :, :series]
        np.multiply(weight.T, 1.0 / penalty, out=self._r)
        np.multiply(self._r, value.T, out=self._right)
        self._r += main[:, None]
        self._spare = np.empty((3, series))
        self._factorise(beside)

    def _factorise(self, beside: Array) -> None:
        r, low, right = list(self._r), list(self._low), list(self._right)
        cross, part, full = self._spare
        multiply, subtract = np.multiply, np.subtract
        for i in range(self._days):
            if i >= 1:
                subtract(r[i], multiply(cross, low[i - 1], out=part), out=r[i])
                subtract(right[i], multiply(low[i - 1], right[i - 1], out=part), out=right[i])
            if i >= 2:
                subtract(r[i], r[i - 2], out=r[i])
                subtract(right[i], multiply(r[i - 2], right[i - 2], out=part), out=right[i])
            np.reciprocal(r[i], out=r[i])
            if i == 0 or beside[i] != beside[i - 1]:
                full.fill(beside[i])  # a scalar operand would cost more than this
            subtract(full, low[i - 1] if i else 0.0, out=cross)
            multiply(cross, r[i], out=low[i])

    def solved(self) -> Array:
        """The curves: (day, series)."""
        np.multiply(self._right, self._r, out=self._right)
        r, low, x = list(self._r), list(self._low), list(self._right)
        part = self._spare[0]
        for i in range(self._days - 2, -1, -1):
            np.subtract(x[i], np.multiply(low[i], x[i + 1], out=part), out=x[i])
            if i < self._days - 2:
                np.subtract(x[i], np.multiply(r[i], x[i + 2], out=part), out=x[i])
        return self._right

    def inverse_diagonal(self) -> Array:
        """The inverse's diagonal times λ: (day, series). Takes the place of the curves."""
        r, low, v = list(self._r), list(self._low), list(self._right)
        beside, part, other = self._spare  # `beside` and `part` with the sign turned
        multiply, subtract, add = np.multiply, np.subtract, np.add
        v[-1][:] = r[-1]
        multiply(low[-2], v[-1], out=beside)
        add(r[-2], multiply(low[-2], beside, out=part), out=v[-2])
        for i in range(self._days - 3, -1, -1):
            multiply(r[i], v[i + 2], out=part)
            subtract(part, multiply(low[i], beside, out=other), out=part)
            multiply(r[i], beside, out=other)
            subtract(multiply(low[i], v[i + 1], out=beside), other, out=beside)
            add(r[i], multiply(low[i], beside, out=other), out=v[i])
            add(v[i], multiply(r[i], part, out=part), out=v[i])
        return self._right
