"""ISO 11784/11785 animal tags, as readers tell them over a serial line.

The code is 64 bits (ISO 11784, with its amendment): animal flag, retagging counter (3),
user information (5), reserved (6), additional data flag, country or manufacturer (10),
national identification (38). Over the air follow 16 bits of CRC (ISO 11785: polynomial
x^16+x^12+x^5+1, sent least significant bit first, start 0: known as CRC-KERMIT).

What a line may look like (``_`` is a space):

==============================  ===========================================
``982000001088420``             15 digits, also as ``982_000001088420``
``LA_982_000001088420``         Allflex, line mode
``LA_00000_0_982_000001088420`` TIRIS S2000: reserved bits, data block flag
``3D6.000109B9A4``              dot hexadecimal
``8000F9DCBE991A14``            64 bits, most significant first
``…DCBE991A14_A1B2``            the same with its CRC in hexadecimal
``2858997D3B9F0001``            64 bits as sent, each byte's bits reversed
==============================  ===========================================

The last two are told apart from each other by the mapping's ``bit_order``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.canonical import sha256_hex
from edge_node.intake.adapters.mapping import ForeignDevice
from edge_node.intake.adapters.reading import (
    READINGS_MAX,
    ForeignMessageError,
    ForeignReading,
    Sighting,
    text_of,
    whole_of,
)

FORMAT = "ear-tags"
NATIONAL_BITS = 38
NATIONAL_MAX = 2**NATIONAL_BITS - 1
COUNTRY_MAX = 2**10 - 1
MANUFACTURER_FROM, TEST_CODE = 900, 999  # ICAR: 900–998 manufacturers, 999 tests only
REPEAT_MS = 60_000  # a reader without a clock that says the same lines again
READER_ERROR_MS = 60_000
LINE_CHARACTERS_MAX = 64
_AT_MS_MAX = 2**53 - 1
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FRAME = "\x02\x03\r\n \t"  # STX, ETX and ends of lines around what a reader says

_DECIMAL = re.compile(r"(?:L[AR] )?(\d{3})[ .]?(\d{12})")
_TIRIS = re.compile(r"L[AR] (\d{5}) ([01]) (\d{3}) (\d{12})")
_DOT = re.compile(r"([0-9A-F]{3})\.([0-9A-F]{10})")
_HEX = re.compile(r"([0-9A-F]{16})(?: ?([0-9A-F]{4}))?")


@dataclass(frozen=True, slots=True)
class AnimalCode:
    """An ISO 11784 code.

    ``country`` is ISO 3166-1 numeric, or a manufacturer from 900 on; ``retagged`` how
    often the animal got a new tag with the same number; ``checked`` whether a CRC was
    there and right.
    """

    country: int
    national: int
    is_animal: bool = True
    retagged: int = 0
    user: int = 0
    reserved: int = 0
    has_data: bool = False
    checked: bool = False

    def __post_init__(self) -> None:
        # 12 decimal digits hold more than 38 bits; such a number is no tag's.
        if not 0 <= self.national <= NATIONAL_MAX or not 0 <= self.country <= COUNTRY_MAX:
            raise ForeignMessageError(
                f"expected a country up to {COUNTRY_MAX} and a national code up to "
                f"{NATIONAL_MAX}, got {self.country} and {self.national}"
            )

    @property
    def digits(self) -> str:
        """The 15 digits that people and registers use."""
        return f"{self.country:03d}{self.national:012d}"

    @property
    def is_manufacturer(self) -> bool:
        """Whether the first three digits name a manufacturer and no country."""
        return MANUFACTURER_FROM <= self.country < TEST_CODE

    @property
    def is_test(self) -> bool:
        """Whether it is a code for tests, which no animal may carry."""
        return self.country == TEST_CODE


def crc_kermit(data: bytes) -> int:
    """CRC-16/KERMIT of bytes (ISO 11785, annex B); of ``123456789`` it is 0x2189."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1
    return crc


def code_of_bits(bits: int, *, checked: bool = False) -> AnimalCode:
    """The code in 64 bits, the animal flag being the most significant."""
    return AnimalCode(
        is_animal=bool(bits >> 63),
        retagged=bits >> 60 & 0x7,
        user=bits >> 55 & 0x1F,
        reserved=bits >> 49 & 0x3F,
        has_data=bool(bits >> 48 & 1),
        country=bits >> NATIONAL_BITS & COUNTRY_MAX,
        national=bits & NATIONAL_MAX,
        checked=checked,
    )


def bits_of_code(code: AnimalCode) -> int:
    """The 64 bits of a code."""
    head = code.is_animal << 15 | code.retagged << 12 | code.user << 7 | code.reserved << 1
    return (head | code.has_data) << 48 | code.country << NATIONAL_BITS | code.national


def read_line(line: str, *, bits_reversed: bool = False) -> AnimalCode:
    """The code in a reader's line.

    Parameters
    ----------
    line
        As the reader sent it, with or without its frame.
    bits_reversed
        Whether this reader tells hexadecimal codes in the order of transmission.

    Raises
    ------
    ForeignMessageError
        If the line is of no known form, a number is too large, or the CRC is wrong.
    """
    text = line.strip(_FRAME).upper()
    if found := _DECIMAL.fullmatch(text):
        return AnimalCode(int(found[1]), int(found[2]), is_animal=not text.startswith("LR"))
    if found := _TIRIS.fullmatch(text):
        return _of_tiris(found, is_animal=text.startswith("LA"))
    if found := _DOT.fullmatch(text):
        return AnimalCode(int(found[1], 16), int(found[2], 16))
    if found := _HEX.fullmatch(text):
        return _of_hex(bytes.fromhex(found[1]), found[2], bits_reversed=bits_reversed)
    raise ForeignMessageError(f"expected a line with an ISO 11784 code, got {line[:40]!r}")


def read_reads(body: Any, device_of: Mapping[str, ForeignDevice]) -> tuple[ForeignReading, ...]:
    """The tags of one pass of a reader: ``{"reader", "at_ms", "error_ms", "lines": […]}``.

    Raises
    ------
    ForeignMessageError
        If it is of another shape or a line cannot be read.
    """
    lines = body.get("lines") if isinstance(body, dict) else None
    if not isinstance(lines, list) or not 1 <= len(lines) <= READINGS_MAX:
        raise ForeignMessageError(f"expected a reader's pass with 1 to {READINGS_MAX} lines")
    reader = text_of(body, "reader", 64)
    device = device_of.get(reader)
    sightings = {}
    for line in lines:
        if not isinstance(line, str) or len(line) > LINE_CHARACTERS_MAX:
            raise ForeignMessageError(f"expected lines of up to {LINE_CHARACTERS_MAX} characters")
        code = read_line(line, bits_reversed=bool(device and device.bits_reversed))
        if code.is_animal and not code.is_test:
            sightings[code.digits] = Sighting(code.digits, code.retagged, code.checked)
    seen = tuple(sightings[tag] for tag in sorted(sightings))
    said = sha256_hex("\n".join(each.tag for each in seen).encode())[:32]
    at_ms = whole_of(body, "at_ms", _AT_MS_MAX) if "at_ms" in body else None
    return (
        ForeignReading(
            foreign_id=reader,
            key=said,
            window_ms=REPEAT_MS,
            at_ms=at_ms,
            error_ms=whole_of(body, "error_ms", _AT_MS_MAX, READER_ERROR_MS),
            quantities={"animals": Decimal(len(seen))},
            sightings=seen,
        ),
    )


def _of_tiris(found: re.Match[str], *, is_animal: bool) -> AnimalCode:
    """A TIRIS line: five digits hold the 14 bits between the animal flag and the data flag."""
    middle = int(found[1])
    if middle >= 2**14:
        raise ForeignMessageError(f"expected reserved bits below 16384, got {middle}")
    return AnimalCode(
        country=int(found[3]),
        national=int(found[4]),
        is_animal=is_animal,
        retagged=middle >> 11,
        user=middle >> 6 & 0x1F,
        reserved=middle & 0x3F,
        has_data=found[2] == "1",
    )


def _of_hex(raw: bytes, crc: str | None, *, bits_reversed: bool) -> AnimalCode:
    # Over the air the least significant bit goes first; the CRC is over those bytes.
    sent = bytes(_REVERSED[byte] for byte in raw) if bits_reversed else raw[::-1]
    if crc is not None and crc_kermit(sent) != int(crc, 16):
        raise ForeignMessageError(f"the checksum of {raw.hex().upper()} is not {crc}: read again")
    return code_of_bits(int.from_bytes(sent, "little"), checked=crc is not None)
