"""Opening the store.

SQLite runs in WAL with ``synchronous=FULL`` and takes its write lock at once
(``BEGIN IMMEDIATE``), so that no transaction is half read before it may write.
PostgreSQL runs READ COMMITTED; whoever changes a line locks its row first. A
transaction that met another is run again, a bounded number of times.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from server.store.transactions import (
    ROWS_MAX,
    ConflictError,
    Narrow,
    NotKnownError,
    StoreError,
    Tx,
    UnfitValueError,
    translated,
)

__all__ = (
    "ROWS_MAX",
    "ConflictError",
    "Narrow",
    "NotKnownError",
    "Store",
    "StoreError",
    "Tx",
    "UnfitValueError",
    "open_store",
)

T = TypeVar("T")
BUSY_TIMEOUT_MS = 20_000
PREPARED_MAX = 1_024  # statements of a connection; Python keeps 128, the program has more
TRIES_MAX = 8
FILE_MODE = 0o600
# Serialisation, deadlock, lock not available, and no room for another lock just now.
_RETRY_SQLSTATES = ("40001", "40P01", "55P03", "53200")
_IMMEDIATE = "harvestline_immediate"


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
            raise translated(error) from error

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
                    raise translated(error) from error
            except SQLAlchemyError as error:
                raise translated(error) from error
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
    is_sqlite = url.drivername == "sqlite"
    kept = {"cached_statements": PREPARED_MAX} if is_sqlite else {}
    engine = create_engine(url, pool_pre_ping=not is_sqlite, connect_args=kept)
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
