"""Receipts on paper: 58 mm, 384 dots wide, black or white, as thermal printers take them.

The screen draws the receipt, for it shapes every script; the station takes the dots, wraps
them in ESC/POS and hands them to the printer's device file.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from edge_node.decide.receipts import ReceiptError

DOTS_WIDE = 384
ROW_BYTES = DOTS_WIDE // 8
ROWS_MAX = 2400  # 30 cm of paper
_BAND_ROWS = 240
_START, _FEED, _CUT = b"\x1b@", b"\x1bd\x04", b"\x1dVB\x00"


def unpack_dots(packed: bytes) -> bytes:
    """A receipt's dots, row by row, eight a byte, black is 1, out of what the screen sent.

    Raises
    ------
    ReceiptError
        If they are no whole rows of 384 dots, or too many.
    """
    try:
        dots = zlib.decompressobj().decompress(packed, ROW_BYTES * ROWS_MAX + 1)
    except zlib.error as error:
        raise ReceiptError(f"expected a receipt's dots, compressed: {error}") from error
    if not dots or len(dots) % ROW_BYTES or len(dots) > ROW_BYTES * ROWS_MAX:
        raise ReceiptError(
            f"expected 1 to {ROWS_MAX} rows of {DOTS_WIDE} dots, got {len(dots)} bytes"
        )
    return dots


def escpos(dots: bytes) -> bytes:
    """The bytes that print rows of dots, feed and cut (ESC/POS, raster bit images)."""
    found = bytearray(_START)
    for at in range(0, len(dots), ROW_BYTES * _BAND_ROWS):
        band = dots[at : at + ROW_BYTES * _BAND_ROWS]
        rows = len(band) // ROW_BYTES
        found += b"\x1dv0\x00" + ROW_BYTES.to_bytes(2, "little") + rows.to_bytes(2, "little") + band
    return bytes(found) + _FEED + _CUT


def print_to(device: Path, data: bytes) -> None:
    """Hand bytes to a printer.

    Raises
    ------
    ReceiptError
        If there is no printer, or it takes nothing now.
    """
    try:
        handle = os.open(device, os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND)
        try:
            sent = 0
            while sent < len(data):
                sent += os.write(handle, data[sent:])
        finally:
            os.close(handle)
    except OSError as error:
        raise ReceiptError(f"expected a printer at {device} that takes paper: {error}") from error
