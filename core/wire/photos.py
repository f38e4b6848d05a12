"""Photos on their way from a station to the centre, in parts that go on where they broke off.

A station sends a part behind a signed claim; the centre answers, signed too, how much of the
photo it has and whether it is whole. Only that word lets a station count a photo as
delivered. Statements B6 and B7 of docs/wire.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ShapeError
from core.signing import DocumentType
from core.wire.blob import CLAIM_BYTES_MAX, require_sha256

PHOTO_PART = DocumentType("photo-part", 1)
PHOTO_HELD = DocumentType("photo-held", 1)
PART_BYTES_MAX = 64 * 1024
LENGTH_BYTES = 4
BODY_BYTES_MAX = LENGTH_BYTES + CLAIM_BYTES_MAX + PART_BYTES_MAX
HELD_BYTES_MAX = 2048


@dataclass(frozen=True, slots=True)
class PhotoPart:
    """A station sends part of a photo; ``at_ms`` is its clock [ms UTC]."""

    station: str
    sha256: str
    start_byte: int
    part_sha256: str
    at_ms: int

    def __post_init__(self) -> None:
        require_sha256(self.sha256)
        require_sha256(self.part_sha256)
        if self.start_byte < 0:
            raise ShapeError(f"expected the part's first byte from 0 on, got {self.start_byte}")


@dataclass(frozen=True, slots=True)
class PhotoHeld:
    """How much of a photo the centre has [bytes]; ``whole`` once it checked the hash."""

    station: str
    sha256: str
    received_bytes: int
    whole: bool


def packed(claim: bytes, part: bytes) -> bytes:
    """A signed claim and the bytes that it is of, as one body."""
    return len(claim).to_bytes(LENGTH_BYTES, "big") + claim + part


def unpacked(body: bytes) -> tuple[bytes, bytes]:
    """The signed claim and the bytes of a body.

    Raises
    ------
    ShapeError
        If it is cut off, or either is larger than a reader takes.
    """
    size = int.from_bytes(body[:LENGTH_BYTES], "big")
    claim, part = body[LENGTH_BYTES : LENGTH_BYTES + size], body[LENGTH_BYTES + size :]
    if not 0 < size <= CLAIM_BYTES_MAX or len(claim) != size:
        raise ShapeError(f"expected a claim of at most {CLAIM_BYTES_MAX} bytes and a photo's part")
    if not 0 < len(part) <= PART_BYTES_MAX:
        raise ShapeError(f"expected a part of 1 to {PART_BYTES_MAX} bytes, got {len(part)}")
    return claim, part
