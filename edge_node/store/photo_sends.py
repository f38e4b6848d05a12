"""Photos on their way to the centre: how much it has of each, and what sending them cost.

What the centre has not signed for waits; what it has may give up its bytes here when the
room for photos is spent, the oldest first. Callers hold a transaction where they write.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_node.store.database import StationDatabase

RETRY_MS_MIN = 15 * 60_000
RETRY_DOUBLINGS_MAX = 6  # then every 16 hours
DAYS_KEPT_MAX = 400
_WAITING = (
    "FROM field_photos p LEFT JOIN photo_sends s ON s.sha256 = p.sha256 "
    "WHERE p.data IS NOT NULL AND s.delivered_ms IS NULL"
)


@dataclass(frozen=True, slots=True)
class DuePhoto:
    """A photo that the centre does not have whole: what it has of it, how often it refused."""

    sha256: str
    size_bytes: int
    received_bytes: int
    tries_count: int
    tried_at_ms: int

    def is_due(self, now_ms: int) -> bool:
        """Whether it may be tried again; a clock that was set back is no reason to wait."""
        if not self.tries_count:
            return True
        pause_ms = RETRY_MS_MIN << min(self.tries_count - 1, RETRY_DOUBLINGS_MAX)
        return not 0 <= now_ms - self.tried_at_ms < pause_ms


@dataclass(frozen=True, slots=True)
class PhotosWaiting:
    """Photos that wait for the centre: how many, what of them is to come [bytes], since when."""

    count: int
    size_bytes: int
    oldest_ms: int | None


def next_due(db: StationDatabase, now_ms: int) -> DuePhoto | None:
    """The photo to go on with: one that was begun, then the oldest."""
    rows = db.execute(
        "SELECT p.sha256, p.size_bytes, coalesce(s.received_bytes, 0), "
        f"coalesce(s.tries_count, 0), coalesce(s.tried_at_ms, 0) {_WAITING} "
        "ORDER BY coalesce(s.tries_count, 0), coalesce(s.received_bytes, 0) = 0, p.whole_ms, "
        "p.sha256"
    )
    return next((due for row in rows if (due := DuePhoto(*row)).is_due(now_ms)), None)


def data_of(db: StationDatabase, sha256: str, start_byte: int, count_bytes: int) -> bytes:
    """Part of a photo's bytes."""
    row = db.execute(
        "SELECT substr(data, ?, ?) FROM field_photos WHERE sha256 = ?",
        [start_byte + 1, count_bytes, sha256],
    ).fetchone()
    return bytes(row[0]) if row and row[0] is not None else b""


def note_held(db: StationDatabase, sha256: str, received_bytes: int) -> None:
    """The centre has so much of a photo."""
    db.execute(
        "INSERT INTO photo_sends (sha256, received_bytes, tries_count, tried_at_ms, problem) "
        "VALUES (?, ?, 0, 0, '') ON CONFLICT (sha256) DO UPDATE SET "
        "received_bytes = excluded.received_bytes, tries_count = 0, problem = ''",
        [sha256, received_bytes],
    )


def note_delivered(db: StationDatabase, sha256: str, size_bytes: int, at_ms: int) -> None:
    """The centre has all of a photo, and checked its hash."""
    note_held(db, sha256, size_bytes)
    db.execute("UPDATE photo_sends SET delivered_ms = ? WHERE sha256 = ?", [at_ms, sha256])


def note_refused(db: StationDatabase, sha256: str, now_ms: int, problem: str) -> None:
    """The centre did not take a photo: it is tried again, each time after a longer pause."""
    db.execute(
        "INSERT INTO photo_sends (sha256, received_bytes, tries_count, tried_at_ms, problem) "
        "VALUES (?, 0, 1, ?, ?) ON CONFLICT (sha256) DO UPDATE SET "
        "tries_count = tries_count + 1, tried_at_ms = excluded.tried_at_ms, "
        "problem = excluded.problem",
        [sha256, now_ms, problem],
    )


def offer_again(db: StationDatabase) -> None:
    """The centre lost days: every photo is offered again; what it has still, it says at once."""
    db.execute("DELETE FROM photo_sends")


def waiting(db: StationDatabase) -> PhotosWaiting:
    """What waits for the centre."""
    row = db.execute(
        "SELECT count(*), coalesce(sum(p.size_bytes - coalesce(s.received_bytes, 0)), 0), "
        f"min(p.whole_ms) {_WAITING}"
    ).fetchone()
    return PhotosWaiting(int(row[0]), int(row[1]), row[2])


def held_for_tablet(db: StationDatabase, tablet_id: str) -> int:
    """What a tablet's photos take here that the centre does not have yet [bytes]."""
    whole = db.execute(
        f"SELECT coalesce(sum(p.size_bytes), 0) {_WAITING} AND p.tablet_id = ?",
        [tablet_id],
    ).fetchone()[0]
    begun = db.execute(
        "SELECT coalesce(sum(length(o.data)), 0) FROM field_photo_parts o "
        "JOIN field_photos p ON p.sha256 = o.sha256 WHERE p.tablet_id = ?",
        [tablet_id],
    ).fetchone()[0]
    return int(whole) + int(begun)


def make_room(db: StationDatabase, bytes_max: int) -> int:
    """Give up the bytes of photos that the centre has, oldest first, down to a bound; how many."""
    total = db.execute("SELECT coalesce(sum(length(data)), 0) FROM field_photos").fetchone()[0]
    count = 0
    rows = db.execute(
        "SELECT p.sha256, p.size_bytes FROM field_photos p JOIN photo_sends s "
        "ON s.sha256 = p.sha256 WHERE p.data IS NOT NULL AND s.delivered_ms IS NOT NULL "
        "ORDER BY s.delivered_ms, p.sha256"
    ).fetchall()
    for sha256, size_bytes in rows:
        if total <= bytes_max:
            break
        db.execute("UPDATE field_photos SET data = NULL WHERE sha256 = ?", [sha256])
        total, count = total - size_bytes, count + 1
    return count


def note_sent(db: StationDatabase, day: str, count_bytes: int) -> None:
    """Add to what photos cost on a civil day [bytes]; days past the bound are forgotten."""
    db.execute(
        "INSERT INTO photo_days (day, sent_bytes) VALUES (?, ?) "
        "ON CONFLICT (day) DO UPDATE SET sent_bytes = sent_bytes + excluded.sent_bytes",
        [day, count_bytes],
    )
    db.execute(
        "DELETE FROM photo_days WHERE day NOT IN "
        "(SELECT day FROM photo_days ORDER BY day DESC LIMIT ?)",
        [DAYS_KEPT_MAX],
    )


def sent_on(db: StationDatabase, day: str) -> int:
    """What photos cost on a civil day [bytes]."""
    row = db.execute("SELECT sent_bytes FROM photo_days WHERE day = ?", [day]).fetchone()
    return int(row[0]) if row else 0
