"""A challenger beside the model in use, on the same cards: where they part, and who was right.

Agreement and swap sets need no outcome. Discrimination is measured on lines whose end is
known, with the bootstrap's 95 % interval, and the difference on the same resamples. Of those
who were declined nothing is known: who would be swapped *in* has no outcome, and none is
made up for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from core.decision.policy import Verdict
from core.scoring.drift import Alarm, alarm, psi_ppm
from core.units import PPM
from server.services.backtest import KNOWN, Ending, ending_of
from server.services.centre import Centre, RequestError
from server.services.model_life.drift import wilson_ppm
from server.services.model_life.shadow import shade_past
from server.services.reports.loans import as_of, loans
from server.store import models, shadow_scores
from server.store.engine import Tx
from server.store.models import RegisteredModel
from server.store.shadow_scores import ShadowScore
from server.training.intervals import Interval, bootstrap, interval
from server.training.measure import auc_ppm

Z_95 = 1.959964
SEED = 20_261_122
RESAMPLES = 300
KNOWN_MIN = 20  # of either outcome; fewer rank nothing
PROMISE_EDGES_PPM = (20_000, 50_000, 100_000, 200_000, 400_000)
APPROVE = Verdict.APPROVE.value


@dataclass(frozen=True, slots=True)
class Share:
    """A count of a whole, with its interval of 95 % (Wilson 1927) [ppm]."""

    count: int
    of: int
    ppm: int
    low_ppm: int
    high_ppm: int


@dataclass(frozen=True, slots=True)
class Swap:
    """Cards on which one would approve and the other not, and how those that ended did end."""

    cards: Share
    known_count: int
    lost_count: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """How both rank the lines whose end is known; ``gain`` is the challenger's less the other's."""

    known_count: int
    lost_count: int
    champion_auc_ppm: int
    champion: Interval
    challenger_auc_ppm: int
    challenger: Interval
    gain: Interval


@dataclass(frozen=True, slots=True)
class Comparison:
    """A challenger beside the model in use, up to a day.

    ``verdicts`` counts cards by what the model in use and the challenger would say;
    ``psi_ppm`` is of the challenger's promises against the other's. ``ranked`` is None while
    too few ends are known.
    """

    on: str
    champion_sha256: str
    challenger_sha256: str
    cards_count: int
    agree: Share
    verdicts: Mapping[str, int]
    swapped_in: Swap
    swapped_out: Swap
    psi_ppm: int
    alarm: Alarm
    ranked: Ranked | None


def compare(centre: Centre, challenger: RegisteredModel, on: date) -> Comparison:
    """Compare a challenger with the model in use on every card that both have scored.

    Raises
    ------
    RequestError
        If no model is in use, it is the challenger itself, or no card was scored by both.
    """
    shade_past(centre)
    with centre.store.reading() as tx:
        champion = models.active(tx)
        if champion is None or champion.sha256 == challenger.sha256:
            raise RequestError("expected a challenger beside another model that is in use")
        pairs = paired(tx, champion.sha256, challenger.sha256)
        if not pairs:
            raise RequestError("expected cards that both have scored: model challenge, and wait")
        then = as_of(on, centre.now_ms())
        ends = {
            loan.line.card_id: ending_of(loan, on) for loan in loans(tx, then) if loan.line.card_id
        }
    return compared(on, (champion.sha256, challenger.sha256), pairs, ends)


Pairs = Sequence[tuple[ShadowScore, ShadowScore]]


def paired(tx: Tx, champion: str, challenger: str) -> Pairs:
    """Both models' words on every card that both have scored."""
    theirs = {one.card_id: one for one in shadow_scores.stream(tx, champion)}
    return [
        (theirs[one.card_id], one)
        for one in shadow_scores.stream(tx, challenger)
        if one.card_id in theirs
    ]


def compared(
    on: date, models_: tuple[str, str], pairs: Pairs, ends: Mapping[str, Ending]
) -> Comparison:
    """The comparison of two models' words, with what became of the cards' lines."""
    then, now = ([one[side].pd_ppm for one in pairs] for side in (0, 1))
    index = psi_ppm(_binned(then), _binned(now))
    return Comparison(
        on=on.isoformat(),
        champion_sha256=models_[0],
        challenger_sha256=models_[1],
        cards_count=len(pairs),
        agree=share(sum(a.would == b.would for a, b in pairs), len(pairs)),
        verdicts=dict(sorted(Counter(f"{a.would}/{b.would}" for a, b in pairs).items())),
        swapped_in=_swap([(a, b) for a, b in pairs if a.would != APPROVE == b.would], pairs, ends),
        swapped_out=_swap([(a, b) for a, b in pairs if b.would != APPROVE == a.would], pairs, ends),
        psi_ppm=index,
        alarm=alarm(index),
        ranked=_ranked(pairs, ends),
    )


def share(count: int, of: int) -> Share:
    """A share with its interval."""
    low_ppm, high_ppm = wilson_ppm(count, of, Z_95)
    return Share(count, of, count * PPM // of if of else 0, low_ppm, high_ppm)


def _binned(promises_ppm: Sequence[int]) -> list[int]:
    counts = [0] * (len(PROMISE_EDGES_PPM) + 1)
    for promise in promises_ppm:
        counts[sum(edge <= promise for edge in PROMISE_EDGES_PPM)] += 1
    return counts


def _swap(swapped: Pairs, pairs: Pairs, ends: Mapping[str, Ending]) -> Swap:
    known = [ends[b.card_id] for _, b in swapped if ends.get(b.card_id) in KNOWN]
    return Swap(share(len(swapped), len(pairs)), len(known), known.count(Ending.LOST))


def _ranked(pairs: Pairs, ends: Mapping[str, Ending]) -> Ranked | None:
    known = [(a, b, ends[a.card_id]) for a, b in pairs if ends.get(a.card_id) in KNOWN]
    lost = [end is Ending.LOST for *_, end in known]
    if min(lost.count(True), lost.count(False)) < KNOWN_MIN:
        return None
    risks = {"champion": [a.risk for a, _, _ in known], "challenger": [b.risk for _, b, _ in known]}
    draws = bootstrap(risks, lost, [1.0] * len(lost), SEED, RESAMPLES)
    return Ranked(
        known_count=len(lost),
        lost_count=lost.count(True),
        champion_auc_ppm=auc_ppm(risks["champion"], lost),
        champion=draws["champion"].auc_interval,
        challenger_auc_ppm=auc_ppm(risks["challenger"], lost),
        challenger=draws["challenger"].auc_interval,
        gain=interval(draws["challenger"].auc - draws["champion"].auc),
    )
