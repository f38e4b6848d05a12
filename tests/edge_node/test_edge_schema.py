"""The schema: numbered files, applied whole, never edited, never unlearned."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from edge_node.store import outbox
from edge_node.store.database import (
    DiskFullError,
    StationDatabase,
    StoreError,
    limit_size,
    open_database,
)
from edge_node.store.schema import SchemaFile, migrate, schema_files
from edge_node.store.turns import Turn
from tests.support.edge_station import NOW_MS

RELEASED = schema_files()[:1]


def tables(db: StationDatabase) -> set[str]:
    return set(db.table_names())


def insert_and_fail(db: StationDatabase) -> None:
    with db.atomic():
        db.execute("INSERT INTO streams (device_id, epoch) VALUES ('c', 'd')")
        raise ZeroDivisionError


def test_released_file_was_not_edited():
    """Databases have recorded this hash: put the file back and write the next number."""
    assert RELEASED[0].sha256 == (
        "2592f59dea902a1c15ce2f633d06a43ab7a6baedcab4b97b9e2ac38acf986802"
    )


def test_every_file_applies_once(tmp_path: Path):
    db = open_database(tmp_path / "station.db")
    numbers = tuple(file.number for file in schema_files())
    assert migrate(db, NOW_MS) == numbers
    assert migrate(db, NOW_MS + 1) == ()
    recorded = db.conn.execute("SELECT number, sha256, applied_ms FROM schema_files").fetchall()
    assert recorded == [(file.number, file.sha256, NOW_MS) for file in schema_files()]


def test_database_of_the_first_release_is_upgraded_with_its_rows(tmp_path: Path):
    db = open_database(tmp_path / "station.db")
    migrate(db, NOW_MS, RELEASED)
    with db.atomic():
        db.execute("INSERT INTO streams (device_id, epoch, upto) VALUES ('probe-1', 'e1', 7)")
    fresh = migrate(db, NOW_MS + 1)
    assert fresh == tuple(file.number for file in schema_files()[1:])
    assert db.conn.execute("SELECT upto FROM streams").fetchall() == [(7,)]


def test_changed_file_is_refused_and_nothing_is_applied(tmp_path: Path):
    db = open_database(tmp_path / "station.db")
    migrate(db, NOW_MS, RELEASED)
    edited = SchemaFile(1, RELEASED[0].sql + "-- one more word\n")
    with pytest.raises(StoreError, match="schema file 001 has changed"):
        migrate(db, NOW_MS, [edited, SchemaFile(2, "CREATE TABLE extra (a INTEGER) STRICT;")])
    assert "extra" not in tables(db)


def test_newer_database_is_refused(tmp_path: Path):
    db = open_database(tmp_path / "station.db")
    migrate(db, NOW_MS, [*RELEASED, SchemaFile(2, "CREATE TABLE later (a INTEGER) STRICT;")])
    with pytest.raises(StoreError, match="this release ends at 001"):
        migrate(db, NOW_MS, RELEASED)


def test_failing_file_leaves_nothing_behind(tmp_path: Path):
    db = open_database(tmp_path / "station.db")
    broken = SchemaFile(2, "CREATE TABLE half (a INTEGER) STRICT; INSERT INTO nowhere VALUES (1);")
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(db, NOW_MS, [*RELEASED, broken])
    assert "half" not in tables(db)
    assert db.conn.execute("SELECT max(number) FROM schema_files").fetchone() == (1,)
    assert migrate(db, NOW_MS, [*RELEASED, SchemaFile(2, "CREATE TABLE half (a INTEGER);")]) == (2,)


def test_connection_is_set_to_lose_nothing(tmp_path: Path):
    db = open_database(tmp_path / "station.db")
    pragmas = {
        name: db.conn.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    }
    assert pragmas == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000
    }  # fmt: skip


def test_every_table_is_strict_and_no_value_of_another_type_enters(tmp_path: Path):
    db = open_database(tmp_path / "station.db")
    migrate(db, NOW_MS)
    lax = [
        name
        for name, kind, strict in db.conn.execute(
            "SELECT name, type, strict FROM pragma_table_list"
        )
        if kind == "table" and not strict and not name.startswith("sqlite_")
    ]
    assert lax == []
    with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT"), db.atomic():
        db.execute("INSERT INTO streams (device_id, epoch, upto) VALUES ('a', 'b', 'many')")


def test_transaction_is_whole_or_not_at_all(tmp_path: Path):
    db = open_database(tmp_path / "station.db")
    migrate(db, NOW_MS)

    def two_and_a_fault() -> None:
        with db.atomic():
            db.execute("INSERT INTO streams (device_id, epoch) VALUES ('a', 'b')")
            insert_and_fail(db)

    with pytest.raises(ZeroDivisionError):
        two_and_a_fault()
    assert db.conn.execute("SELECT count(*) FROM streams").fetchone() == (0,)


def test_inner_failure_undoes_the_inner_part_only(tmp_path: Path):
    db = open_database(tmp_path / "station.db")
    migrate(db, NOW_MS)
    with db.atomic():
        db.execute("INSERT INTO streams (device_id, epoch) VALUES ('a', 'b')")
        with pytest.raises(ZeroDivisionError):
            insert_and_fail(db)
    assert db.conn.execute("SELECT device_id FROM streams").fetchall() == [("a",)]


def test_second_writer_waits_instead_of_failing_on_a_stale_snapshot(tmp_path: Path):
    first, second = open_database(tmp_path / "s.db"), open_database(tmp_path / "s.db")
    migrate(first, NOW_MS)
    second.conn.execute("PRAGMA busy_timeout=1")
    second.turn = Turn()  # as in another process, which knows nothing of the turn here
    with first.atomic():
        first.execute("INSERT INTO streams (device_id, epoch) VALUES ('a', 'b')")
        # Refused at its beginning, when nothing is lost by trying again.
        with pytest.raises(StoreError, match="another holds it"), second.atomic():
            pytest.fail("two writers at once")
    with second.atomic():
        second.execute("INSERT INTO streams (device_id, epoch) VALUES ('c', 'd')")


def test_full_database_is_named_and_rolled_back(tmp_path: Path):
    db = open_database(tmp_path / "station.db")
    migrate(db, NOW_MS)
    limit_size(db, 1)
    rows = [(f"d{i}", "x" * 10_000) for i in range(300)]
    with pytest.raises(DiskFullError, match="full"), db.atomic():
        db.conn.executemany("INSERT INTO streams (device_id, epoch) VALUES (?, ?)", rows)
    assert db.conn.execute("SELECT count(*) FROM streams").fetchone() == (0,)


def test_file_that_is_no_database_is_refused(tmp_path: Path):
    path = tmp_path / "station.db"
    path.write_bytes(b"this is a letter to a farmer, not a database" * 100)
    with pytest.raises(StoreError, match="can be read and written"):
        open_database(path)


def test_folder_that_is_missing_is_named(tmp_path: Path):
    with pytest.raises(StoreError, match="can be read and written"):
        open_database(tmp_path / "nowhere" / "station.db")


def test_only_the_owner_may_read_the_database(tmp_path: Path):
    """It holds names, debts and consents; its journal too."""
    path = tmp_path / "station.db"
    before = os.umask(0o022)
    try:
        db = open_database(path)
        migrate(db, NOW_MS)
    finally:
        os.umask(before)
    found = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert set(found.values()) == {0o600}, found
    assert any(name.endswith("-wal") for name in found)
    db.close()


def test_refused_envelopes_take_little_room(tmp_path: Path):
    """A stick full of rubbish must not fill the card that the money log is written to."""
    db = open_database(tmp_path / "station.db")
    migrate(db, NOW_MS)
    data = bytes(8 * 1024 * 1024)
    with db.atomic():
        outbox.refuse_envelope(db, data, "stick", ("HL-CORE-001", "damaged"), 1)
    [kept] = db.execute("SELECT size_bytes, length(envelope) FROM refused_envelopes").fetchall()
    assert kept == (len(data), outbox.REFUSED_BYTES_KEPT_MAX)
    db.close()
