"""Readings that their device could not sign: numbered here, told from repeats, and marked.

The station numbers them in an epoch of the gateway that brought them, and remembers
for :data:`MEMORY_MS` what it has heard, so that the same reading by another way or at
another time changes nothing. ``readings_by_source`` shows every reading with its grade.
Callers hold a transaction; nothing here commits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from core.units import MS_PER_DAY, PPM
from edge_node.store.database import StationDatabase

MEMORY_MS = 400 * MS_PER_DAY
FORGET_ROWS_MAX = 100  # at one go
_EVER_MS = 2**60
_FOREIGN = "x-"


class Grade(Enum):
    """What vouches for a reading, best first."""

    SIGNED = "signed"  # by the device's own key, with its own counter
    SEALED = "sealed"  # by a key that device and station share, so the station could forge it
    RELAYED = "relayed"  # nothing but the login of the gateway that brought it


@dataclass(frozen=True, slots=True)
class Source:
    """Where a foreign reading came from."""

    gateway: str
    format: str
    foreign_id: str
    grade: Grade
    message_sha256: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What tells a foreign reading from others of its device.

    The same ``key`` within ``window_ms`` of ``at_ms`` is a repeat; 0 for ever.
    """

    device: str
    key: str
    window_ms: int
    at_ms: int
    content_sha256: str


def epoch_of(gateway: str) -> str:
    """The epoch in which the station numbers what a gateway brings."""
    return f"{_FOREIGN}{gateway}"[:48]


def is_foreign(epoch: str) -> bool:
    """Whether the station has numbered this epoch, for what a gateway brought.

    A device that signs may call its own epoch so; it lowers its own grade by that.
    """
    return epoch.startswith(_FOREIGN)


def heard_before(db: StationDatabase, heard: Heard) -> str | None:
    """The hash of the content with which a reading was heard before, if it was."""
    reach_ms = heard.window_ms or _EVER_MS
    row = db.conn.execute(
        "SELECT content_sha256 FROM foreign_readings WHERE device_id = ? AND heard_key = ?"
        " AND at_ms BETWEEN ? AND ? LIMIT 1",
        (heard.device, heard.key, heard.at_ms - reach_ms, heard.at_ms + reach_ms),
    ).fetchone()
    return row[0] if row else None


def next_seq(db: StationDatabase, device: str, epoch: str) -> int:
    """The number that follows all of the epoch."""
    row = db.conn.execute(
        "SELECT upto FROM streams WHERE device_id = ? AND epoch = ?", (device, epoch)
    ).fetchone()
    return int(row[0]) + 1 if row else 1


def remember(
    db: StationDatabase, heard: Heard, number: tuple[str, int], source: Source, received_ms: int
) -> None:
    """Keep where a stored reading came from, and forget what is too old to come again.

    Parameters
    ----------
    heard
        What tells a repeat of it.
    number
        Its epoch and its number there.
    source
        Where it came from.
    received_ms
        When it came [ms UTC].
    """
    db.conn.execute(
        "INSERT INTO foreign_readings (device_id, epoch, seq, heard_key, content_sha256,"
        " gateway_id, format, foreign_id, grade, at_ms, received_ms, message_sha256)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            heard.device,
            *number,
            heard.key,
            heard.content_sha256,
            source.gateway,
            source.format,
            source.foreign_id,
            source.grade.value,
            heard.at_ms,
            received_ms,
            source.message_sha256,
        ),
    )
    for table in ("foreign_readings", "tag_sightings"):
        db.conn.execute(
            f"DELETE FROM {table} WHERE received_ms < ? AND {_KEY[table]} IN"  # noqa: S608
            f" (SELECT {_KEY[table]} FROM {table} WHERE received_ms < ? LIMIT {FORGET_ROWS_MAX})",
            (received_ms - MEMORY_MS, received_ms - MEMORY_MS),
        )


_KEY = {"foreign_readings": "reading_id", "tag_sightings": "tag"}


def put_sightings(
    db: StationDatabase,
    device: str,
    tags: Iterable[tuple[str, int, bool]],
    moment: tuple[int, int],
    received_ms: int,
) -> None:
    """Keep the tags that a reader saw.

    Parameters
    ----------
    device
        The reader.
    tags
        Code of 15 digits, retagging counter, whether its checksum was right.
    moment
        When, and how far that may be off [ms UTC, ms].
    received_ms
        When the station heard of it [ms UTC].
    """
    db.conn.executemany(
        "INSERT OR IGNORE INTO tag_sightings"
        " (tag, device_id, at_ms, error_ms, retagged, checked, received_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(tag, device, *moment, again, int(checked), received_ms) for tag, again, checked in tags],
    )


def unsigned_share_ppm(
    db: StationDatabase, subject_id: str, start_ms: int, end_ms: int
) -> int | None:
    """How much of what is known of a subject rests on no signature of a device [ppm].

    None if there are no usable readings of these times. A decision may weigh it: what a
    gateway relays earns its owner nothing that the policy does not grant to that grade.
    """
    row = db.conn.execute(
        "SELECT count(*), sum(r.grade <> 'signed') FROM readings_by_source r"
        " JOIN devices d USING (device_id)"
        " WHERE d.subject_id = ? AND r.at_ms >= ? AND r.at_ms < ? AND r.qc = 0",
        (subject_id, start_ms, end_ms),
    ).fetchone()
    return int(row[1]) * PPM // int(row[0]) if row[0] else None
