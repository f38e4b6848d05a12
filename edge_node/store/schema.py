"""Brings a database to the schema of this release, from numbered files.

A file is applied as a whole or not at all, in its own transaction, and recorded
with its SHA-256. An applied file that has changed since is refused: the database
was built by something else than what stands here. So is a database that is newer
than this release.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from core.canonical import sha256_hex
from edge_node.store.database import StationDatabase, StoreError

_RECORD = """
CREATE TABLE IF NOT EXISTS schema_files (
    number     INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64),
    applied_ms INTEGER NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """One numbered file of SQL."""

    number: int
    sql: str

    @property
    def sha256(self) -> str:
        """The hash under which it is recorded."""
        return sha256_hex(self.sql.encode())


def schema_files() -> tuple[SchemaFile, ...]:
    """The files of this release, in order.

    Raises
    ------
    StoreError
        If their numbers do not run from 1 without a hole.
    """
    folder = resources.files("edge_node.store") / "schema"
    found = sorted(
        (
            SchemaFile(int(entry.name.removesuffix(".sql")), entry.read_text(encoding="utf-8"))
            for entry in folder.iterdir()
            if entry.name.endswith(".sql")
        ),
        key=lambda file: file.number,
    )
    if [file.number for file in found] != list(range(1, len(found) + 1)):
        raise StoreError(
            f"expected schema files from 001 on, got {[file.number for file in found]}"
        )
    return tuple(found)


def migrate(
    db: StationDatabase, now_ms: int, files: Sequence[SchemaFile] | None = None
) -> tuple[int, ...]:
    """Apply what is missing and return the numbers that were applied.

    Parameters
    ----------
    db
        An open database.
    now_ms
        The time to record [ms UTC].
    files
        The files of this release; other ones only to build an older database.

    Raises
    ------
    StoreError
        If an applied file differs from the one that stands here, or the database is
        newer than this release. Nothing is applied then.
    """
    wanted = schema_files() if files is None else tuple(files)
    with db.atomic():
        db.execute(_RECORD)
        applied = dict(db.conn.execute("SELECT number, sha256 FROM schema_files").fetchall())
    _refuse_others(applied, wanted)
    fresh = [file for file in wanted if file.number not in applied]
    for file in fresh:
        with db.atomic():
            for statement in _statements(file.sql):
                db.execute(statement)
            db.execute(
                "INSERT INTO schema_files VALUES (?, ?, ?)", (file.number, file.sha256, now_ms)
            )
    return tuple(file.number for file in fresh)


@cache
def _statements(sql: str) -> tuple[str, ...]:
    """The single statements of a file; a semicolon within a trigger or a text ends none.

    ``executescript`` of sqlite-utils looks anew after every letter: a tenth of a second.
    """
    found, begun = [], ""
    for piece in sql.split(";"):
        begun += f"{piece};"
        if sqlite3.complete_statement(begun):
            found.append(begun)
            begun = ""
    return tuple(found)


def _refuse_others(applied: dict[int, str], wanted: Sequence[SchemaFile]) -> None:
    known = {file.number: file.sha256 for file in wanted}
    for number, sha256 in applied.items():
        if number not in known:
            raise StoreError(
                f"the database has schema {number:03d}, this release ends at {len(known):03d}: "
                "install the newer release"
            )
        if known[number] != sha256:
            raise StoreError(
                f"schema file {number:03d} has changed since it was applied "
                f"(expected {sha256[:12]}…, got {known[number][:12]}…): restore the file"
            )
