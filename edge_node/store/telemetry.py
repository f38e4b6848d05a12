"""Stores what devices said, once, and how far each device's numbering is complete.

The watermark of a stream is the number up to which every sample is stored, or known
to be lost: the device said that it cannot send it any more (T4–T6 of docs/wire.md).
Callers hold a transaction; nothing here commits. Batches come in by
:mod:`edge_node.store.sheaf`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from core.wire.telemetry import Birth, Death, Watermark
from edge_node.store.database import StationDatabase


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


def seen_ms(db: StationDatabase) -> int:
    """The latest time that the station has seen [ms UTC]."""
    return int(db.conn.execute("SELECT seen_ms FROM station_clock").fetchone()[0])


def put_seen_ms(db: StationDatabase, at_ms: int) -> None:
    """Keep the latest time that the station has seen [ms UTC]."""
    db.conn.execute("UPDATE station_clock SET seen_ms = ?", (at_ms,))


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
