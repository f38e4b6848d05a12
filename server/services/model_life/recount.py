"""Whether a station's counts of a day are those of its cards, which came before them.

Drift is told by counts; a station that told counts of its own making could hide it, or bring
it about. Its cards come in the same log and before the counts, so the centre counts them
again. Where the two differ the counts are used for nothing, the cards count, and people look.
"""

from __future__ import annotations

import json
from datetime import date

from core.decision.card import DecisionCard
from core.decision.counting import count_cards
from core.shape import decode
from core.units import MS_PER_DAY, day_start_ms
from core.wire.modelcounts import ModelCounts
from core.wire.modelfile import Model
from server.store import model_counts
from server.store.engine import Tx

EARLIER_MAX_MS = MS_PER_DAY  # of a civil day in any zone, before it begins in UTC
PARTS_TOLD_MAX = 4


def recounted(tx: Tx, station: str, model: Model, told: ModelCounts) -> ModelCounts | None:
    """The counts of the cards of that day and model that are here; None if there are none."""
    first_ms = day_start_ms(date.fromisoformat(told.day)) - EARLIER_MAX_MS
    documents = model_counts.card_documents(tx, station, told.model_sha256, first_ms)
    cards = [decode(DecisionCard, json.loads(each)["body"]) for each in documents]
    of_day = [card for card in cards if card.inputs.decided_on == told.day]
    return count_cards(told.day, model, told.model_sha256, of_day) if of_day else None


def fault_of_counts(told: ModelCounts, here: ModelCounts | None) -> str:
    """How counts differ from those of the cards that are here, or ''."""
    if here is None:
        return f"counts of {told.day}: {told.decisions_count} decisions are told, no card is here"
    if told == here:
        return ""
    parts = [name for name, found in here.bins.items() if tuple(told.bins[name]) != found]
    parts += ["verdicts"] if dict(told.verdicts) != dict(here.verdicts) else []
    return (
        f"counts of {told.day}: {told.decisions_count} decisions are told, "
        f"{here.decisions_count} cards are here, and they differ in "
        f"{', '.join(parts[:PARTS_TOLD_MAX])}; the cards count"
    )
