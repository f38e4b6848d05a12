"""Pictures on their way: bytes named by their hash, sent after everything else.

A maker puts a blob with a signed claim of what it is; the receiver believes neither
the claim nor the file's name, but hashes and reads the bytes (statements B1–B5 of
docs/wire.md). Evidence may name a blob that never comes: nothing rests on pictures.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from core.canonical import sha256_hex
from core.errors import ShapeError
from core.signing import DocumentType

BLOB = DocumentType("blob", 1)
BLOB_REQUEST = DocumentType("blob-request", 1)
CLAIM_HEADER = "harvestline-claim"
CLAIM_BYTES_MAX = 2048
SIDE_PX_MAX = 8192  # what a reader of a picture must make room for
WEBP, PNG = "image/webp", "image/png"
MEDIA_TYPES = (WEBP, PNG)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_WEBP_ANIMATED = 0x02


@dataclass(frozen=True, slots=True)
class BlobClaim:
    """What a maker says that a blob is."""

    sha256: str
    media_type: str
    size_bytes: int

    def __post_init__(self) -> None:
        require_sha256(self.sha256)
        if self.media_type not in MEDIA_TYPES:
            raise ShapeError(
                f"expected one of {', '.join(MEDIA_TYPES)}, got {self.media_type[:40]!r}"
            )


@dataclass(frozen=True, slots=True)
class BlobRequest:
    """A station asks for a picture of one of its own subjects; ``at_ms`` is its clock [ms UTC]."""

    station: str
    subject_id: str
    sha256: str
    at_ms: int

    def __post_init__(self) -> None:
        require_sha256(self.sha256)


def require_sha256(text: str) -> str:
    """The same text, if it is a SHA-256 in small hexadecimal digits.

    Raises
    ------
    ShapeError
        If it is not.
    """
    if not _SHA256.fullmatch(text):
        raise ShapeError(f"expected 64 small hexadecimal digits, got {text[:70]!r}")
    return text


def require_as_claimed(claim: BlobClaim, data: bytes) -> None:
    """Refuse bytes that are not what their maker says.

    Raises
    ------
    ShapeError
        If size, hash or kind differ, or the picture is damaged, animated or too large.
    """
    if len(data) != claim.size_bytes:
        raise ShapeError(f"expected {claim.size_bytes} bytes as claimed, got {len(data)}")
    found = sha256_hex(data)
    if found != claim.sha256:
        raise ShapeError(f"expected bytes of hash {claim.sha256}, got {found}")
    media_type, width, height = read_kind(data)
    if media_type != claim.media_type:
        raise ShapeError(f"expected {claim.media_type} as claimed, got bytes of {media_type}")
    if not (0 < width <= SIDE_PX_MAX and 0 < height <= SIDE_PX_MAX):
        raise ShapeError(f"expected sides of 1 to {SIDE_PX_MAX} pixels, got {width} × {height}")


def read_kind(data: bytes) -> tuple[str, int, int]:
    """The media type, width and height [pixels] of a picture, from its bytes alone.

    Raises
    ------
    ShapeError
        If it is no whole still WebP or PNG.
    """
    if data.startswith(_PNG_START) and data.endswith(_PNG_END) and len(data) > 32:
        width, height = struct.unpack(">II", data[16:24])
        return PNG, width, height
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= 30:
        if struct.unpack("<I", data[4:8])[0] + 8 != len(data):
            raise ShapeError(f"expected a whole WebP, got {len(data)} bytes of another length")
        return (WEBP, *_webp_size(data))
    raise ShapeError(f"expected a WebP or PNG picture, got bytes that begin {data[:8].hex()!r}")


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8X" and not data[20] & _WEBP_ANIMATED:
        return (int.from_bytes(data[24:27], "little") + 1,
                int.from_bytes(data[27:30], "little") + 1)  # fmt: skip
    raise ShapeError(f"expected a still WebP picture, got a part {kind!r}")
