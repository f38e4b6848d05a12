"""Whose account money goes to: every word about a payee, the account itself sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from core.lending.payout import PayeeKind
from core.shape import encode
from server.store.engine import Tx
from server.store.payout_tables import payees
from server.store.rows import read_as


@dataclass(frozen=True, slots=True)
class PayeeRow:
    """One word about a payee: an account that was set, confirmed or stopped."""

    payee_kind: PayeeKind
    payee_id: str
    seq: int
    event: str
    rail: str
    masked: str
    content_sha256: str
    sealed: bytes
    at_ms: int
    actor: str
    role: str
    reason: str


def add_payee(tx: Tx, row: PayeeRow) -> None:
    """Add a word about a payee."""
    tx.insert(payees, **{**encode(row), "sealed": row.sealed})


def words_of_payee(tx: Tx, kind: PayeeKind, payee_id: str) -> tuple[PayeeRow, ...]:
    """All that was said about a payee, in order."""
    where = (
        payees.c.tenant_id == tx.tenant_id,
        payees.c.payee_kind == kind.value,
        payees.c.payee_id == payee_id,
    )
    rows = tx.rows(select(payees).where(*where).order_by(payees.c.seq))
    return tuple(_payee(row) for row in rows)


def every_payee(tx: Tx) -> tuple[PayeeRow, ...]:
    """All that was said about every payee, by payee, in order."""
    question = select(payees).where(payees.c.tenant_id == tx.tenant_id)
    rows = tx.rows(question.order_by(payees.c.payee_kind, payees.c.payee_id, payees.c.seq))
    return tuple(_payee(row) for row in rows)


def _payee(row: Mapping[str, Any]) -> PayeeRow:
    return read_as(PayeeRow, {**row, "payee_kind": PayeeKind(row["payee_kind"])})
