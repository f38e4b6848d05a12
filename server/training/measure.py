"""How well a score separates and how well it is calibrated; exact, on plain lists.

Every measure takes weights, the number of loans that each row stands for; without them
each stands for one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from core.units import PPM

Weights = Sequence[float] | None


def auc_ppm(risk: Sequence[float], defaulted: Sequence[bool], weights: Weights = None) -> int:
    """Area under the ROC curve of a risk (higher is riskier); ties count a half [ppm]."""
    goods_below = concordant_twice = bads = goods = 0.0
    for _, good, bad in _levels(risk, defaulted, weights):
        concordant_twice += bad * (2 * goods_below + good)
        goods_below, bads, goods = goods_below + good, bads + bad, goods + good
    return round(PPM * concordant_twice / (2 * bads * goods))


def ks_ppm(risk: Sequence[float], defaulted: Sequence[bool], weights: Weights = None) -> int:
    """Kolmogorov–Smirnov distance between the two outcomes' risks [ppm]."""
    curve = roc(risk, defaulted, weights)
    return round(PPM * max(hit - alarm for alarm, hit in curve))


def roc(
    risk: Sequence[float], defaulted: Sequence[bool], weights: Weights = None
) -> list[tuple[float, float]]:
    """The ROC curve from (0, 0) to (1, 1): share of goods and of bads at or above a risk."""
    levels = list(_levels(risk, defaulted, weights))
    goods, bads = sum(good for _, good, _ in levels), sum(bad for _, _, bad in levels)
    points, alarm, hit = [(0.0, 0.0)], 0.0, 0.0
    for _, good, bad in reversed(levels):
        alarm, hit = alarm + good, hit + bad
        points.append((alarm / goods, hit / bads))
    return points


def _levels(
    risk: Sequence[float], defaulted: Sequence[bool], weights: Weights
) -> Iterator[tuple[float, float, float]]:
    """Each risk from the lowest on, with the goods and the bads that have it."""
    ordered = sorted(zip(risk, defaulted, weights or (1.0,) * len(risk), strict=True))
    for level, group in groupby(ordered, key=lambda row: row[0]):
        rows = [(bad, weight) for _, bad, weight in group]
        bads = sum(weight for bad, weight in rows if bad)
        yield level, sum(weight for bad, weight in rows if not bad), bads


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Loans with the same promised probability: how many, and how many defaulted.

    ``weighted_ppm`` is the share of defaults among the loans that the rows stand for.
    """

    promised_ppm: int
    loans_count: int
    defaults_count: int
    weighted_ppm: int

    @property
    def observed_ppm(self) -> int:
        """The observed share of defaults [ppm]."""
        return self.weighted_ppm


def calibration(
    promised_ppm: Sequence[int], defaulted: Sequence[bool], weights: Weights = None
) -> list[CalibrationBin]:
    """Promised against observed, one bin a promised value, safest first."""
    found = []
    rows = sorted(zip(promised_ppm, defaulted, weights or (1.0,) * len(defaulted), strict=True))
    for promised, group in groupby(rows, key=lambda row: row[0]):
        members = [(bad, weight) for _, bad, weight in group]
        found.append(
            CalibrationBin(
                promised, len(members), sum(bad for bad, _ in members), rate_ppm(members)
            )
        )
    return found


def log_losses(promised_ppm: Sequence[int], defaulted: Sequence[bool]) -> list[float]:
    """What each loan's outcome costs its promise [nats]; nothing is more certain than 1 ppm."""
    shares = [min(max(rate, 1), PPM - 1) / PPM for rate in promised_ppm]
    return [
        -math.log(share if bad else 1 - share) for share, bad in zip(shares, defaulted, strict=True)
    ]


def rate_ppm(members: Sequence[tuple[bool, float]]) -> int:
    """The share of defaults of outcomes with their weights [ppm]."""
    total = sum(weight for _, weight in members)
    return round(PPM * sum(weight for bad, weight in members if bad) / total)
