"""Which days' decisions were counted for the centre, and the cards of those that were not."""

from __future__ import annotations

import json

from core.decision.card import DecisionCard
from core.shape import decode
from edge_node.store.database import StationDatabase

_DECIDED_ON = "json_extract(document, '$.body.inputs.decided_on')"


def is_counted(db: StationDatabase, day: str) -> bool:
    """Whether a day's decisions were counted."""
    return bool(db.execute("SELECT 1 FROM counted_days WHERE day = ?", [day]).fetchone())


def uncounted_days(db: StationDatabase, before: str) -> tuple[str, ...]:
    """The days before a date with decisions that were not counted, oldest first."""
    rows = db.execute(
        f"SELECT DISTINCT {_DECIDED_ON} AS day FROM decision_cards "  # noqa: S608 - our own words
        "WHERE day < ? AND day NOT IN (SELECT day FROM counted_days) ORDER BY day",
        [before],
    )
    return tuple(row[0] for row in rows)


def cards_on(db: StationDatabase, day: str) -> tuple[DecisionCard, ...]:
    """The cards that were decided on a day."""
    rows = db.execute(
        f"SELECT document FROM decision_cards WHERE {_DECIDED_ON} = ? ORDER BY card_id",  # noqa: S608
        [day],
    )
    return tuple(decode(DecisionCard, json.loads(row[0])["body"]) for row in rows)


def mark_counted(db: StationDatabase, day: str) -> None:
    """Write down that a day was counted."""
    db.execute("INSERT INTO counted_days (day) VALUES (?) ON CONFLICT DO NOTHING", [day])
