"""The only place that deletes readings: a stated age, and what the centre has.

A signed document and its samples go when they are older than the retention and the
centre has acknowledged the document, or when they are past the stated last age. The
watermark stays, so that a device that sends them again changes nothing. With them go
the records of the raw log that are as old and that the centre has receipted. Daily
features and what a decision recorded of them stay for ever.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.units import MS_PER_DAY
from edge_node.config import Settings
from edge_node.store.database import (
    DiskFullError,
    StationDatabase,
    give_back_journal,
    give_back_pages,
)

# So that the intake never waits long for the write lock, and because on a full disk
# everything that is deleted or moved first takes room in the journal.
DOCUMENTS_AT_ONCE_MAX = 50
PAGES_AT_ONCE_MAX = 64
BITES_MAX = 10

_EXPIRED = """
SELECT document_id FROM telemetry_documents
WHERE received_ms < :kept_from_ms AND (delivered_ms IS NOT NULL OR received_ms < :last_ms)
ORDER BY received_ms LIMIT :documents_max
"""
# The record at the newest receipt stays, for the chain goes on from it.
_LOGGED = """
SELECT seq FROM log_records WHERE log = 'raw' AND at_ms < :kept_from_ms AND seq < coalesce(
    (SELECT high_water FROM receipts WHERE log = 'raw' ORDER BY id DESC LIMIT 1), 0)
ORDER BY seq LIMIT :documents_max
"""


def mark_delivered(db: StationDatabase, document_sha256s: Iterable[str], at_ms: int) -> None:
    """Note that the centre has acknowledged these signed documents."""
    with db.atomic():
        db.conn.executemany(
            "UPDATE telemetry_documents SET delivered_ms = ?"
            " WHERE sha256 = ? AND delivered_ms IS NULL",
            [(at_ms, sha256) for sha256 in document_sha256s],
        )


def let_go(db: StationDatabase, settings: Settings, now_ms: int) -> None:
    """Delete some of what may go, in small bites; a full disk gets its room back.

    Raises
    ------
    DiskFullError
        If there is no room to delete even so much.
    """
    for bite in range(BITES_MAX):
        try:
            deleted = delete_expired(db, settings, now_ms)
        except DiskFullError:
            if bite:
                raise
            continue  # the ballast was given up by that
        if not db.has_room:
            deleted += make_room(db)
        if not deleted:
            break


def make_room(db: StationDatabase) -> int:
    """On a full disk, give it the journal's room and empty pages; how many pages."""
    count = 0
    if not db.has_room:
        give_back_journal(db)
    while not db.has_room and (empty := _empty_pages(db)):
        give_back_pages(db, PAGES_AT_ONCE_MAX)
        given = empty - _empty_pages(db)
        if not given:
            break  # a file of before pages could be given back
        count += given
    return count


def _empty_pages(db: StationDatabase) -> int:
    return int(db.conn.execute("PRAGMA freelist_count").fetchone()[0])


def delete_expired(db: StationDatabase, settings: Settings, now_ms: int) -> int:
    """Delete some documents that may go, with their readings; how many there were.

    Parameters
    ----------
    db
        The station's database.
    settings
        ``raw_retention_days`` and ``raw_age_days_max`` [days].
    now_ms
        The station's time [ms UTC].
    """
    bounds = {
        "kept_from_ms": now_ms - settings.raw_retention_days * MS_PER_DAY,
        "last_ms": now_ms - settings.raw_age_days_max * MS_PER_DAY,
        "documents_max": DOCUMENTS_AT_ONCE_MAX,
    }
    with db.atomic():
        ids = db.conn.execute(_EXPIRED, bounds).fetchall()
        db.conn.executemany(
            "DELETE FROM readings WHERE (stream_id, seq) IN"
            " (SELECT stream_id, seq FROM samples WHERE document_id = ?)",
            ids,
        )
        db.conn.executemany("DELETE FROM samples WHERE document_id = ?", ids)
        db.conn.executemany("DELETE FROM telemetry_documents WHERE document_id = ?", ids)
        seqs = db.conn.execute(_LOGGED, bounds).fetchall()
        db.conn.executemany("DELETE FROM log_subjects WHERE log = 'raw' AND seq = ?", seqs)
        db.conn.executemany("DELETE FROM log_records WHERE log = 'raw' AND seq = ?", seqs)
    return len(ids)
