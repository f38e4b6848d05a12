"""From log-odds to integer points, with every direction exact after rounding.

Fifty points double the odds of repaying. A feature's points move in its stated
direction alone and together with every surface that it is part of: a surface is
made monotone *with* its share of the two shapes, rounded, and only then taken
apart again, which is exact in integers.

A missing value is never worth more than the average of the present ones, so that
withholding data cannot raise a score above what giving it does on average.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.scoring.features import Direction, FeatureDefinition
from core.scoring.points import FeatureTable, PairTable, PdStep, PointsTable
from server.training.isotonic import monotone, monotone_grid, settle
from server.training.shapes import Additive, Shape, Surface
from server.training.table import Loan

POINTS_TO_DOUBLE_ODDS = 50
BASE_POINTS = 600  # at odds of twenty repaid to one defaulted
BASE_ODDS = 20
FACTOR = POINTS_TO_DOUBLE_ODDS / math.log(2)
_POINTS_SIGN = {Direction.SAFER: 1, Direction.RISKIER: -1, Direction.FREE: 0}
_UNSCORED = (PdStep(0, 0),)  # a table needs steps; calibration replaces them


def points_of(log_odds: float) -> float:
    """The score, not yet rounded, of log-odds of default."""
    return BASE_POINTS - FACTOR * (log_odds + math.log(BASE_ODDS))


@dataclass(frozen=True, slots=True)
class _Line:
    """A feature on its common grid: points by bin, of a missing value, and loans by bin."""

    cuts: tuple[int, ...]
    points: tuple[float, ...]
    missing: float
    loans: tuple[float, ...]
    sign: int


def integer_table(
    model: Additive, features: Sequence[FeatureDefinition], loans: Sequence[Loan]
) -> PointsTable:
    """The model as integer points; steps and band are still to be calibrated."""
    direction = {definition.name: _POINTS_SIGN[definition.direction] for definition in features}
    lines = {
        shape.feature: _line(shape, _grid_of(shape, model.surfaces), loans, direction)
        for shape in model.shapes
    }
    parts = {name: sum(name in (s.first, s.second) for s in model.surfaces) for name in lines}
    base = round(points_of(model.intercept))
    added: dict[str, list[int]] = {}
    pairs = tuple(_pair(surface, lines, parts, added) for surface in model.surfaces)
    tables = tuple(_table(name, line, added.get(name)) for name, line in lines.items())
    return PointsTable(base, tables, pairs, _UNSCORED, 0, 0)


def _grid_of(shape: Shape, surfaces: Sequence[Surface]) -> tuple[int, ...]:
    cuts = set(shape.cuts)
    for surface in surfaces:
        if surface.first == shape.feature:
            cuts |= set(surface.first_cuts)
        if surface.second == shape.feature:
            cuts |= set(surface.second_cuts)
    return tuple(sorted(cuts))


def _line(
    shape: Shape, cuts: tuple[int, ...], loans: Sequence[Loan], direction: Mapping[str, int]
) -> _Line:
    counts = [0.0] * (len(cuts) + 1)
    for loan in loans:
        value = loan.values.get(shape.feature)
        if value is not None:
            counts[bisect_right(cuts, value)] += loan.weight
    inside = _insides(cuts)
    raw = [-FACTOR * shape.at(value) for value in inside]
    sign = direction[shape.feature]
    points = monotone(raw, counts, sign)
    known = sum(counts) or 1.0
    average = sum(p * n for p, n in zip(points, counts, strict=True)) / known
    missing = min(-FACTOR * shape.missing, average)
    return _Line(cuts, tuple(points), missing, tuple(counts), sign)


def _insides(cuts: Sequence[int]) -> list[int]:
    """One value inside each bin."""
    return [cuts[0] - 1, *cuts] if cuts else [0]


def _table(name: str, line: _Line, added: list[int] | None) -> FeatureTable:
    missing, *points = added if added is not None else _rounded(line)
    kept = [i for i in range(len(line.cuts)) if points[i] != points[i + 1]]
    return FeatureTable(
        feature=name,
        edges=tuple(line.cuts[i] for i in kept),
        points=(points[0], *(points[i + 1] for i in kept)),
        missing_points=missing,
        reference_points=0,
    )


def _rounded(line: _Line) -> list[int]:
    return [math.floor(line.missing), *(round(value) for value in line.points)]


def _pair(
    surface: Surface,
    lines: Mapping[str, _Line],
    parts: Mapping[str, int],
    added: dict[str, list[int]],
) -> PairTable:
    """A surface's own points; what belongs to either feature alone goes to ``added``."""
    first, second = lines[surface.first], lines[surface.second]
    signs = (first.sign, second.sign)
    whole = _with_shares(surface, first, second, (parts[surface.first], parts[surface.second]))
    # Row and column 0 are for a missing value: no direction ties them to the bins.
    rows, columns = (1, *first.loans), (1, *second.loans)
    inner = monotone_grid([row[1:] for row in whole[1:]], rows[1:], columns[1:], signs)
    inner_points = settle([[round(v) for v in row] for row in inner], signs)
    top = [math.floor(v) for v in monotone(whole[0][1:], columns[1:], second.sign)]
    left = [math.floor(v) for v in monotone([r[0] for r in whole[1:]], rows[1:], first.sign)]
    grid = [[math.floor(whole[0][0]), *top]]
    grid += [[edge, *row] for edge, row in zip(left, inner_points, strict=True)]
    of_first = [_mean(row, columns) for row in grid]
    centre = _mean(of_first, rows)
    of_second = [_mean(column, rows) - centre for column in zip(*grid, strict=True)]
    _add(added, surface.first, of_first)
    _add(added, surface.second, of_second)
    return PairTable(
        first=surface.first,
        second=surface.second,
        first_edges=first.cuts,
        second_edges=second.cuts,
        points=tuple(
            tuple(grid[r][c] - of_first[r] - of_second[c] for c in range(len(columns)))
            for r in range(len(rows))
        ),
        reference_points=0,
    )


def _with_shares(
    surface: Surface, first: _Line, second: _Line, parts: tuple[int, int]
) -> list[list[float]]:
    """The surface plus its share of both features' own points."""
    row_values: list[int | None] = [None, *_insides(first.cuts)]
    column_values: list[int | None] = [None, *_insides(second.cuts)]
    row_points = [first.missing, *first.points]
    column_points = [second.missing, *second.points]
    return [
        [
            row_points[r] / parts[0]
            + column_points[c] / parts[1]
            - FACTOR * surface.at(row_value, column_value)
            for c, column_value in enumerate(column_values)
        ]
        for r, row_value in enumerate(row_values)
    ]


def _mean(values: Sequence[int], weights: Sequence[float]) -> int:
    total = sum(v * w for v, w in zip(values, weights, strict=True))
    return round(total / (sum(weights) or 1.0))


def _add(added: dict[str, list[int]], name: str, points: Sequence[int]) -> None:
    before = added.get(name, [0] * len(points))
    added[name] = [a + b for a, b in zip(before, points, strict=True)]
