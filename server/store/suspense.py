"""Money that was paid out on lines that are not known here, and the records that opened them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from core.lending.lease import DrawState
from core.wire.envelope import Record
from core.wire.records import Up
from server.store.engine import Tx
from server.store.rows import from_json, json_text
from server.store.tables import drawdowns, inbound_records, lines


@dataclass(frozen=True, slots=True)
class Suspended:
    """A line that is not known here, who paid out under it, and how much [minor units]."""

    line_id: str
    writer: str
    currency: str
    amount_minor: int


def suspended(tx: Tx) -> tuple[Suspended, ...]:
    """Posted draws on lines that are not known here, summed by line and station."""
    keys = (drawdowns.c.line_id, drawdowns.c.writer, drawdowns.c.currency)
    known = select(lines.c.line_id).where(lines.c.tenant_id == tx.tenant_id)
    question = (
        select(*keys, func.sum(drawdowns.c.amount_minor).label("amount_minor"))
        .where(
            drawdowns.c.tenant_id == tx.tenant_id,
            drawdowns.c.state == DrawState.POSTED.value,
            drawdowns.c.line_id.not_in(known),
        )
        .group_by(*keys)
        .order_by(*keys)
    )
    return tuple(
        Suspended(row["line_id"], row["writer"], row["currency"], int(row["amount_minor"]))
        for row in tx.rows(question)
    )


def opening_of(tx: Tx, line_id: str) -> tuple[str, Record] | None:
    """Which station reported that it opened a line, and its record."""
    told = json_text({"line_id": line_id})[1:-1]
    question = select(inbound_records).where(
        inbound_records.c.tenant_id == tx.tenant_id,
        inbound_records.c.kind == Up.LINE_OPENED.value,
        inbound_records.c.body.contains(told, autoescape=True),
    )
    row = tx.row(question.order_by(inbound_records.c.received_at_ms))
    if row is None:
        return None
    body = from_json(row["body"])
    return row["writer"], Record(row["seq"], row["kind"], row["at_ms"], row["error_ms"], body)
