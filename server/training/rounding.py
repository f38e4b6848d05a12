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
from dataclasses import dataclass, replace
from itertools import pairwise

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
_LEAST = 1e-6  # log-odds
_UNSCORED = (PdStep(0, 0),)  # a table needs steps; calibration replaces them


def points_of(log_odds: float) -> float:
    """The score, not yet rounded, of log-odds of default."""
    return BASE_POINTS - FACTOR * (log_odds + math.log(BASE_ODDS))


@dataclass(frozen=True, slots=True)
class _Line:
    """A feature on its grid: points by bin and of a missing value, loans by bin."""

    feature: str
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
        shape.feature: _line(
            shape, _grid_of(shape, model.surfaces, direction[shape.feature]), loans, direction
        )
        for shape in model.shapes
    }
    needs = _needs(model.surfaces, lines)
    base = round(points_of(model.intercept))
    added: dict[str, list[int]] = {}
    pairs = tuple(
        _pair(
            surface,
            _axis(lines[surface.first], surface.first_cuts, needs[surface.first][i], loans),
            _axis(lines[surface.second], surface.second_cuts, needs[surface.second][i], loans),
            added,
        )
        for i, surface in enumerate(model.surfaces)
    )
    pairs = tuple(pair for pair in pairs if _tells(pair))
    tables = tuple(_table(name, line, added.get(name)) for name, line in lines.items())
    return PointsTable(base, tables, pairs, _UNSCORED, 0, 0)


def _tells(pair: PairTable) -> bool:
    """Whether a two-way table holds more than what rounding left over."""
    return max(abs(value) for row in pair.points for value in row) > 1


def _grid_of(shape: Shape, surfaces: Sequence[Surface], sign: int) -> tuple[int, ...]:
    """The cuts of a feature: where it has a direction, those of its surfaces as well."""
    cuts = set(shape.cuts)
    for surface in surfaces if sign else ():
        if surface.first == shape.feature:
            cuts |= set(surface.first_cuts)
        if surface.second == shape.feature:
            cuts |= set(surface.second_cuts)
    return tuple(sorted(cuts))


def _needs(surfaces: Sequence[Surface], lines: Mapping[str, _Line]) -> dict[str, dict[int, float]]:
    """Which share of a feature's points each of its surfaces is given, by place.

    As much as it goes against the feature's direction: a surface that is given less than
    that is flattened, although the sum would have kept the direction.
    """
    against: dict[str, dict[int, float]] = {name: {} for name in lines}
    for i, surface in enumerate(surfaces):
        rows = [list(row[1:]) for row in surface.log_odds[1:]]
        columns = [list(column) for column in zip(*rows, strict=True)]
        against[surface.first][i] = _against(columns, lines[surface.first].sign)
        against[surface.second][i] = _against(rows, lines[surface.second].sign)
    return {
        name: {i: found / sum(its.values()) for i, found in its.items()}
        for name, its in against.items()
    }


def _against(lines: Sequence[Sequence[float]], sign: int) -> float:
    """The steepest step of log-odds against a direction of points, never quite zero."""
    steps = [sign * (b - a) for line in lines for a, b in pairwise(line)]
    return max(*steps, _LEAST) if steps else _LEAST


def _axis(line: _Line, cuts: tuple[int, ...], share: float, loans: Sequence[Loan]) -> _Line:
    """A surface's side: with a direction, the feature's own grid and a share of its points.

    A feature that is free keeps its points to itself, for nothing ties them to the surface,
    and the surface's few cuts are enough.
    """
    if line.sign:
        points = tuple(value * share for value in line.points)
        return replace(line, points=points, missing=line.missing * share)
    counts = _counts(line.feature, cuts, loans)
    return _Line(line.feature, cuts, (0.0,) * len(counts), 0.0, counts, 0)


def _counts(feature: str, cuts: Sequence[int], loans: Sequence[Loan]) -> tuple[float, ...]:
    """The loans in each bin; those of which the value is missing are in none."""
    counts = [0.0] * (len(cuts) + 1)
    for loan in loans:
        value = loan.values.get(feature)
        if value is not None:
            counts[bisect_right(cuts, value)] += loan.weight
    return tuple(counts)


def _line(
    shape: Shape, cuts: tuple[int, ...], loans: Sequence[Loan], direction: Mapping[str, int]
) -> _Line:
    counts = _counts(shape.feature, cuts, loans)
    inside = _insides(cuts)
    raw = [-FACTOR * shape.at(value) for value in inside]
    sign = direction[shape.feature]
    points = monotone(raw, counts, sign)
    known = sum(counts) or 1.0
    average = sum(p * n for p, n in zip(points, counts, strict=True)) / known
    missing = min(-FACTOR * shape.missing, average)
    return _Line(shape.feature, cuts, tuple(points), missing, counts, sign)


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


def _pair(surface: Surface, first: _Line, second: _Line, added: dict[str, list[int]]) -> PairTable:
    """A surface's own points; what belongs to a feature with a direction goes to ``added``."""
    grid = _integers(_with_shares(surface, first, second), first, second)
    # A missing value counts as one row: how often it is missing is the farmer's choice.
    rows, columns = (1.0, *first.loans), (1.0, *second.loans)
    of_first = [_mean(row, columns) if first.sign else 0 for row in grid]
    centre = _mean(of_first, rows)
    of_second = [
        _mean(column, rows) - centre if second.sign else 0 for column in zip(*grid, strict=True)
    ]
    for line, points in ((first, of_first), (second, of_second)):
        if line.sign:
            _add(added, line.feature, points)
    own = [
        [value - of_first[r] - of_second[c] for c, value in enumerate(row)]
        for r, row in enumerate(grid)
    ]
    return _merged(surface, first.cuts, second.cuts, own)


def _integers(whole: list[list[float]], first: _Line, second: _Line) -> list[list[int]]:
    """The surface in integers: directions exact, and missing never above the average.

    Row and column 0 are for a missing value: no direction ties them to the bins.
    """
    signs = (first.sign, second.sign)
    inner = monotone_grid([row[1:] for row in whole[1:]], first.loans, second.loans, signs)
    bins = settle([[round(v) for v in row] for row in inner], signs)
    top = [math.floor(v) for v in monotone(whole[0][1:], second.loans, second.sign)]
    left = [math.floor(v) for v in monotone([r[0] for r in whole[1:]], first.loans, first.sign)]
    top = [
        min(v, _below(column, first.loans))
        for v, column in zip(top, zip(*bins, strict=True), strict=True)
    ]
    left = [min(v, _below(row, second.loans)) for v, row in zip(left, bins, strict=True)]
    corner = min(math.floor(whole[0][0]), _below(top, second.loans), _below(left, first.loans))
    return [[corner, *top], *([edge, *row] for edge, row in zip(left, bins, strict=True))]


def _below(values: Sequence[int], weights: Sequence[float]) -> int:
    """The greatest integer that is not above the weighted average."""
    total = sum(weights)
    if not total:
        return min(values)
    return math.floor(sum(v * w for v, w in zip(values, weights, strict=True)) / total)


def _merged(
    surface: Surface, rows: Sequence[int], columns: Sequence[int], grid: list[list[int]]
) -> PairTable:
    """The table without edges on whose two sides all points are the same."""
    kept_rows = [i for i in range(len(rows)) if grid[i + 1] != grid[i + 2]]
    turned = [list(column) for column in zip(*grid, strict=True)]
    kept_columns = [i for i in range(len(columns)) if turned[i + 1] != turned[i + 2]]
    of_rows = [0, 1, *(i + 2 for i in kept_rows)]
    of_columns = [0, 1, *(i + 2 for i in kept_columns)]
    return PairTable(
        first=surface.first,
        second=surface.second,
        first_edges=tuple(rows[i] for i in kept_rows),
        second_edges=tuple(columns[i] for i in kept_columns),
        points=tuple(tuple(grid[r][c] for c in of_columns) for r in of_rows),
        reference_points=0,
    )


def _with_shares(surface: Surface, first: _Line, second: _Line) -> list[list[float]]:
    """The surface plus what its two sides bring along."""
    row_values: list[int | None] = [None, *_insides(first.cuts)]
    column_values: list[int | None] = [None, *_insides(second.cuts)]
    row_points = [first.missing, *first.points]
    column_points = [second.missing, *second.points]
    return [
        [
            row_points[r] + column_points[c] - FACTOR * surface.at(row_value, column_value)
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
