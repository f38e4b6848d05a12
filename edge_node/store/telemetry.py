"""Stores what devices said, once, and how far each device's numbering is complete.

The watermark of a stream is the number up to which every sample is stored, or known
to be lost: the device said that it cannot send it any more (T4–T6 of docs/wire.md).
Callers hold a transaction; nothing here commits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.wire.telemetry import Batch, Birth, Death, Watermark
from edge_node.store.database import StationDatabase

NEXT_SEQS_MAX = 100_000  # how far one look for the watermark reads ahead


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A sample as judged at arrival: ``readings`` are (metric, value, quality code)."""

    seq: int
    at_ms: int
    error_ms: int
    late: bool
    readings: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Received:
    """When something came [ms UTC]; ``clock_back`` if the station's clock had fallen back."""

    at_ms: int
    clock_back: bool


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """What became of a batch.

    ``new`` are the numbers that were stored now; ``known_count`` those that were
    stored before; ``conflicts`` those that were stored before with other content,
    in which case nothing of the batch is stored.
    """

    new: tuple[int, ...]
    known_count: int
    conflicts: tuple[int, ...]
    upto: int


@dataclass(frozen=True, slots=True)
class _Stream:
    stream_id: int
    upto: int


def seen_ms(db: StationDatabase) -> int:
    """The latest time that the station has seen [ms UTC]."""
    return int(db.conn.execute("SELECT seen_ms FROM station_clock").fetchone()[0])


def put_seen_ms(db: StationDatabase, at_ms: int) -> None:
    """Keep the latest time that the station has seen [ms UTC]."""
    db.conn.execute("UPDATE station_clock SET seen_ms = ?", (at_ms,))


def store_batch(
    db: StationDatabase,
    batch: Batch,
    rows: Sequence[SampleRow],
    document: tuple[str, bytes],
    received: Received,
) -> StoredBatch:
    """Store a batch's new samples and its signed document, and move the watermark.

    Parameters
    ----------
    batch
        The decoded batch.
    rows
        Its samples as judged, in order.
    document
        SHA-256 and bytes of the signed document.
    received
        When it came.
    """
    stream = _stream(db, batch.device, batch.epoch)
    known = _known(db, stream, batch)
    conflicts = _conflicts(db, stream, [row for row in rows if row.seq in known])
    if conflicts:
        return StoredBatch((), len(known), conflicts, stream.upto)
    fresh = [row for row in rows if row.seq not in known]
    if stream.upto >= rows[0].seq and fresh:
        fresh = _without_expired(db, stream, fresh)
    if fresh:
        _insert(db, stream, fresh, document, received)
    upto = _move_watermark(db, stream, batch.oldest, received.at_ms)
    new = tuple(row.seq for row in fresh)
    return StoredBatch(new, len(rows) - len(new), (), upto)


def watermark(db: StationDatabase, device: str, epoch: str) -> Watermark:
    """How far the device's numbering is complete; 0 if nothing is known of the epoch."""
    row = db.conn.execute(
        "SELECT upto FROM streams WHERE device_id = ? AND epoch = ?", (device, epoch)
    ).fetchone()
    return Watermark(device, epoch, row[0] if row else 0)


def store_birth(db: StationDatabase, birth: Birth, received: Received) -> None:
    """Record that a device has started, or has come back within the same boot."""
    db.conn.execute(
        "INSERT INTO sessions (device_id, epoch, boot, firmware, metrics, at_ms, error_ms, born_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET firmware = excluded.firmware,"
        " metrics = excluded.metrics, at_ms = excluded.at_ms, error_ms = excluded.error_ms,"
        " born_ms = excluded.born_ms, died_ms = NULL",
        (
            birth.device,
            birth.epoch,
            birth.boot,
            birth.firmware,
            json.dumps(birth.metrics),
            birth.at_ms,
            birth.error_ms,
            received.at_ms,
        ),
    )


def store_death(db: StationDatabase, death: Death, received: Received) -> None:
    """Record that a device has fallen silent."""
    db.conn.execute(
        "INSERT INTO sessions (device_id, epoch, boot, died_ms) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET died_ms = excluded.died_ms",
        (death.device, death.epoch, death.boot, received.at_ms),
    )


def mark_stale(db: StationDatabase, days: Iterable[tuple[str, str]]) -> None:
    """Note that the features of these (device, civil day) pairs must be computed again."""
    db.conn.executemany("INSERT OR IGNORE INTO stale_days VALUES (?, ?)", days)


def _stream(db: StationDatabase, device: str, epoch: str) -> _Stream:
    found = db.conn.execute(
        "SELECT stream_id, upto FROM streams WHERE device_id = ? AND epoch = ?", (device, epoch)
    ).fetchone()
    if found:
        return _Stream(*found)
    cursor = db.conn.execute(
        "INSERT INTO streams (device_id, epoch) VALUES (?, ?)", (device, epoch)
    )
    return _Stream(int(cursor.lastrowid or 0), 0)


def _known(db: StationDatabase, stream: _Stream, batch: Batch) -> set[int]:
    rows = db.conn.execute(
        "SELECT seq FROM samples WHERE stream_id = ? AND seq BETWEEN ? AND ?",
        (stream.stream_id, batch.samples[0].seq, batch.samples[-1].seq),
    )
    return {seq for (seq,) in rows} & {sample.seq for sample in batch.samples}


def _conflicts(
    db: StationDatabase, stream: _Stream, repeated: Sequence[SampleRow]
) -> tuple[int, ...]:
    """The repeated numbers whose time or values differ from what is stored."""
    wrong = []
    for row in repeated:
        key = (stream.stream_id, row.seq)
        times = db.conn.execute(
            "SELECT at_ms, error_ms FROM samples WHERE stream_id = ? AND seq = ?", key
        ).fetchone()
        values = db.conn.execute(
            "SELECT metric, value FROM readings WHERE stream_id = ? AND seq = ?", key
        ).fetchall()
        said = {metric: value for metric, value, _ in row.readings}
        if times != (row.at_ms, row.error_ms) or dict(values) != said:
            wrong.append(row.seq)
    return tuple(wrong)


def _without_expired(
    db: StationDatabase, stream: _Stream, rows: Sequence[SampleRow]
) -> list[SampleRow]:
    """Of numbers at or below the watermark, only those that were counted as lost are news.

    The others were stored once and have been removed by retention since.
    """
    return [
        row for row in rows if row.seq > stream.upto or _fill_gap(db, stream.stream_id, row.seq)
    ]


def _fill_gap(db: StationDatabase, stream_id: int, seq: int) -> bool:
    """Take a number out of the gap that it was counted in; whether there was one."""
    gap = db.conn.execute(
        "SELECT first_seq, last_seq, noticed_ms FROM gaps"
        " WHERE stream_id = ? AND first_seq <= ? AND last_seq >= ?",
        (stream_id, seq, seq),
    ).fetchone()
    if gap is None:
        return False
    first, last, noticed_ms = gap
    db.conn.execute("DELETE FROM gaps WHERE stream_id = ? AND first_seq = ?", (stream_id, first))
    parts = ((first, seq - 1), (seq + 1, last))
    db.conn.executemany(
        "INSERT INTO gaps VALUES (?, ?, ?, ?)",
        [(stream_id, low, high, noticed_ms) for low, high in parts if low <= high],
    )
    return True


def _insert(
    db: StationDatabase,
    stream: _Stream,
    rows: Sequence[SampleRow],
    document: tuple[str, bytes],
    received: Received,
) -> None:
    sha256, raw = document
    cursor = db.conn.execute(
        "INSERT INTO telemetry_documents (sha256, stream_id, first_seq, last_seq, received_ms, raw)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (sha256, stream.stream_id, rows[0].seq, rows[-1].seq, received.at_ms, raw),
    )
    document_id, sid = cursor.lastrowid, stream.stream_id
    came = (received.at_ms, int(received.clock_back))
    db.conn.executemany(
        "INSERT INTO samples (stream_id, seq, at_ms, error_ms, late, received_ms, clock_back,"
        " document_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(sid, r.seq, r.at_ms, r.error_ms, int(r.late), *came, document_id) for r in rows],
    )
    db.conn.executemany(
        "INSERT INTO readings VALUES (?, ?, ?, ?, ?)",
        [(sid, row.seq, *reading) for row in rows for reading in row.readings],
    )


def _move_watermark(db: StationDatabase, stream: _Stream, oldest: int, now_ms: int) -> int:
    upto = _contiguous(db, stream.stream_id, stream.upto)
    while upto < oldest - 1:
        upto = _pass_gap(db, stream.stream_id, upto, oldest, now_ms)
        upto = _contiguous(db, stream.stream_id, upto)
    if upto != stream.upto:
        db.conn.execute("UPDATE streams SET upto = ? WHERE stream_id = ?", (upto, stream.stream_id))
    return upto


def _contiguous(db: StationDatabase, stream_id: int, upto: int) -> int:
    """The last number of the unbroken run of stored samples that follows ``upto``."""
    rows = db.conn.execute(
        "SELECT seq FROM samples WHERE stream_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        (stream_id, upto, NEXT_SEQS_MAX),
    )
    for (seq,) in rows:
        if seq != upto + 1:
            break
        upto = seq
    return upto


def _pass_gap(db: StationDatabase, stream_id: int, upto: int, oldest: int, now_ms: int) -> int:
    """Record the numbers after ``upto`` that the device gave up, up to the next stored one."""
    following = db.conn.execute(
        "SELECT min(seq) FROM samples WHERE stream_id = ? AND seq > ?", (stream_id, upto)
    ).fetchone()[0]
    last = min(oldest, following or oldest) - 1
    db.conn.execute("INSERT INTO gaps VALUES (?, ?, ?, ?)", (stream_id, upto + 1, last, now_ms))
    return last
