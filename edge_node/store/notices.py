"""Notices as kept, and what the watch asks of the raw rows.

Callers hold a transaction; nothing here commits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.canonical import canonical_bytes
from core.units import MS_PER_HOUR
from edge_node.store.database import StationDatabase
from edge_node.store.foreign import is_foreign

ENDED_KEPT_DAYS = 400


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A row of the table: ``kind`` and texts as stored, ``ended_on`` empty while open."""

    notice_id: int
    kind: str
    about: str
    began_on: str
    seen_on: str
    ended_on: str
    params: Mapping[str, str]
    evidence: tuple[str, ...]


_COLUMNS = "notice_id, kind, about, began_on, seen_on, coalesce(ended_on, ''), params, evidence"


def open_notice(db: StationDatabase, kind: str, about: str) -> KeptNotice | None:
    """The open notice of a kind about a thing, if there is one."""
    row = db.conn.execute(
        f"SELECT {_COLUMNS} FROM notices WHERE kind = ? AND about = ? AND ended_on IS NULL",  # noqa: S608
        (kind, about),
    ).fetchone()
    return _kept(row) if row else None


def notices(
    db: StationDatabase, since_day: str = "", rows_max: int = 1_000
) -> tuple[KeptNotice, ...]:
    """Open notices, and those that ended on a day or later; open ones and the newest first."""
    rows = db.conn.execute(
        f"SELECT {_COLUMNS} FROM notices WHERE ended_on IS NULL OR (? <> '' AND ended_on >= ?)"  # noqa: S608
        " ORDER BY ended_on IS NOT NULL, began_on DESC, notice_id DESC LIMIT ?",
        (since_day, since_day, rows_max),
    )
    return tuple(_kept(row) for row in rows)


def begin(
    db: StationDatabase,
    what: tuple[str, str],
    days: tuple[str, str],
    told: tuple[Mapping[str, str], Sequence[str]],
    now_ms: int,
) -> int:
    """Open a notice; its number.

    Parameters
    ----------
    what
        Kind, and what it is about.
    days
        First and last day of its evidence.
    told
        Params and evidence.
    now_ms
        When it was raised [ms UTC].
    """
    cursor = db.conn.execute(
        "INSERT INTO notices (kind, about, began_on, seen_on, raised_ms, params, evidence)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*what, *days, now_ms, _text(dict(told[0])), _text(list(told[1]))),
    )
    return int(cursor.lastrowid or 0)


def go_on(
    db: StationDatabase, notice_id: int, day: str, told: tuple[Mapping[str, str], Sequence[str]]
) -> None:
    """A day on which an open notice still held."""
    db.conn.execute(
        "UPDATE notices SET seen_on = max(seen_on, ?), params = ?, evidence = ?"
        " WHERE notice_id = ?",
        (day, _text(dict(told[0])), _text(list(told[1])), notice_id),
    )


def end(db: StationDatabase, notice_id: int, day: str) -> None:
    """The day on which a notice was over."""
    db.conn.execute(
        "UPDATE notices SET ended_on = max(began_on, ?) WHERE notice_id = ?", (day, notice_id)
    )


def forget_notices(db: StationDatabase, before_day: str) -> None:
    """Let go of notices that ended before a day."""
    db.conn.execute(
        "DELETE FROM notices WHERE ended_on IS NOT NULL AND ended_on < ?", (before_day,)
    )


def watched_until(db: StationDatabase) -> str:
    """The last civil day that was watched; empty before the first."""
    row = db.conn.execute("SELECT day FROM watched_until").fetchone()
    return row[0] if row else ""


def put_watched(db: StationDatabase, day: str) -> None:
    """Keep the last civil day that was watched."""
    db.conn.execute(
        "INSERT INTO watched_until (one, day) VALUES (1, ?)"
        " ON CONFLICT (one) DO UPDATE SET day = excluded.day",
        (day,),
    )


def put_judgement(db: StationDatabase, what: tuple[str, str], day: str, level: str) -> None:
    """Keep what a rule said of a thing on a day."""
    db.conn.execute(
        "INSERT INTO judgements (kind, about, day, level) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET level = excluded.level",
        (*what, day, level),
    )


def judgements(db: StationDatabase, what: tuple[str, str], days: tuple[str, str]) -> dict[str, str]:
    """What a rule said of a thing, by day, first and last day included."""
    rows = db.conn.execute(
        "SELECT day, level FROM judgements WHERE kind = ? AND about = ? AND day BETWEEN ? AND ?",
        (*what, *days),
    )
    return dict(rows.fetchall())


def forget_judgements(db: StationDatabase, before_day: str) -> None:
    """Let go of what rules said before a day."""
    db.conn.execute("DELETE FROM judgements WHERE day < ?", (before_day,))


def open_abouts(db: StationDatabase, kind: str) -> frozenset[str]:
    """What there is an open notice of a kind about."""
    rows = db.conn.execute("SELECT about FROM notices WHERE kind = ? AND ended_on IS NULL", (kind,))
    return frozenset(about for (about,) in rows)


def day_sums(
    db: StationDatabase, device_id: str, metric: str, span_ms: tuple[int, int], offset_ms: int
) -> dict[int, tuple[int, int]]:
    """A device's usable readings by civil day (counted from 1970): sum and count."""
    rows = db.conn.execute(
        "SELECT (p.at_ms + ?) / 86400000, sum(r.value), count(*) FROM streams s"
        " JOIN samples p USING (stream_id)"
        " JOIN readings r ON r.stream_id = p.stream_id AND r.seq = p.seq"
        " WHERE s.device_id = ? AND p.at_ms >= ? AND p.at_ms < ? AND r.metric = ? AND r.qc = 0"
        " GROUP BY 1",
        (offset_ms, device_id, *span_ms, metric),
    )
    return {day: (total, count) for day, total, count in rows}


def sightings_between(
    db: StationDatabase, span_ms: tuple[int, int], rows_max: int
) -> tuple[tuple[str, int, int, str, str], ...]:
    """Tags that were seen by readers of several farms: tag, time, error, reader, farmer."""
    rows = db.conn.execute(
        "WITH seen AS (SELECT t.tag, t.at_ms, t.error_ms, t.device_id, s.farmer_id"
        " FROM tag_sightings t JOIN devices d USING (device_id) JOIN subjects s USING (subject_id)"
        " WHERE t.at_ms >= ? AND t.at_ms < ?)"
        " SELECT tag, at_ms, error_ms, device_id, farmer_id FROM seen WHERE tag IN"
        " (SELECT tag FROM seen GROUP BY tag HAVING count(DISTINCT farmer_id) > 1)"
        " ORDER BY tag, at_ms LIMIT ?",
        (*span_ms, rows_max),
    )
    return tuple(rows)


def conflicts_of(db: StationDatabase, device_id: str, since_ms: int) -> tuple[str, ...]:
    """Messages of a device that contradicted what is stored, as rows for people."""
    rows = db.conn.execute(
        "SELECT payload_sha256, count, detail FROM quarantine WHERE reason = 'conflict'"
        " AND topic LIKE ? AND last_ms >= ? ORDER BY last_ms DESC LIMIT 100",
        (f"v1/%/{device_id}/t", since_ms),
    )
    return tuple(f"refused {sha256[:16]}… × {count}: {detail}" for sha256, count, detail in rows)


def epoch_hours(
    db: StationDatabase, device_id: str, span_ms: tuple[int, int]
) -> dict[str, tuple[int, ...]]:
    """The hours in which each of a device's own epochs took samples; none of gateways."""
    rows = db.conn.execute(
        "SELECT DISTINCT s.epoch, p.at_ms / ? FROM streams s JOIN samples p USING (stream_id)"
        " WHERE s.device_id = ? AND p.at_ms >= ? AND p.at_ms < ? ORDER BY 1, 2",
        (MS_PER_HOUR, device_id, *span_ms),
    )
    found: dict[str, list[int]] = {}
    for epoch, hour in rows:
        if not is_foreign(epoch):
            found.setdefault(epoch, []).append(hour)
    return {epoch: tuple(hours) for epoch, hours in found.items()}


def registered(db: StationDatabase) -> tuple[tuple[str, str, str], ...]:
    """Every registered device: its id, its subject, its kind."""
    rows = db.conn.execute("SELECT device_id, subject_id, kind FROM devices ORDER BY device_id")
    return tuple(rows)


def boots_back(db: StationDatabase, device_id: str, since_ms: int) -> int:
    """How many of a device's births came later than one of the same epoch with a higher boot."""
    row = db.conn.execute(
        "SELECT count(*) FROM sessions a WHERE a.device_id = ? AND a.born_ms >= ? AND EXISTS"
        " (SELECT 1 FROM sessions b WHERE b.device_id = a.device_id AND b.epoch = a.epoch"
        "  AND b.boot > a.boot AND b.born_ms < a.born_ms - 3600000)",
        (device_id, since_ms),
    ).fetchone()
    return int(row[0])


def _text(value: object) -> str:
    return canonical_bytes(value).decode()


def _kept(row: tuple[int, str, str, str, str, str, str, str]) -> KeptNotice:
    params: dict[str, str] = json.loads(row[6])
    return KeptNotice(*row[:6], params, tuple(json.loads(row[7])))
