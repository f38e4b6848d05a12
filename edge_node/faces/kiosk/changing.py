"""What would change a decision, in the farmer's words and as it is said aloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.decision.changing import Change, ChangeKind, what_would_change
from core.units import Money, format_money
from core.wire.modelfile import Model
from edge_node.faces.kiosk.data_words import PURPOSES
from edge_node.faces.kiosk.said import Said, says
from edge_node.faces.kiosk.words import Words
from edge_node.store import models, village
from edge_node.store.database import StationDatabase
from edge_node.store.decisions import KeptCard
from edge_node.store.models import NoModelError
from edge_node.store.village import UnknownRecordError

SENTENCES: Mapping[ChangeKind, str] = {
    ChangeKind.AMOUNT: "You would be given the line if you asked for {amount} or less.",
    ChangeKind.CONSENT: "It needs your agreement: {purpose}",
    ChangeKind.STATION: "Ask at your own station, {station}.",
}
NOTHING = "Nothing that you could change now would change this."
MONEY_UNIT = "minor units"


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to change: its sentence as it is shown, and as it is said."""

    text: str
    said: tuple[Said, ...]


def changes_told(db: StationDatabase, kept: KeptCard, words: Words) -> tuple[Told, ...]:
    """What together would lead to an approval, a sentence each; empty if nothing would.

    Worked out again from the card, so that what is told is of the model and the policy that
    decided, whatever is in force today.
    """
    inputs = kept.card.inputs
    try:
        model = models.model_by_hash(db, inputs.model_sha256).model
        product = village.product_by_policy(db, inputs.policy_version)
    except (UnknownRecordError, NoModelError):
        return ()
    found = what_would_change(inputs, kept.card.outcome, model, product)
    return tuple(_told(each, model, product.currency, words) for each in found)


def said_of_changes(changes: tuple[Told, ...]) -> tuple[Said, ...]:
    """What would change it, or that nothing would."""
    if not changes:
        return (says("What would change it"), says(NOTHING))
    several = (says("All of this together would change it:"),) if len(changes) > 1 else ()
    return (
        says("What would change it"),
        *several,
        *(each for told in changes for each in told.said),
    )


def _told(change: Change, model: Model, currency: str, words: Words) -> Told:
    if change.kind is ChangeKind.AMOUNT:
        message, amount = SENTENCES[change.kind], Money(currency, change.value)
        text = words.say(message, amount=format_money(change.value, currency))
        return Told(text, (says(message, amount=amount),))
    if change.kind is ChangeKind.CONSENT:
        text = words.say(SENTENCES[change.kind], purpose=words.purpose(change.about))
        purpose = PURPOSES.get(change.about)
        asked = (says(purpose),) if purpose else ()
        return Told(text, (says(SENTENCES[change.kind], purpose=""), *asked))
    if change.kind is ChangeKind.STATION:
        text = words.say(SENTENCES[change.kind], station=change.about)
        return Told(text, (says(SENTENCES[change.kind], station=""),))
    return _feature_told(change, model, currency, words)


def _feature_told(change: Change, model: Model, currency: str, words: Words) -> Told:
    one = next(each for each in model.features if each.name == change.about)
    is_money, message = one.unit == MONEY_UNIT, one.change or one.words
    value = format_money(change.value, currency) if is_money else f"{change.value:,}"
    said = says(message, value=Money(currency, change.value) if is_money else change.value)
    return Told(words.say(message, value=value), (said,))
