"""Pictures from imagery: put by a registered maker, got by those who may see the plot."""

from __future__ import annotations

from core.shape import decode
from core.signing import open_document
from core.wire.blob import (
    BLOB,
    BLOB_REQUEST,
    CLAIM_BYTES_MAX,
    BlobClaim,
    BlobRequest,
    require_as_claimed,
    require_sha256,
)
from server.keys import KeyRing
from server.services.centre import Centre, RequestError, SenderError
from server.services.downlink import stations_of
from server.services.senders import open_request
from server.store import blobs, evidence, registry
from server.store.blobs import Blob
from server.store.engine import NotKnownError, Tx
from server.store.scoping import Scope

EVIDENCE_LOOKED_AT_MAX = 20  # of one subject, newest first


def open_claim(centre: Centre, sha256: str, claim: bytes) -> tuple[BlobClaim, str]:
    """A maker's claim of what it is about to send, and the maker's name.

    Raises
    ------
    HarvestlineError
        If it is damaged, not by a registered maker, of another hash, or above the bound.
    """
    with centre.store.reading() as tx:
        makers = {one.key_id: one for one in registry.all_satellites(tx)}
    ring = KeyRing(maker.public_key for maker in makers.values())
    signed = open_document(claim, BLOB, ring, CLAIM_BYTES_MAX)
    found = decode(BlobClaim, signed.body)
    if found.sha256 != sha256:
        raise RequestError(f"expected a claim for {sha256[:70]}, got one for {found.sha256}")
    if not 0 < found.size_bytes <= centre.settings.blob_bytes_max:
        raise RequestError(
            f"expected a blob of 1 to {centre.settings.blob_bytes_max} bytes, "
            f"got a claim of {found.size_bytes}"
        )
    return found, makers[signed.key_id].name


def is_known(centre: Centre, sha256: str) -> bool:
    """Whether a blob has come already."""
    with centre.store.reading() as tx:
        return sha256 in blobs.known(tx, [sha256])


def keep_blob(centre: Centre, claim: BlobClaim, maker: str, data: bytes) -> bool:
    """Keep a blob that is what its maker says; whether it is new.

    Raises
    ------
    ShapeError
        If size, hash or kind are not as claimed.
    """
    require_as_claimed(claim, data)
    blob = Blob(claim.sha256, claim.media_type, data)
    return centre.write(lambda work: blobs.add(work.tx, blob, maker, work.at_ms))


def get_blob(centre: Centre, sha256: str) -> Blob:
    """A blob for somebody who may see every plot.

    Raises
    ------
    ShapeError
        If the hash is no hash.
    NotKnownError
        If it has not come.
    """
    with centre.store.reading() as tx:
        found = blobs.find(tx, require_sha256(sha256))
    if found is None:
        raise NotKnownError(f"expected a picture that has come, got {sha256}: it may come later")
    return found


def get_for_station(centre: Centre, sha256: str, request: bytes) -> Blob:
    """A blob for a station, if recent evidence of a subject on its ground names it.

    Raises
    ------
    HarvestlineError
        If the request is damaged, not by an enrolled station, in another's name, for
        another blob, or for a picture of ground that is not the station's.
    """
    asked = open_request(centre, request, BLOB_REQUEST, BlobRequest, CLAIM_BYTES_MAX).asked
    if asked.sha256 != sha256:
        raise SenderError(f"expected a request of {asked.station} for {sha256[:70]}, got another")
    _require_own(centre, asked)
    return get_blob(centre, sha256)


def require_shown(tx: Tx, scope: Scope, sha256: str) -> None:
    """Return if a picture is of ground within a scope.

    Raises
    ------
    NotKnownError
        If no evidence in the scope names it; the same words as for a picture of nobody's.
    """
    if not scope.is_whole and not evidence.names(tx, sha256):
        raise NotKnownError(f"expected a picture that has come, got {sha256[:70]!r}")


def _require_own(centre: Centre, asked: BlobRequest) -> None:
    with centre.store.reading() as tx:
        if asked.station in stations_of(centre.work(tx, 0), (asked.subject_id,)):
            for kept in evidence.of_subject(tx, asked.subject_id, rows_max=EVIDENCE_LOOKED_AT_MAX):
                found = evidence.document(tx, kept.evidence_id).findings
                if found and asked.sha256 in {picture.sha256 for picture in found.pictures}:
                    return
    # The same words whether the picture is another's or nobody's.
    raise NotKnownError(
        f"expected a picture of {asked.subject_id[:70]!r} on {asked.station}'s ground, "
        f"got {asked.sha256}"
    )


def picture_headers(blob: Blob) -> dict[str, str]:
    """The headers of a picture's answer: its own media type, nothing guessed, nothing run."""
    return {
        "etag": f'"{blob.sha256}"',
        "cache-control": "private, max-age=3600",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
    }
