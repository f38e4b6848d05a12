"""Compact models and applications made from a seed, with everything that may go wrong in them."""

from __future__ import annotations

import random
from collections.abc import Iterator

from core.scoring.points import BINS_MAX, PAIRS_MAX, FeatureTable, PairTable, PdStep, PointsTable

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
MISSING_SHARE = 0.15
EDGE_SHARE = 0.6  # of values that stand on an edge or beside one


def table_of(rng: random.Random, *, points_max: int) -> PointsTable:
    """A table: one to nine features, some without edges, pairs that may use new features."""
    names = [f"feature_{i}" for i in range(rng.randint(1, 9))]
    features = tuple(_feature(rng, name, points_max) for name in names)
    both = [*names, "only_in_pairs"]
    pairs = tuple(_pair(rng, both, points_max) for _ in range(rng.randint(0, PAIRS_MAX)))
    scores = sorted(rng.sample(range(-5_000, 5_000), rng.randint(1, 20)))
    rates = sorted((rng.randint(0, 1_000_000) for _ in scores), reverse=True)
    steps = tuple(map(PdStep, scores, rates))
    return PointsTable(rng.randint(-1_000, 1_000), features, pairs, steps, 0, 0)


def applications_of(
    rng: random.Random, table: PointsTable, count: int
) -> Iterator[dict[str, int | None]]:
    """Random applications; most values stand on an edge or one beside it, some are missing."""
    edges: dict[str, list[int]] = {one.feature: list(one.edges) for one in table.features}
    for two in table.pairs:
        edges.setdefault(two.first, []).extend(two.first_edges)
        edges.setdefault(two.second, []).extend(two.second_edges)
    for _ in range(count):
        yield {name: _value(rng, some) for name, some in edges.items()}


def _value(rng: random.Random, edges: list[int]) -> int | None:
    chance = rng.random()
    if chance < MISSING_SHARE:
        return None
    if chance < EDGE_SHARE and edges:
        return max(INT32_MIN, min(INT32_MAX, rng.choice(edges) + rng.choice((-1, 0, 1))))
    return rng.choice((INT32_MIN, INT32_MAX, 0, rng.randint(INT32_MIN, INT32_MAX)))


def _feature(rng: random.Random, name: str, points_max: int) -> FeatureTable:
    edges = _edges(rng, BINS_MAX - 1)
    points = tuple(_points(rng, points_max) for _ in range(len(edges) + 1))
    return FeatureTable(name, edges, points, _points(rng, points_max), _points(rng, points_max))


def _pair(rng: random.Random, names: list[str], points_max: int) -> PairTable:
    first, second = rng.choice(names), rng.choice(names)
    rows, columns = _edges(rng, 7), _edges(rng, 7)
    points = tuple(
        tuple(_points(rng, points_max) for _ in range(len(columns) + 2))
        for _ in range(len(rows) + 2)
    )
    return PairTable(first, second, rows, columns, points, _points(rng, points_max))


def _edges(rng: random.Random, count_max: int) -> tuple[int, ...]:
    count = rng.choice((0, 1, rng.randint(0, count_max)))
    near = [rng.randint(-50, 50) for _ in range(count)]
    far = rng.choice(([], [INT32_MAX], [INT32_MIN + 1], [INT32_MIN + 1, INT32_MAX]))
    return tuple(sorted({*near, *far})[:count_max])


def _points(rng: random.Random, points_max: int) -> int:
    # Few different ones, so that losses tie and their order matters.
    return rng.choice((0, 0, 7, -7, rng.randint(-points_max, points_max)))
