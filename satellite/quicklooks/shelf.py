"""The pictures that were made: files, and in one SQLite file what each was made from.

A day is one transaction after its files were put in place, so a run that is killed
goes on where it stopped and makes nothing twice. A plot that no scene of a day
reaches is remembered too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from core.canonical import sha256_hex
from core.wire.evidence import PictureRef
from satellite.config import OutputError
from satellite.files import write_atomically

FILE = "pictures.sqlite"
SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 10.0
DETAIL_CHARS_MAX = 500
NAME_CHARS_MAX = 80
SCHEMA = """
CREATE TABLE look (
  plot_id TEXT NOT NULL, day TEXT NOT NULL, index_name TEXT NOT NULL, inputs TEXT NOT NULL,
  mean REAL, hidden REAL NOT NULL,
  PRIMARY KEY (plot_id, day, index_name)) STRICT;
CREATE TABLE picture (
  plot_id TEXT NOT NULL, day TEXT NOT NULL, index_name TEXT NOT NULL, kind TEXT NOT NULL,
  sha256 TEXT NOT NULL, media_type TEXT NOT NULL, size_bytes INTEGER NOT NULL,
  name TEXT NOT NULL, status TEXT NOT NULL, detail TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (plot_id, day, index_name, kind)) STRICT;
CREATE TABLE map (name TEXT PRIMARY KEY, inputs TEXT NOT NULL) STRICT;
CREATE INDEX picture_by_status ON picture (status, day);
"""
SELECT_PICTURES = "SELECT plot_id, name, kind, day, sha256, media_type, size_bytes FROM picture"


class Status(Enum):
    """Where a picture stands on its way to the centre."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class LookRow:
    """What was looked at: ``inputs`` names all that its pictures were made from.

    ``hidden`` is the share of the plot that was not seen [0–1], 1 where no scene reached
    it; ``mean`` the index over what was seen.
    """

    plot_id: str
    day: str
    inputs: str
    mean: float | None
    hidden: float


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A picture's place: ``name`` is its file's, relative to the folder."""

    plot_id: str
    ref: PictureRef
    name: str


class Shelf:
    """The pictures of one folder and one index."""

    def __init__(self, folder: Path, index_name: str) -> None:
        self.folder = folder
        self._index = index_name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                str(folder / FILE), timeout=BUSY_TIMEOUT_S, isolation_level=None
            )
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            raise OutputError(f"expected a folder of pictures at {folder}, got: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def inputs(self, day: str) -> dict[str, str]:
        """What each plot's pictures of a day were made from."""
        rows = self._db.execute(
            "SELECT plot_id, inputs FROM look WHERE day = ? AND index_name = ?", (day, self._index)
        )
        return dict(rows.fetchall())

    def looks(self, plot_id: str) -> list[LookRow]:
        """All days on which a scene reached a plot, oldest first."""
        rows = self._db.execute(
            "SELECT l.plot_id, l.day, l.inputs, l.mean, l.hidden FROM look l WHERE l.plot_id = ?"
            " AND l.index_name = ? AND EXISTS (SELECT 1 FROM picture p WHERE"
            " p.plot_id = l.plot_id AND p.day = l.day AND p.index_name = l.index_name)"
            " ORDER BY l.day",
            (plot_id, self._index),
        )
        return [LookRow(*row) for row in rows]

    def pictures(self, plot_id: str) -> list[PictureRow]:
        """All pictures of a plot, oldest first."""
        return self._pictures("plot_id = ? AND index_name = ? ORDER BY day, kind",
                              (plot_id, self._index))  # fmt: skip

    def waiting(self, count_max: int) -> list[PictureRow]:
        """What the centre has not been given, newest day first."""
        return self._pictures("status = ? ORDER BY day DESC, plot_id, kind LIMIT ?",
                              (Status.WAITING.value, count_max))  # fmt: skip

    def count(self, status: Status) -> int:
        """How many pictures stand so."""
        (found,) = self._db.execute(
            "SELECT count(*) FROM picture WHERE status = ?", (status.value,)
        ).fetchone()
        return int(found)

    def mark(self, marks: Sequence[tuple[str, Status, str]]) -> None:
        """Record what became of pictures: (SHA-256, status, detail) each."""
        rows = [
            (status.value, detail[:DETAIL_CHARS_MAX], sha256) for sha256, status, detail in marks
        ]
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("UPDATE picture SET status = ?, detail = ? WHERE sha256 = ?", rows)

    def forget(self, row: PictureRow) -> None:
        """Know nothing of a plot's day any more, so that it is drawn again."""
        key = (row.plot_id, row.ref.day, row.ref.sha256)
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "DELETE FROM look WHERE plot_id = ? AND day = ? AND index_name IN (SELECT"
                " index_name FROM picture WHERE sha256 = ?)",
                key,
            )
            self._db.execute(
                "DELETE FROM picture WHERE plot_id = ? AND day = ? AND sha256 = ?", key
            )

    def save(
        self, day: str, looks: Iterable[LookRow], pictures: Iterable[tuple[PictureRow, bytes]]
    ) -> None:
        """Put a day's pictures in place and remember them, all or none; a repeat replaces.

        Raises
        ------
        OutputError
            If a file cannot be written.
        """
        kept = [self._put(row, day, data) for row, data in pictures]
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for look in looks:
                key = (look.plot_id, day, self._index)
                self._db.execute(
                    "DELETE FROM picture WHERE plot_id = ? AND day = ? AND index_name = ?", key
                )
                self._db.execute("INSERT OR REPLACE INTO look VALUES (?, ?, ?, ?, ?, ?)",
                                 (*key, look.inputs, look.mean, look.hidden))  # fmt: skip
            self._db.executemany(
                "INSERT OR REPLACE INTO picture (plot_id, day, index_name, kind, sha256,"
                " media_type, size_bytes, name, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                kept,
            )

    def add(self, pictures: Iterable[tuple[PictureRow, bytes]]) -> None:
        """Put pictures beside the chips (curves, flags) that wait for the centre; once each.

        Raises
        ------
        OutputError
            If a file cannot be written.
        """
        kept = [self._put(row, row.ref.day, data) for row, data in pictures]
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO picture (plot_id, day, index_name, kind, sha256, media_type,"
                " size_bytes, name, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO"
                " UPDATE SET sha256 = excluded.sha256, media_type = excluded.media_type,"
                " size_bytes = excluded.size_bytes, name = excluded.name, detail = '',"
                " status = excluded.status WHERE sha256 != excluded.sha256",
                kept,
            )

    def _put(self, row: PictureRow, day: str | None, data: bytes) -> tuple[object, ...]:
        """Put a picture's file in place; what is remembered of it."""
        put(self.folder / row.name, data)
        ref = row.ref
        return (row.plot_id, day, self._index, ref.kind, ref.sha256, ref.media_type,
                ref.size_bytes, row.name, Status.WAITING.value)  # fmt: skip

    def map_inputs(self, name: str) -> str:
        """What a map was made from; empty if it was not made."""
        row = self._db.execute("SELECT inputs FROM map WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def keep_map(self, name: str, inputs: str) -> None:
        """Remember what a map was made from."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO map VALUES (?, ?)", (name, inputs))

    def _pictures(self, where: str, values: tuple[object, ...]) -> list[PictureRow]:
        # The condition is one of our own two; its values are bound.
        rows = self._db.execute(f"{SELECT_PICTURES} WHERE {where}", values)
        return [PictureRow(row[0], PictureRef(*row[2:]), row[1]) for row in rows]

    def _migrate(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == SCHEMA_VERSION:
            return
        if version != 0:
            raise OutputError(
                f"expected pictures of version {SCHEMA_VERSION} in {self.folder}, got {version}: "
                "use another folder or the version that wrote it"
            )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(
            f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )


def put(path: Path, data: bytes) -> None:
    """Write a file whole, and the folder that it lies in where there is none.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"expected to write {path}, got: {error}") from error
    write_atomically(path, data)


def safe_name(plot_id: str) -> str:
    """A plot id as a file name; where a character must be changed, a hash keeps it unique."""
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in plot_id)
    if safe == plot_id and not safe.startswith(".") and len(safe) <= NAME_CHARS_MAX:
        return safe
    return f"_{safe.lstrip('.')[:NAME_CHARS_MAX]}-{sha256_hex(plot_id.encode())[:8]}"
