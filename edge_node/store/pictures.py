"""Pictures of plots: which are wanted, which have come, and what asking for them cost.

Of each plot or pasture the station keeps one picture in colours and one of the index.
A newer one takes the place of the older when its bytes are here, not before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.wire.blob import MEDIA_TYPES
from core.wire.evidence import PictureRef
from edge_node.store.database import StationDatabase

VIEW_OF_KIND = {"true_color": "colour", "false_color": "colour", "index": "index"}
PICTURE_BYTES_MAX = 64 * 1024  # a chip has some 4 kB
RETRY_MS_MIN = 15 * 60_000
RETRY_DOUBLINGS_MAX = 6  # then every 16 hours
DAYS_KEPT_MAX = 400
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REF = "kind, day, sha256, media_type, size_bytes"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture that has not come yet, of a plot or pasture; how often and when it was tried."""

    subject_id: str
    ref: PictureRef
    tries_count: int
    tried_at_ms: int

    def is_due(self, now_ms: int) -> bool:
        """Whether it may be tried again; a clock that was set back is no reason to wait."""
        if not self.tries_count:
            return True
        pause_ms = RETRY_MS_MIN << min(self.tries_count - 1, RETRY_DOUBLINGS_MAX)
        return not 0 <= now_ms - self.tried_at_ms < pause_ms


def want(db: StationDatabase, subject_id: str, refs: Sequence[PictureRef]) -> None:
    """Take the newest evidence's word on a subject's pictures; what is here is not wanted."""
    held = {ref.sha256 for ref in of_subject(db, subject_id)}
    for ref in refs:
        if not _is_fit(ref):
            continue
        view = VIEW_OF_KIND[ref.kind]
        db.execute(
            "DELETE FROM wanted_pictures WHERE subject_id = ? AND view = ? AND sha256 <> ?",
            [subject_id, view, ref.sha256],
        )
        if ref.sha256 not in held:
            db.execute(
                f"INSERT INTO wanted_pictures (subject_id, view, {_REF}, tries_count, "  # noqa: S608
                "tried_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT DO NOTHING",
                [subject_id, view, *_row(ref)],
            )


def wanted(db: StationDatabase) -> tuple[Wanted, ...]:
    """What has not come: least tried first, then of whom the picture is oldest or missing."""
    rows = db.execute(
        "SELECT w.subject_id, w.kind, w.day, w.sha256, w.media_type, w.size_bytes, "
        "w.tries_count, w.tried_at_ms FROM wanted_pictures w LEFT JOIN pictures p "
        "ON p.subject_id = w.subject_id AND p.view = w.view "
        "ORDER BY w.tries_count, coalesce(p.day, ''), w.subject_id, w.view"
    )
    return tuple(Wanted(row[0], PictureRef(*row[1:6]), row[6], row[7]) for row in rows)


def keep(db: StationDatabase, one: Wanted, data: bytes, now_ms: int) -> None:
    """Keep a picture that has come; the one before it goes."""
    view = VIEW_OF_KIND[one.ref.kind]
    with db.atomic():
        db.execute(
            f"INSERT OR REPLACE INTO pictures (subject_id, view, {_REF}, fetched_ms, data) "  # noqa: S608
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [one.subject_id, view, *_row(one.ref), now_ms, data],
        )
        db.execute(
            "DELETE FROM wanted_pictures WHERE subject_id = ? AND view = ? AND sha256 = ?",
            [one.subject_id, view, one.ref.sha256],
        )


def note_try(db: StationDatabase, one: Wanted, now_ms: int) -> None:
    """Remember that a picture was asked for and did not come [ms UTC]."""
    with db.atomic():
        db.execute(
            "UPDATE wanted_pictures SET tries_count = tries_count + 1, tried_at_ms = ? "
            "WHERE subject_id = ? AND view = ? AND sha256 = ?",
            [now_ms, one.subject_id, VIEW_OF_KIND[one.ref.kind], one.ref.sha256],
        )


def of_subject(db: StationDatabase, subject_id: str) -> tuple[PictureRef, ...]:
    """The pictures that are here of a plot or pasture: colours first, then the index."""
    rows = db.execute(
        f"SELECT {_REF} FROM pictures WHERE subject_id = ? ORDER BY view",  # noqa: S608
        [subject_id],
    )
    return tuple(PictureRef(*row) for row in rows)


def data_of(db: StationDatabase, subject_id: str, sha256: str) -> bytes | None:
    """The bytes of one of a subject's pictures, if they are here."""
    row = db.execute(
        "SELECT data FROM pictures WHERE subject_id = ? AND sha256 = ?", [subject_id, sha256]
    ).fetchone()
    return row[0] if row else None


def note_moved(db: StationDatabase, day: str, count_bytes: int) -> None:
    """Add to what pictures cost on a civil day [bytes]; days past the bound are forgotten."""
    with db.atomic():
        db.execute(
            "INSERT INTO picture_days (day, moved_bytes) VALUES (?, ?) "
            "ON CONFLICT (day) DO UPDATE SET moved_bytes = moved_bytes + excluded.moved_bytes",
            [day, count_bytes],
        )
        db.execute(
            "DELETE FROM picture_days WHERE day NOT IN "
            "(SELECT day FROM picture_days ORDER BY day DESC LIMIT ?)",
            [DAYS_KEPT_MAX],
        )


def moved_on(db: StationDatabase, day: str) -> int:
    """What pictures cost on a civil day [bytes]."""
    row = db.execute("SELECT moved_bytes FROM picture_days WHERE day = ?", [day]).fetchone()
    return int(row[0]) if row else 0


def _is_fit(ref: PictureRef) -> bool:
    return (
        ref.kind in VIEW_OF_KIND
        and ref.media_type in MEDIA_TYPES
        and 0 < ref.size_bytes <= PICTURE_BYTES_MAX
        and _SHA256.fullmatch(ref.sha256) is not None
    )


def _row(ref: PictureRef) -> tuple[str, str, str, str, int]:
    return ref.kind, ref.day, ref.sha256, ref.media_type, ref.size_bytes
