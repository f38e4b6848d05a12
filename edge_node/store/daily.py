"""Daily features as stored: settled versions that never change, and what is stale.

A version gets its ``final_no`` when its day has closed, and from then on it may be
sent to the centre and is never changed; late data make the next version, and the
newest counts. The numbers rise in the order of settling, so a reader needs to
remember only one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.scoring.features import DailyFeature
from edge_node.store.database import StationDatabase

_COLUMNS = "subject_id, feature, day, value, coverage_ppm, readings_count, readings_sha256"


@dataclass(frozen=True, slots=True)
class FinalFeature:
    """A settled version of a daily feature and its number in the order of settling."""

    final_no: int
    version: int
    feature: DailyFeature


@dataclass(frozen=True, slots=True)
class GradedFeature:
    """A daily feature with the share of its readings that no device signed [ppm]."""

    feature: DailyFeature
    unsigned_ppm: int


@dataclass(frozen=True, slots=True)
class RawReading:
    """A stored reading: where it stands, when it was taken, what it said."""

    stream_id: int
    epoch: str
    seq: int
    metric: str
    value: int
    qc: int
    at_ms: int


_RAW = """
SELECT p.stream_id, s.epoch, p.seq, r.metric, r.value, r.qc, p.at_ms
FROM streams s
JOIN samples p ON p.stream_id = s.stream_id
JOIN readings r ON r.stream_id = p.stream_id AND r.seq = p.seq
"""


def stale_days(db: StationDatabase, days_max: int) -> tuple[tuple[str, str], ...]:
    """Some (device, civil day) pairs whose readings changed, the oldest days first."""
    rows = db.conn.execute(
        "SELECT device_id, day FROM stale_days ORDER BY day, device_id LIMIT ?", (days_max,)
    )
    return tuple((device, day) for device, day in rows)


def clear_stale(db: StationDatabase, pairs: Iterable[tuple[str, str]]) -> None:
    """The features of these (device, civil day) pairs are computed."""
    db.conn.executemany("DELETE FROM stale_days WHERE device_id = ? AND day = ?", pairs)


def subject_devices(db: StationDatabase, subject_id: str) -> tuple[str, ...]:
    """The ids of the devices that measure a subject."""
    rows = db.conn.execute(
        "SELECT device_id FROM devices WHERE subject_id = ? ORDER BY device_id", (subject_id,)
    )
    return tuple(device for (device,) in rows)


def subject_of(db: StationDatabase, device_id: str) -> str | None:
    """What a device measures, if it is still registered."""
    row = db.conn.execute(
        "SELECT subject_id FROM devices WHERE device_id = ?", (device_id,)
    ).fetchone()
    return row[0] if row else None


def readings_between(
    db: StationDatabase, device_id: str, start_ms: int, end_ms: int
) -> tuple[RawReading, ...]:
    """All readings that a device took in a span [ms UTC], end excluded."""
    rows = db.conn.execute(
        f"{_RAW} WHERE s.device_id = ? AND p.at_ms >= ? AND p.at_ms < ?",  # constant
        (device_id, start_ms, end_ms),
    )
    return tuple(RawReading(*row) for row in rows)


def samples_before(
    db: StationDatabase, device_id: str, span_ms: tuple[int, int], samples_max: int
) -> tuple[RawReading, ...]:
    """The readings of the last samples that a device took in a span [ms UTC], per epoch."""
    rows = db.conn.execute(
        f"{_RAW} WHERE s.device_id = ? AND p.at_ms >= ? AND p.at_ms < ?"  # noqa: S608  # constant
        " AND p.at_ms >= coalesce((SELECT q.at_ms FROM samples q WHERE q.stream_id = s.stream_id"
        " AND q.at_ms >= ? AND q.at_ms < ? ORDER BY q.at_ms DESC LIMIT 1 OFFSET ?), ?)",
        (device_id, *span_ms, *span_ms, samples_max - 1, span_ms[0]),
    )
    return tuple(RawReading(*row) for row in rows)


def first_instant_after(
    db: StationDatabase, device_id: str, span_ms: tuple[int, int]
) -> int | None:
    """When a device took its first sample in a span [ms UTC]; None if there is none."""
    row = db.conn.execute(
        "SELECT min(p.at_ms) FROM streams s JOIN samples p USING (stream_id)"
        " WHERE s.device_id = ? AND p.at_ms >= ? AND p.at_ms < ?",
        (device_id, *span_ms),
    ).fetchone()
    return row[0]  # type: ignore[no-any-return]  # a minimum of a column of integers


def set_quality(db: StationDatabase, codes: Iterable[tuple[int, RawReading]]) -> None:
    """Write readings' quality codes."""
    db.conn.executemany(
        "UPDATE readings SET qc = ? WHERE stream_id = ? AND seq = ? AND metric = ?",
        [(code, reading.stream_id, reading.seq, reading.metric) for code, reading in codes],
    )


def put_feature(
    db: StationDatabase, feature: DailyFeature, now_ms: int, unsigned_ppm: int = 0
) -> bool:
    """Store a day's value if it is news; whether it was.

    A settled version is never touched: other readings make the next version. One that
    is still open gives way, for a day is computed many times before it closes.
    """
    newest = db.conn.execute(
        f"SELECT feature_id, version, final_no, coalesce(unsigned_ppm, 0), {_COLUMNS}"  # noqa: S608
        " FROM daily_features"
        " WHERE subject_id = ? AND feature = ? AND day = ? ORDER BY version DESC LIMIT 1",
        (feature.subject_id, feature.feature, feature.day),
    ).fetchone()
    if newest is not None and (newest[3], DailyFeature(*newest[4:])) == (unsigned_ppm, feature):
        return False
    version = 1 if newest is None else newest[1]
    if newest is not None and newest[2] is None:
        db.conn.execute("DELETE FROM daily_features WHERE feature_id = ?", (newest[0],))
    elif newest is not None:
        version += 1
    put_version(db, feature, version, now_ms, unsigned_ppm)
    return True


def put_version(
    db: StationDatabase, feature: DailyFeature, version: int, now_ms: int, unsigned_ppm: int = 0
) -> None:
    """Store a version of a daily feature that is not there yet."""
    values = (getattr(feature, name) for name in _COLUMNS.split(", "))
    db.conn.execute(
        f"INSERT INTO daily_features ({_COLUMNS}, version, computed_ms, unsigned_ppm)"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, version, now_ms, unsigned_ppm or None),
    )


def settle_until(db: StationDatabase, last_day: str) -> int:
    """Settle the newest versions of all days up to ``last_day``; how many there were.

    A version that was replaced before its day closed is never sent. A day with stale
    readings stays open until it is computed.
    """
    rows = db.conn.execute(
        "SELECT feature_id FROM daily_features f WHERE final_no IS NULL AND day <= ?"
        " AND version = (SELECT max(version) FROM daily_features n WHERE n.subject_id ="
        " f.subject_id AND n.feature = f.feature AND n.day = f.day)"
        " AND NOT EXISTS (SELECT 1 FROM stale_days t JOIN devices d USING (device_id)"
        " WHERE t.day = f.day AND d.subject_id = f.subject_id)"
        " ORDER BY day, subject_id, feature",
        (last_day,),
    ).fetchall()
    first = db.conn.execute("SELECT coalesce(max(final_no), 0) FROM daily_features").fetchone()[0]
    db.conn.executemany(
        "UPDATE daily_features SET final_no = ? WHERE feature_id = ?",
        [(first + i, feature_id) for i, (feature_id,) in enumerate(rows, start=1)],
    )
    return len(rows)


def final_features(
    db: StationDatabase, after_no: int, features_max: int
) -> tuple[FinalFeature, ...]:
    """Settled versions with a number above ``after_no``, in the order of settling."""
    rows = db.conn.execute(
        f"SELECT final_no, version, {_COLUMNS} FROM daily_features"  # noqa: S608  # constant
        " WHERE final_no > ? ORDER BY final_no LIMIT ?",
        (after_no, features_max),
    )
    return tuple(FinalFeature(row[0], row[1], DailyFeature(*row[2:])) for row in rows)


def daily_features(
    db: StationDatabase, subject_id: str, days: tuple[str, str], names: Sequence[str] = ()
) -> tuple[DailyFeature, ...]:
    """The newest versions of a subject's daily features, by feature and day.

    Parameters
    ----------
    db
        The station's database.
    subject_id
        The plot, herd, machine, store or village.
    days
        First and last civil day, both included.
    names
        Only these features; all if empty.
    """
    return tuple(one.feature for one in graded_features(db, subject_id, days, names))


def graded_features(
    db: StationDatabase, subject_id: str, days: tuple[str, str], names: Sequence[str] = ()
) -> tuple[GradedFeature, ...]:
    """As :func:`daily_features`, with how much of each no device signed."""
    among = f" AND feature IN ({', '.join('?' * len(names))})" if names else ""
    rows = db.conn.execute(
        f"SELECT coalesce(unsigned_ppm, 0), {_COLUMNS} FROM daily_features f"  # noqa: S608
        " WHERE subject_id = ? AND day BETWEEN ? AND ? AND version = (SELECT max(version)"
        " FROM daily_features n WHERE n.subject_id = f.subject_id AND n.feature = f.feature"
        f" AND n.day = f.day){among} ORDER BY feature, day",
        (subject_id, *days, *names),
    )
    return tuple(GradedFeature(DailyFeature(*row[1:]), row[0]) for row in rows)


def mark_underived(db: StationDatabase, pairs: Iterable[tuple[str, str]]) -> None:
    """Note that what follows from these (subject, civil day) features must be computed."""
    db.conn.executemany("INSERT OR IGNORE INTO underived_days VALUES (?, ?)", pairs)


def underived_days(
    db: StationDatabase, last_day: str, days_max: int
) -> tuple[tuple[str, str], ...]:
    """Some (subject, civil day) pairs up to a day whose derived features are to be computed."""
    rows = db.conn.execute(
        "SELECT subject_id, day FROM underived_days WHERE day <= ?"
        " ORDER BY day, subject_id LIMIT ?",
        (last_day, days_max),
    )
    return tuple((subject, day) for subject, day in rows)


def clear_underived(db: StationDatabase, pairs: Iterable[tuple[str, str]]) -> None:
    """The derived features of these (subject, civil day) pairs are computed."""
    db.conn.executemany("DELETE FROM underived_days WHERE subject_id = ? AND day = ?", pairs)


def measured_subjects(db: StationDatabase, kind: str) -> tuple[str, ...]:
    """The ids of registered subjects of a kind that some device measures."""
    rows = db.conn.execute(
        "SELECT DISTINCT s.subject_id FROM subjects s JOIN devices d USING (subject_id)"
        " WHERE s.kind = ? ORDER BY s.subject_id",
        (kind,),
    )
    return tuple(subject for (subject,) in rows)


def document_hashes(
    db: StationDatabase, device_ids: Sequence[str], span_ms: tuple[int, int], metric: str
) -> tuple[str, ...]:
    """SHA-256 of the signed documents whose usable readings of a metric fall into a span."""
    found: set[str] = set()
    for device_id in device_ids:
        rows = db.conn.execute(
            "SELECT DISTINCT d.sha256 FROM streams s"
            " JOIN samples p ON p.stream_id = s.stream_id"
            " JOIN readings r ON r.stream_id = p.stream_id AND r.seq = p.seq"
            " JOIN telemetry_documents d ON d.document_id = p.document_id"
            " WHERE s.device_id = ? AND p.at_ms >= ? AND p.at_ms < ? AND r.metric = ? AND r.qc = 0",
            (device_id, *span_ms, metric),
        )
        found.update(sha256 for (sha256,) in rows)
    return tuple(sorted(found))
