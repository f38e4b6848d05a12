"""Bins that sites agree on before anybody has looked, and what their pooled counts say of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from core.scoring.features import FeatureDefinition
from server.training.federated.sums import HEAD, counts_length
from server.training.federated.words import Coding, FederationError
from server.training.isotonic import monotone
from server.training.matrix import RISK_SIGN

STEPS = 48  # of equal width over a feature's range, and as many of equal ratio from zero on
HALF = 0.5  # a default, so that a bin without one has log-odds

Pair = tuple[float, float]  # goods and bads


def fine(definition: FeatureDefinition) -> Coding:
    """The edges at which every site counts: known from the catalogue alone."""
    low, high = definition.low, definition.high
    even = {low + (high - low) * step // STEPS for step in range(1, STEPS)}
    even |= {low + 1, 0, 1}
    for side in (high, -low):
        if side > 1:
            ratio = side ** (1 / STEPS)
            sign = 1 if side == high else -1
            even |= {sign * round(ratio**step) for step in range(1, STEPS)}
    return Coding(definition.name, tuple(sorted(edge for edge in even if low < edge <= high)))


def cut(coding: Coding, numbers: Sequence[float]) -> tuple[Pair, tuple[Pair, ...]]:
    """The counts of a feature as goods and bads: of the missing, and bin by bin."""
    pairs = [(numbers[2 * k], numbers[2 * k + 1]) for k in range(len(coding.edges) + 2)]
    return pairs[0], tuple(pairs[1:])


def coarse(
    definition: FeatureDefinition, counted: Coding, numbers: Sequence[float], bins_max: int
) -> Coding:
    """The feature's few bins of about equal weight, with their log-odds in its direction.

    A missing value is never better than the present ones on average.
    """
    missing, pairs = cut(counted, numbers)
    edges, merged = _merge(counted.edges, pairs, bins_max)
    absent, values = _values(definition, missing, merged)
    return replace(counted, edges=edges, missing=absent, values=values)


def coarse_all(
    definitions: Sequence[FeatureDefinition],
    counted: Sequence[Coding],
    numbers: Sequence[float],
    bins_max: int,
) -> tuple[Coding, ...]:
    """Every feature's few bins, from what :func:`sums.counts` gave of all of them."""
    codings, at = [], HEAD
    for definition, coding in zip(definitions, counted, strict=True):
        size = counts_length((coding,)) - HEAD
        codings.append(coarse(definition, coding, numbers[at : at + size], bins_max))
        at += size
    return tuple(codings)


def _merge(
    edges: Sequence[int], pairs: Sequence[Pair], bins_max: int
) -> tuple[tuple[int, ...], list[Pair]]:
    total = sum(good + bad for good, bad in pairs)
    wanted = total / bins_max
    kept: list[int] = []
    merged: list[Pair] = [(0.0, 0.0)]
    for number, (good, bad) in enumerate(pairs):
        mass = sum(merged[-1])
        if number and mass >= wanted and good + bad > 0:
            kept.append(edges[number - 1])
            merged.append((0.0, 0.0))
        merged[-1] = (merged[-1][0] + good, merged[-1][1] + bad)
    while len(merged) > 1 and sum(merged[-1]) < wanted / 2:
        last = merged.pop()
        merged[-1] = (merged[-1][0] + last[0], merged[-1][1] + last[1])
        kept.pop()
    return tuple(kept), merged


def _values(
    definition: FeatureDefinition, missing: Pair, pairs: Sequence[Pair]
) -> tuple[str, tuple[str, ...]]:
    goods = sum(good for good, _ in pairs) + missing[0]
    bads = sum(bad for _, bad in pairs) + missing[1]
    if goods <= 0 or bads <= 0:
        raise FederationError("expected loans that were repaid and loans that were not, got one")
    level = math.log(bads / goods)
    masses = [good + bad for good, bad in pairs]
    raw = [log_odds(pair) - level for pair in pairs]
    values = monotone(raw, masses, RISK_SIGN[definition.direction])
    mean = sum(v * m for v, m in zip(values, masses, strict=True)) / max(sum(masses), 1.0)
    absent = log_odds(missing) - level if sum(missing) >= 1 else mean
    return max(absent, mean).hex(), tuple(value.hex() for value in values)


def log_odds(pair: Pair) -> float:
    """Log-odds of default, smoothed by half a loan of either outcome."""
    good, bad = pair
    return math.log((bad + HALF) / (good + HALF))


def apart(
    ours: Sequence[float], others: Sequence[float], counted: Sequence[Coding], bins_max: int
) -> dict[str, float]:
    """How far a group's log-odds by bin lie from the others', apart from its level.

    Returns
    -------
    dict
        By feature the mean square of the differences in standard errors: about one where
        the two differ by chance alone.
    """
    found, at = {}, 1
    for coding in counted:
        size = 2 * (len(coding.edges) + 2)
        mine, theirs = cut(coding, ours[at:]), cut(coding, others[at:])
        at += size
        both = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(mine[1], theirs[1], strict=True)]
        edges, _ = _merge(coding.edges, both, bins_max)
        left, right = _over(coding, edges, mine[1]), _over(coding, edges, theirs[1])
        gaps = [
            (log_odds(a) - log_odds(b), 1 / sum(1 / (x + HALF) for x in (*a, *b)))
            for a, b in zip(left, right, strict=True)
            if sum(a) >= 1 and sum(b) >= 1
        ]
        if len(gaps) < 2:
            continue
        total = sum(weight for _, weight in gaps)
        level = sum(gap * weight for gap, weight in gaps) / total
        square = sum((gap - level) ** 2 * weight for gap, weight in gaps)
        found[coding.feature] = square / (len(gaps) - 1)
    return found


def _over(coding: Coding, edges: Sequence[int], pairs: Sequence[Pair]) -> list[Pair]:
    """Fine bins added up to coarse ones."""
    found: list[Pair] = [(0.0, 0.0)]
    for number, (good, bad) in enumerate(pairs):
        if number and coding.edges[number - 1] in edges:
            found.append((0.0, 0.0))
        found[-1] = (found[-1][0] + good, found[-1][1] + bad)
    return found
