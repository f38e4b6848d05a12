"""The smoother's arithmetic compiled by numba; only imported where it pays.

The order of operations is that of :mod:`satellite.series.whittaker`, and numba fuses
nothing unless told to, so both give the same bits. ``LANES`` series go through each
loop side by side, which fills a processor's vector registers. What was compiled is
kept beside this file, or in the user's cache if that cannot be written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LANES = 8


def _jit(function: Callable[..., Any]) -> Callable[..., Any]:
    try:
        kept: Callable[..., Any] = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder can be written: it is compiled anew in each process
        kept = numba.njit(nogil=True)(function)
    return kept


def solve(
    value: Array,
    weight: Array,
    penalty: float,
    diagonals: tuple[Array, Array],
    out: tuple[Array, Array | None],
) -> None:
    """Write curves, and the inverse's diagonal if asked for, into ``out``: (series, day)."""
    mean, inverse = out
    work, lanes = np.empty((3, value.shape[1], LANES)), np.empty((2, LANES))
    scale = 1.0 / penalty
    for_band = np.empty((0, 0)) if inverse is None else inverse
    _all(value, weight, (scale, *diagonals), work, lanes, mean, for_band)


def _load_py(
    value: Array, weight: Array, scale: float, main: Array, start: int, work: Array
) -> None:
    """Series from ``start`` on as (day, lane); lanes without a series repeat the last."""
    r, x = work[0], work[2]
    for lane in range(LANES):
        row = min(start + lane, len(value) - 1)
        for i in range(value.shape[1]):
            scaled = weight[row, i] * scale
            r[i, lane] = scaled + main[i]
            x[i, lane] = scaled * value[row, i]


def _factorise_py(beside: Array, work: Array, cross: Array) -> None:
    r, low, x = work[0], work[1], work[2]
    for lane in range(LANES):
        r[0, lane] = 1.0 / r[0, lane]
        cross[lane] = beside[0]
        low[0, lane] = cross[lane] * r[0, lane]
    for lane in range(LANES):
        pivot = r[1, lane] - cross[lane] * low[0, lane]
        x[1, lane] -= low[0, lane] * x[0, lane]
        r[1, lane] = 1.0 / pivot
        cross[lane] = beside[1] - low[0, lane]
        low[1, lane] = cross[lane] * r[1, lane]
    for i in range(2, len(r)):
        for lane in range(LANES):
            pivot = (r[i, lane] - cross[lane] * low[i - 1, lane]) - r[i - 2, lane]
            before = x[i, lane] - low[i - 1, lane] * x[i - 1, lane]
            x[i, lane] = before - r[i - 2, lane] * x[i - 2, lane]
            r[i, lane] = 1.0 / pivot
            cross[lane] = beside[i] - low[i - 1, lane]
            low[i, lane] = cross[lane] * r[i, lane]


def _solved_py(work: Array) -> None:
    r, low, x = work[0], work[1], work[2]
    last = len(x) - 1
    for lane in range(LANES):
        x[last, lane] *= r[last, lane]
        x[last - 1, lane] *= r[last - 1, lane]
        x[last - 1, lane] -= low[last - 1, lane] * x[last, lane]
    for i in range(last - 2, -1, -1):
        for lane in range(LANES):
            here = x[i, lane] * r[i, lane] - low[i, lane] * x[i + 1, lane]
            x[i, lane] = here - r[i, lane] * x[i + 2, lane]


def _inverted_py(work: Array, beside: Array) -> None:
    r, low, v = work[0], work[1], work[2]
    last = len(v) - 1
    for lane in range(LANES):
        v[last, lane] = r[last, lane]
        beside[lane] = low[last - 1, lane] * v[last, lane]
        v[last - 1, lane] = r[last - 1, lane] + low[last - 1, lane] * beside[lane]
    for i in range(last - 2, -1, -1):
        for lane in range(LANES):
            two_off = r[i, lane] * v[i + 2, lane] - low[i, lane] * beside[lane]
            beside[lane] = low[i, lane] * v[i + 1, lane] - r[i, lane] * beside[lane]
            here = r[i, lane] + low[i, lane] * beside[lane]
            v[i, lane] = here + r[i, lane] * two_off


_load, _factorise = _jit(_load_py), _jit(_factorise_py)
_solved, _inverted = _jit(_solved_py), _jit(_inverted_py)


def _all_py(
    value: Array,
    weight: Array,
    matrix: tuple[float, Array, Array],
    work: Array,
    lanes: Array,
    mean: Array,
    inverse: Array,
) -> None:
    scale, main, beside = matrix
    for start in range(0, len(value), LANES):
        _load(value, weight, scale, main, start, work)
        _factorise(beside, work, lanes[0])
        _solved(work)
        count = min(LANES, len(value) - start)
        for lane in range(count):
            for i in range(value.shape[1]):
                mean[start + lane, i] = work[2, i, lane]
        if inverse.size:
            _inverted(work, lanes[1])
            for lane in range(count):
                for i in range(value.shape[1]):
                    inverse[start + lane, i] = work[2, i, lane] * scale


_all = _jit(_all_py)
