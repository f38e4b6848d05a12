"""What would change a decision, in the farmer's words."""

from __future__ import annotations

from collections.abc import Mapping

from core.decision.changing import Change, ChangeKind, what_would_change
from core.units import format_money
from core.wire.modelfile import Model
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
MONEY_UNIT = "minor units"


def changes_told(db: StationDatabase, kept: KeptCard, words: Words) -> tuple[str, ...]:
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
    return tuple(_sentence(each, model, product.currency, words) for each in found)


def _sentence(change: Change, model: Model, currency: str, words: Words) -> str:
    if change.kind is ChangeKind.AMOUNT:
        return words.say(SENTENCES[change.kind], amount=format_money(change.value, currency))
    if change.kind is ChangeKind.CONSENT:
        return words.say(SENTENCES[change.kind], purpose=words.purpose(change.about))
    if change.kind is ChangeKind.STATION:
        return words.say(SENTENCES[change.kind], station=change.about)
    one = next(each for each in model.features if each.name == change.about)
    is_money = one.unit == MONEY_UNIT
    value = format_money(change.value, currency) if is_money else f"{change.value:,}"
    return words.say(one.change or one.words, value=value)
