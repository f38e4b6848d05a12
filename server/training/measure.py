"""How well a score separates and how well it is calibrated; exact, on plain lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from core.units import PPM


def auc_ppm(risk: Sequence[float], defaulted: Sequence[bool]) -> int:
    """Area under the ROC curve of a risk (higher is riskier); ties count a half [ppm]."""
    goods_below = concordant_twice = bads = goods = 0
    for _, group in groupby(sorted(zip(risk, defaulted, strict=True)), key=lambda pair: pair[0]):
        outcomes = [bad for _, bad in group]
        bad, good = sum(outcomes), len(outcomes) - sum(outcomes)
        concordant_twice += bad * (2 * goods_below + good)
        goods_below, bads, goods = goods_below + good, bads + bad, goods + good
    return round(PPM * concordant_twice / (2 * bads * goods))


def ks_ppm(risk: Sequence[float], defaulted: Sequence[bool]) -> int:
    """Kolmogorov–Smirnov distance between the two outcomes' risks [ppm]."""
    curve = roc(risk, defaulted)
    return round(PPM * max(hit - alarm for alarm, hit in curve))


def roc(risk: Sequence[float], defaulted: Sequence[bool]) -> list[tuple[float, float]]:
    """The ROC curve from (0, 0) to (1, 1): share of goods and of bads at or above a risk."""
    bads = sum(defaulted)
    goods = len(defaulted) - bads
    points, alarm, hit = [(0.0, 0.0)], 0, 0
    ordered = sorted(zip(risk, defaulted, strict=True), key=lambda pair: -pair[0])
    for _, group in groupby(ordered, key=lambda pair: pair[0]):
        outcomes = [bad for _, bad in group]
        hit += sum(outcomes)
        alarm += len(outcomes) - sum(outcomes)
        points.append((alarm / goods, hit / bads))
    return points


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Loans with the same promised probability: how many, and how many defaulted."""

    promised_ppm: int
    loans_count: int
    defaults_count: int

    @property
    def observed_ppm(self) -> int:
        """The observed share of defaults [ppm]."""
        return round(PPM * self.defaults_count / self.loans_count)


def calibration(promised_ppm: Sequence[int], defaulted: Sequence[bool]) -> list[CalibrationBin]:
    """Promised against observed, one bin a promised value, safest first."""
    found = []
    pairs = sorted(zip(promised_ppm, defaulted, strict=True))
    for promised, group in groupby(pairs, key=lambda pair: pair[0]):
        outcomes = [bad for _, bad in group]
        found.append(CalibrationBin(promised, len(outcomes), sum(outcomes)))
    return found
