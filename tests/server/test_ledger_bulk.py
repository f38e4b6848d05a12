"""Many entries at once: the same chain, the same seal, the same answer to what is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import LedgerImbalanceError
from core.lending.ledger import Entry, EntryKind, EntryLine, transfer
from server.store import books, ledger, ledger_bulk
from server.store.engine import ConflictError, Store


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
