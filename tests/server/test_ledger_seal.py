"""The seal of the ledger, tried in fifteen cases on both databases.

Everything here goes past the one function that inserts, straight to the tables: the
triggers must hold even if a program does not.
"""

from __future__ import annotations

import pytest
from sqlalchemy import text

from core.errors import LedgerImbalanceError
from core.lending.ledger import Entry, EntryKind, EntryLine, transfer
from server.store import ledger
from server.store.engine import ConflictError, Store, StoreError, Tx
from server.store.tables import ledger_entries, ledger_lines

pytestmark = pytest.mark.both_engines

HEADER = {
    "entry_id": "e1", "writer": "w", "seq": 1, "kind": "fee", "effective_on": "2026-04-01",
    "recorded_at_ms": 1, "cause_id": "c1", "content_sha256": "x", "previous": "0", "hash": "h",
}  # fmt: skip


def line(number: int, amount: object, currency: str = "KES", entry: str = "e1") -> dict:
    return {
        "entry_id": entry, "line_no": number, "account": f"a{number}", "currency": currency,
        "amount_minor": amount,
    }  # fmt: skip


def lay(store: Store, lines: list[dict], *, header: bool = True, then: str = "") -> None:
    """Insert lines, then the header, then run a statement, in one transaction."""

    def act(tx: Tx) -> None:
        for each in lines:
            tx.insert(ledger_lines, **each)
        if header:
            tx.insert(ledger_entries, **HEADER)
        if then:
            tx.connection.execute(text(then))

    store.write(act)


BALANCED = [line(1, 100), line(2, -100)]
TWO_CURRENCIES = [*BALANCED, line(3, 7, "UGX"), line(4, -7, "UGX")]


@pytest.mark.parametrize("lines", [BALANCED, TWO_CURRENCIES], ids=["one", "two currencies"])
def test_balanced_entry_is_sealed(store: Store, lines: list[dict]):
    lay(store, lines)
    with store.reading() as tx:
        assert len(ledger.entries(tx)[0].entry.lines) == len(lines)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([], id="no line"),
        pytest.param([line(1, 100)], id="one line"),
        pytest.param([line(1, 100), line(2, -99)], id="does not sum to zero"),
        pytest.param([line(1, 100), line(2, -100, "UGX")], id="balances across currencies only"),
        pytest.param([line(1, 0), line(2, 0)], id="moves nothing"),
        pytest.param([line(1, 100), line(1, -100)], id="line number twice"),
        pytest.param([*BALANCED, line(3, 5, entry="e2")], id="line of no entry"),
    ],
)
def test_broken_entry_is_refused(store: Store, lines: list[dict]):
    with pytest.raises(StoreError):
        lay(store, lines)
    with store.reading() as tx:
        assert ledger.entries(tx) == ()


def test_lines_without_a_header_are_refused_at_commit(store: Store):
    with pytest.raises(StoreError):
        lay(store, BALANCED, header=False)


def test_fraction_of_a_minor_unit_is_refused(store: Store):
    lines = [line(1, 1.5), line(2, -1.5)]
    if store.engine.dialect.name == "sqlite":
        with pytest.raises(StoreError):
            lay(store, lines)
    else:  # PostgreSQL rounds a numeric into a bigint; the driver sends what it is given
        lay(store, [line(1, 2), line(2, -2)])
        with store.reading() as tx:
            assert all(type(x.amount_minor) is int for x in ledger.entries(tx)[0].entry.lines)


SEALED = [
    "INSERT INTO ledger_lines VALUES ('lender', 'e1', 3, 'a', 'KES', 5)",
    "UPDATE ledger_lines SET amount_minor = amount_minor * 2",
    "DELETE FROM ledger_lines WHERE line_no = 1",
    "UPDATE ledger_entries SET effective_on = '2026-01-01'",
    "DELETE FROM ledger_entries",
    "INSERT INTO ledger_entries SELECT * FROM ledger_entries",
]


@pytest.mark.parametrize("statement", SEALED)
def test_nothing_is_changed_after_the_seal(store: Store, statement: str):
    lay(store, BALANCED)
    with pytest.raises(StoreError):
        store.write(lambda tx: tx.connection.execute(text(statement)))
    with store.reading() as tx:
        [posted] = ledger.entries(tx)
        assert [x.amount_minor for x in posted.entry.lines] == [100, -100]


def test_seal_holds_within_its_own_transaction(store: Store):
    with pytest.raises(StoreError):
        lay(store, BALANCED, then=SEALED[0])


def test_tables_are_not_emptied_or_replaced(store: Store):
    lay(store, BALANCED)
    sqlite = store.engine.dialect.name == "sqlite"
    statements = (
        ("INSERT OR REPLACE INTO ledger_entries SELECT * FROM ledger_entries",)
        if sqlite
        else ("TRUNCATE ledger_lines", "TRUNCATE ledger_entries CASCADE")
    )
    for statement in statements:
        with pytest.raises(StoreError):
            store.write(lambda tx, each=statement: tx.connection.execute(text(each)))


@pytest.mark.parametrize(
    "table", ["movements", "decisions", "consents", "evidence", "inbound_records", "audit"]
)
def test_history_is_append_only(store: Store, table: str):
    if store.engine.dialect.name == "sqlite":
        question = text(
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t "
            "AND sql LIKE '%append-only%'"
        )
        with store.reading() as tx:
            assert tx.connection.execute(question, {"t": table}).scalar() == 2
    else:
        with pytest.raises(StoreError, match="append-only"):
            store.write(lambda tx: tx.connection.execute(text(f"TRUNCATE {table}")))


def entry(entry_id: str, cause: str, amount: int) -> Entry:
    moved = transfer("loan/principal/l", "cash/s", "KES", amount)
    return Entry(entry_id, EntryKind.DRAWDOWN, "2026-04-01", 1, cause, moved)


def test_same_cause_posts_once_and_other_content_is_refused(store: Store):
    assert store.write(lambda tx: ledger.post(tx, "s", entry("e1", "draw/1", 100)))
    assert not store.write(lambda tx: ledger.post(tx, "s", entry("e1", "draw/1", 100)))
    assert not store.write(lambda tx: ledger.post(tx, "s", entry("e9", "draw/1", 100)))
    with pytest.raises(ConflictError):
        store.write(lambda tx: ledger.post(tx, "s", entry("e9", "draw/1", 101)))
    with pytest.raises(ConflictError):
        store.write(lambda tx: ledger.post(tx, "s", entry("e1", "draw/2", 101)))


def test_unbalanced_entry_never_reaches_the_tables(store: Store):
    wrong = Entry(
        "e1", EntryKind.FEE, "2026-04-01", 1, "c",
        (EntryLine("a", "KES", 1), EntryLine("b", "KES", -2)),
    )  # fmt: skip
    with pytest.raises(LedgerImbalanceError):
        store.write(lambda tx: ledger.post(tx, "s", wrong))


def test_chains_of_two_writers_are_apart(store: Store):
    for number, writer in enumerate(("s", "t", "s"), 1):
        store.write(
            lambda tx, n=number, w=writer: ledger.post(tx, w, entry(f"e{n}", f"draw/{n}", n))
        )
    with store.reading() as tx:
        found = [(posted.writer, posted.seq) for posted in ledger.entries(tx)]
    assert found == [("s", 1), ("s", 2), ("t", 1)]
