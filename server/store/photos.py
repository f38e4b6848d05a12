"""Photos that agents took: which visit names which, what has come of each, the bytes by hash."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select

from core.shape import encode
from core.wire.fieldwork import Photo
from server.store.engine import Tx
from server.store.field_tables import photo_parts, photos, visit_photos
from server.store.rows import read_as
from server.store.tables import farmers


@dataclass(frozen=True, slots=True)
class VisitPhoto:
    """A photo that an agent's operation names; its bytes may come later, or never.

    ``about`` says what it shows, ``signature`` that the farmer signed; ``taken_on`` is the
    day of the visit or application, empty where that has none.
    """

    operation_id: str
    sha256: str
    station: str
    farmer_id: str
    subject_id: str
    visit_id: str
    about: str
    taken_on: str
    media_type: str
    size_bytes: int
    at_ms: int

    @property
    def photo(self) -> Photo:
        """What its tablet said that it is."""
        return Photo(self.sha256, self.media_type, self.size_bytes, self.about)


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A photo whose hash was checked."""

    sha256: str
    media_type: str
    data: bytes


def name(tx: Tx, named: VisitPhoto) -> None:
    """Expect a photo; again, nothing changes."""
    tx.insert_new(visit_photos, **encode(named))


def of_subject(tx: Tx, subject_id: str) -> tuple[VisitPhoto, ...]:
    """The photos of visits to a plot, herd or machine, the newest day first."""
    rows = tx.find_rows(visit_photos, "-taken_on", "-at_ms", "sha256", subject_id=subject_id)
    return tuple(read_as(VisitPhoto, row) for row in rows)


def of_farmer(tx: Tx, farmer_id: str) -> tuple[VisitPhoto, ...]:
    """The photos that are of a farmer or of what is theirs, the newest day first."""
    rows = tx.find_rows(visit_photos, "-taken_on", "-at_ms", "sha256", farmer_id=farmer_id)
    return tuple(read_as(VisitPhoto, row) for row in rows)


def naming(tx: Tx, sha256: str) -> tuple[VisitPhoto, ...]:
    """What names a photo, of what the reader may see."""
    rows = tx.find_rows(visit_photos, "at_ms", sha256=sha256)
    return tuple(read_as(VisitPhoto, row) for row in rows)


def whole(tx: Tx, hashes: Iterable[str]) -> frozenset[str]:
    """Which of these photos have come whole."""
    return frozenset(
        one for one in dict.fromkeys(hashes) if tx.find_value(photos, "sha256", sha256=one)
    )


def find(tx: Tx, sha256: str) -> StoredPhoto | None:
    """The bytes of a photo, if it has come whole."""
    row = tx.find_row(photos, sha256=sha256)
    return StoredPhoto(sha256, row["media_type"], bytes(row["data"])) if row else None


def received_bytes(tx: Tx, sha256: str) -> int:
    """How much has come of a photo that is not whole [bytes]."""
    question = select(func.coalesce(func.sum(photo_parts.c.size_bytes), 0))
    where = (photo_parts.c.tenant_id == tx.tenant_id, photo_parts.c.sha256 == sha256)
    return int(tx.scalar(question.where(*where)))


def keep_part(tx: Tx, part: tuple[str, int, bytes], station: str, at_ms: int) -> None:
    """Keep the next part of a photo: its hash, first byte and bytes."""
    sha256, start_byte, data = part
    tx.insert_new(
        photo_parts, sha256=sha256, start_byte=start_byte, station=station,
        size_bytes=len(data), at_ms=at_ms, data=data,
    )  # fmt: skip


def parts(tx: Tx, sha256: str) -> bytes:
    """All that has come of a photo that is not whole."""
    rows = tx.find_rows(photo_parts, "start_byte", sha256=sha256)
    return b"".join(bytes(row["data"]) for row in rows)


def forget_parts(tx: Tx, sha256: str) -> None:
    """Forget what came of a photo: it is whole, or it was not what was said."""
    where = (photo_parts.c.tenant_id == tx.tenant_id, photo_parts.c.sha256 == sha256)
    tx.run(photo_parts.delete().where(*where))


def keep(tx: Tx, photo: StoredPhoto, station: str, at_ms: int) -> None:
    """Keep a photo whose hash was checked."""
    tx.insert_new(
        photos, sha256=photo.sha256, media_type=photo.media_type, size_bytes=len(photo.data),
        station=station, at_ms=at_ms, data=photo.data,
    )  # fmt: skip
    forget_parts(tx, photo.sha256)


def kept_bytes(tx: Tx, station: str) -> int:
    """What the centre keeps of a station's photos, whole and in parts [bytes]."""
    total = 0
    for table in (photos, photo_parts):
        question = select(func.coalesce(func.sum(table.c.size_bytes), 0))
        where = (table.c.tenant_id == tx.tenant_id, table.c.station == station)
        total += int(tx.scalar(question.where(*where)))
    return total


def forget_of_farmer(tx: Tx, farmer_id: str) -> int:
    """Forget the bytes of photos of this farmer and of nobody who stays; how many they were.

    That they were taken, with their hashes, stays written down.
    """
    mine = {one.sha256 for one in of_farmer(tx, farmer_id)}
    alone = [one for one in sorted(mine) if not _shows_others(tx, one, farmer_id)]
    for sha256 in alone:
        forget_parts(tx, sha256)
        tx.run(photos.delete().where(photos.c.tenant_id == tx.tenant_id, photos.c.sha256 == sha256))
    return len(alone)


def _shows_others(tx: Tx, sha256: str, farmer_id: str) -> bool:
    """Whether a photo is of somebody else too who was not erased."""
    others = {each.farmer_id for each in naming(tx, sha256)} - {farmer_id}
    return any(tx.find_value(farmers, "name", farmer_id=each) for each in others)
