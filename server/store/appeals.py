"""What farmers asked a person to look at, and the answers: never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from core.shape import decode
from core.wire.appeals import Appeal, AppealAnswer
from server.store.appeal_tables import appeal_answers, appeals
from server.store.engine import Tx
from server.store.rows import from_json, json_text

_P, _A = appeals.c, appeal_answers.c
SHOWN_MAX = 2_000  # of those that wait: a station may tell of any number


@dataclass(frozen=True, slots=True)
class KeptAppeal:
    """What a farmer asked at a station, by which day it is to be answered, and the answer."""

    appeal: Appeal
    station: str
    answer_by: str
    at_ms: int
    answer: AppealAnswer | None = None


def add(tx: Tx, kept: KeptAppeal) -> bool:
    """Add what a farmer asked; False if it is here already."""
    return tx.insert_new(
        appeals,
        appeal_id=kept.appeal.appeal_id,
        farmer_id=kept.appeal.farmer_id,
        station=kept.station,
        answer_by=kept.answer_by,
        body=json_text(kept.appeal),
        at_ms=kept.at_ms,
    )


def answer(tx: Tx, said: AppealAnswer, at_ms: int) -> bool:
    """Add an answer; False if there is one already."""
    return tx.insert_new(
        appeal_answers, appeal_id=said.appeal_id, body=json_text(said), at_ms=at_ms
    )


def find(tx: Tx, appeal_id: str) -> KeptAppeal | None:
    """An appeal with its answer, if there is one of that id."""
    row = tx.row(_asked(tx).where(_P.appeal_id == appeal_id))
    return _kept(row) if row else None


def waiting(tx: Tx) -> tuple[KeptAppeal, ...]:
    """What nobody has answered, the first due first, ``SHOWN_MAX`` of it at most."""
    question = _asked(tx).where(_A.appeal_id.is_(None)).order_by(_P.answer_by, _P.appeal_id)
    return tuple(_kept(row) for row in tx.rows(question, SHOWN_MAX))


def of_farmer(tx: Tx, farmer_id: str) -> tuple[KeptAppeal, ...]:
    """All that a farmer ever asked, the newest first."""
    question = _asked(tx).where(_P.farmer_id == farmer_id).order_by(_P.at_ms.desc(), _P.appeal_id)
    return tuple(_kept(row) for row in tx.rows(question))


def _asked(tx: Tx) -> Select[Any]:
    both = (_A.tenant_id == _P.tenant_id) & (_A.appeal_id == _P.appeal_id)
    columns = (_P.station, _P.answer_by, _P.body, _P.at_ms, _A.body.label("said"))
    found = select(*columns).select_from(appeals.outerjoin(appeal_answers, both))
    return found.where(_P.tenant_id == tx.tenant_id)


def _kept(row: Mapping[str, Any]) -> KeptAppeal:
    said = row["said"]
    return KeptAppeal(
        appeal=decode(Appeal, from_json(row["body"])),
        station=row["station"],
        answer_by=row["answer_by"],
        at_ms=row["at_ms"],
        answer=decode(AppealAnswer, from_json(said)) if said is not None else None,
    )
