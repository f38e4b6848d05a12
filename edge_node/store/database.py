"""Opens the database so that what is committed survives a power cut.

WAL with ``synchronous=FULL`` is the only setting under which 300 simulated power
cuts lost nothing that was acknowledged; NORMAL lost rows in 135 of them. A
connection belongs to one thread unless it is opened with ``any_thread``.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlite_utils import Database

from core.errors import HarvestlineError
from edge_node.store.ballast import Ballast
from edge_node.store.turns import Turn, turn_of

BUSY_WAIT_MS = 10_000
FILE_MODE = 0o600  # it holds names, debts and consents
CACHE_KIB = 2 * 1024
JOURNAL_BYTES_MAX = 16 * 1024 * 1024  # what the write-ahead log is cut back to
LEFT_PAGES_MAX = 3_000  # of journal, before a connection in a hurry brings it into the file
_BYTES_PER_MIB = 1024 * 1024
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_PRIMARY_CODE = 0xFF  # extended result codes carry the primary one in their low byte


class StoreError(HarvestlineError):
    """The database cannot be opened, read or written, or its schema is not ours."""

    code = "HL-EDGE-002"


class StoreBusyError(StoreError):
    """Another held the database for too long; nothing is wrong with it."""


class DiskFullError(HarvestlineError):
    """There is no room for the transaction: it was rolled back and nothing was acknowledged."""

    code = "HL-EDGE-003"


class StationDatabase(Database):  # type: ignore[misc]  # the library is untyped here
    """A sqlite-utils database whose transactions take the write lock at once.

    A deferred transaction that reads first and writes later fails when another
    thread has written in between (SQLITE_BUSY_SNAPSHOT), and no time-out helps.

    ``ballast`` is the space that its transactions may fall back on when the disk is
    nearly full; None for a connection that has no right to it. ``turn`` lets the threads
    of this process write one after the other without asking SQLite again and again;
    ``patient`` is the intake's, which lets the others go first.
    """

    ballast: Ballast | None = None
    turn: Turn
    patient: bool = False

    @property
    def has_room(self) -> bool:
        """Whether what can wait may be written: False while money lives on the ballast.

        Raises
        ------
        StoreError
            If that cannot be seen.
        """
        return self.ballast is None or has_room(self.ballast)

    @contextlib.contextmanager
    def atomic(self) -> Iterator[StationDatabase]:
        """A transaction; within another one, a savepoint.

        Raises
        ------
        DiskFullError
            If there is no room; everything inside is rolled back, and the ballast is
            given up, so that the next one finds some.
        StoreError
            If the database cannot be read or written.
        """
        with storage_errors():
            if self.conn.in_transaction:
                with super().atomic():
                    yield self
                return
        self._lean_on_ballast()
        try:
            with storage_errors(), self._transaction():
                yield self
        except DiskFullError:
            if self.ballast is not None:
                with _file_errors():
                    self.ballast.release()
            raise

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self.turn.held(BUSY_WAIT_MS / 1000, patient=self.patient):
            self.conn.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.conn.execute("COMMIT")
            finally:
                if self.conn.in_transaction:
                    self.conn.execute("ROLLBACK")

    def _lean_on_ballast(self) -> None:
        if self.ballast is not None:
            with _file_errors():
                self.ballast.release_if_short()


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Turn SQLite's faults of disk and file into the catalogue's.

    Faults of our own statements (a broken constraint, bad SQL) pass unchanged:
    they are bugs and must be seen as such.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        translated = _translate(error)
        if translated is None:
            raise
        raise translated from error


def open_database(
    path: Path, *, any_thread: bool = False, ballast: Ballast | None = None
) -> StationDatabase:
    """Open the database file, creating it if there is none; does not touch its schema.

    Parameters
    ----------
    path
        The file; its folder must exist.
    any_thread
        Let other threads use the connection too; the caller then takes turns.
    ballast
        What its transactions may fall back on when the disk is nearly full.

    Raises
    ------
    StoreError
        If the file cannot be opened or is not a database.
    """
    with storage_errors():
        _make_private(path)
        connection = sqlite3.connect(
            path, timeout=BUSY_WAIT_MS / 1000, check_same_thread=not any_thread
        )
        try:
            db = _prepared(connection)
            db.ballast, db.turn = ballast, turn_of(path)
            return db
        except sqlite3.DatabaseError:
            connection.close()
            raise


def _make_private(path: Path) -> None:
    """Create a new file that only its owner may read; its journal inherits the mode.

    A file that is there is not opened: closing it again would drop the locks that this
    process's other connections hold on it (POSIX advisory locks, fcntl(2)), and whoever
    closed the database next would delete the journal under them.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(f"expected a database that can be read and written: {error}") from error


def limit_size(db: StationDatabase, mib: int) -> None:
    """Let this connection not grow the database beyond a size [MiB]; others still may.

    A transaction that would need more room then fails as on a full disk.
    """
    page_bytes = db.conn.execute("PRAGMA page_size").fetchone()[0]
    db.conn.execute(f"PRAGMA max_page_count={mib * _BYTES_PER_MIB // page_bytes}")


def has_room(ballast: Ballast) -> bool:
    """Whether the ballast is set aside, if need be now.

    Raises
    ------
    StoreError
        If the file system refuses for another reason than room.
    """
    with _file_errors():
        return ballast.set_aside()


@contextlib.contextmanager
def _file_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"expected a disk that can be read and written: {error}") from error


def give_back_journal(db: StationDatabase) -> None:
    """Bring the journal's content into the file and return its room to the disk."""
    with storage_errors():
        db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def leave_journal(db: StationDatabase) -> None:
    """Let this connection's commits leave the journal to others for a while.

    Whoever's commit makes the journal longer than 1,000 pages brings all of it into the
    file (SQLite's default): a farmer would wait for what devices have said.
    """
    db.conn.execute(f"PRAGMA wal_autocheckpoint={LEFT_PAGES_MAX}")


def give_back_pages(db: StationDatabase, pages_max: int) -> None:
    """Return some of the file's empty pages to the disk, and the journal's room.

    Rows that are deleted leave empty pages in the file, which new rows take; the disk
    gets them back by this alone. Without room on the disk that matters.
    """
    with db.atomic():
        # Each row of the answer is a page that was given back.
        db.conn.execute(f"PRAGMA incremental_vacuum({pages_max})").fetchall()
    give_back_journal(db)


def _prepared(connection: sqlite3.Connection) -> StationDatabase:
    db = StationDatabase(connection)
    # Counts only for a new file, and before its first page: see give_back_pages.
    db.conn.execute("PRAGMA auto_vacuum=INCREMENTAL")
    db.enable_wal()
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_WAIT_MS}",
        f"cache_size=-{CACHE_KIB}",
        f"journal_size_limit={JOURNAL_BYTES_MAX}",
        "trusted_schema=OFF",
    ):
        db.conn.execute(f"PRAGMA {pragma}")
    return db


def _translate(error: sqlite3.DatabaseError) -> HarvestlineError | None:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code == sqlite3.SQLITE_FULL:
        return DiskFullError(f"expected room for a transaction, the disk is full ({error})")
    if code in _BUSY:
        return StoreBusyError(f"expected the database within {BUSY_WAIT_MS} ms, another holds it")
    if code in (
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
    ):
        return StoreError(f"expected a database that can be read and written: {error}")
    return None
