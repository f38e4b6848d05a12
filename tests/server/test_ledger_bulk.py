"""Many entries at once: the same chain, the same seal, the same answer to what is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import LedgerImbalanceError
from core.lending.ledger import Entry, EntryKind, EntryLine, transfer
from server.store import books, ledger, ledger_bulk
from server.store.engine import ConflictError, Store

pytestmark = pytest.mark.both_engines


def entries(first: int, last: int) -> list[Entry]:
    return [
        Entry(f"e{n}", EntryKind.DRAWDOWN, "2026-04-01", n, f"draw/{n}",
              transfer("loan/principal/l", "cash/s", "KES", n))
        for n in range(first, last + 1)
    ]  # fmt: skip


def test_a_batch_continues_the_chain_that_one_by_one_began(store: Store):
    for entry in entries(1, 3):
        store.write(lambda tx, one=entry: ledger.post(tx, "s", one))
    assert store.write(lambda tx: ledger_bulk.post_many(tx, "s", entries(2, 700))) == 697
    assert store.write(lambda tx: ledger_bulk.post_many(tx, "s", entries(1, 700))) == 0
    store.write(lambda tx: ledger.post(tx, "s", entries(701, 701)[0]))
    with store.reading() as tx:
        found = list(books.chained_entries(tx))
    assert [row.seq for row in found] == list(range(1, 702))
    for row, before in zip(found[1:], found, strict=False):
        assert row.previous == before.hash
    assert [row.entry() for row in found] == entries(1, 701)


def test_a_batch_is_written_whole_or_not_at_all(store: Store):
    fresh = entries(1, 5)
    crooked = replace(fresh[3], lines=(EntryLine("a", "KES", 1), EntryLine("b", "KES", -2)))
    other = replace(fresh[4], lines=transfer("loan/principal/l", "cash/s", "KES", 99))
    for batch, error in (
        ([*fresh[:3], crooked], LedgerImbalanceError),
        ([*fresh, replace(other, entry_id="e9")], ConflictError),
        (entries(1, ledger_bulk.ENTRIES_MAX + 1), LedgerImbalanceError),
    ):
        with pytest.raises(error):
            store.write(lambda tx, some=batch: ledger_bulk.post_many(tx, "s", some))
        with store.reading() as tx:
            assert list(books.chained_entries(tx)) == []
    # The same operation twice in one batch counts once.
    assert store.write(lambda tx: ledger_bulk.post_many(tx, "s", [*fresh, *fresh])) == 5


def test_a_transaction_that_remembers_sees_what_a_batch_wrote(store: Store):
    def act(tx):
        with tx.remembering() as remembering:
            before = ledger.account_balance(remembering, "cash/s", "KES")
            ledger_bulk.post_many(remembering, "s", entries(1, 10))
            return before, ledger.account_balance(remembering, "cash/s", "KES")

    assert store.write(act) == (0, -55)


def test_a_new_postgresql_counts_the_book_after_its_first_batch(store: Store):
    if store.engine.dialect.name == "sqlite":
        pytest.skip("SQLite makes its plans anew")
    counted = "SELECT reltuples FROM pg_class WHERE relname = 'ledger_lines'"
    with store.reading() as tx:
        assert tx.connection.exec_driver_sql(counted).scalar() <= 0
    store.write(lambda tx: ledger_bulk.post_many(tx, "s", entries(1, 300)))
    with store.reading() as tx:
        assert tx.connection.exec_driver_sql(counted).scalar() == 600
