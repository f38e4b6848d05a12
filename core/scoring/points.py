"""The compact model itself: integer points, added.

One-dimensional tables (edges, points, points for missing) and up to eight two-way
tables. A value falls into the bin after the last edge that is not above it. Every
point is a reason: what a feature lost against its reference is said in its name.
Inputs are integers of at most 32 bits and there is no division, so that every
runtime gives the same number.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from core.errors import ShapeError

PAIRS_MAX = 8
BINS_MAX = 64
REASONS_MAX = 4
LAID_MAX = 64  # tables that are kept laid out; a station has two or three


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Points of one feature: bin i holds ``edges[i-1] <= value < edges[i]``.

    ``reference_points`` is what approvals just above the cut-off have on average.
    """

    feature: str
    edges: tuple[int, ...]
    points: tuple[int, ...]
    missing_points: int
    reference_points: int

    def __post_init__(self) -> None:
        if len(self.points) != len(self.edges) + 1 or len(self.points) > BINS_MAX:
            raise ShapeError(f"table {self.feature}: expected one more point than edges")
        if list(self.edges) != sorted(set(self.edges)):
            raise ShapeError(f"table {self.feature}: expected rising edges")

    def lookup(self, value: int | None) -> int:
        """The points of a value, or of a missing one."""
        if value is None:
            return self.missing_points
        return self.points[bisect_right(self.edges, value)]


@dataclass(frozen=True, slots=True)
class PairTable:
    """Points of two features together.

    ``points[i][j]``: row and column 0 are for a missing value, bin k stands at k+1.
    """

    first: str
    second: str
    first_edges: tuple[int, ...]
    second_edges: tuple[int, ...]
    points: tuple[tuple[int, ...], ...]
    reference_points: int

    def __post_init__(self) -> None:
        rows, columns = len(self.first_edges) + 2, len(self.second_edges) + 2
        if len(self.points) != rows or any(len(row) != columns for row in self.points):
            raise ShapeError(f"table {self.first} × {self.second}: expected {rows} × {columns}")
        if any(list(each) != sorted(set(each)) for each in (self.first_edges, self.second_edges)):
            raise ShapeError(f"table {self.first} × {self.second}: expected rising edges")

    def lookup(self, first: int | None, second: int | None) -> int:
        """The points of two values, either of which may be missing."""
        row = 0 if first is None else 1 + bisect_right(self.first_edges, first)
        column = 0 if second is None else 1 + bisect_right(self.second_edges, second)
        return self.points[row][column]


@dataclass(frozen=True, slots=True)
class PdStep:
    """From this score on, the probability of default is this [ppm]."""

    score_min: int
    pd_ppm: int


@dataclass(frozen=True, slots=True)
class PointsTable:
    """A complete model. ``refer_low`` to ``refer_high`` are scores for a human's eye."""

    base: int
    features: tuple[FeatureTable, ...]
    pairs: tuple[PairTable, ...]
    pd_steps: tuple[PdStep, ...]
    refer_low: int
    refer_high: int

    def __post_init__(self) -> None:
        if len(self.pairs) > PAIRS_MAX:
            raise ShapeError(f"expected at most {PAIRS_MAX} two-way tables, got {len(self.pairs)}")
        scores = [step.score_min for step in self.pd_steps]
        rates = [step.pd_ppm for step in self.pd_steps]
        if not scores or scores != sorted(set(scores)) or rates != sorted(rates, reverse=True):
            raise ShapeError("expected pd_steps with rising scores and falling pd_ppm")


class Lost(NamedTuple):
    """Points that a feature lost against its reference (positive is worse)."""

    feature: str
    points: int


_made = Lost._make  # a tenth of the walk less than calling the class
_LaidPair = tuple[str, str, tuple[int, ...], tuple[int, ...], tuple[tuple[int, ...], ...], int]


class _Laid(NamedTuple):
    """A table turned from points into losses against its references, ready to be walked.

    ``best`` is the score of an application that loses nothing. A feature's row is its name,
    edges, the loss of each bin and that of a missing value; a two-way row its names, edges,
    losses and the place of its first feature among ``names``.
    """

    table: PointsTable
    best: int
    names: tuple[str, ...]
    features: tuple[tuple[str, tuple[int, ...], tuple[int, ...], int], ...]
    spare: tuple[int, ...]
    pairs: tuple[_LaidPair, ...]


# Only the layout of a table is remembered, never what it said of an application.
_LAID: dict[int, _Laid] = {}


def score(table: PointsTable, inputs: Mapping[str, int]) -> int:
    """The score of an application; an absent feature is missing."""
    laid = _laid(table)
    return laid.best - sum(_losses(laid, inputs))


def score_and_lost(table: PointsTable, inputs: Mapping[str, int]) -> tuple[int, tuple[Lost, ...]]:
    """The score, and what cost the most points, worst first, four at most: in one walk.

    Exact, for the table adds up. A two-way table's loss counts for the first of its features.
    Equal losses keep the table's order.
    """
    laid = _laid(table)
    losses = _losses(laid, inputs)
    return laid.best - sum(losses), _worst(laid.names, losses)


def pd_ppm(table: PointsTable, points: int) -> int:
    """The probability of default that belongs to a score [ppm]."""
    found = table.pd_steps[0].pd_ppm
    for step in table.pd_steps:
        if points >= step.score_min:
            found = step.pd_ppm
    return found


def _losses(laid: _Laid, inputs: Mapping[str, int]) -> list[int]:
    """What each of the table's names lost, in order; negative where it gained."""
    known = inputs.get
    # No call and no attribute a feature: this is the station's busiest loop.
    losses = [
        missing if (value := known(name)) is None else lost[bisect_right(edges, value)]
        for name, edges, lost, missing in laid.features
    ]
    losses += laid.spare
    for first, second, rows, columns, cells, at in laid.pairs:
        one, two = known(first), known(second)
        row = cells[0 if one is None else 1 + bisect_right(rows, one)]
        losses[at] += row[0 if two is None else 1 + bisect_right(columns, two)]
    return losses


def _worst(names: tuple[str, ...], losses: list[int]) -> tuple[Lost, ...]:
    # Stable in reverse too: equal losses keep the table's order.
    worst = sorted(range(len(losses)), key=losses.__getitem__, reverse=True)[:REASONS_MAX]
    return tuple([_made((names[at], losses[at])) for at in worst if losses[at] > 0])


def _laid(table: PointsTable) -> _Laid:
    found = _LAID.get(id(table))
    if found is not None and found.table is table:
        return found
    if len(_LAID) >= LAID_MAX:
        _LAID.clear()
    laid = _LAID[id(table)] = _laid_out(table)
    return laid


def _laid_out(table: PointsTable) -> _Laid:
    first_of = {one.feature: one for one in reversed(table.features)}
    alone = [one for one in table.features if first_of[one.feature] is one]
    names = tuple(
        dict.fromkeys([one.feature for one in alone] + [two.first for two in table.pairs])
    )
    again = [one for one in table.features if first_of[one.feature] is not one]
    of_features = sum(one.reference_points for one in table.features)
    return _Laid(
        table=table,
        best=table.base + of_features + sum(two.reference_points for two in table.pairs),
        names=names,
        features=tuple((one.feature, one.edges, *_lost_of(one)) for one in alone),
        spare=(0,) * (len(names) - len(alone)),
        pairs=tuple(_laid_pair(each, names) for each in (*map(_as_pair, again), *table.pairs)),
    )


def _lost_of(one: FeatureTable) -> tuple[tuple[int, ...], int]:
    """What each bin loses, and a missing value."""
    losses = tuple(one.reference_points - points for points in one.points)
    return losses, one.reference_points - one.missing_points


def _as_pair(one: FeatureTable) -> PairTable:
    """A feature's second table, which counts with its first, as one with a side that is all one."""
    rows = tuple((points, points) for points in (one.missing_points, *one.points))
    return PairTable(one.feature, one.feature, one.edges, (), rows, one.reference_points)


def _laid_pair(two: PairTable, names: tuple[str, ...]) -> _LaidPair:
    losses = tuple(tuple(two.reference_points - points for points in row) for row in two.points)
    edges = two.first_edges, two.second_edges
    return two.first, two.second, *edges, losses, names.index(two.first)
