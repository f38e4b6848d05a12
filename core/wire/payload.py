"""The payload of an envelope: inflated within a bound, and cut into its records.

A payload is ``{"records":[…]}`` in canonical spelling. It is never parsed as a whole: its
size, its values and its depth are bounded first, by looking at the bytes; then each record
is cut out and parsed by itself. So what a reader needs beside the records themselves is
the inflated bytes and one record, whatever a hostile writer signed. Statements N4 and N11
of docs/wire.md.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from core.canonical import DEPTH_MAX, parse_canonical
from core.errors import CanonicalError, EnvelopeDamagedError

# Sixteen times what a station packs at once, twice what a centre may.
RAW_BYTES_MAX = 8 * 1024 * 1024
# In memory a value takes up to a hundred bytes, on the wire as little as two: what an
# honest run never holds is refused before it is parsed.
VALUES_MAX = 500_000
RECORD_BYTES_MAX = 1024 * 1024  # the largest, a model, has a quarter of it
OPENING, CLOSING = b'{"records":[', b"]}"
# A string as a whole, or a bracket. Possessive: no way back is kept, and none is needed.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{}]', re.DOTALL)
_RECORD_DEPTH_MAX = DEPTH_MAX - 1  # a record is hashed as a part of an object


def join(records: Sequence[bytes], records_max: int) -> bytes:
    """The payload of records in canonical spelling, not yet compressed.

    Raises
    ------
    EnvelopeDamagedError
        If they are more, larger, or of more values than a reader takes.
    """
    raw = OPENING + b",".join(records) + CLOSING
    longest = max(len(record) for record in records)
    if len(raw) > RAW_BYTES_MAX or len(records) > records_max or longest > RECORD_BYTES_MAX:
        raise EnvelopeDamagedError(
            f"expected at most {records_max} records and {RAW_BYTES_MAX} bytes, "
            f"{RECORD_BYTES_MAX} each, got {len(records)}, {len(raw)} and {longest}: "
            "send fewer at once"
        )
    _require_few_values(raw)
    return raw


def inflate(payload: bytes, raw_bytes: int) -> bytes:
    """The records' bytes, if they are as many as the header says.

    Raises
    ------
    EnvelopeDamagedError
        If they are more than is allowed, or others than the header says.
    """
    if not 0 < raw_bytes <= RAW_BYTES_MAX:
        raise EnvelopeDamagedError(f"expected at most {RAW_BYTES_MAX} bytes, got {raw_bytes}")
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(payload, raw_bytes + 1)
    except zlib.error as error:
        raise EnvelopeDamagedError(f"payload does not decompress: {error}") from error
    if len(raw) != raw_bytes:
        raise EnvelopeDamagedError(f"expected {raw_bytes} bytes of records, got {len(raw)}")
    return raw


def records_in(raw: bytes, records_max: int) -> Iterator[tuple[dict[str, Any], int, bytes]]:
    """The records as they were written, each parsed when it is asked for.

    Of each what it says, the byte at which it begins, and its bytes.

    Raises
    ------
    EnvelopeDamagedError
        If they are too many, hold too many values, or are not canonical.
    """
    _require_few_values(raw)
    if not (raw.startswith(OPENING) and raw.endswith(CLOSING)):
        raise EnvelopeDamagedError(f"expected {OPENING.decode()}…{CLOSING.decode()}, got another")
    for count, (start, end) in enumerate(_places(raw), start=1):
        if count > records_max:
            raise EnvelopeDamagedError(f"expected at most {records_max} records, got more")
        written = raw[start:end]
        try:
            yield parse_canonical(written, RECORD_BYTES_MAX), start, written
        except CanonicalError as error:
            raise EnvelopeDamagedError(f"record {count} cannot be read: {error}") from error


def _require_few_values(raw: bytes) -> None:
    values = sum(raw.count(mark) for mark in (b",", b"[", b"{"))
    if values > VALUES_MAX:
        raise EnvelopeDamagedError(
            f"expected at most {VALUES_MAX} values, got about {values}: send fewer at once"
        )


def _places(raw: bytes) -> Iterator[tuple[int, int]]:
    """Where each record begins and ends; between them stands a comma and nothing else."""
    start, last = len(OPENING), len(raw) - len(CLOSING)
    while start < last:
        end = _end_of_object(raw, start, last)
        if end - start > RECORD_BYTES_MAX:
            raise EnvelopeDamagedError(f"expected records of at most {RECORD_BYTES_MAX} bytes")
        yield start, end
        if end != last and (raw[end : end + 1] != b"," or end + 1 == last):
            raise EnvelopeDamagedError(f"expected a comma and a record at byte {end}")
        start = end + 1


def _end_of_object(raw: bytes, start: int, last: int) -> int:
    """The position after the object that begins at ``start``."""
    depth = 0
    if raw[start : start + 1] == b"{":
        for token in _TOKEN.finditer(raw, start, last):
            mark = token.group()
            if mark in (b"{", b"["):
                depth += 1
                if depth > _RECORD_DEPTH_MAX:
                    raise EnvelopeDamagedError(f"expected at most {DEPTH_MAX} levels, got more")
            elif mark in (b"}", b"]"):
                depth -= 1
                if depth == 0:
                    return token.end()
    raise EnvelopeDamagedError(f"expected a record at byte {start}, got none that ends")
