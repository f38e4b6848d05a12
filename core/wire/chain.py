"""The chain of a log: what a record is, and the hash by which each follows the one before.

A record's link is the hash over the log's name, the link before it, and the record in canonical
spelling. Who has that spelling at hand already, as a reader of an envelope has, hashes it as it
stands. Statements N1 and N2 of docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from core.canonical import canonical_bytes, canonical_hash, sha256_hex
from core.shape import decode, encode

GENESIS = "0" * 64  # what the first record of a log follows
TEXTS_MAX = 4096  # names of logs whose spelling is remembered


class LogClass(Enum):
    """The logs of a writer, most urgent first."""

    MONEY = "money"  # money, consent, applications, decisions
    FEATURES = "features"  # daily features
    RAW = "raw"  # signed readings
    DOWN = "down"  # the centre's log for one station


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a log. ``at_ms`` may be off by ``error_ms`` [ms UTC, ms]."""

    seq: int
    kind: str
    at_ms: int
    error_ms: int
    body: Any


@dataclass(frozen=True, slots=True)
class LogName:
    """Whose log: the writer's name (station, tablet or centre) and the class.

    ``stream`` separates the centre's logs for its stations; it is empty elsewhere.
    """

    writer: str
    log: LogClass
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A record in its log's chain: its hash, and where its body stands in what it came in [bytes].

    Both places are 0 where the body is to be spelt anew.
    """

    hash: str
    start: int
    end: int


def record_hash(name: LogName, previous: str, record: Record) -> str:
    """A record's link in its log's chain."""
    return canonical_hash({"log": encode(name), "previous": previous, "record": encode(record)})


def text_hash(name: LogName, previous: str, record: Record, body: str) -> str:
    """The same link, where the canonical text of the record's body is at hand already."""
    text = (
        f'{{"log":{_log_text(name)},"previous":{_spelt(previous)},"record":{{"at_ms":{record.at_ms},'
        f'"body":{body},"error_ms":{record.error_ms},"kind":{_text(record.kind)},'
        f'"seq":{record.seq}}}}}'
    )
    return sha256_hex(text.encode())


def chain_head(name: LogName, previous: str, records: Sequence[Record]) -> str:
    """The hash of the last record when a run follows ``previous``."""
    head = previous
    for record in records:
        head = record_hash(name, head, record)
    return head


def read_link(
    name: LogName, previous: str, document: Mapping[str, Any], written: bytes, start: int
) -> tuple[Record, Link]:
    """A record and its link, from what it says and the canonical bytes that say it.

    ``start`` is where these begin. Of a record with fields that are not known here, those are
    no part of the link (W6), and it is spelt anew.

    Raises
    ------
    ShapeError
        If it is no record.
    """
    record = decode(Record, document)
    if len(document) > len(_FIELDS):
        return record, Link(record_hash(name, previous, record), 0, 0)
    before = f'{{"at_ms":{record.at_ms},"body":'
    after = f',"error_ms":{record.error_ms},"kind":{_text(record.kind)},"seq":{record.seq}}}'
    linked = f'{{"log":{_log_text(name)},"previous":{_spelt(previous)},"record":'.encode()
    place = (start + len(before), start + len(written) - len(after.encode()))
    return record, Link(sha256_hex(linked + written + b"}"), *place)


_FIELDS = ("at_ms", "body", "error_ms", "kind", "seq")  # of a record, as they are spelt


def _spelt(previous: str) -> str:
    """A hash in canonical spelling; what is none may hold quotes, and ends its text nowhere."""
    return f'"{previous}"' if previous.isascii() and previous.isalnum() else _text(previous)


@lru_cache(TEXTS_MAX)
def _log_text(name: LogName) -> str:
    return canonical_bytes(encode(name)).decode()


@lru_cache(TEXTS_MAX)
def _text(kind: str) -> str:
    return canonical_bytes([kind]).decode()[1:-1]
