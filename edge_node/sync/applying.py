"""Envelopes from the centre: verified, then applied as a whole or not at all.

Applied by (writer, log, stream, number): a repeat changes nothing, one that comes
early is held, one that is damaged, foreign or forked is kept aside with its reason
and nothing of it is applied. The carrier makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from core.errors import ChainBrokenError, EnvelopeDamagedError, HarvestlineError
from core.lending.lease import Clock
from core.wire.envelope import (
    Envelope,
    Header,
    LogClass,
    Placement,
    Record,
    fresh_records,
    peek,
    place,
    record_hash,
    unpack,
)
from edge_node.store import logs, outbox
from edge_node.store.database import DiskFullError, StationDatabase, StoreError
from edge_node.sync.down import apply_record
from edge_node.sync.peers import Ends


class Fate(Enum):
    """What became of an envelope."""

    APPLIED = "applied"
    KNOWN = "known"
    HELD = "held"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of an envelope, how many records it brought, and what was passed over."""

    fate: Fate
    records_count: int = 0
    refusals: tuple[str, ...] = ()
    problem: str = ""


def apply_envelope(
    db: StationDatabase, ends: Ends, data: bytes, carrier: str, clock: Clock
) -> Applied:
    """Apply an envelope and those that were held for it; never raises for a bad one.

    Parameters
    ----------
    carrier
        How it came, for the record: ``link`` or a file's name.

    Raises
    ------
    StoreError, DiskFullError
        If the station cannot write; the envelope was not applied and may come again.
    """
    try:
        result, header = _apply(db, ends, data, clock)
    except (StoreError, DiskFullError):
        raise
    except HarvestlineError as error:
        with db.atomic():
            outbox.refuse_envelope(db, data, carrier, (error.code, str(error)), clock.at_ms)
        return Applied(Fate.REFUSED, problem=f"{error.code}: {error}")
    if result.fate is Fate.APPLIED:
        _apply_held(db, ends, header, clock)
    return result


def _apply(db: StationDatabase, ends: Ends, data: bytes, clock: Clock) -> tuple[Applied, Header]:
    envelope = _verified(ends, data)
    header = envelope.header
    with db.atomic():
        last = logs.down_tail(db, header.name)
        placement = place(header, last.seq)
        if placement is Placement.EARLY:
            if not outbox.hold_envelope(db, header, data, clock.at_ms):
                raise ChainBrokenError(
                    f"expected record {last.seq + 1}, got {header.first} first, and "
                    f"{outbox.HELD_ENVELOPES_MAX} early envelopes are held already"
                )
            return Applied(Fate.HELD), header
        fresh = fresh_records(envelope, last.seq, last.head)
        if placement is Placement.KNOWN:
            return Applied(Fate.KNOWN), header
        return _apply_fresh(db, ends, fresh, last.head, clock), header


def _apply_fresh(
    db: StationDatabase, ends: Ends, fresh: Sequence[Record], head: str, clock: Clock
) -> Applied:
    refusals: list[str] = []
    for record in fresh:
        head = record_hash(ends.down, head, record)
        refusal = apply_record(db, ends, record, clock)
        logs.keep_down(db, ends.down, record, head, refusal)
        refusals += [refusal] if refusal else []
        outbox.raise_floor(db, record.at_ms - record.error_ms)
    return Applied(Fate.APPLIED, len(fresh), tuple(refusals))


def _apply_held(db: StationDatabase, ends: Ends, header: Header, clock: Clock) -> None:
    while True:
        high_water = logs.down_tail(db, header.name).seq
        held = outbox.next_held(db, header, high_water)
        if held is None:
            break
        apply_envelope(db, ends, held, "held", clock)
        with db.atomic():
            outbox.drop_held_envelope(db, peek(held))
    with db.atomic():
        outbox.drop_held(db, header, logs.down_tail(db, header.name).seq)


def _verified(ends: Ends, data: bytes) -> Envelope:
    header = peek(data)
    if header.name != ends.down or header.log is not LogClass.DOWN:
        raise EnvelopeDamagedError(
            f"expected the log of {ends.down.writer} for {ends.down.stream}, got "
            f"{header.writer[:64]!r}/{header.log.value}/{header.stream[:64]!r}"
        )
    ends.require_centre(header.key_id, "an envelope")
    if not header.recipient:
        raise EnvelopeDamagedError("expected an envelope sealed to this station, got an open one")
    return unpack(data, ends.centre.verifier, ends.opener)
