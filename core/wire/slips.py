"""A receipt that proves itself: what its QR code says, and how anybody holds it against keys.

The station signs the slip; the centre has signed that this key is that station's (the
vouch), and both are in the code. Whoever knows the centre's key verifies it without any
link: another station, a tablet. Without a vouch only the station itself can. The code's text
is ``HL1:`` and the base45 (RFC 9285) of the zlib-compressed canonical object of both, so
that a QR code holds it in alphanumeric mode. Statements S1–S3 of docs/wire.md.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import Enum
from typing import Any

from core.canonical import canonical_bytes, parse_canonical
from core.errors import CanonicalError, ShapeError, SignatureError
from core.shape import decode, encode
from core.signing import (
    DocumentType,
    Signer,
    Verifier,
    key_id_of,
    open_document,
    sign_document,
)
from core.units import require_date

SLIP = DocumentType("slip", 1)
VOUCH = DocumentType("vouch", 1)
TABLET_VOUCH = DocumentType("tablet-vouch", 1)
PREFIX = "HL1:"
TEXT_CHARACTERS_MAX = 2000
SLIP_BYTES_MAX = 4096
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_BASE = 45


class SlipKind(Enum):
    """What a receipt is for."""

    DRAW = "draw"
    GOODS = "goods"
    ACCOUNT = "account"  # a draw that the lender pays to the farmer's account
    LINE = "line"  # a credit line was opened


@dataclass(frozen=True, slots=True)
class Slip:
    """What a receipt says: no name, no plot; an id that both sides can look up.

    ``amount_minor`` was drawn, or is the line's limit; ``total_minor`` is to be paid back by
    ``due_on`` [minor units]. ``paid_to`` is the supplier of goods, ``drawn_by`` the helper.
    """

    kind: SlipKind
    id: str
    station: str
    on: str
    currency: str
    amount_minor: int
    total_minor: int
    due_on: str
    paid_to: str | None = None
    drawn_by: str | None = None

    def __post_init__(self) -> None:
        require_date(self.on, "on")
        require_date(self.due_on, "due_on")


@dataclass(frozen=True, slots=True)
class Vouch:
    """The centre's word that a key is a station's."""

    station: str
    public_key: str


@dataclass(frozen=True, slots=True)
class TabletVouch:
    """The station's word that a tablet's key may pay out so much under a sub-lease."""

    station: str
    tablet_id: str
    public_key: str
    sublease_id: str
    currency: str
    amount_minor: int


def write_slip(slip: Slip, signer: Signer, vouch: dict[str, Any] | None = None) -> str:
    """The text of a receipt's code."""
    signed = sign_document(SLIP, encode(slip), signer)
    parts: dict[str, Any] = {"slip": parse_canonical(signed, SLIP_BYTES_MAX)}
    if vouch is not None:
        parts["vouch"] = vouch
    return PREFIX + base45(zlib.compress(canonical_bytes(parts), 9))


def parts_of(text: str) -> tuple[bytes, bytes]:
    """The signed slip and the vouch out of a code's text; the second may be empty.

    Raises
    ------
    ShapeError
        If the text is not a receipt's.
    """
    parts = _parts(text)
    return _part(parts, "slip"), _part(parts, "vouch")


def tablet_part(text: str) -> bytes:
    """The station's word about the tablet that signed the slip; empty where a station did.

    Raises
    ------
    ShapeError
        If the text is not a receipt's.
    """
    return _part(_parts(text), "tablet")


def _part(parts: dict[str, Any], name: str) -> bytes:
    found = parts.get(name)
    if not isinstance(found, dict | None) or (name == "slip" and found is None):
        raise ShapeError(f"expected a {name} in the code of a receipt")
    return canonical_bytes(found) if found is not None else b""


def _parts(text: str) -> dict[str, Any]:
    if not text.startswith(PREFIX) or len(text) > TEXT_CHARACTERS_MAX:
        raise ShapeError(f"expected the code of a receipt, which begins {PREFIX}")
    unpacked = zlib.decompressobj()
    try:
        data = unpacked.decompress(from_base45(text.removeprefix(PREFIX)), SLIP_BYTES_MAX)
        parts = parse_canonical(data, SLIP_BYTES_MAX)
    except (zlib.error, CanonicalError) as error:
        raise ShapeError(f"expected the code of a receipt, got another: {error}") from error
    if not unpacked.eof or unpacked.unused_data:
        raise ShapeError("expected the whole code of a receipt, and nothing after it")
    return parts


def vouched_key(vouch: bytes, centre: Verifier) -> Vouch:
    """What the centre vouches for.

    Raises
    ------
    SignatureError
        If it is not signed by the centre.
    """
    return decode(Vouch, open_document(vouch, VOUCH, centre, SLIP_BYTES_MAX).body)


def open_slip(signed: bytes, station_key: Verifier, expected: Vouch) -> Slip:
    """A slip whose signature is by the key that is vouched for, of that very station.

    Raises
    ------
    SignatureError
        If it is by another key, or names another station.
    """
    document = open_document(signed, SLIP, station_key, SLIP_BYTES_MAX)
    slip = decode(Slip, document.body)
    key_id = key_id_of(bytes.fromhex(expected.public_key))
    if document.key_id != key_id or slip.station != expected.station:
        raise SignatureError(f"expected a receipt of {expected.station} by its own key")
    return slip


def base45(data: bytes) -> str:
    """Bytes in the characters of a QR code's alphanumeric mode (RFC 9285, section 4)."""
    found = []
    for at in range(0, len(data) - 1, 2):
        high, low = divmod(data[at] * 256 + data[at + 1], _BASE)
        found += [low, high % _BASE, high // _BASE]
    if len(data) % 2:
        found += [data[-1] % _BASE, data[-1] // _BASE]
    return "".join(_DIGITS[each] for each in found)


def from_base45(text: str) -> bytes:
    """The bytes of a base45 text.

    Raises
    ------
    ShapeError
        If it is none.
    """
    places = [_DIGITS.find(each) for each in text]
    if -1 in places or len(places) % 3 == 1:
        raise ShapeError("expected base45")
    found = bytearray()
    for at in range(0, len(places), 3):
        group = places[at : at + 3]
        value = sum(each * _BASE**power for power, each in enumerate(group))
        length = len(group) - 1
        if value >= 256**length:
            raise ShapeError("expected base45")
        found += value.to_bytes(length, "big")
    return bytes(found)
