"""The same envelopes on a USB stick or an agent's device: one carrier's file each way.

Written in order of urgency, so that a file that is full or cut off has what matters
most. What is bad in a file is refused by name; the rest of it goes on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.canonical import canonical_bytes, sha256_hex
from core.errors import EnvelopeDamagedError, HarvestlineError
from core.lending.lease import Clock
from core.wire.carrier import DOCUMENTS_MAX, MAGIC, documents_in, framed
from core.wire.envelope import peek
from edge_node.files import whole_file
from edge_node.store import logs, outbox
from edge_node.store.box import may_write
from edge_node.store.database import DiskFullError, StationDatabase, StoreError
from edge_node.sync.applying import Applied, Fate, apply_envelope
from edge_node.sync.daily import log_settled_features
from edge_node.sync.peers import Ends
from edge_node.sync.pulling import pull_document
from edge_node.sync.pushing import UP_LOGS, is_receipt, next_envelope, take_receipt

FILE_BYTES_MAX = 1024 * 1024 * 1024  # of one export


class StickError(HarvestlineError):
    """A file cannot be written or read as a file of envelopes."""

    code = "HL-EDGE-015"


@dataclass(frozen=True, slots=True)
class Exported:
    """What stands in a file, and whether that is all that waited."""

    documents_count: int
    size_bytes: int
    complete: bool = True


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
    try:
        with whole_file(path) as file:
            exported = export_to(db, ends, file, clock)
    except OSError as error:
        raise StickError(f"expected to write {path}: {error}") from error
    return exported


def export_to(
    db: StationDatabase, ends: Ends, file: IO[bytes], clock: Clock, bytes_max: int = FILE_BYTES_MAX
) -> Exported:
    """Write the same into an open file, most urgent first, as much as the bounds allow.

    What does not fit goes with the next file, after the receipts for this one.
    """
    unsent: Iterator[bytes] = iter(())
    if may_write(db):  # a box that waits to be confirmed only asks
        log_settled_features(db, ends.desk, clock)
        unsent = _unsent(db, ends)
    size_bytes, count = file.write(MAGIC), 0
    for document in itertools.chain((pull_document(db, ends, clock),), unsent):
        piece = framed(document)
        if size_bytes + len(piece) > bytes_max or count >= DOCUMENTS_MAX:
            return Exported(count, size_bytes, complete=False)
        size_bytes, count = size_bytes + file.write(piece), count + 1
    return Exported(count, size_bytes)


def cargo_state(db: StationDatabase, ends: Ends, clock: Clock, unlinked_ms: int) -> str:
    """Differs when what a carrier would be given has changed; empty if there is a link.

    Parameters
    ----------
    unlinked_ms
        A station that reached the centre within so long needs no carrier [ms].
    """
    link = outbox.link_state(db)
    if link.up and 0 <= clock.at_ms - link.reached_at_ms < unlinked_ms:
        return ""
    up = [[log.value, outbox.delivered(db, log).seq, logs.tail(db, log).head] for log in UP_LOGS]
    return sha256_hex(canonical_bytes([["down", logs.down_tail(db, ends.down).seq], *up]))


def import_file(db: StationDatabase, ends: Ends, path: Path, clock: Clock) -> Imported:
    """Apply a file's envelopes and receipts; a bad one is kept aside, the others go on.

    Raises
    ------
    StickError
        If the file cannot be read.
    EnvelopeDamagedError
        If it is not a carrier's file, or it is cut off; what came before was applied.
    """
    try:
        with path.open("rb") as file:
            return import_from(db, ends, file, path.name, clock)
    except OSError as error:
        raise StickError(f"expected to read {path}: {error}") from error


def import_from(
    db: StationDatabase, ends: Ends, file: IO[bytes], name: str, clock: Clock
) -> Imported:
    """Apply what an open file holds.

    Raises
    ------
    EnvelopeDamagedError
        If it is not a carrier's file, or it is cut off; what came before was applied.
    """
    fates: list[Fate] = []
    refused: list[str] = []
    receipts = 0
    for document in documents_in(file.read, name):
        if document[:1] == b"{":
            receipts += _take(db, ends, document, refused, clock)
            continue
        applied: Applied = apply_envelope(db, ends, document, name, clock)
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
        take_receipt(db, ends, document, clock, carried=True)
    except (StoreError, DiskFullError):
        raise
    except HarvestlineError as error:
        refused.append(f"{error.code}: {error}")
        return 0
    return 1
