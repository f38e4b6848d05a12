"""The promises of money in the field: what tablets paid out was theirs to pay, and is booked.

Each station's money log is followed from its beginning: the chain of every tablet, what was
sub-leased of which lease, what was drawn, what was given back. All of it is signed, the
sub-lease by the station, the draw by the tablet; nothing here rests on what the centre keeps
besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from core.canonical import canonical_bytes, sha256_hex
from core.errors import HarvestlineError, ShapeError
from core.lending.lease import DrawState
from core.shape import decode
from core.signing import open_document
from core.wire.envelope import GENESIS, LogClass, LogName, Record
from core.wire.fieldwork import (
    OPERATION,
    OPERATION_BYTES_MAX,
    Operation,
    OperationKind,
    TakenOperation,
)
from core.wire.records import Drawdown, Up
from core.wire.subleases import FieldDraw, SubLease, SubLeaseAct, SubLeaseEnd, SubLeaseEvent
from server.keys import KeyRing
from server.services.audit.finding import Look, Looks, first_fault, well
from server.services.centre import Centre
from server.services.field_money import fault_of_sublease, keys_of, open_sublease
from server.store import leases, logs
from server.store.engine import Tx

RUN_RECORDS = 2_000
_KINDS: Mapping[str, type[SubLeaseEvent | Drawdown | TakenOperation]] = {
    Up.SUB_LEASE.value: SubLeaseEvent,
    Up.DRAWDOWN.value: Drawdown,
    Up.TABLET_OPERATION.value: TakenOperation,
}
TABLE = "inbound_records"


@dataclass(slots=True)
class _Part:
    """A sub-lease as the log tells it so far."""

    lease: SubLease
    drawn_minor: int = 0
    ended: bool = False

    @property
    def left_minor(self) -> int:
        """What its tablet may still draw [minor units]."""
        return 0 if self.ended else self.lease.amount_minor - self.drawn_minor


@dataclass(slots=True)
class _Followed:
    """A station's money log, followed up to a record."""

    tx: Tx
    writer: str
    keys: KeyRing
    parts: dict[str, _Part] = field(default_factory=dict)
    serials: dict[str, int] = field(default_factory=dict)
    chains: dict[str, tuple[int, str]] = field(default_factory=dict)
    unsigned: dict[str, tuple[str, Drawdown]] = field(default_factory=dict)
    own: dict[str, dict[str, int]] = field(default_factory=dict)  # the station's draws by lease

    def used_minor(self, lease_id: str) -> int:
        """All that is drawn of a lease, or may still be by tablets [minor units]."""
        held = [one for one in self.parts.values() if one.lease.lease_id == lease_id]
        own = sum(self.own.get(lease_id, {}).values())
        return own + sum(one.left_minor + one.drawn_minor for one in held)


def paid_out(_: Centre, tx: Tx) -> Looks:
    """Every draw of a tablet is signed by it, within its sub-lease, and booked as it was signed."""
    for log in logs.inbound(tx):
        if log.log != LogClass.MONEY.value:
            continue
        name = LogName(log.writer, LogClass(log.log), log.stream)
        followed = _Followed(tx, log.writer, keys_of(tx, log.writer))
        for record in _records(tx, name):
            where = f"{log.writer}/{log.log}/{record.seq}"
            told = _told(record)
            if told is None:
                continue
            try:
                yield _look(followed, told, where)
            except HarvestlineError as error:
                yield Look(TABLE, where, "a record that can be verified", str(error))
        for where, draw in followed.unsigned.values():
            yield Look(TABLE, where, f"draw {draw.draw_id} signed by its tablet", "no operation")


def _records(tx: Tx, name: LogName) -> Iterator[Record]:
    seq = 0
    while run := logs.inbound_run(tx, name, seq, RUN_RECORDS):
        yield from (kept.record for kept in run if kept.record.kind in _KINDS)
        seq = run[-1].record.seq


def _told(record: Record) -> SubLeaseEvent | Drawdown | TakenOperation | None:
    """What a record says; None where it says nothing: it was flagged, and nothing follows of it."""
    try:
        return decode(_KINDS[record.kind], record.body)
    except ShapeError:
        return None


def _look(followed: _Followed, told: SubLeaseEvent | Drawdown | TakenOperation, where: str) -> Look:
    if isinstance(told, SubLeaseEvent):
        return _sublease(followed, told, where)
    if isinstance(told, Drawdown):
        return _drawdown(followed, told, where)
    return _operation(followed, told, where)


def _sublease(followed: _Followed, event: SubLeaseEvent, where: str) -> Look:
    if event.act is not SubLeaseAct.GRANTED:
        part = followed.parts.get(event.sublease_id)
        if part is None:
            return Look(TABLE, where, f"sub-lease {event.sublease_id} granted before", "none")
        drawn, part.ended = part.drawn_minor, True
        return first_fault(
            TABLE, where,
            (event.drawn_minor != drawn, f"{drawn} drawn when it ended", f"{event.drawn_minor}"),
        )  # fmt: skip
    lease = open_sublease(event.document, followed.keys)
    wanted = followed.serials.get(lease.public_key, 0) + 1
    followed.serials[lease.public_key] = lease.serial
    followed.parts[lease.sublease_id] = _Part(lease)
    fault = fault_of_sublease(followed.tx, followed.writer, lease)
    signed = leases.find(followed.tx, lease.lease_id)
    most = signed.lease.amount_minor if signed is not None else 0
    used = followed.used_minor(lease.lease_id)
    return first_fault(
        TABLE,
        where,
        (bool(fault), f"sub-lease {lease.sublease_id} of the station's own lease", fault),
        (lease.serial != wanted, f"sub-lease {wanted} of its tablet", f"{lease.serial}"),
        (used > most, f"at most {most} drawn and sub-leased of {lease.lease_id}", f"{used}"),
    )


def _drawdown(followed: _Followed, draw: Drawdown, where: str) -> Look:
    if draw.sublease_id is None:
        mine = followed.own.setdefault(draw.lease_id, {})
        mine[draw.draw_id] = 0 if draw.state is DrawState.VOIDED else draw.amount_minor
        return _spared(followed, draw, where)
    part = followed.parts.get(draw.sublease_id)
    if part is None:
        return Look(TABLE, where, f"sub-lease {draw.sublease_id} granted before", "none")
    left, lease = part.left_minor, part.lease
    part.drawn_minor += draw.amount_minor
    followed.unsigned[draw.draw_id] = where, draw
    return first_fault(
        TABLE,
        where,
        (draw.amount_minor > left, f"at most {left} under {draw.sublease_id}",
         f"{draw.amount_minor}"),
        ((draw.lease_id, draw.line_id) != (lease.lease_id, lease.line_id),
         f"a draw of {lease.line_id} under {lease.lease_id}", f"{draw.line_id} {draw.lease_id}"),
    )  # fmt: skip


def _spared(followed: _Followed, draw: Drawdown, where: str) -> Look:
    """The station itself drew nothing that a tablet held."""
    held = any(one.lease.lease_id == draw.lease_id for one in followed.parts.values())
    signed = leases.find(followed.tx, draw.lease_id) if held else None
    if signed is None:
        return well(TABLE, where)
    most, used = signed.lease.amount_minor, followed.used_minor(draw.lease_id)
    expected = f"at most {most} drawn and sub-leased of {draw.lease_id}"
    return first_fault(TABLE, where, (used > most, expected, f"{used}"))


def _operation(followed: _Followed, taken: TakenOperation, where: str) -> Look:
    data = canonical_bytes(taken.document)
    signed = open_document(data, OPERATION, KeyRing((taken.public_key,)), OPERATION_BYTES_MAX)
    operation = decode(Operation, signed.body)
    seq, head = followed.chains.get(taken.public_key, (0, GENESIS))
    followed.chains[taken.public_key] = operation.seq, sha256_hex(data)
    broken = first_fault(
        TABLE,
        where,
        (operation.seq != seq + 1, f"operation {seq + 1} of {taken.tablet_id}",
         f"operation {operation.seq}"),
        (operation.previous != head, f"an operation after {head[:16]}…",
         f"{operation.previous[:16]}…"),
    )  # fmt: skip
    if broken.expected or taken.code:
        return broken
    if operation.kind is OperationKind.DRAW:
        return _signed(followed, taken, decode(FieldDraw, operation.body), where)
    if operation.kind is OperationKind.SUBLEASE_END:
        told = decode(SubLeaseEnd, operation.body)
        part = followed.parts.get(told.sublease_id)
        own = part is not None and part.lease.public_key == taken.public_key
        return first_fault(TABLE, where, (not own, "a sub-lease of this tablet", told.sublease_id))
    return broken


def _signed(followed: _Followed, taken: TakenOperation, told: FieldDraw, where: str) -> Look:
    """What the tablet signed is what the station booked just before, under the tablet's own."""
    _, draw = followed.unsigned.pop(told.draw_id, (where, None))
    if draw is None:
        return Look(TABLE, where, f"draw {told.draw_id} booked as it was signed", "no drawdown")
    lease = followed.parts[told.sublease_id].lease
    booked = (draw.amount_minor, draw.fee_minor, draw.apr_ppm, draw.line_id, draw.sublease_id,
              draw.consent_id, draw.effective_on)  # fmt: skip
    said = (told.amount_minor, told.fee_minor, told.apr_ppm, told.line_id, told.sublease_id,
            told.consent_id, told.drawn_on)  # fmt: skip
    return first_fault(
        TABLE,
        where,
        (lease.public_key != taken.public_key, f"a draw of {lease.tablet_id}", taken.tablet_id),
        (booked != said, f"{said}, as the tablet signed", f"{booked}"),
        (told.at_ms + told.error_ms < lease.signed_at_ms or told.at_ms >= lease.expires_at_ms,
         "a draw within the sub-lease's term", f"{told.at_ms}"),
    )  # fmt: skip
