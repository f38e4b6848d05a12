"""From scores to promises: default probabilities, the refer band, reference points.

All three are read off scores of loans that the scoring fold had not seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.scoring.points import PdStep, PointsTable, pd_ppm, score
from core.units import PPM
from server.training.catalogue import TrainingTerms
from server.training.isotonic import rising
from server.training.table import Loan

STEPS_MAX = 20
WINDOW_POINTS = 50  # "just above the cut-off"
WINDOW_LOANS_MIN = 30


def pd_steps(scores: Sequence[int], defaulted: Sequence[bool]) -> tuple[PdStep, ...]:
    """Score → probability of default, falling, at most ``STEPS_MAX`` steps.

    Equal shares of the loans, smoothed by half a default (Jeffreys), pooled until
    they fall. Below the first step its probability holds.
    """
    starts, counts, bads = _equal_groups(scores, defaulted)
    rates = [(bad + 0.5) / (count + 1) for bad, count in zip(bads, counts, strict=True)]
    falling = [-rate for rate in rising([-rate for rate in rates], counts)]
    steps: list[PdStep] = []
    for start, rate in zip(starts, falling, strict=True):
        promised = round(rate * PPM)
        if not steps or promised < steps[-1].pd_ppm:
            steps.append(PdStep(start, promised))
    return tuple(steps)


def _equal_groups(
    scores: Sequence[int], defaulted: Sequence[bool]
) -> tuple[list[int], list[int], list[int]]:
    ordered = sorted(scores)
    cuts = sorted({ordered[len(ordered) * i // STEPS_MAX] for i in range(STEPS_MAX)})
    counts, bads = [0] * len(cuts), [0] * len(cuts)
    for value, bad in zip(scores, defaulted, strict=True):
        place = max(i for i, cut in enumerate(cuts) if value >= cut)
        counts[place] += 1
        bads[place] += bad
    return cuts, counts, bads


def refer_band(scores: Sequence[int], defaulted: Sequence[bool], alpha_ppm: int) -> tuple[int, int]:
    """Scores at which neither outcome can be ruled out: ``low <= score < high`` refers.

    Class-conditional conformal prediction (Vovk et al. 2005): at most a share alpha
    of those who repay scores below ``low``, of those who default at or above
    ``high``. Where the classes are that well apart the band is empty.
    """
    goods = sorted(s for s, bad in zip(scores, defaulted, strict=True) if not bad)
    bads = sorted(s for s, bad in zip(scores, defaulted, strict=True) if bad)
    below = alpha_ppm * (len(goods) + 1) // PPM
    low = goods[max(below - 1, 0)]
    reach = math.ceil((PPM - alpha_ppm) * (len(bads) + 1) / PPM)
    high = bads[min(reach, len(bads)) - 1] + 1
    return low, max(high, low)


def calibrate(
    table: PointsTable, scores: Sequence[int], defaulted: Sequence[bool], terms: TrainingTerms
) -> PointsTable:
    """The table with its steps and band.

    The band reaches down to the first score that would be approved, so that a
    higher score is never referred where a lower one is approved.
    """
    steps = pd_steps(scores, defaulted)
    low, high = refer_band(scores, defaulted, terms.conformal_alpha_ppm)
    approved = [step.score_min for step in steps if step.pd_ppm <= terms.approve_pd_ppm_max]
    low = min(low, *approved) if approved and high > low else low
    return replace(table, pd_steps=steps, refer_low=low, refer_high=high)


def with_references(table: PointsTable, loans: Sequence[Loan], approve_pd_ppm: int) -> PointsTable:
    """The table with each part's mean points of approvals just above the cut-off."""
    near = _just_above(table, loans, approve_pd_ppm)
    features = tuple(
        replace(one, reference_points=_mean([one.lookup(v.get(one.feature)) for v in near]))
        for one in table.features
    )
    pairs = tuple(
        replace(
            two,
            reference_points=_mean([two.lookup(v.get(two.first), v.get(two.second)) for v in near]),
        )
        for two in table.pairs
    )
    return replace(table, features=features, pairs=pairs)


def cut_off(table: PointsTable, approve_pd_ppm: int) -> int:
    """The lowest score that is approved without a person [points]."""
    safe = [step.score_min for step in table.pd_steps if step.pd_ppm <= approve_pd_ppm]
    lowest = min(safe) if safe else table.pd_steps[-1].score_min
    in_band = table.refer_low <= lowest < table.refer_high
    return table.refer_high if in_band else lowest


def _just_above(
    table: PointsTable, loans: Sequence[Loan], approve_pd_ppm: int
) -> list[Mapping[str, int]]:
    cut = cut_off(table, approve_pd_ppm)
    above = sorted(
        ((score(table, loan.values), i) for i, loan in enumerate(loans)),
    )
    passed = [(points, i) for points, i in above if points >= cut] or above[-WINDOW_LOANS_MIN:]
    near = [i for points, i in passed if points < cut + WINDOW_POINTS]
    if len(near) < WINDOW_LOANS_MIN:
        near = [i for _, i in passed[:WINDOW_LOANS_MIN]]
    return [loans[i].values for i in near]


def _mean(points: Sequence[int]) -> int:
    return round(sum(points) / len(points))


def promised(table: PointsTable, loans: Sequence[Loan]) -> list[int]:
    """The probability that the table promises for each loan [ppm]."""
    return [pd_ppm(table, score(table, loan.values)) for loan in loans]
