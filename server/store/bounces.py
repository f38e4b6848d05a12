"""Repayments that bounced: undone for good, once, and kept beside what they undo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from core.shape import encode
from server.store.bulk import among
from server.store.cash_tables import repayment_bounces
from server.store.engine import Tx
from server.store.rows import read_as

_B = repayment_bounces.c


@dataclass(frozen=True, slots=True)
class KeptBounce:
    """That a repayment came to nothing: why, by what reference, from when that was known."""

    repayment_id: str
    line_id: str
    amount_minor: int
    reason: str
    reference: str
    bounced_on: str
    at_ms: int
    actor: str


def add(tx: Tx, bounce: KeptBounce) -> None:
    """Add a bounce; it can never be changed, and the database takes one a repayment."""
    tx.insert(repayment_bounces, **encode(bounce))


def find(tx: Tx, repayment_id: str) -> KeptBounce | None:
    """The bounce of a repayment, if it bounced."""
    where = (_B.tenant_id == tx.tenant_id, _B.repayment_id == repayment_id)
    row = tx.row(select(repayment_bounces).where(*where))
    return read_as(KeptBounce, row) if row else None


def of_line(tx: Tx, line_id: str) -> tuple[KeptBounce, ...]:
    """What bounced of a line's repayments, in the order of their ids."""

    def ask() -> tuple[KeptBounce, ...]:
        rows = tx.find_rows(repayment_bounces, "repayment_id", line_id=line_id)
        return tuple(read_as(KeptBounce, row) for row in rows)

    return tx.recall(repayment_bounces, line_id, ask)


def learn(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember what bounced on lines, read in one question."""
    found: dict[str, list[KeptBounce]] = {each: [] for each in line_ids}
    where = (_B.tenant_id == tx.tenant_id, among(tx, _B.line_id, line_ids))
    for row in tx.rows(select(repayment_bounces).where(*where).order_by(_B.repayment_id)):
        found[row["line_id"]].append(read_as(KeptBounce, row))
    tx.learn_all(repayment_bounces, {line_id: tuple(each) for line_id, each in found.items()})


def stream(tx: Tx) -> Iterator[KeptBounce]:
    """Every bounce, one by one."""
    question = select(repayment_bounces).where(_B.tenant_id == tx.tenant_id)
    for row in tx.stream(question.order_by(_B.repayment_id)):
        del row["tenant_id"]
        yield read_as(KeptBounce, row)
