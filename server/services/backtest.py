"""Every past decision against what became of it: what the cards promised, and what came.

Each card is replayed byte for byte first; one that does not replay is named and counted
nowhere. What it promised is the probability of default on the card itself, so a model is held
to what it said and not to what another would say today. Who was declined has no outcome: what
is measured here speaks of those who were given a line, and of nobody else.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum

from core.canonical import parse_canonical
from core.decision.card import DecisionCard
from core.decision.policy import Verdict
from core.shape import decode
from core.signing import DOCUMENT_BYTES_MAX
from core.units import PPM
from server.services.cards import judge_card
from server.services.centre import Centre
from server.services.reports.loans import Loan, as_of, loans
from server.store import products, registry, reports
from server.store.engine import Tx
from server.store.reports import KeptDecision, Replay
from server.training.measure import CalibrationBin, auc_ppm, calibration

LOST_DAYS = 90  # past due: a default, as in the loans that models are trained on
CHANCE = 1.96  # standard errors within which a promise is kept, for nineteen of twenty


class Ending(Enum):
    """What became of a decision by a day."""

    REPAID = "repaid"
    LATE = "late"
    LOST = "lost"  # written off, or late by more than LOST_DAYS
    RUNNING = "running"  # not due yet
    UNUSED = "not drawn"
    NO_LINE = "no line"


KNOWN = (Ending.REPAID, Ending.LATE, Ending.LOST)


@dataclass(frozen=True, slots=True)
class Past:
    """A decision that replayed, and its ending."""

    card_id: str
    model_sha256: str
    product_id: str
    season: str
    verdict: Verdict
    score: int
    pd_ppm: int
    ending: Ending
    is_ripe: bool  # due so long ago that whoever is lost would be known to be

    @property
    def is_known(self) -> bool:
        """Whether a promise can be held to it: what is repaid shows sooner than what is lost."""
        return self.is_ripe and self.ending in KNOWN


@dataclass(frozen=True, slots=True)
class Unreplayed:
    """A card that does not lead to its own bytes again, and why."""

    card_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Held:
    """Promises of a group held to what came; ``expected`` is the sum of the probabilities.

    ``errors`` is by how many standard errors more was lost than promised; 0 where nothing is
    known.
    """

    name: str
    decided: int
    known: int
    repaid: int
    late: int
    lost: int
    expected: float
    errors: float

    @property
    def word(self) -> str:
        """Whether the promise was kept, in words."""
        if not self.known:
            return "nothing known yet"
        if abs(self.errors) <= CHANCE:
            return "within chance"
        return "more lost than promised" if self.errors > 0 else "less lost than promised"


@dataclass(frozen=True, slots=True)
class OfModel:
    """What one model promised: all of it, and step by step of its probabilities."""

    held: Held
    auc_ppm: int | None
    bins: tuple[CalibrationBin, ...]


@dataclass(frozen=True, slots=True)
class Backtest:
    """All decisions up to a day against their endings."""

    on: str
    verdicts: dict[str, int]
    endings: dict[str, int]
    models: tuple[OfModel, ...]
    seasons: tuple[Held, ...]
    products: tuple[Held, ...]
    unreplayed: tuple[Unreplayed, ...]


def backtest(centre: Centre, on: date, recorded_ms: int) -> Backtest:
    """Hold every card to what was known of its line on a day."""
    with centre.store.reading() as tx:
        keys = {one.name: one.public_key for one in registry.all_stations(tx)}
        keys[centre.settings.name] = centre.keys.identity().public_key
        of_card = {
            loan.line.card_id: (ending_of(loan, on), is_ripe(loan, on))
            for loan in loans(tx, as_of(on, recorded_ms))
            if loan.line.card_id
        }
        found = list(_past(tx, keys, of_card, recorded_ms))
    return summed(on, found)


def ending_of(loan: Loan, on: date) -> Ending:
    """How a line stands at the end of a day."""
    if loan.is_written_off:
        return Ending.LOST
    if loan.drawn_minor(on) == 0:
        return Ending.UNUSED
    found = loan.account(on)
    if found.late_days:
        return Ending.LOST if found.late_days > LOST_DAYS else Ending.LATE
    is_over = loan.line.closed_at_ms is not None or loan.line.due_on <= on.isoformat()
    return Ending.REPAID if is_over and found.owed.total_minor == 0 else Ending.RUNNING


def is_ripe(loan: Loan, on: date) -> bool:
    """Whether a line was due so long ago that a loss would be known."""
    return (on - date.fromisoformat(loan.line.due_on)).days > LOST_DAYS


def _past(
    tx: Tx, keys: dict[str, str], of_card: dict[str, tuple[Ending, bool]], until_ms: int
) -> Iterable[Past | Unreplayed]:
    with tx.remembering() as remembering:
        for kept in reports.stream_decisions(remembering):
            if kept.at_ms <= until_ms:
                yield _one(remembering, kept, keys, of_card)


def _one(
    tx: Tx, kept: KeptDecision, keys: dict[str, str], of_card: dict[str, tuple[Ending, bool]]
) -> Past | Unreplayed:
    known = (keys[kept.writer],) if kept.writer in keys else ()
    replayed, why = judge_card(tx, kept.document, known)
    product = products.by_policy(tx, kept.policy_version)
    if replayed is not Replay.SAME or product is None:
        return Unreplayed(kept.card_id, f"{replayed.value}: {why}")
    ending, ripe = of_card.get(kept.card_id, (Ending.NO_LINE, False))
    card = decode(DecisionCard, parse_canonical(kept.document, DOCUMENT_BYTES_MAX)["body"])
    return Past(
        card_id=card.card_id,
        model_sha256=card.inputs.model_sha256,
        product_id=product.product_id,
        season=product.season_id or product.due_on[:4],
        verdict=card.outcome.verdict,
        score=card.outcome.score,
        pd_ppm=card.outcome.pd_ppm,
        ending=ending,
        is_ripe=ripe,
    )


def summed(on: date, found: Sequence[Past | Unreplayed]) -> Backtest:
    """The whole of it from single decisions."""
    past = [one for one in found if isinstance(one, Past)]
    return Backtest(
        on=on.isoformat(),
        verdicts=dict(sorted(Counter(one.verdict.value for one in past).items())),
        endings=dict(sorted(Counter(one.ending.value for one in past).items())),
        models=tuple(
            _of_model(held, [one for one in past if one.model_sha256 == held.name])
            for held in _grouped(past, lambda one: one.model_sha256)
        ),
        seasons=_grouped(past, lambda one: one.season),
        products=_grouped(past, lambda one: one.product_id),
        unreplayed=tuple(one for one in found if isinstance(one, Unreplayed)),
    )


def _grouped(past: Sequence[Past], name: Callable[[Past], str]) -> tuple[Held, ...]:
    groups: dict[str, list[Past]] = {}
    for one in past:
        groups.setdefault(name(one), []).append(one)
    return tuple(_held(each, groups[each]) for each in sorted(groups))


def _held(name: str, past: Sequence[Past]) -> Held:
    known = [one for one in past if one.is_known]
    counts = Counter(one.ending for one in known)
    shares = [one.pd_ppm / PPM for one in known]
    spread = math.sqrt(sum(share * (1 - share) for share in shares))
    more = counts[Ending.LOST] - sum(shares)
    return Held(
        name=name,
        decided=len(past),
        known=len(known),
        repaid=counts[Ending.REPAID],
        late=counts[Ending.LATE],
        lost=counts[Ending.LOST],
        expected=sum(shares),
        errors=more / spread if spread else 0.0,
    )


def _of_model(held: Held, past: Sequence[Past]) -> OfModel:
    known = [one for one in past if one.is_known]
    lost = [one.ending is Ending.LOST for one in known]
    ranks = len(set(lost)) == 2
    return OfModel(
        held=held,
        auc_ppm=auc_ppm([-float(one.score) for one in known], lost) if ranks else None,
        bins=tuple(calibration([one.pd_ppm for one in known], lost)),
    )
