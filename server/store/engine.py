"""Opening the store, and one transaction of one tenant.

SQLite runs in WAL with ``synchronous=FULL`` and takes its write lock at once
(``BEGIN IMMEDIATE``), so that no transaction is half read before it may write.
PostgreSQL runs READ COMMITTED; whoever changes a line locks its row first. A
transaction that met another is run again, a bounded number of times.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    SQLAlchemyError,
)
from sqlalchemy.sql import Executable, Select

from core.errors import HarvestlineError, UnitError
from server.store.memory import Memory, Row
from server.store.questions import (
    LIMIT,
    added_or_renewed,
    added_unless_there,
    changed_where,
    equals,
    rows_where,
    value_where,
)

T = TypeVar("T")
Narrow = Callable[[Select[Any]], Select[Any]]
BUSY_TIMEOUT_MS = 20_000
TRIES_MAX = 8
FILE_MODE = 0o600
ROWS_MAX = 1_000_000  # of any one answer
STREAM_ROWS = 2_000  # held at a time of an answer that is read row by row
_RETRY_SQLSTATES = ("40001", "40P01", "55P03")  # serialisation, deadlock, lock not available
_NOT_ASKED = object()
_IMMEDIATE = "harvestline_immediate"


class StoreError(HarvestlineError):
    """The database cannot be opened, is not of this version, or refused a change."""

    code = "HL-SRV-002"


class UnfitValueError(UnitError):
    """A value does not fit its column, as a text with a NUL: its sender is wrong, not the store."""


class NotKnownError(HarvestlineError):
    """No such record is in the store."""

    code = "HL-SRV-004"


class ConflictError(HarvestlineError):
    """A record with this id exists, and its content is another."""

    code = "HL-SRV-005"


@dataclass(frozen=True, slots=True)
class Tx:
    """One transaction of one tenant.

    ``narrow`` is put between every question and the database where only a part of the book
    may be read (see :mod:`server.store.scoping`).
    """

    connection: Connection
    tenant_id: str
    memory: Memory | None = None
    narrow: Narrow | None = None

    def _asked(self, question: Select[Any]) -> Select[Any]:
        return question if self.narrow is None else self.narrow(question)

    @contextmanager
    def remembering(self, write_out: Callable[[Tx], None] | None = None) -> Iterator[Tx]:
        """The same transaction with a memory; what it keeps back is written at the end.

        Parameters
        ----------
        write_out
            How what was kept back is written, if not row by row.
        """
        tx = replace(self, memory=Memory(write_out))
        yield tx
        tx.flush()

    def recall(self, table: Table, key: Hashable, ask: Callable[[], T]) -> T:
        """The answer to a question about a table: remembered, or asked and remembered."""
        if self.memory is None:
            return ask()
        known: Any = self.memory.answers(table).get(key, _NOT_ASKED)
        if known is _NOT_ASKED:
            found = ask()  # may make the table forgotten
            self.memory.answers(table)[key] = found
            return found
        return known  # type: ignore[no-any-return]  # asked forty times a line: no cast

    def learn(self, table: Table, key: Hashable, answer: object) -> None:
        """Remember an answer, if this transaction remembers."""
        if self.memory is not None:
            self.memory.answers(table)[key] = answer

    def learn_all(self, table: Table, found: Mapping[Any, object]) -> None:
        """Remember many answers at once, by key."""
        if self.memory is not None:
            self.memory.answers(table).update(found)

    def known(self, table: Table, key: Hashable) -> Any:
        """What is remembered under a key; None if nothing is."""
        return None if self.memory is None else self.memory.answers(table).get(key)

    def append(self, table: Table, **values: Any) -> None:
        """Add one row of this tenant, perhaps later; the caller says what it changes."""
        if self.memory is None:
            self.insert(table, **values)
        else:
            self.memory.keep(table, values)

    def change_row(self, table: Table, key: Row, values: Row) -> None:
        """Change one row of this tenant at once."""
        self.touch(table)
        self._change_many(table, [(key, values)])

    def change(self, table: Table, key: Row, values: Row) -> None:
        """Change one row of this tenant, perhaps later; the caller says what it changes."""
        if self.memory is None:
            self._change_many(table, [(key, values)])
        else:
            self.memory.keep_change(table, key, values)

    def flush(self) -> None:
        """Write what was kept back."""
        if self.memory is None or not self.memory.waits:
            return
        if self.memory.write_out is not None:
            self.memory.write_out(self)
            return
        rows, changes = self.memory.take()
        for table, kept in rows.items():
            self._insert_many(table, kept)
        for table, pairs in changes.items():
            self._change_many(table, pairs)

    def touch(self, table: object) -> None:
        """Before a write that nobody explains: keep nothing back, forget the table."""
        if self.memory is not None:
            self.flush()
            if isinstance(table, Table):
                self.memory.forget(table)

    def run(self, statement: Executable) -> int:
        """Execute a change; the number of rows that it touched."""
        self.touch(getattr(statement, "table", None))
        return int(self.connection.execute(statement).rowcount)

    def rows(self, statement: Select[Any], rows_max: int = 0) -> list[dict[str, Any]]:
        """The rows of a question; the first ``rows_max``, or all of them.

        Raises
        ------
        StoreError
            If all were asked for and they are more than ``ROWS_MAX``: never a part.
        """
        return self._answered(statement.limit(rows_max or ROWS_MAX + 1), {}, rows_max)

    def _answered(self, statement: Select[Any], values: Row, rows_max: int) -> list[Row]:
        self.flush()
        found = self.connection.execute(self._asked(statement), values)
        names = [str(name) for name in found.keys()]  # noqa: SIM118  # a result, no mapping
        rows = [dict(zip(names, row, strict=True)) for row in found.all()]
        if len(rows) > max(rows_max, ROWS_MAX):
            raise StoreError(f"expected at most {ROWS_MAX} rows in one answer, got more")
        return rows

    def find_rows(self, table: Table, *order: str, **equal: Any) -> list[Row]:
        """The tenant's rows in which columns have values; ``order`` as in ``rows_where``.

        Raises
        ------
        StoreError
            If they are more than ``ROWS_MAX``: never a part.
        """
        return self._found(table, order, equal, 0)

    def find_row(self, table: Table, *order: str, **equal: Any) -> Row | None:
        """The first of this tenant's rows in which columns have values, if there is one."""
        return next(iter(self._found(table, order, equal, 1)), None)

    def lock_row(self, table: Table, **equal: Any) -> Row | None:
        """The same, locked until the transaction ends.

        SQLite has no FOR UPDATE; there BEGIN IMMEDIATE already holds the only writer.
        """
        return next(iter(self._found(table, (), equal, 1, lock=True)), None)

    def find_value(self, table: Table, column: str, **equal: Any) -> Any:
        """One column of this tenant's row in which columns have values; None without one."""
        self.flush()
        question = value_where(table, column, tuple(equal))
        asked = self._asked(question)
        return self.connection.execute(asked, equals(self.tenant_id, equal)).scalar()

    def _found(
        self, table: Table, order: tuple[str, ...], equal: Row, rows_max: int, *, lock: bool = False
    ) -> list[Row]:
        question = rows_where(table, tuple(equal), order, lock=lock)
        values = {**equals(self.tenant_id, equal), LIMIT: rows_max or ROWS_MAX + 1}
        return self._answered(question, values, rows_max)

    def stream(
        self, statement: Select[Any], rows_each: int = STREAM_ROWS
    ) -> Iterator[dict[str, Any]]:
        """The rows of a question one by one, held in memory ``rows_each`` at a time.

        Other questions may be asked in between; nothing may be written.
        """
        self.flush()
        asked = self._asked(statement)
        found = self.connection.execute(asked, execution_options={"yield_per": rows_each})
        with found:
            for row in found.mappings():
                yield {str(name): value for name, value in row.items()}

    def row(self, statement: Select[Any]) -> dict[str, Any] | None:
        """The first row of a question, if there is one."""
        return next(iter(self.rows(statement, 1)), None)

    def scalar(self, statement: Select[Any]) -> Any:
        """The first column of the first row, if there is one."""
        self.flush()
        asked = statement if self.narrow is None else self.narrow(statement)
        return self.connection.execute(asked).scalar()

    def attempt(self, act: Callable[[], T]) -> T:
        """Do a part that may fail by itself: if it does, only the part is undone.

        Raises
        ------
        UnfitValueError
            If a value does not fit its column.
        StoreError
            If it breaks a constraint.
        """
        self.flush()
        try:
            with self.connection.begin_nested():
                found = act()
                self.flush()
                return found
        except (DataError, IntegrityError) as error:
            self._forget_all()
            raise _translated(error) from error
        except HarvestlineError:
            self._forget_all()  # what was read and written in it was undone
            raise

    def _forget_all(self) -> None:
        if self.memory is not None:
            self.memory.clear()

    def insert(self, table: Table, **values: Any) -> None:
        """Add one row of this tenant."""
        self.touch(table)
        self.connection.execute(table.insert(), {"tenant_id": self.tenant_id, **values})

    def insert_many(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Add rows of this tenant at once."""
        if rows:
            self.touch(table)
            self._insert_many(table, rows)

    def _insert_many(self, table: Table, rows: list[Row]) -> None:
        tenant = {"tenant_id": self.tenant_id}
        self.connection.execute(table.insert(), [{**tenant, **row} for row in rows])

    def _change_many(self, table: Table, pairs: list[tuple[Row, Row]]) -> None:
        """Change rows that are found by the same columns and change in the same ones."""
        key, values = pairs[0]
        statement = changed_where(table, tuple(key), tuple(values))
        self.connection.execute(
            statement,
            [
                equals(self.tenant_id, at) | {f"to_{n}": v for n, v in to.items()}
                for at, to in pairs
            ],
        )

    def insert_new(self, table: Table, **values: Any) -> bool:
        """Add one row unless its key is taken; whether it was added."""
        self.touch(table)
        added = added_unless_there(table, self.connection.dialect.name)
        row = {"tenant_id": self.tenant_id, **values}
        # Unasked, SQLAlchemy forgets an INSERT's count on PostgreSQL and answers -1.
        kept = {"preserve_rowcount": True}
        return self.connection.execute(added, row, execution_options=kept).rowcount == 1

    def insert_many_new(self, table: Table, rows: list[Row]) -> None:
        """Add rows of this tenant at once, but for those whose key is taken."""
        if rows:
            self.touch(table)
            tenant = {"tenant_id": self.tenant_id}
            added = added_unless_there(table, self.connection.dialect.name)
            self.connection.execute(added, [{**tenant, **row} for row in rows])

    def upsert(self, table: Table, **values: Any) -> None:
        """Add one row, or replace what stands under its key."""
        self.touch(table)
        put = added_or_renewed(table, self.connection.dialect.name, tuple(values))
        self.connection.execute(put, {"tenant_id": self.tenant_id, **values})


@dataclass(frozen=True, slots=True)
class Store:
    """A tenant's database."""

    engine: Engine
    tenant_id: str
    tries_max: int = TRIES_MAX

    @contextmanager
    def reading(self, narrow: Narrow | None = None) -> Iterator[Tx]:
        """A transaction that only reads; with ``narrow`` only a part of the book.

        Raises
        ------
        StoreError
            If the database refuses.
        """
        try:
            with self.engine.connect() as connection, connection.begin():
                yield Tx(connection, self.tenant_id, None, narrow)
        except SQLAlchemyError as error:
            raise _translated(error) from error

    def write(self, act: Callable[[Tx], T]) -> T:
        """Run ``act`` in one transaction; again, from its start, if it met another.

        Raises
        ------
        StoreError
            If the database refuses, or ``tries_max`` attempts met others.
        """
        for attempt in range(1, self.tries_max + 1):
            try:
                return self._write_once(act)
            except DBAPIError as error:
                if attempt == self.tries_max or not _met_another(error):
                    raise _translated(error) from error
            except SQLAlchemyError as error:
                raise _translated(error) from error
        raise StoreError(f"expected tries_max of at least 1, got {self.tries_max}")

    def _write_once(self, act: Callable[[Tx], T]) -> T:
        with self.engine.connect() as connection:
            immediate = connection.execution_options(**{_IMMEDIATE: True})
            with immediate.begin():
                return act(Tx(immediate, self.tenant_id))

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def open_store(database_url: str, tenant_id: str, tries_max: int = TRIES_MAX) -> Store:
    """A store at a URL; the schema is brought up by :func:`server.store.schema.migrate`.

    Raises
    ------
    StoreError
        If the URL is not of SQLite or of PostgreSQL with psycopg.
    """
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise StoreError(f"expected a database URL: {error}") from error
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise StoreError(
            f"expected sqlite:///PATH or postgresql+psycopg://…, got {url.drivername}://"
        )
    if url.drivername == "sqlite" and url.database and url.database != ":memory:":
        _make_private(Path(url.database))
    engine = create_engine(url, pool_pre_ping=url.drivername != "sqlite")
    if url.drivername == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return Store(engine, tenant_id, tries_max)


def _make_private(path: Path) -> None:
    """Create a new database file that only its owner may read; it holds personal data."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE))
    except OSError as error:
        raise StoreError(f"expected a database file at {path}: {error}") from error


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # Without this, INSERT OR REPLACE would take a row away past its delete trigger.
    connection.execute("PRAGMA recursive_triggers = ON")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(_IMMEDIATE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _met_another(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.OperationalError):
        code: int = getattr(error.orig, "sqlite_errorcode", 0)
        return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(error.orig, "sqlstate", "") in _RETRY_SQLSTATES


def _translated(error: SQLAlchemyError) -> StoreError | UnfitValueError:
    # The driver's message alone: SQLAlchemy's own would show the parameters.
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, DataError):
        return UnfitValueError(f"the database cannot keep it: {cause}")
    return StoreError(f"the database refused: {cause}")
