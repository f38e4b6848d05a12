"""A model's default probabilities restated for today, its points left alone.

Default rates move from year to year; who is riskier than whom moves less. So the points
stay, and the steps from score to probability are dated: read off recent loans where enough
of them have ended, or moved to a level that is expected where they have not.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from core.scoring.points import PdStep, PointsTable, pd_ppm, score
from core.units import MS_PER_DAY, PPM
from core.wire.modelfile import Model
from server.training.catalogue import TrainingTableError, TrainingTerms
from server.training.cutoffs import calibrate, reference_of, with_references, with_steps
from server.training.measure import rate_ppm
from server.training.release import Release
from server.training.table import Loan

LOANS_MIN = 200
DEFAULTS_MIN = 20
RATIO_WATCH, RATIO_ACT = 1.25, 1.5  # observed over promised, or the other way round
SURE_Z = 3.0  # standard errors; below, a difference may be chance
_ROUNDS = 60  # of halving: log-odds to far below a ppm
_LOG_ODDS_MAX = 12.0


class Trust(Enum):
    """How far promised probabilities can be relied on."""

    KEPT = "kept"
    WATCH = "watch"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Promise:
    """What a model promised of loans, what came, and what that says of it."""

    loans_count: int
    promised_ppm: int
    observed_ppm: int
    trust: Trust


def promise(promised_ppm: Sequence[int], loans: Sequence[Loan]) -> Promise:
    """Promised against observed; an alarm only where chance cannot explain the difference.

    The standard error is of a weighted share of independent loans.
    """
    weights = [loan.weight for loan in loans]
    total = sum(weights)
    told = sum(p * w for p, w in zip(promised_ppm, weights, strict=True)) / total / PPM
    seen = rate_ppm([(loan.defaulted, loan.weight) for loan in loans]) / PPM
    spread = sum(
        w * w * (p / PPM) * (1 - p / PPM) for p, w in zip(promised_ppm, weights, strict=True)
    )
    error = math.sqrt(spread) / total
    trust = _trust(told, seen, error)
    return Promise(len(loans), round(told * PPM), round(seen * PPM), trust)


def _trust(told: float, seen: float, error: float) -> Trust:
    if abs(seen - told) <= SURE_Z * error:
        return Trust.KEPT
    ratio = max(seen, told) / max(min(seen, told), 1 / PPM)
    if ratio >= RATIO_ACT:
        return Trust.BROKEN
    return Trust.WATCH if ratio >= RATIO_WATCH else Trust.KEPT


def recalibrated(
    model: Model, loans: Sequence[Loan], terms: TrainingTerms, release: Release, sha256: str
) -> Model:
    """The model with steps, refer band and reference points of recent loans that have ended.

    Parameters
    ----------
    sha256
        Of the table of recent loans; the model's own is made of both.

    Raises
    ------
    TrainingTableError
        If the loans or their defaults are too few, or the version does not rise.
    """
    defaults = sum(loan.defaulted for loan in loans)
    if len(loans) < LOANS_MIN or not DEFAULTS_MIN <= defaults <= len(loans) - DEFAULTS_MIN:
        raise TrainingTableError(
            f"expected at least {LOANS_MIN} recent loans with {DEFAULTS_MIN} of either outcome, "
            f"got {len(loans)} with {defaults} defaults: wait for more, or give --level-ppm"
        )
    scores = [score(model.table, loan.values) for loan in loans]
    outcomes, weights = [x.defaulted for x in loans], [x.weight for x in loans]
    table = calibrate(model.table, scores, outcomes, terms, weights)
    table = with_references(table, loans, terms.approve_pd_ppm_max)
    seasons = sorted({loan.season for loan in loans})
    words = f"{len(loans)} loans of {seasons[0]} to {seasons[-1]}"
    restated = _released(model, table, release, f"Probabilities restated on {words}.", sha256)
    return replace(restated, reference=reference_of(table, loans))


def moved(
    model: Model, loans: Sequence[Loan], level_ppm: int, terms: TrainingTerms, release: Release
) -> Model:
    """The model whose probabilities average to a level over recent applications.

    For when too few have ended to read the steps off them: all steps move by the same
    log-odds. The refer band and the reference points stay.

    Raises
    ------
    TrainingTableError
        If the level is no share, there are no applications, or the version does not rise.
    """
    if not 0 < level_ppm < PPM or not loans:
        raise TrainingTableError(
            f"expected recent applications and a level between 0 and 1,000,000 ppm, "
            f"got {len(loans)} and {level_ppm}"
        )
    steps = moved_steps(model.table, loans, level_ppm)
    band = (model.table.refer_low, model.table.refer_high)
    table = with_steps(model.table, steps, band, terms.approve_pd_ppm_max)
    words = f"Probabilities moved to an expected default rate of {level_ppm / PPM:.2%}."
    restated = _released(model, table, release, words, "")
    return replace(restated, reference=reference_of(table, loans))


def moved_steps(table: PointsTable, loans: Sequence[Loan], level_ppm: int) -> tuple[PdStep, ...]:
    """The steps that average to a level over applications, moved by the same log-odds."""
    weight_at: dict[int, float] = {}
    for loan in loans:
        rate = pd_ppm(table, score(table, loan.values))
        weight_at[rate] = weight_at.get(rate, 0.0) + loan.weight
    low, high = -_LOG_ODDS_MAX, _LOG_ODDS_MAX
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        if _average(weight_at, middle) < level_ppm:
            low = middle
        else:
            high = middle
    steps: list[PdStep] = []
    for step in table.pd_steps:
        rate = _shifted(step.pd_ppm, high)
        if not steps or rate < steps[-1].pd_ppm:
            steps.append(PdStep(step.score_min, rate))
    return tuple(steps)


def _average(weight_at: Mapping[int, float], shift: float) -> float:
    total = sum(_shifted(rate, shift) * weight for rate, weight in weight_at.items())
    return total / sum(weight_at.values())


def _shifted(rate_ppm: int, shift: float) -> int:
    """A probability moved by log-odds [ppm]; one at either end is held off it."""
    held = min(max(rate_ppm, 1), PPM - 1)
    odds = held / (PPM - held) * math.exp(shift)
    return min(max(round(PPM * odds / (1 + odds)), 1), PPM - 1)


def _released(model: Model, table: PointsTable, release: Release, words: str, sha256: str) -> Model:
    if release.version <= model.version:
        raise TrainingTableError(
            f"expected a version above {model.version} of the model that is restated, "
            f"got {release.version}"
        )
    before = model.training
    data = hashlib.sha256(f"{before.data_sha256}\n{sha256}\n{words}".encode()).hexdigest()
    first = before.described.partition(" Probabilities ")[0]
    summary = replace(before, data_sha256=data, described=f"{first} {words}")
    return replace(
        model,
        version=release.version,
        table=table,
        training=summary,
        valid_from_ms=release.valid_from_ms,
        valid_to_ms=release.valid_from_ms + release.valid_days * MS_PER_DAY,
    )
