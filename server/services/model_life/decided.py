"""What a model decided, for people to look at again: after a halt, or before it is taken back.

A halt stops a roll-out and a roll-back changes who decides from then on; neither touches what
was decided. Here stand those decisions, each beside what the model in use would say of the
same inputs today: a person begins where the two part.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.canonical import parse_canonical
from core.decision.card import DecisionCard
from core.decision.policy import decide
from core.errors import HarvestlineError
from core.lending.product import Product
from core.shape import decode
from core.signing import DOCUMENT_BYTES_MAX
from core.units import civil_day
from core.wire.modelfile import Model
from server.services.cards import read_model
from server.store import model_cards, models, products
from server.store.engine import Tx
from server.store.model_cards import CardsOfModel
from server.store.models import RegisteredModel
from server.store.reports import KeptDecision, Replay

CARDS_MAX = 5_000


@dataclass(frozen=True, slots=True)
class DecidedCard:
    """A decision; ``now`` is what the model in use would say of the same inputs.

    It is empty where that cannot be said: the model in use is the same, or the card does not
    replay. ``line_id`` is empty where no line was opened.
    """

    card_id: str
    on: str
    station: str
    farmer_id: str
    product_id: str
    application_id: str
    verdict: str
    score: int
    pd_ppm: int
    line_id: str
    now: str

    @property
    def parts(self) -> bool:
        """Whether the model in use would have decided otherwise."""
        return bool(self.now) and self.now != self.verdict


@dataclass(frozen=True, slots=True)
class DecidedCards:
    """The oldest of the cards that were asked for, and how many there are in all."""

    cards: tuple[DecidedCard, ...]
    cards_count: int


def decided_by(tx: Tx, asked: CardsOfModel, cards_max: int = CARDS_MAX) -> DecidedCards:
    """A model's decisions, the oldest first."""
    kept = model_cards.page(tx, asked, min(cards_max, CARDS_MAX))
    lines = model_cards.lines_on(tx, [one.application_id for one in kept])
    instead = _instead(models.active(tx), asked.sha256)
    rules = {each: products.by_policy(tx, each) for each in {one.policy_version for one in kept}}
    cards = tuple(
        _told(one, lines.get(one.application_id, ""), instead, rules[one.policy_version])
        for one in kept
    )
    return DecidedCards(cards, model_cards.count(tx, asked))


def _instead(active: RegisteredModel | None, sha256: str) -> Model | None:
    return read_model(active.document) if active is not None and active.sha256 != sha256 else None


def _told(
    kept: KeptDecision, line_id: str, instead: Model | None, product: Product | None
) -> DecidedCard:
    return DecidedCard(
        card_id=kept.card_id,
        on=civil_day(kept.at_ms).isoformat(),
        station=kept.writer,
        farmer_id=kept.farmer_id,
        product_id=kept.product_id,
        application_id=kept.application_id,
        verdict=kept.verdict,
        score=kept.score,
        pd_ppm=kept.pd_ppm,
        line_id=line_id,
        now=_now(kept, instead, product),
    )


def _now(kept: KeptDecision, instead: Model | None, product: Product | None) -> str:
    if instead is None or product is None or kept.replay is not Replay.SAME:
        return ""
    body = parse_canonical(kept.document, DOCUMENT_BYTES_MAX)["body"]
    try:
        return decide(decode(DecisionCard, body).inputs, instead, product).verdict.value
    except HarvestlineError:
        return ""  # a price that no longer can be, for one: then nothing is said
