"""What the database keeps of each newest look, beside the evidence that it is drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select, union_all

from server.store.engine import Tx
from server.store.tables import evidence, newest_looks

SUBJECTS_A_QUESTION = 500
_NAMES = ("subject_id", "evidence_id", "kind", "as_of", "stage", "anomaly_ppm", "received_at_ms")


def compared(tx: Tx) -> Iterator[tuple[str, str, str]]:
    """By subject: the newest evidence by all that came, and what is kept as the newest.

    Each as its columns in words; empty where there is none. Read in the order of subjects.
    """
    after = ""
    while True:
        ids = _next(tx, after)
        if not ids:
            return
        found, kept = _newest(tx, ids), _kept(tx, ids)
        for subject_id in ids:
            yield subject_id, found.get(subject_id, ""), kept.get(subject_id, "")
        after = ids[-1]


def _next(tx: Tx, after: str) -> list[str]:
    both = union_all(
        *(
            select(t.c.subject_id).where(t.c.tenant_id == tx.tenant_id, t.c.subject_id > after)
            for t in (evidence, newest_looks)
        )
    ).subquery()
    question = select(both.c.subject_id).distinct().order_by(both.c.subject_id)
    return [row["subject_id"] for row in tx.rows(question, SUBJECTS_A_QUESTION)]


def _newest(tx: Tx, ids: list[str]) -> dict[str, str]:
    c = evidence.c
    place = func.row_number().over(
        partition_by=c.subject_id,
        order_by=(c.as_of.desc(), c.received_at_ms.desc(), c.evidence_id.desc()),
    )
    where = (c.tenant_id == tx.tenant_id, c.subject_id.in_(ids))
    ranked = select(*(c[name] for name in _NAMES), place.label("place")).where(*where).subquery()
    rows = tx.rows(select(ranked).where(ranked.c.place == 1))
    return {row["subject_id"]: _words(row) for row in rows}


def _kept(tx: Tx, ids: list[str]) -> dict[str, str]:
    c = newest_looks.c
    rows = tx.rows(select(newest_looks).where(c.tenant_id == tx.tenant_id, c.subject_id.in_(ids)))
    return {row["subject_id"]: _words(row) for row in rows}


def _words(row: dict[str, Any]) -> str:
    return ", ".join(str(row[name]) for name in _NAMES[1:])
