"""Counts for the first page of the console: how many of something stand open, since when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from core.reasons import ReasonCode
from server.store.cash_tables import repayment_bounces
from server.store.engine import Tx
from server.store.tables import lines, movements


@dataclass(frozen=True, slots=True)
class Counted:
    """How many there are, and since when the oldest stands [ms UTC]; None if there is none."""

    count: int
    oldest_ms: int | None


def lines_told(tx: Tx, codes: Iterable[ReasonCode]) -> Counted:
    """Open lines whose latest movement tells any of the reasons."""
    latest = and_(
        lines.c.tenant_id == movements.c.tenant_id,
        lines.c.line_id == movements.c.line_id,
        lines.c.movements_count == movements.c.seq,
    )
    told = or_(
        *(movements.c.reasons.contains(f'"{code.value}"', autoescape=True) for code in codes)
    )
    where = (movements.c.tenant_id == tx.tenant_id, lines.c.is_open, told)
    columns: tuple[ColumnElement[Any], ...] = (
        func.count().label("count"),
        func.min(movements.c.at_ms).label("oldest_ms"),
    )
    joined = movements.join(lines, latest)
    question: Select[Any] = select(*columns).select_from(joined).where(*where)
    return _counted(tx, question)


def _counted(tx: Tx, question: Select[Any]) -> Counted:
    row = tx.row(question)
    return Counted(row["count"], row["oldest_ms"]) if row else Counted(0, None)


def bounced_since(tx: Tx, since_ms: int) -> Counted:
    """Repayments that bounced after an instant."""
    b = repayment_bounces.c
    where = (b.tenant_id == tx.tenant_id, b.at_ms > since_ms)
    columns: tuple[ColumnElement[Any], ...] = (
        func.count().label("count"),
        func.min(b.at_ms).label("oldest_ms"),
    )
    question: Select[Any] = select(*columns).where(*where)
    return _counted(tx, question)
