"""What moved cash boxes, as the centre gives it back to a box that holds a backup."""

from __future__ import annotations

from core.shape import decode
from core.wire.cash import CashCount, CashHandover, CashRepayment
from core.wire.envelope import Record
from core.wire.records import Up
from edge_node.store import cash
from edge_node.store.database import StationDatabase


def subject_of(record: Record) -> str:
    """What the money log calls a move of a box; nothing for any other record."""
    if record.kind == Up.CASH_HANDOVER.value:
        return cash.subject_of(decode(CashHandover, record.body).handover.handover_id)
    if record.kind == Up.CASH_COUNT.value:
        return cash.subject_of(decode(CashCount, record.body).count.count_id)
    if record.kind == Up.CASH_REPAYMENT.value:
        return cash.subject_of(decode(CashRepayment, record.body).taken.repayment_id)
    return ""


def apply(db: StationDatabase, record: Record) -> None:
    """Move the boxes as they were moved; whose turn it was follows from the counts."""
    if record.kind == Up.CASH_HANDOVER.value:
        cash.keep_handover(db, decode(CashHandover, record.body).handover, record.at_ms)
    elif record.kind == Up.CASH_COUNT.value:
        cash.keep_count(db, decode(CashCount, record.body).count, record.at_ms)
    elif record.kind == Up.CASH_REPAYMENT.value:
        cash.keep_taken(db, decode(CashRepayment, record.body).taken, record.at_ms)
