"""What farmers asked a person to look at, and what was answered."""

from __future__ import annotations

import json
from dataclasses import dataclass

from core.shape import decode
from core.wire.appeals import Appeal, AppealAnswer
from edge_node.store.database import StationDatabase
from edge_node.store.decisions import ChangedRequestError
from edge_node.store.village import as_text


@dataclass(frozen=True, slots=True)
class KeptAppeal:
    """What a farmer asked, and the answer, if there is one."""

    appeal: Appeal
    answer: AppealAnswer | None


def keep(db: StationDatabase, asked: Appeal, at_ms: int) -> bool:
    """Write down what a farmer asked, once; whether it was new.

    Raises
    ------
    ChangedRequestError
        If something else was asked under that id.
    """
    row = db.execute("SELECT body FROM appeals WHERE appeal_id = ?", [asked.appeal_id]).fetchone()
    if row is not None and row[0] != as_text(asked):
        raise ChangedRequestError(f"appeal {asked.appeal_id} exists with other content")
    if row is None:
        db.execute(
            "INSERT INTO appeals (appeal_id, farmer_id, at_ms, body) VALUES (?, ?, ?, ?)",
            [asked.appeal_id, asked.farmer_id, at_ms, as_text(asked)],
        )
    return row is None


def keep_answer(db: StationDatabase, said: AppealAnswer) -> None:
    """Take an answer; the first of an id counts."""
    db.execute(
        "INSERT INTO appeal_answers (appeal_id, body) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [said.appeal_id, as_text(said)],
    )


def of_farmer(db: StationDatabase, farmer_id: str) -> tuple[KeptAppeal, ...]:
    """All that a farmer asked here, the newest first, with the answers."""
    rows = db.execute(
        "SELECT a.body, s.body FROM appeals a LEFT JOIN appeal_answers s USING (appeal_id) "
        "WHERE a.farmer_id = ? ORDER BY a.at_ms DESC, a.appeal_id DESC",
        [farmer_id],
    )
    return tuple(
        KeptAppeal(
            decode(Appeal, json.loads(asked)),
            decode(AppealAnswer, json.loads(said)) if said else None,
        )
        for asked, said in rows
    )
