"""From pooled weights to a points table, calibrated by pooled counts of scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from core.scoring.points import FeatureTable, PdStep, PointsTable
from server.training.catalogue import TrainingTerms
from server.training.cutoffs import WINDOW_POINTS, calibrate, cut_off
from server.training.federated.words import Coding
from server.training.measure import auc_ppm, ks_ppm
from server.training.rounding import FACTOR, points_of

ROWS_MAX = 200_000  # that a histogram is spread out to
_UNSCORED = (PdStep(0, 0),)  # a table needs steps; calibration replaces them


def points_table(codings: Sequence[Coding], weights: Sequence[float]) -> PointsTable:
    """Integer points; rounding keeps each feature's direction, for it keeps an order."""
    tables = tuple(
        FeatureTable(
            feature=coding.feature,
            edges=coding.edges,
            points=tuple(round(-FACTOR * weight * float.fromhex(v)) for v in coding.values),
            missing_points=math.floor(-FACTOR * weight * float.fromhex(coding.missing)),
            reference_points=0,
        )
        for coding, weight in zip(codings, weights[1:], strict=True)
    )
    return PointsTable(round(points_of(weights[0])), tables, (), _UNSCORED, 0, 0)


def span_of(table: PointsTable) -> tuple[int, int]:
    """The lowest and highest score that the table can give."""
    low = high = table.base
    for one in table.features:
        low += min(*one.points, one.missing_points)
        high += max(*one.points, one.missing_points)
    return low, high


def calibrated(
    table: PointsTable, span: tuple[int, int], counts: Sequence[float], terms: TrainingTerms
) -> tuple[PointsTable, tuple[int, int]]:
    """The table with its steps and band, and how well it ranks the pooled loans (AUC, KS) [ppm].

    Parameters
    ----------
    counts
        Goods and bads by score, from the lowest of the span.
    """
    share = min(1.0, ROWS_MAX / max(sum(counts), 1.0))
    scores: list[int] = []
    outcomes: list[bool] = []
    for at in range(span[1] - span[0] + 1):
        for bad in (False, True):
            times = round(counts[2 * at + int(bad)] * share)
            scores += [span[0] + at] * times
            outcomes += [bad] * times
    found = calibrate(table, scores, outcomes, terms)
    risks = [-float(s) for s in scores]
    return found, (auc_ppm(risks, outcomes), ks_ppm(risks, outcomes))


def near_of(table: PointsTable, terms: TrainingTerms) -> tuple[int, int]:
    """The scores just above the cut-off, whose mean points are each feature's reference."""
    low = cut_off(table, terms.approve_pd_ppm_max)
    return low, low + WINDOW_POINTS


def with_pooled_references(table: PointsTable, numbers: Sequence[float]) -> PointsTable:
    """The table with its references, from the pooled sums over the approvals near the cut-off.

    Where none is near, a feature's best points are its reference.
    """
    count, points = numbers[1], numbers[2:]
    features = tuple(
        replace(one, reference_points=round(total / count) if count >= 1 else max(one.points))
        for one, total in zip(table.features, points, strict=True)
    )
    return replace(table, features=features)
