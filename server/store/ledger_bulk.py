"""Many entries at once at the end of a writer's chain: COPY on PostgreSQL, one call on SQLite.

The same seal, the same chain, the same answer to what is known already as in
:func:`server.store.ledger.post`; only the number of questions is another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.exc import DBAPIError, OperationalError

from core.errors import LedgerImbalanceError
from core.lending.ledger import Entry, check_entry
from server.store import bulk
from server.store.engine import ConflictError, Tx
from server.store.ledger import chain_end, content_hash, learn_causes, lock_chain, post, rows_of
from server.store.tables import ledger_entries, ledger_lines

ENTRIES_MAX = 2_000  # in one call: each holds a lock of PostgreSQL's until the end
COPIED_MIN = 4  # fewer are inserted: that takes fewer turns than two COPYs
_ASK_AT_ONCE = 500
_NEVER_LOOKED_AT = (
    "SELECT relname FROM pg_class WHERE reltuples <= 0 "
    "AND oid IN (to_regclass('ledger_entries'), to_regclass('ledger_lines'))"
)

Row = dict[str, Any]


def post_many(tx: Tx, writer: str, entries: Sequence[Entry]) -> int:
    """Write entries at the end of a writer's chain, in order; how many were new.

    They are written as if all of them were; only where the tables refuse one, by its id or its
    cause, is it asked which are known.

    Raises
    ------
    LedgerImbalanceError
        If one does not balance, or they are more than ``ENTRIES_MAX``; nothing is written.
    ConflictError
        If an id or a cause is taken by an entry with other content.
    """
    if len(entries) > ENTRIES_MAX:
        raise LedgerImbalanceError(f"expected at most {ENTRIES_MAX} entries, got {len(entries)}")
    if tx.memory is not None and len(entries) >= COPIED_MIN:
        learn_causes(tx, [(each.cause_id, each.kind) for each in entries])
    if len(entries) < 2 or tx.memory is not None:
        return sum(post(tx, writer, entry) for entry in entries)
    lock_chain(tx, writer)
    end = chain_end(tx, writer)
    fresh = _unknown(entries, {})
    try:
        with tx.connection.begin_nested():
            return _write(tx, fresh, writer, end)
    except OperationalError:
        raise
    except DBAPIError:
        known = _known(tx, entries)
        if not known:
            raise
    return _write(tx, _unknown(entries, known), writer, end)


def writer(tx: Tx) -> Callable[[Tx], None] | None:
    """What writes many kept-back rows at once, entries among them; as :func:`bulk.writer`."""
    return _flush if bulk.is_postgresql(tx) else None


def _flush(tx: Tx) -> None:
    entries = tx.memory is not None and tx.memory.waits_for(ledger_entries)
    bulk.flush(tx)
    if entries:
        _look_over(tx)


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
            bulk.among(tx, c.entry_id, [each.entry_id for each in run]),
            bulk.among(tx, c.cause_id, [each.cause_id for each in run]),
        ):
            for row in tx.rows(select(*columns).where(c.tenant_id == tx.tenant_id, which)):
                known[row["entry_id"]] = row["content_sha256"]
                known[row["cause_id"], row["kind"]] = row["content_sha256"]
    return known


def _write(tx: Tx, entries: Sequence[Entry], writer: str, end: tuple[int, str]) -> int:
    """All lines, then all headers, each hashed while the database takes the lines before it."""
    if not entries:
        return 0
    headers: list[Row] = []

    def lines() -> Iterator[Row]:
        last = end
        for entry in entries:
            header, rows = rows_of(check_entry(entry), writer, last)
            last = (header["seq"], header["hash"])
            headers.append(header)
            yield from rows

    few = len(entries) < COPIED_MIN
    put = bulk.copy_as_they_come if bulk.is_postgresql(tx) and not few else _insert
    put(tx, ledger_lines, lines())
    put(tx, ledger_entries, headers)
    if not few:
        _look_over(tx)
    return len(entries)


def _look_over(tx: Tx) -> None:
    """Let a new PostgreSQL count a book after its first batch.

    The plans that it made while the tables were empty read all of them, and it keeps such
    plans until it has looked, which by itself takes it a minute or more.
    """
    if not bulk.is_postgresql(tx):
        return
    for name in tx.connection.exec_driver_sql(_NEVER_LOOKED_AT).scalars().all():
        tx.connection.exec_driver_sql(f"ANALYZE {name}")


def _insert(tx: Tx, table: Table, rows: Iterable[Row]) -> None:
    tx.insert_many(table, list(rows))
