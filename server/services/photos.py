"""Photos of visits: taken from stations in parts, given to those who may see the farmer.

A part is taken from a station whose own log names the photo, one after the other; the last
one brings the hash to the test. What does not match is forgotten and comes again. The
answer to each part is signed: by it a station counts a photo as delivered.
"""

from __future__ import annotations

from core.canonical import sha256_hex
from core.errors import HarvestlineError, ShapeError
from core.shape import encode
from core.signing import sign_document
from core.wire.blob import CLAIM_BYTES_MAX, BlobClaim, require_as_claimed, require_sha256
from core.wire.fieldwork import Photo
from core.wire.photos import PHOTO_HELD, PHOTO_PART, PhotoHeld, PhotoPart, unpacked
from server.services.access import reading
from server.services.centre import Centre, RequestError, Work
from server.services.senders import open_request
from server.store import photos, registry
from server.store.engine import NotKnownError
from server.store.photos import StoredPhoto, VisitPhoto
from server.store.scoping import Scope

SIGNATURE = "signature"


class PhotoRoomError(HarvestlineError):
    """A station's photos take all the room that they may."""

    code = "HL-SRV-027"


def take_part(centre: Centre, body: bytes) -> bytes:
    """Take a part of a photo from a station; the signed word how much of it is here.

    A part that does not follow changes nothing: the answer says where to go on.

    Raises
    ------
    HarvestlineError
        If it is damaged, not by a station that is heard, of a photo that this station's
        log does not name, or above the station's room.
    """
    claim, part = unpacked(body)
    asked = open_request(centre, claim, PHOTO_PART, PhotoPart, CLAIM_BYTES_MAX).asked
    if sha256_hex(part) != asked.part_sha256:
        raise RequestError("expected the part's bytes as claimed, got others: send it again")
    held = centre.write(lambda work: _take(work, asked, part))
    return sign_document(PHOTO_HELD, encode(held), centre.keys)


def _take(work: Work, asked: PhotoPart, part: bytes) -> PhotoHeld:
    photo = _named(work, asked)
    if photos.whole(work.tx, [asked.sha256]):
        return PhotoHeld(asked.station, asked.sha256, photo.size_bytes, whole=True)
    received = photos.received_bytes(work.tx, asked.sha256)
    if asked.start_byte != received:
        return PhotoHeld(asked.station, asked.sha256, received, whole=False)
    if received + len(part) > photo.size_bytes:
        raise RequestError(f"expected a part inside the photo's {photo.size_bytes} bytes")
    most = work.settings.photo_bytes_a_station_max
    if photos.kept_bytes(work.tx, asked.station) + len(part) > most:
        raise PhotoRoomError(f"expected at most {most} bytes of photos of {asked.station}")
    photos.keep_part(work.tx, (asked.sha256, received, part), asked.station, work.at_ms)
    if received + len(part) < photo.size_bytes:
        return PhotoHeld(asked.station, asked.sha256, received + len(part), whole=False)
    return _complete(work, asked, photo)


def _named(work: Work, asked: PhotoPart) -> Photo:
    for one in photos.naming(work.tx, asked.sha256):
        farmer = registry.find_farmer(work.tx, one.farmer_id)
        if one.station == asked.station and farmer is not None and farmer.name:  # not erased
            return one.photo
    raise NotKnownError(f"expected a photo that a visit of {asked.station} names: send that first")


def _complete(work: Work, asked: PhotoPart, photo: Photo) -> PhotoHeld:
    data = photos.parts(work.tx, asked.sha256)
    try:
        require_as_claimed(BlobClaim(photo.sha256, photo.media_type, photo.size_bytes), data)
    except ShapeError:
        # Not an error of this part's: the station begins again, and its bytes are whole there.
        photos.forget_parts(work.tx, asked.sha256)
        return PhotoHeld(asked.station, asked.sha256, 0, whole=False)
    kept = StoredPhoto(photo.sha256, photo.media_type, data)
    photos.keep(work.tx, kept, asked.station, work.at_ms)
    return PhotoHeld(asked.station, asked.sha256, photo.size_bytes, whole=True)


def get_photo(centre: Centre, scope: Scope, sha256: str) -> tuple[StoredPhoto, VisitPhoto]:
    """A photo and what names it, for somebody who may see the farmer that it is of.

    Raises
    ------
    ShapeError
        If the hash is no hash.
    NotKnownError
        If nothing within the scope names it, or it has not come; the same words for both.
    """
    with reading(centre, scope) as tx:
        named = photos.naming(tx, require_sha256(sha256))
    with centre.store.reading() as tx:
        found = photos.find(tx, sha256) if named else None
    if found is None:
        raise NotKnownError(f"expected a photo that has come, got {sha256}: it may come later")
    return found, named[0]
