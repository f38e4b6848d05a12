"""What farmers ended here: offers that they took back, agreements left while they cool."""

from __future__ import annotations

import json

from core.shape import decode
from core.wire.records import AgreementLeft, Leaving
from edge_node.store.database import StationDatabase
from edge_node.store.village import as_text


def keep(db: StationDatabase, left: AgreementLeft, at_ms: int) -> None:
    """Write that a farmer ended an agreement."""
    db.execute(
        "INSERT INTO leavings (leaving_id, line_id, event, at_ms, body) VALUES (?, ?, ?, ?, ?)",
        [left.leaving_id, left.line_id, left.event.value, at_ms, as_text(left)],
    )


def of_line(db: StationDatabase, line_id: str) -> AgreementLeft | None:
    """How a line was ended here, if it was."""
    row = db.execute(
        "SELECT body FROM leavings WHERE line_id = ? ORDER BY at_ms LIMIT 1", [line_id]
    ).fetchone()
    return decode(AgreementLeft, json.loads(row[0])) if row else None


def subject_of(line_id: str, event: Leaving) -> str:
    """What the money log calls the end of a line's agreement, so that it is said once."""
    return f"line/{line_id}/{event.value}"
