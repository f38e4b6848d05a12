"""What a pooled model's drift is held against: its loans by bin, from the sums of the rounds.

A model of one lender counts its own loans; here the counts of the first round, added up to
the model's bins, and those of its scores say the same, and nobody is asked once more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from core.scoring.drift import SCORES, score_edges
from core.scoring.points import PointsTable
from server.training.federated.bins import cut
from server.training.federated.sums import HEAD, counts_length
from server.training.federated.words import Coding

Reference = Mapping[str, tuple[int, ...]]


def of_features(
    counted: Sequence[Coding], used: Sequence[Coding], numbers: Sequence[float]
) -> dict[str, tuple[int, ...]]:
    """The loans in each of the model's bins of every feature, the missing ones first.

    Parameters
    ----------
    counted, numbers
        The fine bins of the first round, and what :func:`sums.counts` gave of them, pooled.
    used
        The model's own bins, whose edges are among the fine ones.
    """
    edges = {coding.feature: coding.edges for coding in used}
    found, at = {}, HEAD
    for coding in counted:
        size = counts_length((coding,)) - HEAD
        if coding.feature in edges:
            own = edges[coding.feature]
            found[coding.feature] = _binned(coding, own, numbers[at : at + size])
        at += size
    return found


def _binned(coding: Coding, edges: Sequence[int], numbers: Sequence[float]) -> tuple[int, ...]:
    missing, pairs = cut(coding, numbers)
    loans = [0.0] * (len(edges) + 1)
    starts = (coding.edges[0] - 1, *coding.edges) if coding.edges else (0,)
    for start, (good, bad) in zip(starts, pairs, strict=True):
        loans[bisect_right(edges, start)] += good + bad
    return tuple(round(count) for count in (sum(missing), *loans))


def of_scores(
    table: PointsTable, span: tuple[int, int], counts: Sequence[float]
) -> tuple[int, ...]:
    """The loans in each bin of the score: where its probability of default changes.

    Parameters
    ----------
    counts
        Goods and bads by score, from the lowest of the span, pooled.
    """
    edges = score_edges(table)
    loans = [0.0] * (len(edges) + 1)
    for at in range(span[1] - span[0] + 1):
        loans[bisect_right(edges, span[0] + at)] += counts[2 * at] + counts[2 * at + 1]
    return tuple(round(count) for count in loans)


def of_model(table: PointsTable, found: Reference) -> dict[str, tuple[int, ...]]:
    """What is told of the features that are still in the table, and of its score."""
    names = [SCORES, *(one.feature for one in table.features)]
    return {name: found[name] for name in names if name in found}
