"""Decision cards held against themselves: signature, inputs, byte-equal outcome."""

from __future__ import annotations

from dataclasses import dataclass

from core.canonical import canonical_bytes, canonical_hash
from core.decision.card import CARD, replay
from core.errors import ReplayMismatchError
from core.shape import encode
from core.signing import Verifier, open_document
from edge_node.store import decisions, models, village
from edge_node.store.database import StationDatabase


@dataclass(frozen=True, slots=True)
class Replayed:
    """A card that was decided again and came out the same, byte for byte."""

    card_id: str
    verdict: str
    amount_minor: int
    outcome_sha256: str
    model_version: int
    policy_version: str


def replay_card(db: StationDatabase, card_id: str, verifier: Verifier) -> Replayed:
    """Decide a card's application again from what the card records.

    Raises
    ------
    UnknownRecordError, NoModelError
        If the card, its product or its model is not here.
    SignatureError
        If the card was altered.
    ReplayMismatchError
        If the outcome differs.
    """
    kept = decisions.card(db, card_id)
    signed = open_document(canonical_bytes(kept.document), CARD, verifier)
    inputs = kept.card.inputs
    model = models.model_by_hash(db, inputs.model_sha256)
    product = village.product_by_policy(db, inputs.policy_version)
    outcome = replay(kept.card, model.model, model.sha256, product)
    recorded, again = signed.body["outcome"], encode(outcome)
    if canonical_bytes(recorded) != canonical_bytes(again):
        raise ReplayMismatchError(f"card {card_id}: the replayed outcome differs")
    return Replayed(
        card_id=card_id,
        verdict=outcome.verdict.value,
        amount_minor=outcome.amount_minor,
        outcome_sha256=canonical_hash(again),
        model_version=model.model.version,
        policy_version=inputs.policy_version,
    )
