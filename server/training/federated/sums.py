"""What a site adds up over its loans for each stage, before any mask."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import numpy as np

from core.scoring.points import PointsTable, score
from server.training.federated.words import Coding
from server.training.matrix import Matrix
from server.training.table import Loan

HEAD = 1  # each vector begins with the number of rows


def place(edges: Sequence[int], value: int | None) -> int:
    """The bin of a value: 0 is missing, bin k stands at k + 1."""
    return 0 if value is None else 1 + bisect_right(edges, value)


def counts(loans: Sequence[Loan], codings: Sequence[Coding]) -> list[float]:
    """Rows, then of each feature and bin the goods and the bads (weighted)."""
    found = [float(len(loans))]
    for coding in codings:
        bins = np.zeros((len(coding.edges) + 2, 2))
        for loan in loans:
            at = place(coding.edges, loan.values.get(coding.feature))
            bins[at, int(loan.defaulted)] += loan.weight
        found += [float(x) for x in bins.reshape(-1)]
    return found


def counts_length(codings: Sequence[Coding]) -> int:
    """How many numbers :func:`counts` gives."""
    return HEAD + sum(2 * (len(coding.edges) + 2) for coding in codings)


def coded(loans: Sequence[Loan], codings: Sequence[Coding]) -> Matrix:
    """(loan, 1 + feature) float64: one, then each feature's log-odds by its bin."""
    columns = [np.ones(len(loans))]
    for coding in codings:
        values = np.asarray([float.fromhex(each) for each in (coding.missing, *coding.values)])
        at = [place(coding.edges, loan.values.get(coding.feature)) for loan in loans]
        columns.append(values[at])
    return np.column_stack(columns)


def newton(
    loans: Sequence[Loan], codings: Sequence[Coding], weights: Sequence[float]
) -> list[float]:
    """Rows, deviance, gradient, and the upper triangle of the curvature at some weights."""
    x, beta = coded(loans, codings), np.asarray(weights)
    y = np.asarray([loan.defaulted for loan in loans], dtype=np.float64)
    mass = np.asarray([loan.weight for loan in loans])
    eta = x @ beta
    mu = 1 / (1 + np.exp(-eta))
    deviance = 2 * float(np.sum(mass * (np.logaddexp(0, eta) - y * eta)))
    gradient = x.T @ (mass * (y - mu))
    curvature = (x * (mass * mu * (1 - mu))[:, None]).T @ x
    upper = curvature[np.triu_indices(len(beta))]
    return [float(len(loans)), deviance, *map(float, gradient), *map(float, upper)]


def newton_length(codings: Sequence[Coding]) -> int:
    """How many numbers :func:`newton` gives."""
    size = 1 + len(codings)
    return HEAD + 1 + size + size * (size + 1) // 2


def scores(loans: Sequence[Loan], table: PointsTable, span: tuple[int, int]) -> list[float]:
    """Rows, then by score from the lowest to the highest of a span the goods and the bads."""
    low, high = span
    bins = np.zeros((high - low + 1, 2))
    for loan in loans:
        at = min(max(score(table, loan.values), low), high) - low
        bins[at, int(loan.defaulted)] += loan.weight
    return [float(len(loans)), *map(float, bins.reshape(-1))]


def near(loans: Sequence[Loan], table: PointsTable, span: tuple[int, int]) -> list[float]:
    """Rows, those that score within a span, and each feature's points summed over them."""
    low, high = span
    found = [loan.values for loan in loans if low <= score(table, loan.values) < high]
    points = [
        float(sum(one.lookup(values.get(one.feature)) for values in found))
        for one in table.features
    ]
    return [float(len(loans)), float(len(found)), *points]


def added_rows(vectors: Iterable[Sequence[float]]) -> list[float]:
    """The plain sum of vectors, for a pooled fit that a federated one is held against."""
    return [float(sum(column)) for column in zip(*vectors, strict=True)]
