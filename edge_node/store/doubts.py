"""Readings that are believed in part, and the prints by which a repeated day is known.

A doubt never touches a reading: it says how much of a device's day counts towards the
coverage of what is computed from it. Callers hold a transaction; nothing here commits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.units import PPM, divide_half_even
from edge_node.store.database import StationDatabase


@dataclass(frozen=True, slots=True, order=True)
class Doubt:
    """How much of a device's readings of a metric on a day is believed [ppm], and why."""

    device_id: str
    day: str
    metric: str
    kind: str
    kept_ppm: int


@dataclass(frozen=True, slots=True)
class SameDay:
    """Two device-days that said the same values in the same order."""

    metric: str
    device_id: str
    day: str
    other_device_id: str
    other_day: str


def kept_ppm(db: StationDatabase, device_id: str, day: str) -> dict[str, int]:
    """How much of a device's day counts, by metric; what is not named counts whole [ppm]."""
    rows = db.conn.execute(
        "SELECT metric, kept_ppm FROM doubts WHERE device_id = ? AND day = ?", (device_id, day)
    )
    kept: dict[str, int] = {}
    for metric, share in rows:
        kept[metric] = divide_half_even(kept.get(metric, PPM) * share, PPM)
    return kept


def doubted_days(
    db: StationDatabase, devices: Iterable[str], metric: str, span: tuple[str, str]
) -> frozenset[str]:
    """The civil days of a span on which a metric of any of some devices is doubted."""
    found: set[str] = set()
    for device in devices:
        rows = db.conn.execute(
            "SELECT day FROM doubts WHERE device_id = ? AND metric = ? AND day BETWEEN ? AND ?",
            (device, metric, *span),
        )
        found.update(day for (day,) in rows)
    return frozenset(found)


def put_doubts(db: StationDatabase, doubts: Iterable[Doubt]) -> int:
    """Store what is newly doubted and mark those days to be computed again; how many."""
    fresh = 0
    for one in doubts:
        cursor = db.conn.execute(
            "INSERT INTO doubts (device_id, day, metric, kind, kept_ppm) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET kept_ppm = excluded.kept_ppm"
            " WHERE kept_ppm <> excluded.kept_ppm",
            (one.device_id, one.day, one.metric, one.kind, one.kept_ppm),
        )
        if cursor.rowcount > 0:
            fresh += 1
            db.conn.execute(
                "INSERT OR IGNORE INTO stale_days VALUES (?, ?)", (one.device_id, one.day)
            )
    return fresh


def put_print(db: StationDatabase, device_id: str, metric: str, day: str, sha256: str) -> None:
    """Keep the hash of what a device said of a metric on a day."""
    db.conn.execute(
        "INSERT INTO day_prints (device_id, metric, day, print) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET print = excluded.print",
        (device_id, metric, day, sha256),
    )


def same_days(db: StationDatabase, from_day: str, rows_max: int) -> tuple[SameDay, ...]:
    """Device-days since a day that repeat an earlier one, or another device's.

    Of two devices on one day, the later by name comes first: ``heard_at_ms`` says who followed.
    """
    rows = db.conn.execute(
        "SELECT a.metric, a.device_id, a.day, b.device_id, b.day FROM day_prints a"
        " JOIN day_prints b ON b.metric = a.metric AND b.print = a.print"
        " AND (b.day < a.day OR (b.day = a.day AND b.device_id <> a.device_id"
        "  AND b.device_id < a.device_id))"
        " WHERE a.day >= ? ORDER BY a.day, a.device_id, b.day, b.device_id LIMIT ?",
        (from_day, rows_max),
    )
    return tuple(SameDay(*row) for row in rows)


def heard_at_ms(db: StationDatabase, device_id: str, span_ms: tuple[int, int]) -> int:
    """When the station heard a device's samples of a span, in the mean [ms UTC]; 0 for none."""
    row = db.conn.execute(
        "SELECT CAST(avg(p.received_ms) AS INTEGER) FROM samples p JOIN streams s USING (stream_id)"
        " WHERE s.device_id = ? AND p.at_ms >= ? AND p.at_ms < ?",
        (device_id, *span_ms),
    ).fetchone()
    return int(row[0] or 0)


def forget_doubts(db: StationDatabase, before_day: str) -> None:
    """Let go of doubts about days before one; what was computed with them stays as it is."""
    db.conn.execute("DELETE FROM doubts WHERE day < ?", (before_day,))


def forget_prints(db: StationDatabase, before_day: str) -> None:
    """Let go of prints of days before one."""
    db.conn.execute("DELETE FROM day_prints WHERE day < ?", (before_day,))
