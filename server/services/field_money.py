"""What agents' tablets paid out, as stations report it: held against lease, price and key.

A station has booked the draw by the same rule (core.decision.field_draw); here its drawdown
record must say what the tablet signed, and the sub-lease must be the station's own word about
one of its own leases. Money that was paid is booked in any case (server.services.drawing);
what is wrong is a flag for people. ``audit tablets`` looks at all of it from end to end.
"""

from __future__ import annotations

from core.canonical import canonical_bytes
from core.lending.lease import DrawState, LeaseKind
from core.shape import decode
from core.signing import open_document
from core.units import MS_PER_DAY, civil_day
from core.wire.fieldwork import Operation, OperationKind, TakenOperation
from core.wire.subleases import (
    SUBLEASE,
    SUBLEASE_BYTES_MAX,
    SUBLEASE_DAYS_MAX,
    SUBLEASE_GRACE_MS,
    FieldDraw,
    SubLease,
    SubLeaseAct,
    SubLeaseEnd,
    SubLeaseEvent,
)
from server.keys import KeyRing
from server.services.centre import RequestError, Work
from server.services.reported import Reported
from server.store import boxes, leases, people, registry
from server.store.engine import Tx
from server.store.people import Actor

MONEY = (OperationKind.DRAW, OperationKind.SUBLEASE_END)


def keys_of(tx: Tx, writer: str) -> KeyRing:
    """The keys of a station, today's and those of the boxes before."""
    station = registry.find_station(tx, writer)
    if station is None:
        return KeyRing(())
    before = boxes.keys_before(tx, station).values()
    return KeyRing((station.public_key, boxes.linked(tx, station).public_key, *before))


def open_sublease(document: object, keys: KeyRing) -> SubLease:
    """A sub-lease as a station signed it.

    Raises
    ------
    SignatureError, ShapeError, CanonicalError
        If it is not signed by one of the keys, or is none.
    """
    signed = open_document(canonical_bytes(document), SUBLEASE, keys, SUBLEASE_BYTES_MAX)
    return decode(SubLease, signed.body)


def apply_sub_lease(work: Work, reported: Reported) -> str:
    """A station let a tablet draw a part of its lease, or has that part back."""
    event = decode(SubLeaseEvent, reported.record.body)
    by, subject = Actor(reported.writer, "station"), ("sublease", event.sublease_id)
    detail: dict[str, object] = {"drawn_minor": event.drawn_minor, "reason": event.reason}
    if event.act is not SubLeaseAct.GRANTED:
        people.record(work.tx, work.at_ms, by, f"sublease_{event.act.value}", subject, detail)
        return ""
    lease = open_sublease(event.document, keys_of(work.tx, reported.writer))
    detail = {
        "tablet_id": lease.tablet_id, "agent_id": lease.agent_id, "lease_id": lease.lease_id,
        "line_id": lease.line_id, "amount_minor": lease.amount_minor, "serial": lease.serial,
        "expires_at_ms": lease.expires_at_ms, "public_key": lease.public_key,
    }  # fmt: skip
    people.record(work.tx, work.at_ms, by, "sublease_granted", subject, detail)
    fault = fault_of_sublease(work.tx, reported.writer, lease)
    return f"sub-lease {lease.sublease_id}: {fault}" if fault else ""


def fault_of_sublease(tx: Tx, writer: str, lease: SubLease) -> str:
    """What is wrong with a sub-lease beside the lease that it is a part of; or nothing."""
    signed = leases.find(tx, lease.lease_id)
    if signed is None:
        return f"lease {lease.lease_id} is not the centre's"
    whole = signed.lease
    own_line = whole.kind is not LeaseKind.LINE or whole.line_id == lease.line_id
    faults = (
        (whole.station != writer or lease.station != writer, "the lease is another station's"),
        (not own_line, "the lease is another line's"),
        (lease.terms.currency != whole.currency, "the lease is of another currency"),
        (lease.amount_minor > whole.amount_minor, "it is more than the lease"),
        (lease.expires_at_ms > whole.expires_at_ms, "it outlives the lease"),
    )
    return next((words for broken, words in faults if broken), "")


def require_tablets_ran_out(work: Work, station: str, action: str, box: int | None = None) -> None:
    """Refuse to release what tablets of a station or box that is gone may still pay out.

    The centre cannot know what was signed after it last heard: each tablet may hold a part for
    its whole term, counted from when it was first declared gone, and the grace after it.

    Raises
    ------
    RequestError
        If that is not over; the message says until when.
    """
    if not people.find_in_trail(work.tx, people.Wanted(actor=station, action="tablet_enrolled"), 1):
        return
    trail = people.trail_of(work.tx, "station", station)
    declared = (x for x in trail if x.action == action and x.detail.get("box") == box)
    last_ms = next((row.at_ms for row in declared), work.at_ms)
    if box is None:  # a station that was declared gone and spoke since
        since = people.Wanted(actor=station, action="sublease_granted", from_ms=last_ms)
        last_ms = max([last_ms, *(row.at_ms for row in people.stream_found(work.tx, since))])
    until_ms = last_ms + SUBLEASE_DAYS_MAX * MS_PER_DAY + SUBLEASE_GRACE_MS
    if work.at_ms < until_ms:
        raise RequestError(
            f"agents' tablets of {station} may pay out until {civil_day(until_ms)}: confirm it "
            "after that day, with the receipts of their farmers"
        )


def fault_of_draw(work: Work, station: str, draw: FieldDraw) -> str:
    """Whether a station booked what its tablet signed; what differs, or nothing."""
    booked = leases.find_draw(work.tx, draw.draw_id)
    if booked is None or booked.writer != station:
        return f"draw {draw.draw_id} has not come from {station}"
    told = (
        (booked.state is not DrawState.POSTED, "is not posted"),
        (booked.line_id != draw.line_id, f"is of line {booked.line_id}, the tablet's of another"),
        (booked.amount_minor != draw.amount_minor,
         f"is of {booked.amount_minor}, the tablet signed {draw.amount_minor}"),
        (booked.fee_minor != draw.fee_minor,
         f"has a fee of {booked.fee_minor}, the tablet signed {draw.fee_minor}"),
        (booked.apr_ppm != draw.apr_ppm, "was told at another rate"),
        (booked.consent_id != draw.consent_id, "rests on another consent"),
    )  # fmt: skip
    words = next((words for broken, words in told if broken), "")
    return f"draw {draw.draw_id} {words}" if words else ""


def words_of_refused(taken: TakenOperation, operation: Operation) -> str:
    """What a person must look at where a station refused what a tablet had paid out."""
    if operation.kind is not OperationKind.DRAW:
        return ""
    return (
        f"operation {taken.operation_id}: tablet {taken.tablet_id} of {taken.agent_id} says that "
        f"it paid out, the station refused it ({taken.code}): ask the agent and the farmer"
    )


def trail(
    work: Work, taken: TakenOperation, operation: Operation, body: FieldDraw | SubLeaseEnd
) -> None:
    """That an agent paid out in the field or gave back, by ids and figures alone."""
    by = Actor(taken.agent_id, "agent")
    detail: dict[str, object] = {
        "operation_id": operation.operation_id, "tablet_id": taken.tablet_id,
        "sublease_id": body.sublease_id, "seq": operation.seq,
    }  # fmt: skip
    if isinstance(body, SubLeaseEnd):
        detail["drawn_minor"] = body.drawn_minor
        subject = ("sublease", body.sublease_id)
        people.record(work.tx, work.at_ms, by, "sublease_given_back", subject, detail)
        return
    detail |= {"draw_id": body.draw_id, "amount_minor": body.amount_minor, "on": body.drawn_on}
    people.record(work.tx, work.at_ms, by, "field_paid_out", ("line", body.line_id), detail)
