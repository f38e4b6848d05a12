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
from operator import itemgetter

from core.errors import ShapeError

PAIRS_MAX = 8
BINS_MAX = 64
REASONS_MAX = 4
_LOSS = itemgetter(1)


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


@dataclass(frozen=True, slots=True)
class Lost:
    """Points that a feature lost against its reference (positive is worse)."""

    feature: str
    points: int


def score(table: PointsTable, inputs: Mapping[str, int]) -> int:
    """The score of an application; an absent feature is missing."""
    known = inputs.get
    total = table.base
    for one in table.features:
        # As one.lookup does, without a call: this is the station's busiest loop.
        value = known(one.feature)
        total += one.missing_points if value is None else one.points[bisect_right(one.edges, value)]
    for two in table.pairs:
        total += two.lookup(known(two.first), known(two.second))
    return total


def pd_ppm(table: PointsTable, points: int) -> int:
    """The probability of default that belongs to a score [ppm]."""
    found = table.pd_steps[0].pd_ppm
    for step in table.pd_steps:
        if points >= step.score_min:
            found = step.pd_ppm
    return found


def lost_points(table: PointsTable, inputs: Mapping[str, int]) -> tuple[Lost, ...]:
    """What cost the most points, worst first, four at most; exact, for the table adds up.

    A two-way table's loss counts for the first of its features. Equal losses keep
    the table's order.
    """
    known = inputs.get
    lost: dict[str, int] = {}
    for one in table.features:
        value = known(one.feature)
        points = one.missing_points if value is None else one.points[bisect_right(one.edges, value)]
        lost[one.feature] = lost.get(one.feature, 0) + one.reference_points - points
    for two in table.pairs:
        points = two.lookup(known(two.first), known(two.second))
        lost[two.first] = lost.get(two.first, 0) + two.reference_points - points
    losing = [item for item in lost.items() if item[1] > 0]
    losing.sort(key=_LOSS, reverse=True)  # stable: equal losses keep the table's order
    return tuple([Lost(name, points) for name, points in losing[:REASONS_MAX]])
