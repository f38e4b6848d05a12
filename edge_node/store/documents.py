"""Signed telemetry documents, verbatim, as a decision cites them and the centre receives them."""

from __future__ import annotations

from collections.abc import Iterable

from core.wire.envelope import LogClass
from edge_node.store import logs
from edge_node.store.database import StationDatabase
from edge_node.store.village import UnknownRecordError


def document(db: StationDatabase, sha256: str) -> bytes:
    """The bytes of a signed telemetry document.

    Raises
    ------
    UnknownRecordError
        If the station does not have it, or has it no more.
    """
    row = db.execute("SELECT raw FROM telemetry_documents WHERE sha256 = ?", [sha256]).fetchone()
    if row is None:
        raise UnknownRecordError(f"expected telemetry document {sha256[:16]}…, it is not here")
    return bytes(row[0])


def unlogged(db: StationDatabase, documents_max: int) -> tuple[tuple[int, str, bytes], ...]:
    """The oldest documents that stand in no log yet: number, SHA-256, bytes."""
    rows = db.execute(
        "SELECT document_id, sha256, raw FROM telemetry_documents WHERE logged = 0 "
        "ORDER BY document_id LIMIT ?",
        [documents_max],
    )
    return tuple((row[0], row[1], bytes(row[2])) for row in rows)


def unlogged_size(db: StationDatabase) -> tuple[int, int]:
    """Documents that stand in no log yet, and their size [documents, bytes]."""
    row = db.execute(
        "SELECT count(*), coalesce(sum(length(raw)), 0) FROM telemetry_documents WHERE logged = 0"
    ).fetchone()
    return row[0], row[1]


def waiting(db: StationDatabase, log: LogClass, after: int) -> tuple[int, int]:
    """What the centre has not receipted of a log, readings on their way into it included.

    Parameters
    ----------
    after
        The number that the newest receipt names.
    """
    count, size_bytes = logs.waiting(db, log, after)
    if log is not LogClass.RAW:
        return count, size_bytes
    more_count, more_bytes = unlogged_size(db)
    return count + more_count, size_bytes + more_bytes


def mark_logged(db: StationDatabase, document_ids: Iterable[int]) -> None:
    """Note that these documents stand in the raw log; the caller holds the transaction."""
    db.conn.executemany(
        "UPDATE telemetry_documents SET logged = 1 WHERE document_id = ?",
        [(document_id,) for document_id in document_ids],
    )
