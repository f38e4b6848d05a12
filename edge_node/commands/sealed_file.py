"""A long file that is sealed under a passphrase, written and read piece by piece.

``HLB1``, the length of the header, the header (canonical JSON, readable: whose it is and how
the key is made), then pieces of one MiB, each sealed; the last says that it is the last.
Nothing of a piece is given out before it was verified.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from core.canonical import canonical_bytes, parse_canonical, sha256_hex
from core.errors import CanonicalError, HarvestlineError, ShapeError, SignatureError
from core.shape import decode, encode
from edge_node.keys import SALT_BYTES, PieceSealer, stretch

MAGIC = b"HLB1"
PIECE_BYTES = 1024 * 1024
HEADER_BYTES_MAX = 4096
PASSPHRASE_CHARACTERS_MIN = 12
_TAG_BYTES = 16
_LENGTH_BYTES = 4


class BackupError(HarvestlineError):
    """A backup cannot be made or used here: the message says what does not fit."""

    code = "HL-EDGE-037"


class BackupAlteredError(HarvestlineError):
    """A backup was altered or cut off, or the secret is another."""

    code = "HL-EDGE-038"


@dataclass(frozen=True, slots=True)
class BackupHeader:
    """What can be read of a backup without its secret."""

    station: str
    key_id: str
    schema: int
    release: str
    at_ms: int
    salt: str


class SealingWriter(io.RawIOBase):
    """Seals what is written to it; :meth:`finish` writes the last piece."""

    def __init__(self, file: IO[bytes], header: BackupHeader, passphrase: str) -> None:
        text = canonical_bytes(encode(header))
        self._file, self._number, self._held = file, 0, bytearray()
        self._sealer = PieceSealer(_key(passphrase, header), sha256_hex(text).encode())
        file.write(MAGIC + len(text).to_bytes(_LENGTH_BYTES, "big") + text)

    def writable(self) -> bool:
        """Whether it may be written to: always."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Take bytes; whole pieces go out."""
        self._held += data
        while len(self._held) > PIECE_BYTES:
            self._out(bytes(self._held[:PIECE_BYTES]), last=False)
            del self._held[:PIECE_BYTES]
        return len(data)

    def finish(self) -> None:
        """Write what is left as the last piece."""
        self._out(bytes(self._held), last=True)
        self._held.clear()

    def _out(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._sealer.seal(self._number, piece, last=last))
        self._number += 1


class OpeningReader(io.RawIOBase):
    """Reads what was sealed; raises at the first piece that is not as it was written."""

    def __init__(self, file: IO[bytes], header: BackupHeader, passphrase: str) -> None:
        context = sha256_hex(canonical_bytes(encode(header))).encode()
        self._file, self._number, self._held = file, 0, bytearray()
        self._sealer = PieceSealer(_key(passphrase, header), context)
        self._next = file.read(PIECE_BYTES + _TAG_BYTES)
        self._ended = False

    def readable(self) -> bool:
        """Whether it may be read: always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes of what was sealed; all of it without a size."""
        while not self._ended and (size < 0 or len(self._held) < size):
            self._held += self._piece()
        count = len(self._held) if size < 0 else size
        found = bytes(self._held[:count])
        del self._held[:count]
        return found

    def _piece(self) -> bytes:
        sealed, self._next = self._next, self._file.read(PIECE_BYTES + _TAG_BYTES)
        self._ended = not self._next
        try:
            piece = self._sealer.open(self._number, sealed, last=self._ended)
        except SignatureError as error:
            raise BackupAlteredError(f"{error}, or the file was cut off") from error
        self._number += 1
        return piece


def read_header(file: IO[bytes]) -> BackupHeader:
    """The readable header of a backup; the file stands behind it.

    Raises
    ------
    BackupError
        If this is no backup.
    """
    begin = file.read(len(MAGIC) + _LENGTH_BYTES)
    length = int.from_bytes(begin[len(MAGIC) :], "big")
    if begin[: len(MAGIC)] != MAGIC or length > HEADER_BYTES_MAX:
        raise BackupError(f"expected a backup of a station (HLB1), got {begin[:4]!r}")
    try:
        return decode(BackupHeader, parse_canonical(file.read(length), HEADER_BYTES_MAX))
    except (CanonicalError, ShapeError) as error:
        raise BackupError(f"the backup's header cannot be read: {error}") from error


def require_passphrase(passphrase: str) -> str:
    """Return a passphrase if it is long enough.

    Raises
    ------
    BackupError
        If it is not.
    """
    if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
        raise BackupError(f"expected a passphrase of {PASSPHRASE_CHARACTERS_MIN} characters")
    return passphrase


def fresh_salt(entropy: Callable[[int], bytes]) -> str:
    """The salt of one backup, in hexadecimal."""
    return entropy(SALT_BYTES).hex()


def _key(passphrase: str, header: BackupHeader) -> bytes:
    try:
        salt = bytes.fromhex(header.salt)
    except ValueError as error:
        raise BackupError("expected a salt in hexadecimal in the backup's header") from error
    return stretch(require_passphrase(passphrase).encode(), salt)
