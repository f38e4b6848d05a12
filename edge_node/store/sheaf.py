"""A transaction's samples, gathered and then written together.

What a message costs is then mostly what SQLite does with its rows, not the asking: a
numbering is looked up once a transaction, and rows go in by the hundred. Callers hold
the transaction; nothing here commits. Statements T4–T6 of docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

from core.wire.telemetry import Batch, Watermark
from edge_node.store.database import StationDatabase
from edge_node.store.telemetry import Received, SampleRow, watermark

NEXT_SEQS_MAX = 100_000  # how far one look for the watermark reads ahead
ROWS_AT_ONCE = (100, 10, 1)  # in one statement, largest first; few spellings, so all stay prepared
_DOCUMENTS = (
    "telemetry_documents",
    ("document_id", "sha256", "stream_id", "first_seq", "last_seq", "received_ms", "raw"),
)
_SAMPLES = (
    "samples",
    (
        "stream_id", "seq", "at_ms", "error_ms", "late", "received_ms", "clock_back",
        "document_id",
    ),
)  # fmt: skip
_READINGS = ("readings", ("stream_id", "seq", "metric", "value", "qc"))


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


@dataclass(slots=True)
class _Stream:
    """A numbering: ``last`` is the greatest number stored or gathered, 0 if there is none."""

    stream_id: int
    upto: int
    last: int


class Sheaf:
    """The samples of one transaction, gathered and then written together.

    A batch whose numbers lie above all that is stored needs no question at all; any
    other is held against what is stored. Nothing of the last batches is in the database
    before :meth:`bind`.

    Parameters
    ----------
    db
        The station's database, in a transaction that ends no earlier than the sheaf.
    """

    def __init__(self, db: StationDatabase) -> None:
        self._db = db
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._moved: dict[int, int] = {}
        self._documents: list[tuple[Any, ...]] = []
        self._samples: list[tuple[Any, ...]] = []
        self._readings: list[tuple[Any, ...]] = []
        self._next_id = 0

    def take(
        self,
        batch: Batch,
        rows: Sequence[SampleRow],
        document: tuple[str, bytes],
        received: Received,
    ) -> StoredBatch:
        """Take a batch's new samples and its signed document, and move the watermark.

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
        stream = self._stream(batch.device, batch.epoch)
        if rows[0].seq <= max(stream.last, stream.upto):
            return self._take_again(stream, batch, rows, document, received)
        follows = stream.last <= stream.upto
        self._gather(stream, rows, document, received)
        if follows:
            self._move(stream, _run_end(rows, stream.upto))
        self._pass_gaps(stream, batch.oldest, received.at_ms)
        return StoredBatch(tuple(row.seq for row in rows), 0, (), stream.upto)

    def watermark(self, device: str, epoch: str) -> Watermark:
        """How far the device's numbering is complete; 0 if nothing is known of the epoch."""
        held = self._streams.get((device, epoch))
        if held is None:
            return watermark(self._db, device, epoch)
        return Watermark(device, epoch, held.upto)

    def bind(self) -> None:
        """Write what was gathered.

        Raises
        ------
        sqlite3.IntegrityError
            If something of it contradicts what is stored.
        """
        _insert_many(self._db, _DOCUMENTS, self._documents)
        _insert_many(self._db, _SAMPLES, self._samples)
        _insert_many(self._db, _READINGS, self._readings)
        if self._moved:
            self._db.conn.executemany(
                "UPDATE streams SET upto = ? WHERE stream_id = ?",
                [(upto, stream_id) for stream_id, upto in self._moved.items()],
            )
        self._documents.clear()
        self._samples.clear()
        self._readings.clear()
        self._moved.clear()

    def _take_again(
        self,
        stream: _Stream,
        batch: Batch,
        rows: Sequence[SampleRow],
        document: tuple[str, bytes],
        received: Received,
    ) -> StoredBatch:
        """Take a batch of which something may be stored already."""
        self.bind()
        known = _known(self._db, stream.stream_id, batch)
        repeated = [row for row in rows if row.seq in known]
        conflicts = _conflicts(self._db, stream.stream_id, repeated)
        if conflicts:
            return StoredBatch((), len(known), conflicts, stream.upto)
        fresh = [row for row in rows if row.seq not in known]
        if stream.upto >= rows[0].seq and fresh:
            fresh = _without_expired(self._db, stream, fresh)
        if fresh:
            self._gather(stream, fresh, document, received)
            self.bind()
        self._move(stream, _contiguous(self._db, stream.stream_id, stream.upto))
        self._pass_gaps(stream, batch.oldest, received.at_ms)
        new = tuple(row.seq for row in fresh)
        return StoredBatch(new, len(rows) - len(new), (), stream.upto)

    def _stream(self, device: str, epoch: str) -> _Stream:
        found = self._streams.get((device, epoch))
        if found is None:
            found = self._streams[device, epoch] = _stream(self._db, device, epoch)
        return found

    def _gather(
        self,
        stream: _Stream,
        rows: Sequence[SampleRow],
        document: tuple[str, bytes],
        received: Received,
    ) -> None:
        document_id, sid, last = self._document_id(), stream.stream_id, rows[-1].seq
        at_ms, back = received.at_ms, int(received.clock_back)
        sha256, raw = document
        self._documents.append((document_id, sha256, sid, rows[0].seq, last, at_ms, raw))
        samples, readings = self._samples, self._readings
        for row in rows:
            seq = row.seq
            samples.append(
                (sid, seq, row.at_ms, row.error_ms, int(row.late), at_ms, back, document_id)
            )
            readings.extend([(sid, seq, *reading) for reading in row.readings])
        stream.last = max(stream.last, last)

    def _document_id(self) -> int:
        """The next document's number; no other writer can take it within the transaction."""
        if not self._next_id:
            row = self._db.conn.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = 'telemetry_documents'"
            ).fetchone()
            self._next_id = row[0] + 1 if row else 1
        self._next_id += 1
        return self._next_id - 1

    def _move(self, stream: _Stream, upto: int) -> None:
        if upto != stream.upto:
            stream.upto = self._moved[stream.stream_id] = upto

    def _pass_gaps(self, stream: _Stream, oldest: int, now_ms: int) -> None:
        """Record the numbers below ``oldest`` that never came as lost, and go on behind them."""
        if stream.upto >= oldest - 1:
            return
        self.bind()
        upto = stream.upto
        while upto < oldest - 1:
            upto = _pass_gap(self._db, stream.stream_id, upto, oldest, now_ms)
            upto = _contiguous(self._db, stream.stream_id, upto)
        self._move(stream, upto)


def _stream(db: StationDatabase, device: str, epoch: str) -> _Stream:
    found = db.conn.execute(
        "SELECT stream_id, upto, coalesce((SELECT max(seq) FROM samples p"
        " WHERE p.stream_id = s.stream_id), 0) FROM streams s WHERE device_id = ? AND epoch = ?",
        (device, epoch),
    ).fetchone()
    if found:
        return _Stream(*found)
    cursor = db.conn.execute(
        "INSERT INTO streams (device_id, epoch) VALUES (?, ?)", (device, epoch)
    )
    return _Stream(int(cursor.lastrowid or 0), 0, 0)


def _known(db: StationDatabase, stream_id: int, batch: Batch) -> set[int]:
    rows = db.conn.execute(
        "SELECT seq FROM samples WHERE stream_id = ? AND seq BETWEEN ? AND ?",
        (stream_id, batch.samples[0].seq, batch.samples[-1].seq),
    )
    return {seq for (seq,) in rows} & {sample.seq for sample in batch.samples}


def _conflicts(
    db: StationDatabase, stream_id: int, repeated: Sequence[SampleRow]
) -> tuple[int, ...]:
    """The repeated numbers whose time or values differ from what is stored."""
    wrong = []
    for row in repeated:
        key = (stream_id, row.seq)
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


def _run_end(rows: Sequence[SampleRow], upto: int) -> int:
    """The last number of the unbroken run that rows make behind ``upto``."""
    for row in rows:
        if row.seq != upto + 1:
            break
        upto = row.seq
    return upto


def _insert_many(
    db: StationDatabase, into: tuple[str, tuple[str, ...]], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows, many at each step.

    Python lets go of its interpreter around each step of SQLite and has to get it back
    from the other threads; one step for many rows lets these run meanwhile.
    """
    done = 0
    for many in ROWS_AT_ONCE:
        while len(rows) - done >= many:
            part = rows[done : done + many]
            db.conn.execute(_insertion(*into, many), list(chain.from_iterable(part)))
            done += many


@cache
def _insertion(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608  # constants


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
