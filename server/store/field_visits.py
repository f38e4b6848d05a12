"""What agents told of plots on their visits, as the trail holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from core.lending.visited import VisitSeen
from core.units import PPM, civil_date
from server.store.bulk import among
from server.store.engine import Tx
from server.store.rows import from_json
from server.store.tables import audit

VISITED = "field_visited"
_PERCENT = PPM // 100


def of_subject(tx: Tx, subject_id: str) -> tuple[VisitSeen, ...]:
    """What agents told of a plot, in the order in which it came."""
    return tx.recall(audit, ("visits", subject_id), lambda: _read(tx, [subject_id])[subject_id])


def learn(tx: Tx, subject_ids: Sequence[str]) -> None:
    """Remember what agents told of many plots in one question."""
    found = _read(tx, subject_ids) if subject_ids else {}
    tx.learn_all(audit, {("visits", each): told for each, told in found.items()})


def _read(tx: Tx, subject_ids: Sequence[str]) -> dict[str, tuple[VisitSeen, ...]]:
    found: dict[str, tuple[VisitSeen, ...]] = dict.fromkeys(subject_ids, ())
    c = audit.c
    where = (c.tenant_id == tx.tenant_id, c.object_kind == "subject", c.action == VISITED)
    question = select(c.object_id, c.detail).where(*where, among(tx, c.object_id, subject_ids))
    for row in tx.rows(question.order_by(c.seq)):
        seen = _seen(from_json(row["detail"]))
        if seen is not None:
            found[row["object_id"]] += (seen,)
    return found


def _seen(detail: Mapping[str, Any]) -> VisitSeen | None:
    """A visit by its line in the trail; None of one that names no day.

    Earlier releases wrote 0 where no damage was told: nothing is known by that.
    """
    on, percent = str(detail.get("on", "")), int(detail.get("damage_percent", 0))
    if civil_date(on) is None:
        return None
    told = bool(detail.get("damage_told", percent > 0))
    damage_ppm = percent * _PERCENT if told else None
    return VisitSeen(str(detail.get("visit_id", "")), on, str(detail.get("stage", "")), damage_ppm)
