"""The same envelopes on a USB stick: one file of documents with their lengths before them.

``HLS1``, then for each document four bytes of length (big-endian) and the document:
sealed envelopes and signed receipts or pulls, in order of urgency. Whoever carries
the file can neither read the envelopes nor change a byte unnoticed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.errors import EnvelopeDamagedError, HarvestlineError
from core.lending.lease import Clock
from core.wire.envelope import HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX, peek
from edge_node.store import logs, outbox
from edge_node.store.database import DiskFullError, StationDatabase, StoreError
from edge_node.sync.applying import Applied, Fate, apply_envelope
from edge_node.sync.daily import log_settled_features
from edge_node.sync.peers import Ends
from edge_node.sync.pulling import pull_document
from edge_node.sync.pushing import UP_LOGS, is_receipt, next_envelope, take_receipt

MAGIC = b"HLS1"
LENGTH_BYTES = 4
DOCUMENT_BYTES_MAX = PAYLOAD_BYTES_MAX + HEADER_BYTES_MAX + 1024
DOCUMENTS_MAX = 4000


class StickError(HarvestlineError):
    """A file cannot be written or read as a file of envelopes."""

    code = "HL-EDGE-015"


@dataclass(frozen=True, slots=True)
class Exported:
    """What stands in a file."""

    documents_count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file brought."""

    applied_count: int
    known_count: int
    held_count: int
    receipts_count: int
    refused: tuple[str, ...]


def export_file(db: StationDatabase, ends: Ends, path: Path, clock: Clock) -> Exported:
    """Write all that has no receipt yet, and where this station stands, by rename.

    Raises
    ------
    StickError
        If the file cannot be written.
    """
    log_settled_features(db, ends.desk, clock)
    documents = [pull_document(db, ends, clock), *_unsent(db, ends)]
    data = MAGIC + b"".join(len(d).to_bytes(LENGTH_BYTES, "big") + d for d in documents)
    temporary = path.with_name(path.name + ".new")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StickError(f"expected to write {path}: {error}") from error
    return Exported(len(documents), len(data))


def import_file(db: StationDatabase, ends: Ends, path: Path, clock: Clock) -> Imported:
    """Apply a file's envelopes and receipts; a bad one is kept aside, the others go on.

    Raises
    ------
    StickError
        If the file cannot be read, or is not a file of envelopes.
    """
    fates: list[Fate] = []
    refused: list[str] = []
    receipts = 0
    for document in read_documents(path):
        if document[:1] == b"{":
            receipts += _take(db, ends, document, refused, clock)
            continue
        applied: Applied = apply_envelope(db, ends, document, path.name, clock)
        fates.append(applied.fate)
        refused += [applied.problem] if applied.problem else []
        refused += applied.refusals
    return Imported(
        applied_count=fates.count(Fate.APPLIED),
        known_count=fates.count(Fate.KNOWN),
        held_count=fates.count(Fate.HELD),
        receipts_count=receipts,
        refused=tuple(refused),
    )


def read_documents(path: Path) -> Iterator[bytes]:
    """The documents of a file, one after the other.

    Raises
    ------
    StickError
        If the file cannot be read.
    EnvelopeDamagedError
        If it is not a file of envelopes, or it is cut off; what came before was given.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise EnvelopeDamagedError(f"expected a file of envelopes (HLS1) at {path}")
            yield from _documents(file, path)
    except OSError as error:
        raise StickError(f"expected to read {path}: {error}") from error


def _documents(file: BinaryIO, path: Path) -> Iterator[bytes]:
    for _ in range(DOCUMENTS_MAX):
        length_bytes = file.read(LENGTH_BYTES)
        if not length_bytes:
            return
        length = int.from_bytes(length_bytes, "big")
        document = file.read(length) if length <= DOCUMENT_BYTES_MAX else b""
        if len(length_bytes) < LENGTH_BYTES or len(document) != length or not document:
            raise EnvelopeDamagedError(
                f"expected a document of {length} bytes in {path}, it is cut off: copy it again"
            )
        yield document
    if file.read(1):
        raise EnvelopeDamagedError(f"expected at most {DOCUMENTS_MAX} documents in {path}")


def _unsent(db: StationDatabase, ends: Ends) -> Iterator[bytes]:
    for log in UP_LOGS:
        after, last = outbox.delivered(db, log).seq, logs.tail(db, log).seq
        while after < last:
            data = next_envelope(db, ends, log, after)
            if data is None:
                break
            yield data
            after = peek(data).last


def _take(
    db: StationDatabase, ends: Ends, document: bytes, refused: list[str], clock: Clock
) -> int:
    try:
        if not is_receipt(document):
            raise EnvelopeDamagedError("expected an envelope or a receipt, got another document")
        take_receipt(db, ends, document, clock)
    except (StoreError, DiskFullError):
        raise
    except HarvestlineError as error:
        refused.append(f"{error.code}: {error}")
        return 0
    return 1
