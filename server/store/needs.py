"""Counts for the first page of the console: how many of something stand open, since when."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import and_, or_, select

from core.reasons import ReasonCode
from server.store.cash_tables import repayment_bounces
from server.store.counted import Counted, counted, read_counted
from server.store.engine import Tx
from server.store.tables import lines, movements


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
    question = select(*counted(movements.c.at_ms)).select_from(movements.join(lines, latest))
    return read_counted(tx, question.where(*where))


def bounced_since(tx: Tx, since_ms: int) -> Counted:
    """Repayments that bounced after an instant."""
    b = repayment_bounces.c
    where = (b.tenant_id == tx.tenant_id, b.at_ms > since_ms)
    return read_counted(tx, select(*counted(b.at_ms)).where(*where))
