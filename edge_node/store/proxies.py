"""Who may act for farmers here: granted and withdrawn, act by act."""

from __future__ import annotations

import json

from core.shape import decode
from core.wire.proxies import Helper, HelperAct
from edge_node.store.database import StationDatabase
from edge_node.store.village import as_text


def keep(db: StationDatabase, told: Helper, at_ms: int) -> bool:
    """Write down an act, once; whether it was new."""
    known = db.execute(
        "SELECT 1 FROM helper_acts WHERE helper_id = ? AND act = ?",
        [told.helper_id, told.act.value],
    ).fetchone()
    if known is None:
        db.execute(
            "INSERT INTO helper_acts (helper_id, farmer_id, act, at_ms, body) "
            "VALUES (?, ?, ?, ?, ?)",
            [told.helper_id, told.farmer_id, told.act.value, at_ms, as_text(told)],
        )
    return known is None


def of_farmer(db: StationDatabase, farmer_id: str) -> tuple[Helper, ...]:
    """Whoever was ever named by a farmer, by the newest act on each, oldest first."""
    rows = db.execute(
        "SELECT body FROM helper_acts WHERE place IN "
        "(SELECT max(place) FROM helper_acts WHERE farmer_id = ? GROUP BY helper_id) "
        "ORDER BY place",
        [farmer_id],
    )
    return tuple(decode(Helper, json.loads(row[0])) for row in rows)


def live(db: StationDatabase, farmer_id: str, on: str) -> tuple[Helper, ...]:
    """Who may act for a farmer on a day."""
    return tuple(
        each
        for each in of_farmer(db, farmer_id)
        if each.act is HelperAct.GRANT and each.until_on >= on
    )


def drawn_minor(db: StationDatabase, helper_id: str, on: str) -> int:
    """What a helper has drawn, or is about to, on a day [minor units]."""
    row = db.execute(
        "SELECT coalesce(sum(amount_minor), 0) FROM draws "
        "WHERE drawn_by = ? AND effective_on = ? AND state <> 'voided'",
        [helper_id, on],
    ).fetchone()
    return int(row[0])
