"""What was refused: enough to find the sender, never the content, and bounded.

The same bad message is one row with a count. When there are too many rows the
oldest make room; the totals per reason stay true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from core.canonical import sha256_hex
from edge_node.store.database import StationDatabase

TEXT_MAX = 200  # characters kept of a topic or a detail


class Refusal(Enum):
    """Why a message was refused, in order of precedence."""

    TOPIC = "topic"  # not a topic of this site
    OVERSIZED = "oversized"
    UNKNOWN_DEVICE = "unknown_device"
    HELD = "held"  # the station holds this device in quarantine
    MALFORMED = "malformed"  # not a document of the expected kind and shape
    SIGNATURE = "signature"  # by another key, or altered
    OTHER_DEVICE = "other_device"  # signed by the device, but speaking for another
    CONFLICT = "conflict"  # a number that is stored with other content


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that was refused."""

    reason: Refusal
    topic: str
    payload: bytes
    detail: str


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """A refused message as it is kept; times [ms UTC]."""

    reason: Refusal
    topic: str
    payload_sha256: str
    payload_bytes: int
    detail: str
    first_ms: int
    last_ms: int
    count: int


def quarantine(db: StationDatabase, refused: Refused, at_ms: int, rows_max: int) -> None:
    """Remember a refused message; the caller holds the transaction.

    Parameters
    ----------
    refused
        What was refused, and why.
    at_ms
        When it came [ms UTC].
    rows_max
        Distinct messages that are kept.
    """
    reason = refused.reason.value
    db.conn.execute(
        "INSERT INTO quarantine (reason, topic, payload_sha256, payload_bytes, detail, first_ms,"
        " last_ms, count) VALUES (?, ?, ?, ?, ?, ?, ?, 1)"
        " ON CONFLICT (payload_sha256, topic, reason)"
        " DO UPDATE SET last_ms = excluded.last_ms, count = count + 1",
        (
            reason,
            _text(refused.topic),
            sha256_hex(refused.payload),
            len(refused.payload),
            _text(refused.detail),
            at_ms,
            at_ms,
        ),
    )
    db.conn.execute(
        "INSERT INTO quarantine_totals VALUES (?, 1, ?)"
        " ON CONFLICT DO UPDATE SET count = count + 1, last_ms = excluded.last_ms",
        (reason, at_ms),
    )
    db.conn.execute(
        "DELETE FROM quarantine WHERE quarantine_id IN (SELECT quarantine_id FROM quarantine"
        " ORDER BY last_ms, quarantine_id LIMIT max(0, (SELECT count(*) FROM quarantine) - ?))",
        (rows_max,),
    )


def quarantined(db: StationDatabase, rows_max: int = 100) -> tuple[QuarantineEntry, ...]:
    """The refused messages, newest first."""
    rows = db.conn.execute(
        "SELECT reason, topic, payload_sha256, payload_bytes, detail, first_ms, last_ms, count"
        " FROM quarantine ORDER BY last_ms DESC, quarantine_id DESC LIMIT ?",
        (rows_max,),
    )
    return tuple(QuarantineEntry(Refusal(row[0]), *row[1:]) for row in rows)


def quarantine_totals(db: StationDatabase) -> dict[Refusal, int]:
    """How often each reason occurred since the station was set up."""
    rows: Sequence[tuple[str, int]] = db.conn.execute(
        "SELECT reason, count FROM quarantine_totals"
    ).fetchall()
    return {Refusal(reason): count for reason, count in rows}


def _text(text: str) -> str:
    # A lone surrogate cannot be stored as UTF-8, and topics come from strangers.
    return text[:TEXT_MAX].encode("utf-8", "replace").decode("utf-8")
