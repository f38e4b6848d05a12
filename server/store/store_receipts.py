"""What was brought to a store and taken from it: the weighbridge's tickets. Never changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sqlalchemy import func, select

from server.store.engine import Tx
from server.store.rows import read_as
from server.store.tables import store_receipts


class Way(Enum):
    """Which way the grain went over the weighbridge."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class StoreReceipt:
    """One ticket.

    ``kg`` is what was weighed [kg], ``effective_on`` the day, ``source`` who weighed it and
    on which ticket; ``at_ms`` when it was written down [ms UTC], ``actor`` by whom.
    """

    receipt_id: str
    subject_id: str
    way: Way
    kg: int
    effective_on: str
    source: str
    at_ms: int
    actor: str

    @property
    def change_kg(self) -> int:
        """What it adds to the store, or takes from it [kg]."""
        return self.kg if self.way is Way.IN else -self.kg


def add(tx: Tx, receipt: StoreReceipt) -> None:
    """Add a ticket; it can never be changed."""
    fields = {name: getattr(receipt, name) for name in StoreReceipt.__slots__}
    tx.append(store_receipts, **{**fields, "way": receipt.way.value})


def find(tx: Tx, receipt_id: str) -> StoreReceipt | None:
    """The ticket with that id, if it is known."""
    where = (store_receipts.c.tenant_id == tx.tenant_id, store_receipts.c.receipt_id == receipt_id)
    row = tx.row(select(store_receipts).where(*where))
    return read_as(StoreReceipt, {**row, "way": Way(row["way"])}) if row else None


def of_store(tx: Tx, subject_id: str) -> tuple[StoreReceipt, ...]:
    """A store's tickets, by day and then as they were written down."""
    where = (store_receipts.c.tenant_id == tx.tenant_id, store_receipts.c.subject_id == subject_id)
    order = (store_receipts.c.effective_on, store_receipts.c.at_ms, store_receipts.c.receipt_id)
    rows = tx.rows(select(store_receipts).where(*where).order_by(*order))
    return tuple(read_as(StoreReceipt, {**row, "way": Way(row["way"])}) for row in rows)


def stores(tx: Tx) -> tuple[str, ...]:
    """The stores that have tickets."""
    c = store_receipts.c
    question = select(c.subject_id).where(c.tenant_id == tx.tenant_id).distinct()
    return tuple(row["subject_id"] for row in tx.rows(question.order_by(c.subject_id)))


def stock_kg(tx: Tx, subject_id: str, upto: str) -> int | None:
    """What the tickets up to a day leave in a store [kg]; None if it has none."""
    where = (
        store_receipts.c.tenant_id == tx.tenant_id,
        store_receipts.c.subject_id == subject_id,
        store_receipts.c.effective_on <= upto,
    )
    total = func.sum(store_receipts.c.kg).label("kg")
    question = select(store_receipts.c.way, total).where(*where).group_by(store_receipts.c.way)
    sums = {row["way"]: int(row["kg"]) for row in tx.rows(question)}
    if not sums:
        return None
    return sums.get(Way.IN.value, 0) - sums.get(Way.OUT.value, 0)
