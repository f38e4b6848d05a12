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
from operator import getitem
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


class _LaidPair(NamedTuple):
    """A two-way table by places: ``rows[bin of first][columns[bin of second]]`` is its gain."""

    first: int
    second: int
    rows: tuple[tuple[int, ...], ...]
    columns: tuple[int, ...]


class _Laid(NamedTuple):
    """A table turned from points into gains on its references, ready to be walked.

    ``names`` are all that it looks at, those that can lose points in the table's order, each
    with all edges at which anything changes, so that a value is placed once. A *key* is a gain
    in the upper bits and the name's place in the ``bits`` below: keys add up like gains, and
    in order of size they are the losses, worst first and equal ones in the table's order.
    A feature's row is its keys by bin, a missing value's last. ``base`` is what is added to
    the sum of keys. ``told`` are the losses of bins as reasons, by key, for most need no
    reckoning: what a two-way table moved stands in it by chance alone.
    """

    table: PointsTable
    names: tuple[str, ...]
    edges: tuple[tuple[str, tuple[int, ...]], ...]
    keys: tuple[tuple[int, ...], ...]
    pairs: tuple[_LaidPair, ...]
    base: int
    bits: int
    told: dict[int, Lost]


# Only the layout of a table is remembered, never what it said of an application.
_LAID: dict[int, _Laid] = {}


def score(table: PointsTable, inputs: Mapping[str, int]) -> int:
    """The score of an application; an absent feature is missing."""
    keys, laid = _walked(table, inputs)
    return (laid.base + sum(keys)) >> laid.bits


def score_and_lost(table: PointsTable, inputs: Mapping[str, int]) -> tuple[int, tuple[Lost, ...]]:
    """The score, and what cost the most points, worst first, four at most: in one walk.

    Exact, for the table adds up. A two-way table's loss counts for the first of its features.
    Equal losses keep the table's order.
    """
    keys, (_, names, _, _, _, base, bits, told) = _walked(table, inputs)
    points = (base + sum(keys)) >> bits
    keys.sort()
    find = told.get
    worst = [find(key) or _lost(key, names, bits) for key in keys[:REASONS_MAX] if key < 0]
    return points, tuple(worst)


def _lost(key: int, names: tuple[str, ...], bits: int) -> Lost:
    return Lost(names[key & (1 << bits) - 1], -(key >> bits))


def pd_ppm(table: PointsTable, points: int) -> int:
    """The probability of default that belongs to a score [ppm]."""
    found = table.pd_steps[0].pd_ppm
    for step in table.pd_steps:
        if points >= step.score_min:
            found = step.pd_ppm
    return found


def _walked(table: PointsTable, inputs: Mapping[str, int]) -> tuple[list[int], _Laid]:
    """The keys of what each name gained or lost, and the table's layout."""
    # This is the station's busiest loop: no call and no attribute that is not needed.
    laid = _LAID.get(id(table))
    if laid is None or laid[0] is not table:
        laid = _laid(table)
    _, _, edges, keys_of, pairs, _, _, _ = laid
    known = inputs.get
    bins = [
        -1 if (value := known(name)) is None else bisect_right(cuts, value) for name, cuts in edges
    ]
    keys = [*map(getitem, keys_of, bins)]
    for first, second, rows, columns in pairs:
        keys[first] += rows[bins[first]][columns[bins[second]]]
    return keys, laid


def _laid(table: PointsTable) -> _Laid:
    if len(_LAID) >= LAID_MAX:
        _LAID.clear()
    laid = _LAID[id(table)] = _laid_out(table)
    return laid


def _laid_out(table: PointsTable) -> _Laid:
    edges = _edges_of(table)
    names = tuple(edges)
    bits = len(names).bit_length()
    base = table.base + sum(one.reference_points for one in table.features)
    base += sum(two.reference_points for two in table.pairs)
    keys = tuple(_keys_of(table, names, name, edges[name], bits) for name in names)
    return _Laid(
        table=table,
        names=names,
        edges=tuple(edges.items()),
        keys=keys,
        pairs=tuple(_laid_pair(two, names, edges, bits) for two in table.pairs),
        base=(base << bits) - sum(range(len(names))),
        bits=bits,
        told={key: _lost(key, names, bits) for row in keys for key in row if key < 0},
    )


def _edges_of(table: PointsTable) -> dict[str, tuple[int, ...]]:
    """Every name of a table with all edges at which anything of it changes.

    Those that can lose points come first, in the table's order.
    """
    found: dict[str, set[int]] = {one.feature: set() for one in table.features}
    found |= {two.first: set() for two in table.pairs if two.first not in found}
    for one in table.features:
        found[one.feature].update(one.edges)
    for two in table.pairs:
        found[two.first].update(two.first_edges)
        found.setdefault(two.second, set()).update(two.second_edges)
    return {name: tuple(sorted(edges)) for name, edges in found.items()}


def _insides(edges: tuple[int, ...]) -> tuple[int | None, ...]:
    """One value inside each bin, and a missing one."""
    return (edges[0] - 1, *edges, None) if edges else (0, None)


def _keys_of(
    table: PointsTable, names: tuple[str, ...], name: str, edges: tuple[int, ...], bits: int
) -> tuple[int, ...]:
    """A name's keys by bin, of all one-dimensional tables that it has."""
    own, at = [one for one in table.features if one.feature == name], names.index(name)
    return tuple(
        (sum(one.lookup(value) - one.reference_points for one in own) << bits) + at
        for value in _insides(edges)
    )


def _laid_pair(
    two: PairTable, names: tuple[str, ...], edges: Mapping[str, tuple[int, ...]], bits: int
) -> _LaidPair:
    gains = [tuple((p - two.reference_points) << bits for p in row) for row in two.points]
    rows = _places(two.first_edges, edges[two.first])
    return _LaidPair(
        first=names.index(two.first),
        second=names.index(two.second),
        rows=tuple(gains[place] for place in rows),
        columns=_places(two.second_edges, edges[two.second]),
    )


def _places(own: tuple[int, ...], edges: tuple[int, ...]) -> tuple[int, ...]:
    """The row of a two-way table that each bin falls into, a missing value's last."""
    inside = _insides(edges)
    return tuple(0 if value is None else 1 + bisect_right(own, value) for value in inside)
