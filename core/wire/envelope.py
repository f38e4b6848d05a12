"""Envelopes: one way to sync, any carrier.

Every writer keeps append-only logs, one per class, whose records are chained by
hash. An envelope is a run of one log: magic, header length, canonical header, the
writer's signature over the header, payload. The payload is the records' canonical
JSON, compressed with zlib and, where the header names a recipient, sealed so that
the carrier cannot read it. The header binds the payload by hash. Statements
N1–N11 of docs/wire.md.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from core.canonical import canonical_bytes, parse_canonical, sha256_hex
from core.errors import CanonicalError, ChainBrokenError, EnvelopeDamagedError, ShapeError
from core.shape import decode, encode
from core.signing import (
    SIGNATURE_BYTES,
    DocumentType,
    Opener,
    Sealer,
    Signer,
    Verifier,
    bytes_to_sign,
)
from core.wire.chain import (
    GENESIS,
    Link,
    LogClass,
    LogName,
    Record,
    chain_head,
    read_link,
    record_hash,
    text_hash,
)
from core.wire.payload import inflate, join, records_in

__all__ = (
    "ENVELOPE",
    "GENESIS",
    "HEADER_BYTES_MAX",
    "MAGIC",
    "PAYLOAD_BYTES_MAX",
    "PULL",
    "RECEIPT",
    "RECORDS_MAX",
    "SOFTWARE_CHARACTERS_MAX",
    "Envelope",
    "Header",
    "Link",
    "LogClass",
    "LogName",
    "MachineState",
    "Placement",
    "Pull",
    "Receipt",
    "Record",
    "chain_head",
    "fresh_from",
    "fresh_records",
    "pack",
    "peek",
    "place",
    "record_hash",
    "signed_head",
    "text_hash",
    "unpack",
    "verify_head",
)

ENVELOPE = DocumentType("envelope", 1)
RECEIPT = DocumentType("receipt", 1)
PULL = DocumentType("pull", 1)
MAGIC = b"HLE1"
HEADER_BYTES_MAX = 4096
PAYLOAD_BYTES_MAX = 8 * 1024 * 1024
RECORDS_MAX = 5000
SOFTWARE_CHARACTERS_MAX = 64
_PREFIX_BYTES = len(MAGIC) + 4


@dataclass(frozen=True, slots=True)
class Header:
    """What the writer signs."""

    writer: str
    log: LogClass
    stream: str
    first: int
    last: int
    previous: str
    head: str
    payload_sha256: str
    raw_bytes: int
    key_id: str
    recipient: str = ""

    @property
    def name(self) -> LogName:
        """The log that this is a run of."""
        return LogName(self.writer, self.log, self.stream)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A verified run of records, whose chain holds from ``previous`` to ``head``.

    ``links`` holds the link of each; ``raw`` is the payload that they came in.
    """

    header: Header
    records: tuple[Record, ...]
    links: tuple[Link, ...]
    raw: bytes
    sha256: str

    def body_text(self, number: int) -> str:
        """The canonical text of a record's body; ``number`` counts from 0."""
        link = self.links[number]
        if link.end:
            return self.raw[link.start : link.end].decode()
        return canonical_bytes(self.records[number].body).decode()


@dataclass(frozen=True, slots=True)
class Receipt:
    """Everything of this log up to ``high_water`` is durable at the receiver."""

    writer: str
    log: LogClass
    stream: str
    high_water: int
    head: str


@dataclass(frozen=True, slots=True)
class MachineState:
    """What a station says of its own machine when it asks.

    Parameters
    ----------
    software
        The version that runs.
    disk_free_bytes, database_bytes
        Free where the database is, and the database with its write-ahead log.
    backlog_records, backlog_bytes, backlog_age_ms
        What the centre has not receipted of all logs; the age of its oldest.
    clock_error_ms
        How far the station takes its clock to be off at most; negative if it does not know.
    """

    software: str
    disk_free_bytes: int
    database_bytes: int
    backlog_records: int
    backlog_bytes: int
    backlog_age_ms: int
    clock_error_ms: int

    def __post_init__(self) -> None:
        if not 0 < len(self.software) <= SOFTWARE_CHARACTERS_MAX:
            raise ShapeError(f"expected a version of 1 to {SOFTWARE_CHARACTERS_MAX} characters")
        counted = (self.disk_free_bytes, self.database_bytes, self.backlog_records,
                   self.backlog_bytes, self.backlog_age_ms)  # fmt: skip
        if min(counted) < 0:
            raise ShapeError(f"expected sizes, counts and ages from 0 on, got {min(counted)}")


@dataclass(frozen=True, slots=True)
class Pull:
    """A station asks for the centre's log after ``after``; that is also its receipt.

    ``bytes_max`` asks for a run of at most so many bytes of records, for a link that
    carries no more at once; one record comes in any case. ``machine`` is told where the
    link has room for it.
    """

    station: str
    after: int
    head: str
    at_ms: int
    bytes_max: int | None = None
    machine: MachineState | None = None


def pack(
    name: LogName,
    previous: str,
    records: Sequence[Record],
    signer: Signer,
    seal_for: tuple[str, Sealer] | None = None,
) -> bytes:
    """The bytes of an envelope with a run of records.

    Parameters
    ----------
    previous
        Hash of the record before the first; ``GENESIS`` at the start of a log.
    seal_for
        The recipient's key id and who can seal to it; None leaves it readable.

    Raises
    ------
    ChainBrokenError
        If the run is empty or its numbers have a hole.
    EnvelopeDamagedError
        If it is larger than an envelope may be.
    """
    _require_run(records)
    raw = join([canonical_bytes(encode(record)) for record in records], RECORDS_MAX)
    payload = zlib.compress(raw, 9)
    first, last = records[0].seq, records[-1].seq
    if seal_for is not None:
        recipient, sealer = seal_for
        payload = sealer.seal(recipient, payload, _seal_context(name, first, last))
    header = Header(
        writer=name.writer,
        log=name.log,
        stream=name.stream,
        first=first,
        last=last,
        previous=previous,
        head=chain_head(name, previous, records),
        payload_sha256=sha256_hex(payload),
        raw_bytes=len(raw),
        key_id=signer.key_id,
        recipient=seal_for[0] if seal_for else "",
    )
    text = canonical_bytes(encode(header))
    signature = signer.sign(bytes_to_sign(ENVELOPE, text))
    return MAGIC + len(text).to_bytes(4, "big") + text + signature + payload


def peek(data: bytes) -> Header:
    """The header of an envelope, not yet verified: enough to route it.

    Raises
    ------
    EnvelopeDamagedError
        If this is not an envelope, or it is cut off before its payload.
    """
    return _split(data)[0]


def signed_head(data: bytes) -> tuple[bytes, bytes]:
    """An envelope's header and the writer's signature over it, to be kept as its word.

    Raises
    ------
    EnvelopeDamagedError
        If this is not an envelope, or it is cut off before its payload.
    """
    _, text, signature, _ = _split(data)
    return text, signature


def verify_head(text: bytes, signature: bytes, verifier: Verifier) -> Header:
    """The header that a writer signed, from what :func:`signed_head` gave.

    Raises
    ------
    HarvestlineError
        If it is no header, or the signature is not its writer's.
    """
    header = decode(Header, parse_canonical(text, HEADER_BYTES_MAX))
    verifier.verify(header.key_id, bytes_to_sign(ENVELOPE, text), signature)
    return header


def unpack(data: bytes, verifier: Verifier, opener: Opener | None = None) -> Envelope:
    """Verify an envelope and read its records.

    Raises
    ------
    EnvelopeDamagedError
        If it is truncated, altered, too large, or sealed and no opener is given.
    SignatureError
        If the writer's signature does not verify or the seal is not for this key.
    ChainBrokenError
        If the records do not lead from ``previous`` to ``head``.
    """
    header, text, signature, payload = _split(data)
    verifier.verify(header.key_id, bytes_to_sign(ENVELOPE, text), signature)
    if sha256_hex(payload) != header.payload_sha256:
        raise EnvelopeDamagedError("expected the payload that the header names, got another")
    if header.recipient:
        if opener is None:
            raise EnvelopeDamagedError(f"sealed for {header.recipient}; this reader has no key")
        payload = opener.open(payload, _seal_context(header.name, header.first, header.last))
    raw = inflate(payload, header.raw_bytes)
    records, links = _read_records(header, raw)
    _require_run(records)
    numbers = (records[0].seq, records[-1].seq)
    if links[-1].hash != header.head or numbers != (header.first, header.last):
        raise ChainBrokenError(
            f"{header.writer}/{header.log.value} {header.first}–{header.last}: records do not "
            "lead to the signed head"
        )
    return Envelope(header, records, links, raw, sha256_hex(data))


class Placement(Enum):
    """Where a verified envelope stands against what the receiver has."""

    NEXT = "next"  # it holds at least one new record and follows without a hole
    KNOWN = "known"  # all of it was applied before
    EARLY = "early"  # records before it are missing: hold it


def place(header: Header, high_water: int) -> Placement:
    """Whether an envelope is next, known, or early for a receiver at ``high_water``."""
    if header.last <= high_water:
        return Placement.KNOWN
    return Placement.NEXT if header.first <= high_water + 1 else Placement.EARLY


def fresh_records(envelope: Envelope, high_water: int, head: str) -> tuple[Record, ...]:
    """The records above ``high_water``, after checking that they follow ``head``.

    Raises
    ------
    ChainBrokenError
        If the writer's chain forked from what was received before, or a hole is left.
    """
    return envelope.records[fresh_from(envelope, high_water, head) :]


def fresh_from(envelope: Envelope, high_water: int, head: str) -> int:
    """How many of an envelope's records are at most ``high_water``; the rest follow ``head``.

    Raises
    ------
    ChainBrokenError
        If the writer's chain forked from what was received before, or a hole is left.
    """
    header = envelope.header
    if place(header, high_water) is Placement.EARLY:
        raise ChainBrokenError(f"expected record {high_water + 1}, got {header.first} first")
    known = min(high_water + 1 - header.first, len(envelope.records))
    before = envelope.links[known - 1].hash if known else header.previous
    if before != head and header.last >= high_water:
        raise ChainBrokenError(
            f"{header.writer}/{header.log.value}: record {high_water} differs from the one "
            "received before; the writer's log has forked"
        )
    return known


def _require_run(records: Sequence[Record]) -> None:
    if not records:
        raise ChainBrokenError("expected at least one record, got none")
    first = records[0].seq
    if first < 1 or [r.seq for r in records] != list(range(first, first + len(records))):
        raise ChainBrokenError(f"expected consecutive records from {first}, got a hole")


def _seal_context(name: LogName, first: int, last: int) -> bytes:
    return f"{name.writer}/{name.log.value}/{name.stream}/{first}-{last}".encode()


def _split(data: bytes) -> tuple[Header, bytes, bytes, bytes]:
    if data[: len(MAGIC)] != MAGIC:
        raise EnvelopeDamagedError(f"expected an envelope (HLE1), got {data[:4]!r}")
    header_bytes = int.from_bytes(data[len(MAGIC) : _PREFIX_BYTES], "big")
    start = _PREFIX_BYTES + header_bytes + SIGNATURE_BYTES
    if header_bytes > HEADER_BYTES_MAX or len(data) <= start:
        raise EnvelopeDamagedError(f"expected more than {start} bytes, got {len(data)}")
    if len(data) - start > PAYLOAD_BYTES_MAX:
        raise EnvelopeDamagedError(f"expected a payload of at most {PAYLOAD_BYTES_MAX} bytes")
    text = data[_PREFIX_BYTES : _PREFIX_BYTES + header_bytes]
    try:
        header = decode(Header, parse_canonical(text, HEADER_BYTES_MAX))
    except (CanonicalError, ShapeError) as error:
        raise EnvelopeDamagedError(f"header cannot be read: {error}") from error
    return header, text, data[start - SIGNATURE_BYTES : start], data[start:]


def _read_records(header: Header, raw: bytes) -> tuple[tuple[Record, ...], tuple[Link, ...]]:
    """Each record with its link, hashed as it is spelt."""
    records, links, head, name = [], [], header.previous, header.name
    try:
        for document, start, written in records_in(raw, RECORDS_MAX):
            record, link = read_link(name, head, document, written, start)
            records.append(record)
            links.append(link)
            head = link.hash
    except ShapeError as error:
        raise EnvelopeDamagedError(f"records cannot be read: {error}") from error
    return tuple(records), tuple(links)
