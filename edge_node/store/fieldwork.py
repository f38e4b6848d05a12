"""What agents saw: visits, walks around plots, and photos that come in parts.

Callers hold a transaction; nothing here commits.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.lending.walk import Measured
from core.wire.corrections import FieldCorrection
from core.wire.fieldwork import FieldVisit, Photo, PlotWalk
from edge_node.store.database import StationDatabase
from edge_node.store.village import as_text


@dataclass(frozen=True, slots=True)
class PhotoState:
    """How much of a photo is here [bytes]; ``whole`` once its hash was checked."""

    photo: Photo
    received_bytes: int
    whole: bool
    tablet_id: str


@dataclass(frozen=True, slots=True)
class OpenVersion:
    """A version of a field that waits for the centre's word."""

    farmer_id: str
    subject_id: str
    field: str
    value: str
    agent_id: str
    noted_on: str


def keep_visit(db: StationDatabase, visit: FieldVisit, operation_id: str) -> None:
    """Write a visit; one that is here already stays as it is."""
    db.execute(
        "INSERT INTO field_visits (visit_id, operation_id, farmer_id, subject_id, visited_on, "
        "body) VALUES (?, ?, ?, ?, ?, ?)",
        [
            visit.visit_id, operation_id, visit.farmer_id, visit.subject_id, visit.visited_on,
            as_text(visit),
        ],
    )  # fmt: skip


def is_visit_known(db: StationDatabase, visit_id: str) -> bool:
    """Whether a visit of that id is here."""
    found = db.execute("SELECT 1 FROM field_visits WHERE visit_id = ?", [visit_id]).fetchone()
    return found is not None


def last_visits(db: StationDatabase) -> dict[str, str]:
    """When each farmer was last visited, by farmer [civil date]."""
    rows = db.execute("SELECT farmer_id, max(visited_on) FROM field_visits GROUP BY farmer_id")
    return dict(rows.fetchall())


def keep_walk(
    db: StationDatabase, walk: PlotWalk, found: Measured, operation_id: str, seq: int
) -> None:
    """Write a walk, with its area as the station reckons it."""
    db.execute(
        "INSERT INTO plot_walks (walk_id, operation_id, subject_id, walked_on, taken_seq, "
        "area_m2, sd_m2, low_m2, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            walk.walk_id, operation_id, walk.subject_id, walk.walked_on, seq, found.area_m2,
            found.sd_m2, found.low_m2, as_text(walk),
        ],
    )  # fmt: skip


def is_walk_known(db: StationDatabase, walk_id: str) -> bool:
    """Whether a walk of that id is here."""
    found = db.execute("SELECT 1 FROM plot_walks WHERE walk_id = ?", [walk_id]).fetchone()
    return found is not None


def walked(db: StationDatabase, subject_id: str) -> tuple[str, Measured] | None:
    """The newest walk around a plot that the centre did not lay aside, and what it measured."""
    row = db.execute(
        "SELECT walk_id, area_m2, sd_m2, low_m2 FROM plot_walks LEFT JOIN operation_verdicts "
        "USING (operation_id) WHERE subject_id = ? AND coalesce(accepted, 1) = 1 "
        "ORDER BY walked_on DESC, taken_seq DESC LIMIT 1",
        [subject_id],
    ).fetchone()
    return (row[0], Measured(*row[1:])) if row else None


def keep_correction(
    db: StationDatabase, asked: FieldCorrection, by: tuple[str, str], seq: int
) -> None:
    """Write an agent's version of a field, by operation and agent, in the order it was taken."""
    db.execute(
        "INSERT INTO field_corrections (operation_id, farmer_id, subject_id, field, agent_id, "
        "noted_on, taken_seq, was, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            by[0], asked.farmer_id, asked.subject_id, asked.field, by[1], asked.noted_on, seq,
            asked.was, asked.value,
        ],
    )  # fmt: skip


def open_versions(db: StationDatabase) -> tuple[OpenVersion, ...]:
    """What agents wrote that nobody has answered yet, in the order it was taken."""
    rows = db.execute(
        "SELECT c.farmer_id, c.subject_id, c.field, c.value, c.agent_id, c.noted_on "
        "FROM field_corrections c LEFT JOIN operation_verdicts v USING (operation_id) "
        "WHERE v.operation_id IS NULL ORDER BY c.taken_seq"
    )
    return tuple(OpenVersion(*row) for row in rows)


def announce(db: StationDatabase, photo: Photo, tablet_id: str) -> None:
    """Expect a photo; again, nothing changes."""
    db.execute(
        "INSERT INTO field_photos (sha256, tablet_id, media_type, size_bytes) "
        "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [photo.sha256, tablet_id, photo.media_type, photo.size_bytes],
    )


def photo_state(db: StationDatabase, sha256: str) -> PhotoState | None:
    """How much of a photo is here; None if no operation has named it."""
    row = db.execute(
        "SELECT media_type, size_bytes, whole_ms, tablet_id FROM field_photos WHERE sha256 = ?",
        [sha256],
    ).fetchone()
    if row is None:
        return None
    photo = Photo(sha256, row[0], row[1], "")
    if row[2] is not None:
        return PhotoState(photo, photo.size_bytes, whole=True, tablet_id=row[3])
    got = db.execute(
        "SELECT coalesce(sum(length(data)), 0) FROM field_photo_parts WHERE sha256 = ?", [sha256]
    ).fetchone()[0]
    return PhotoState(photo, got, whole=False, tablet_id=row[3])


def keep_part(db: StationDatabase, sha256: str, start_byte: int, data: bytes) -> None:
    """Write the next part of a photo."""
    db.execute(
        "INSERT INTO field_photo_parts (sha256, start_byte, data) VALUES (?, ?, ?)",
        [sha256, start_byte, data],
    )


def parts(db: StationDatabase, sha256: str) -> bytes:
    """All that has come of a photo."""
    rows = db.execute(
        "SELECT data FROM field_photo_parts WHERE sha256 = ? ORDER BY start_byte", [sha256]
    )
    return b"".join(row[0] for row in rows)


def forget_parts(db: StationDatabase, sha256: str) -> None:
    """Forget what came of a photo: it is whole, or it was not what was said."""
    db.execute("DELETE FROM field_photo_parts WHERE sha256 = ?", [sha256])


def keep_photo(db: StationDatabase, sha256: str, data: bytes, at_ms: int) -> None:
    """Write a photo whose hash was checked [ms UTC]."""
    db.execute(
        "UPDATE field_photos SET data = ?, whole_ms = ? WHERE sha256 = ?", [data, at_ms, sha256]
    )
    forget_parts(db, sha256)


def photo(db: StationDatabase, sha256: str) -> tuple[str, bytes] | None:
    """The media type and bytes of a photo that is whole."""
    row = db.execute(
        "SELECT media_type, data FROM field_photos WHERE sha256 = ? AND data IS NOT NULL",
        [sha256],
    ).fetchone()
    return (row[0], row[1]) if row else None
