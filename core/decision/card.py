"""Decision cards: all that is needed to reach the same decision again.

A card holds the inputs, the outcome, and by hash the model and the policy. Anyone
with that model and product replays it and must reach the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.canonical import canonical_bytes
from core.decision.policy import DecisionInputs, Outcome, decide
from core.errors import ReplayMismatchError
from core.lending.product import Product
from core.shape import encode
from core.signing import DocumentType
from core.wire.modelfile import Model

CARD = DocumentType("decision-card", 1)


@dataclass(frozen=True, slots=True)
class DecisionCard:
    """A decision with its inputs."""

    card_id: str
    inputs: DecisionInputs
    outcome: Outcome


def replay(card: DecisionCard, model: Model, model_sha256: str, product: Product) -> Outcome:
    """Decide again from the card's inputs; return the outcome if it is the same.

    Raises
    ------
    ReplayMismatchError
        If the model or the policy is not the one that the card names, or the
        outcome's bytes differ.
    """
    named = (card.inputs.model_sha256, card.inputs.policy_version)
    given = (model_sha256, product.policy_version())
    if named != given:
        raise ReplayMismatchError(f"card {card.card_id}: expected {named}, got {given}")
    again = decide(card.inputs, model, product)
    if canonical_bytes(encode(again)) != canonical_bytes(encode(card.outcome)):
        raise ReplayMismatchError(f"card {card.card_id}: the replayed outcome differs")
    return again
