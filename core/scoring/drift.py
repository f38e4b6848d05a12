"""Whether today's applications still look like those that a model learnt from.

Counts alone are compared: how many fell into each bin, then and now. The population
stability index (Siddiqi 2006, Credit Risk Scorecards, chapter 9) is the sum over bins of
(now − then) · ln(now / then) of their shares. Nothing here knows an applicant.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from core.errors import ShapeError
from core.scoring.points import FeatureTable, PointsTable, score
from core.units import PPM

WATCH_PPM = 100_000  # .10: look at it
ACT_PPM = 250_000  # .25: the model decides about others than it learnt from
NOISE_PPM_MAX = 50_000  # an index that chance alone brings to half of .10 says nothing
HALF = 0.5  # of a row, in every bin: one that is empty on one side has no logarithm
SCORES = "score"


class Alarm(Enum):
    """What a stability index asks for."""

    NONE = "none"
    WATCH = "watch"
    ACT = "act"


def psi_ppm(then: Sequence[float], now: Sequence[float]) -> int:
    """The population stability index of two runs of counts over the same bins [ppm].

    Raises
    ------
    ShapeError
        If they have not the same bins, or one side counts nothing.
    """
    if len(then) != len(now) or not then:
        raise ShapeError(f"expected counts of the same bins, got {len(then)} and {len(now)}")
    if min(*then, *now) < 0 or not sum(then) or not sum(now):
        raise ShapeError("expected counts of at least one application on both sides")
    before, after = _shares(then), _shares(now)
    index = sum((b - a) * math.log(b / a) for a, b in zip(before, after, strict=True))
    return round(index * PPM)


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts) + HALF * len(counts)
    return [(count + HALF) / total for count in counts]


def alarm(index_ppm: int) -> Alarm:
    """What an index asks for: to watch from .10 on, to act from .25 on."""
    if index_ppm >= ACT_PPM:
        return Alarm.ACT
    return Alarm.WATCH if index_ppm >= WATCH_PPM else Alarm.NONE


def noise_ppm(then: Sequence[int], now: Sequence[int]) -> int:
    """What the index would be on average if nothing had changed, by so few counts alone [ppm].

    Twice the index is nearly a chi-square of one degree less than bins (Yurdakul and Naranjo
    2020, doi:10.21314/JRMV.2020.227): its mean is (bins − 1) · (1/then + 1/now).
    """
    before, after = sum(then), sum(now)
    if not before or not after:
        return PPM
    return round((len(now) - 1) * (1 / before + 1 / after) * PPM)


def score_edges(table: PointsTable) -> tuple[int, ...]:
    """The edges between the bins of a score: where its probability of default changes."""
    return tuple(step.score_min for step in table.pd_steps[1:])


def counted(table: PointsTable, applications: Iterable[Mapping[str, int]]) -> dict[str, list[int]]:
    """Applications in each bin of the score and of every feature; a feature's first is missing.

    Nothing else of an application leaves this function.
    """
    edges = score_edges(table)
    found = {SCORES: [0] * (len(edges) + 1)}
    found |= {one.feature: [0] * (len(one.points) + 1) for one in table.features}
    for inputs in applications:
        found[SCORES][bisect_right(edges, score(table, inputs))] += 1
        for one in table.features:
            found[one.feature][bin_of(one, inputs.get(one.feature))] += 1
    return found


def bin_of(table: FeatureTable, value: int | None) -> int:
    """The bin of a value; 0 is for a missing one."""
    return 0 if value is None else 1 + bisect_right(table.edges, value)
