"""The station's append-only logs, and the centre's log for it.

One log a class; each record is chained to the one before it and written in the
same transaction as the state that it describes, so that state and log cannot part.
Triggers in the schema refuse to alter or delete. Order is (writer, log, number).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from core.canonical import canonical_bytes
from core.errors import ChainBrokenError, HarvestlineError
from core.lending.lease import Clock
from core.shape import encode
from core.wire.envelope import GENESIS, LogClass, LogName, Record, record_hash
from core.wire.records import Up
from edge_node.store.box import require_may_write
from edge_node.store.database import StationDatabase

_INSERT = (
    "INSERT INTO log_records (log, seq, kind, at_ms, error_ms, body, hash) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
LOG_OF_KIND = {Up.DAILY_FEATURE: LogClass.FEATURES, Up.TELEMETRY: LogClass.RAW}


class OutsideTransactionError(HarvestlineError):
    """A log record was written apart from the state that it describes."""

    code = "HL-EDGE-014"


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a log: the last number and its hash."""

    seq: int
    head: str


def tail(db: StationDatabase, log: LogClass) -> Tail:
    """The end of one of the station's logs."""
    row = db.execute(
        "SELECT seq, hash FROM log_records WHERE log = ? ORDER BY seq DESC LIMIT 1", [log.value]
    ).fetchone()
    return Tail(row[0], row[1]) if row else Tail(0, GENESIS)


def append(
    db: StationDatabase, writer: str, kind: Up, body: object, clock: Clock, subject: str = ""
) -> int:
    """Write the next record of the log that ``kind`` belongs to, and return its number.

    Parameters
    ----------
    subject
        What the record is about, if the log may say it only once (a day's feature,
        a reading's hash): a repeat changes nothing and returns the first number.

    Raises
    ------
    OutsideTransactionError
        If no transaction is open.
    BoxNotConfirmedError
        If this box is not the station's now.
    """
    if not db.conn.in_transaction:
        raise OutsideTransactionError(f"expected an open transaction around a {kind.value} record")
    log = LOG_OF_KIND.get(kind, LogClass.MONEY)
    known = number_of(db, log, subject) if subject else None
    if known is not None:
        return known
    require_may_write(db)
    last = tail(db, log)
    record = Record(last.seq + 1, kind.value, clock.at_ms, clock.error_ms, encode(body))
    head = record_hash(LogName(writer, log), last.head, record)
    db.execute(
        _INSERT,
        [log.value, record.seq, record.kind, record.at_ms, record.error_ms, _text(record), head],
    )
    if subject:
        db.execute(
            "INSERT INTO log_subjects (log, subject, seq) VALUES (?, ?, ?)",
            [log.value, subject, record.seq],
        )
    return record.seq


def take_back(db: StationDatabase, name: LogName, record: Record, head: str, subject: str) -> bool:
    """Write a record of this station that the centre gives back; False if it is here already.

    Money and daily features follow without a hole, and their hashes are held against ours;
    of the raw log only the end comes back.

    Raises
    ------
    ChainBrokenError
        If it does not follow from what is here.
    """
    last = tail(db, name.log)
    if record.seq <= last.seq:
        return False
    follows = record.seq == last.seq + 1 and record_hash(name, last.head, record) == head
    if name.log is not LogClass.RAW and not follows:
        raise ChainBrokenError(
            f"expected record {last.seq + 1} of {name.log.value} to follow what is here, the "
            f"centre gives back {record.seq} with another hash: this backup is of another history"
        )
    db.execute(_INSERT, [
        name.log.value, record.seq, record.kind, record.at_ms, record.error_ms, _text(record), head,
    ])  # fmt: skip
    if subject:
        db.execute(
            "INSERT INTO log_subjects (log, subject, seq) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [name.log.value, subject, record.seq],
        )
    return True


def number_of(db: StationDatabase, log: LogClass, subject: str) -> int | None:
    """The number of the record that was written about a subject, if there is one."""
    row = db.execute(
        "SELECT seq FROM log_subjects WHERE log = ? AND subject = ?", [log.value, subject]
    ).fetchone()
    return row[0] if row else None


def subjects_between(db: StationDatabase, log: LogClass, after: int, last: int) -> tuple[str, ...]:
    """What the records after a number and up to another are about."""
    rows = db.execute(
        "SELECT subject FROM log_subjects WHERE log = ? AND seq > ? AND seq <= ?",
        [log.value, after, last],
    )
    return tuple(row[0] for row in rows)


def read_run(
    db: StationDatabase, log: LogClass, after: int, records_max: int, bytes_max: int
) -> tuple[Record, ...]:
    """The records after a number, as many as both bounds allow, at least one if any."""
    rows = db.execute(
        "SELECT seq, kind, at_ms, error_ms, body FROM log_records "
        "WHERE log = ? AND seq > ? ORDER BY seq LIMIT ?",
        [log.value, after, records_max],
    )
    found: list[Record] = []
    used_bytes = 0
    for seq, kind, at_ms, error_ms, body in rows:
        used_bytes += len(body.encode())
        if found and used_bytes > bytes_max:
            break
        found.append(Record(seq, kind, at_ms, error_ms, json.loads(body)))
    return tuple(found)


def head_at(db: StationDatabase, log: LogClass, seq: int) -> str | None:
    """The hash of a record of the station's log; ``GENESIS`` for 0, None if there is none."""
    if seq == 0:
        return GENESIS
    row = db.execute(
        "SELECT hash FROM log_records WHERE log = ? AND seq = ?", [log.value, seq]
    ).fetchone()
    return row[0] if row else None


def waiting(db: StationDatabase, log: LogClass, after: int) -> tuple[int, int]:
    """How many records stand after a number, and their size [records, bytes]."""
    row = db.execute(
        "SELECT count(*), coalesce(sum(length(body)), 0) FROM log_records WHERE log = ? "
        "AND seq > ?",
        [log.value, after],
    ).fetchone()
    return row[0], row[1]


def oldest_after(db: StationDatabase, log: LogClass, after: int) -> int | None:
    """When the first record after a number was written, if there is one."""
    row = db.execute(
        "SELECT at_ms FROM log_records WHERE log = ? AND seq > ? ORDER BY seq LIMIT 1",
        [log.value, after],
    ).fetchone()
    return int(row[0]) if row else None


def down_tail(db: StationDatabase, name: LogName) -> Tail:
    """The end of the centre's log as applied here."""
    row = db.execute(
        "SELECT seq, hash FROM down_records WHERE writer = ? AND stream = ? "
        "ORDER BY seq DESC LIMIT 1",
        [name.writer, name.stream],
    ).fetchone()
    return Tail(row[0], row[1]) if row else Tail(0, GENESIS)


def keep_down(db: StationDatabase, name: LogName, record: Record, head: str, refusal: str) -> None:
    """Keep a record of the centre's log as it came; ``refusal`` says why it was not applied."""
    db.execute(
        "INSERT INTO down_records (writer, stream, seq, kind, at_ms, error_ms, body, hash, "
        "refusal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            name.writer,
            name.stream,
            record.seq,
            record.kind,
            record.at_ms,
            record.error_ms,
            _text(record),
            head,
            refusal,
        ],
    )


def refusals(db: StationDatabase, count_max: int) -> tuple[str, ...]:
    """The newest reasons why records of the centre were not applied."""
    rows = db.execute(
        "SELECT refusal FROM down_records WHERE refusal <> '' ORDER BY seq DESC LIMIT ?",
        [count_max],
    )
    return tuple(row[0] for row in rows)


def _text(record: Record) -> str:
    return canonical_bytes(record.body).decode()
