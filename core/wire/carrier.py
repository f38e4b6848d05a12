"""A carrier's file: the documents of a link, one after the other, for a stick or a tablet.

``HLS1``, then for each document four bytes of length (big-endian) and the document:
sealed envelopes, signed receipts and signed pulls. Whoever carries the file can neither
read the envelopes nor change a byte unnoticed; its name says nothing. Statement N10 of
docs/wire.md. Reading is by a function that gives the next bytes, as a file's ``read``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core.errors import EnvelopeDamagedError
from core.wire.envelope import HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX

MAGIC = b"HLS1"
LENGTH_BYTES = 4
DOCUMENT_BYTES_MAX = PAYLOAD_BYTES_MAX + HEADER_BYTES_MAX + 1024
DOCUMENTS_MAX = 4000


def framed(document: bytes) -> bytes:
    """A document with its length before it.

    Raises
    ------
    EnvelopeDamagedError
        If it is empty or larger than a reader takes.
    """
    if not 0 < len(document) <= DOCUMENT_BYTES_MAX:
        raise EnvelopeDamagedError(
            f"expected a document of 1 to {DOCUMENT_BYTES_MAX} bytes, got {len(document)}"
        )
    return len(document).to_bytes(LENGTH_BYTES, "big") + document


def documents_in(read: Callable[[int], bytes], name: str) -> Iterator[bytes]:
    """The documents of a file, one after the other; never more than one in memory.

    Parameters
    ----------
    read
        Gives the next bytes, at most so many; fewer at the end.
    name
        The file's name, for people.

    Raises
    ------
    EnvelopeDamagedError
        If it is not a carrier's file, or it is cut off; what came before was given.
    """
    if read(len(MAGIC)) != MAGIC:
        raise EnvelopeDamagedError(f"expected a file of envelopes (HLS1), got another at {name}")
    for _ in range(DOCUMENTS_MAX):
        length_bytes = read(LENGTH_BYTES)
        if not length_bytes:
            return
        length = int.from_bytes(length_bytes, "big")
        document = read(length) if length <= DOCUMENT_BYTES_MAX else b""
        if len(length_bytes) < LENGTH_BYTES or len(document) != length or not document:
            raise EnvelopeDamagedError(
                f"expected a document of {length} bytes in {name}, it is cut off: copy it again"
            )
        yield document
    if read(1):
        raise EnvelopeDamagedError(f"expected at most {DOCUMENTS_MAX} documents in {name}")
