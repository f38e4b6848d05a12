"""From scores to promises: default probabilities, the refer band, reference points.

All three are read off scores of loans that the scoring fold had not seen.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from core.scoring.drift import counted
from core.scoring.points import PdStep, PointsTable, pd_ppm, score
from core.units import PPM
from server.training.catalogue import TrainingTerms
from server.training.isotonic import rising
from server.training.measure import Weights
from server.training.table import Loan

STEPS_MAX = 20
WINDOW_POINTS = 50  # "just above the cut-off"
WINDOW_LOANS_MIN = 30


def pd_steps(
    scores: Sequence[int], defaulted: Sequence[bool], weights: Weights = None
) -> tuple[PdStep, ...]:
    """Score → probability of default, falling, at most ``STEPS_MAX`` steps.

    Equal shares of the loans, smoothed by half a default (Jeffreys), pooled until
    they fall. Below the first step its probability holds.
    """
    starts, counts, rates = _equal_groups(scores, defaulted, weights)
    falling = [-rate for rate in rising([-rate for rate in rates], counts)]
    steps: list[PdStep] = []
    for start, rate in zip(starts, falling, strict=True):
        promised = round(rate * PPM)
        if not steps or promised < steps[-1].pd_ppm:
            steps.append(PdStep(start, promised))
    return tuple(steps)


def _equal_groups(
    scores: Sequence[int], defaulted: Sequence[bool], weights: Weights
) -> tuple[list[int], list[float], list[float]]:
    """Where each group starts, its weight, and its smoothed default rate."""
    masses = weights or (1.0,) * len(scores)
    each = sum(masses) / len(masses)  # so that half a default is half a row
    ordered = sorted(scores)
    cuts = sorted({ordered[len(ordered) * i // STEPS_MAX] for i in range(STEPS_MAX)})
    counts, bads = [0.0] * len(cuts), [0.0] * len(cuts)
    for value, bad, mass in zip(scores, defaulted, masses, strict=True):
        place = bisect_right(cuts, value) - 1
        counts[place] += mass / each
        bads[place] += bad * mass / each
    rates = [(bad + 0.5) / (count + 1) for bad, count in zip(bads, counts, strict=True)]
    return cuts, counts, rates


def refer_band(
    scores: Sequence[int], defaulted: Sequence[bool], alpha_ppm: int, weights: Weights = None
) -> tuple[int, int]:
    """Scores at which neither outcome can be ruled out: ``low <= score < high`` refers.

    Class-conditional conformal prediction (Vovk et al. 2005): at most a share alpha
    of those who repay scores below ``low``, of those who default at or above
    ``high``. Where the classes are that well apart the band is empty.
    """
    rows = list(zip(scores, defaulted, weights or (1.0,) * len(scores), strict=True))
    goods = sorted((s, w) for s, bad, w in rows if not bad)
    bads = sorted((s, w) for s, bad, w in rows if bad)
    below = [s for s, rank in _ranked(goods) if rank * PPM <= alpha_ppm * (len(goods) + 1)]
    reached = [s for s, rank in _ranked(bads) if rank * PPM >= (PPM - alpha_ppm) * (len(bads) + 1)]
    low = below[-1] if below else goods[0][0]
    high = (reached[0] if reached else bads[-1][0]) + 1
    return low, max(high, low)


def _ranked(ordered: Sequence[tuple[int, float]]) -> Iterator[tuple[int, float]]:
    """Each score with the weight up to it, in rows of the mean weight."""
    each = sum(weight for _, weight in ordered) / len(ordered)
    reached = 0.0
    for value, weight in ordered:
        reached += weight / each
        yield value, reached


def calibrate(
    table: PointsTable,
    scores: Sequence[int],
    defaulted: Sequence[bool],
    terms: TrainingTerms,
    weights: Weights = None,
) -> PointsTable:
    """The table with its steps and band."""
    steps = pd_steps(scores, defaulted, weights)
    band = refer_band(scores, defaulted, terms.conformal_alpha_ppm, weights)
    return with_steps(table, steps, band, terms.approve_pd_ppm_max)


def with_steps(
    table: PointsTable, steps: tuple[PdStep, ...], band: tuple[int, int], approve_pd_ppm: int
) -> PointsTable:
    """The table with these steps; the band reaches down to the first score approved.

    A higher score is then never referred where a lower one is approved.
    """
    low, high = band
    approved = [step.score_min for step in steps if step.pd_ppm <= approve_pd_ppm]
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


def reference_of(table: PointsTable, loans: Sequence[Loan]) -> dict[str, tuple[int, ...]]:
    """How loans fell into a table's bins: what a model's drift is measured against later."""
    found = counted(table, (loan.values for loan in loans))
    return {name: tuple(counts) for name, counts in found.items()}
