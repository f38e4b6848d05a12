"""Nearest monotone shapes and surfaces, by weighted least squares.

Pool adjacent violators on a line (Barlow et al. 1972), Dykstra's alternating
projections on a grid (Dykstra & Robertson 1982, doi:10.1214/aos/1176345866).
"""

from __future__ import annotations

from collections.abc import Sequence

Grid = list[list[float]]
_SWEEPS_MAX = 200
_TOLERANCE = 1e-9


def rising(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-decreasing sequence nearest to ``values``."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values, weights, strict=True):
        mean, mass, length = value, max(weight, _TOLERANCE), 1
        while blocks and blocks[-1][0] > mean:
            other, other_mass, other_length = blocks.pop()
            mean = (mean * mass + other * other_mass) / (mass + other_mass)
            mass, length = mass + other_mass, length + other_length
        blocks.append((mean, mass, length))
    return [mean for mean, _, length in blocks for _ in range(length)]


def monotone(values: Sequence[float], weights: Sequence[float], sign: int) -> list[float]:
    """The nearest sequence that rises (1), falls (−1) or does as it likes (0)."""
    if sign == 0:
        return list(values)
    return [sign * v for v in rising([sign * value for value in values], weights)]


def monotone_grid(
    grid: Sequence[Sequence[float]],
    row_weights: Sequence[float],
    column_weights: Sequence[float],
    signs: tuple[int, int],
) -> Grid:
    """The nearest surface that is monotone along rows and columns as ``signs`` say.

    Parameters
    ----------
    signs
        Down the rows, and along each row: 1, −1, or 0 for free.
    """
    current = [list(row) for row in grid]
    zero = [[0.0] * len(row) for row in current]
    down_left, along_left = zero, zero
    for _ in range(_SWEEPS_MAX):
        before = current
        shifted = _plus(current, down_left)
        current = _transpose(
            [monotone(column, row_weights, signs[0]) for column in _transpose(shifted)]
        )
        down_left = _minus(shifted, current)
        shifted = _plus(current, along_left)
        current = [monotone(row, column_weights, signs[1]) for row in shifted]
        along_left = _minus(shifted, current)
        if _distance(before, current) < _TOLERANCE:
            break
    return current


def settle(grid: Sequence[Sequence[int]], signs: tuple[int, int]) -> list[list[int]]:
    """The lowest integer surface above ``grid`` that is exactly monotone."""
    down = [_settle_line(column, signs[0]) for column in zip(*grid, strict=True)]
    return [_settle_line(row, signs[1]) for row in zip(*down, strict=True)]


def _settle_line(values: Sequence[int], sign: int) -> list[int]:
    if sign == 0:
        return list(values)
    ordered = values if sign > 0 else values[::-1]
    found: list[int] = []
    for value in ordered:
        found.append(max(value, found[-1]) if found else value)
    return found if sign > 0 else found[::-1]


def _transpose(grid: Sequence[Sequence[float]]) -> Grid:
    return [list(column) for column in zip(*grid, strict=True)]


def _plus(one: Grid, other: Grid) -> Grid:
    return [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(one, other, strict=True)]


def _minus(one: Grid, other: Grid) -> Grid:
    return [[a - b for a, b in zip(x, y, strict=True)] for x, y in zip(one, other, strict=True)]


def _distance(one: Grid, other: Grid) -> float:
    return max(
        abs(a - b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True)
    )
