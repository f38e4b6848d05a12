"""Many entries at once at the end of a writer's chain: COPY on PostgreSQL, one call on SQLite.

The same seal, the same chain, the same answer to what is known already as in
:func:`server.store.ledger.post`; only the number of questions is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from psycopg import Connection as PsycopgConnection
from psycopg.sql import SQL, Identifier
from sqlalchemy import ARRAY, Table, Text, any_, literal, select
from sqlalchemy.sql import ColumnElement

from core.errors import LedgerImbalanceError
from core.lending.ledger import Entry, check_entry
from server.store.engine import ConflictError, StoreError, Tx
from server.store.ledger import chain_end, content_hash, lock_chain, post, rows_of
from server.store.tables import ledger_entries, ledger_lines

ENTRIES_MAX = 2_000  # in one call: each holds a lock of PostgreSQL's until the end
COPIED_MIN = 4  # fewer are inserted: that takes fewer turns than two COPYs
_ASK_AT_ONCE = 500
_NEVER_LOOKED_AT = "SELECT 1 FROM pg_class WHERE oid = to_regclass('{}') AND reltuples <= 0"

Row = dict[str, Any]


def post_many(tx: Tx, writer: str, entries: Sequence[Entry]) -> int:
    """Write entries at the end of a writer's chain, in order; how many were new.

    Raises
    ------
    LedgerImbalanceError
        If one does not balance, or they are more than ``ENTRIES_MAX``; nothing is written.
    ConflictError
        If an id or a cause is taken by an entry with other content.
    """
    if len(entries) > ENTRIES_MAX:
        raise LedgerImbalanceError(f"expected at most {ENTRIES_MAX} entries, got {len(entries)}")
    for entry in entries:
        check_entry(entry)
    if len(entries) < 2:
        return sum(post(tx, writer, entry) for entry in entries)
    lock_chain(tx, writer)
    fresh = _unknown(entries, _known(tx, entries))
    _write(tx, fresh, writer, chain_end(tx, writer))
    return len(fresh)


def _cause(entry: Entry) -> tuple[str, str]:
    return entry.cause_id, entry.kind.value


def _unknown(entries: Sequence[Entry], known: dict[Any, str]) -> list[Entry]:
    """Those that are neither there nor named before in the same call."""
    fresh: list[Entry] = []
    named: dict[Any, Entry] = {}
    for entry in entries:
        keys = (entry.entry_id, _cause(entry))
        found = {known[key] for key in keys if key in known}
        found |= {content_hash(named[key]) for key in keys if key in named}
        if found and found != {content_hash(entry)}:
            raise ConflictError(
                f"entry {entry.entry_id} for {entry.cause_id}: it exists with other content"
            )
        if not found:
            fresh.append(entry)
            named.update(dict.fromkeys(keys, entry))
    return fresh


def _known(tx: Tx, entries: Sequence[Entry]) -> dict[Any, str]:
    """The content of what is there under any of the ids and causes."""
    known: dict[Any, str] = {}
    c = ledger_entries.c
    columns = (c.entry_id, c.cause_id, c.kind, c.content_sha256)
    for first in range(0, len(entries), _ASK_AT_ONCE):
        run = entries[first : first + _ASK_AT_ONCE]
        for which in (
            _among(tx, c.entry_id, [each.entry_id for each in run]),
            _among(tx, c.cause_id, [each.cause_id for each in run]),
        ):
            for row in tx.rows(select(*columns).where(c.tenant_id == tx.tenant_id, which)):
                known[row["entry_id"]] = row["content_sha256"]
                known[row["cause_id"], row["kind"]] = row["content_sha256"]
    return known


def _among(tx: Tx, column: ColumnElement[str], values: list[str]) -> ColumnElement[bool]:
    """Whether a column is one of many values; PostgreSQL is given one array, not many values."""
    if tx.connection.dialect.name == "postgresql":
        return column == any_(literal(values, ARRAY(Text)))
    return column.in_(values)


def _write(tx: Tx, entries: Sequence[Entry], writer: str, end: tuple[int, str]) -> None:
    """All lines, then all headers, each hashed while the database takes the lines before it."""
    if not entries:
        return
    headers: list[Row] = []

    def lines() -> Iterator[Row]:
        last = end
        for entry in entries:
            header, rows = rows_of(entry, writer, last)
            last = (header["seq"], header["hash"])
            headers.append(header)
            yield from rows

    few = len(entries) < COPIED_MIN
    put = _copy if tx.connection.dialect.name == "postgresql" and not few else _insert
    put(tx, ledger_lines, lines())
    put(tx, ledger_entries, headers)
    if not few:
        _look_over(tx)


def _look_over(tx: Tx) -> None:
    """Let a new PostgreSQL count a book after its first batch.

    The plans that it made while the tables were empty read all of them, and it keeps such
    plans until it has looked, which by itself takes it a minute or more.
    """
    if tx.connection.dialect.name != "postgresql":
        return
    for table in (ledger_entries, ledger_lines):
        never = tx.connection.exec_driver_sql(_NEVER_LOOKED_AT.format(table.name)).scalar()
        if never:
            tx.connection.exec_driver_sql(f"ANALYZE {table.name}")


def _insert(tx: Tx, table: Table, rows: Iterable[Row]) -> None:
    tx.insert_many(table, list(rows))


def _copy(tx: Tx, table: Table, rows: Iterable[Row]) -> None:
    """COPY rows into a table as they come, within the transaction that is open."""
    tx.touch(table)
    driver = tx.connection.connection.driver_connection
    if not isinstance(driver, PsycopgConnection):
        raise StoreError(f"expected psycopg behind PostgreSQL, got {type(driver).__name__}")
    names = [column.name for column in table.columns]  # the tenant's first
    said = itemgetter(*names[1:])
    statement = SQL("COPY {} ({}) FROM STDIN").format(
        Identifier(table.name), SQL(", ").join(Identifier(name) for name in names)
    )
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row((tx.tenant_id, *said(row)))
