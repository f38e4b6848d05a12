"""A tablet draws by itself: the station lets it have a part of one of its own leases.

What a tablet holds counts as pending under the station's lease, so that nobody else draws it
and the lease is not closed before it came back. It comes back by the tablet's own signed word
in its chain; or, where the tablet is lost, once the sub-lease ran out and the tablet's key was
turned out for good. Statements T1-T5 of docs/wire.md, ADR 15.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.canonical import parse_canonical
from core.errors import HarvestlineError
from core.lending.cashbox import payable_minor
from core.lending.draw_terms import draw_terms
from core.lending.lease import Clock, LeaseKind
from core.lending.product import Product
from core.reasons import SENTENCES, ReasonCode
from core.shape import encode
from core.signing import sign_document
from core.units import MS_PER_DAY, floor_to_unit, format_money
from core.wire.cash import CashRole
from core.wire.fieldwork import require_id
from core.wire.records import Up
from core.wire.subleases import (
    SUBLEASE,
    SUBLEASE_BYTES_MAX,
    SUBLEASE_DAYS_MAX,
    SUBLEASE_GRACE_MS,
    SubLease,
    SubLeaseAct,
    SubLeaseEvent,
)
from edge_node.decide.agent_area import may_hold
from edge_node.decide.debt import priced
from edge_node.decide.desk import Desk, RequestError, require_known
from edge_node.decide.draws import PENDING_MS_MAX
from edge_node.decide.rates import at_lease
from edge_node.decide.room import Room, rooms
from edge_node.store import cash, leases, lines, logs, subleases, village
from edge_node.store.box import held_leases
from edge_node.store.database import StationDatabase
from edge_node.store.decisions import ChangedRequestError
from edge_node.store.lines import KeptLine
from edge_node.store.subleases import KeptSubLease
from edge_node.store.tablets import Tablet

TERM_DAYS_MAX, GRACE_MS = SUBLEASE_DAYS_MAX, SUBLEASE_GRACE_MS
OPEN_MAX = 40  # of one tablet


class SubLeaseRefusedError(HarvestlineError):
    """A sub-lease cannot be signed, or does not permit what a tablet did."""

    code = "HL-EDGE-046"


@dataclass(frozen=True, slots=True)
class TakeAlong:
    """An agent asks for a part of a line's lease; the id may come again, and changes nothing."""

    sublease_id: str
    line_id: str
    amount_minor: int


def most_minor(db: StationDatabase, desk: Desk, who: Tablet, line: KeptLine, clock: Clock) -> int:
    """The most that a tablet may take along for a line now [minor units]; 0 if nothing."""
    product = priced(line, village.product(db, line.product_id))
    if product.pays or product.lenders or line.left is not None or not may_hold(
        db, desk.station, who, village.farmer(db, line.farmer_id)
    ):  # fmt: skip
        return 0
    found = rooms(db, line, clock)
    free = found[0].drawable_minor if found else 0
    box = _box_minor(db, desk, who, product, clock)
    most = free if box is None else min(free, box)
    return floor_to_unit(max(0, most), product.credit.draw_step_minor)


def grant(
    db: StationDatabase, desk: Desk, who: Tablet, ask: TakeAlong, clock: Clock
) -> KeptSubLease:
    """Sign a part of a lease for a tablet; the same ask again changes nothing.

    Raises
    ------
    ClockUnknownError
        If the station does not know the time.
    SubLeaseRefusedError
        If the line, its leases, the agent's box or what the tablet holds do not permit it.
    ChangedRequestError
        If the id belongs to another sub-lease.
    UnknownRecordError
        If the line is not known here.
    """
    require_known(clock)
    require_id(ask.sublease_id, "sublease_id")
    with db.atomic():
        if (known := subleases.find(db, ask.sublease_id)) is not None:
            return _same(known, who, ask)
        line = lines.line(db, ask.line_id)
        if len(subleases.open_of_key(db, who.public_key)) >= OPEN_MAX:
            raise SubLeaseRefusedError(f"expected at most {OPEN_MAX} sub-leases on a tablet")
        room, product = _room_for(db, desk, who, line, ask, clock)
        lease = _made(db, desk, who, (line, room, product), ask, clock)
        signed = sign_document(SUBLEASE, encode(lease), desk.signer)
        document = parse_canonical(signed, SUBLEASE_BYTES_MAX)
        subleases.keep(db, lease, document)
        event = SubLeaseEvent(lease.sublease_id, SubLeaseAct.GRANTED, document=document)
        _log(db, desk, event, clock)
    return KeptSubLease(lease, document, recalled=False, ended="", left_minor=lease.amount_minor)


def end(
    db: StationDatabase, desk: Desk, kept: KeptSubLease, act: SubLeaseAct, reason: str, clock: Clock
) -> None:
    """Let what was not drawn be the station's again, with its record; callers hold the turn."""
    drawn = kept.lease.amount_minor - kept.left_minor
    subleases.end(db, kept.lease.sublease_id, act)
    event = SubLeaseEvent(kept.lease.sublease_id, act, drawn, reason)
    _log(db, desk, event, clock)


def recall_closing(db: StationDatabase) -> None:
    """Ask for what tablets hold of leases that are given back, or that are not to be drawn here."""
    subleases.recall(db, sorted(leases.closing_leases(db) | held_leases(db)))


def release_lost(
    db: StationDatabase, desk: Desk, tablet_id: str, reason: str, clock: Clock
) -> tuple[tuple[KeptSubLease, ...], tuple[KeptSubLease, ...]]:
    """Use again what a lost tablet held, where it ran out and its grace is over.

    The tablet must have been turned out first: its key signs nothing more that is taken.

    Returns
    -------
    tuple
        Which were released, and which still wait for their end.
    """
    require_known(clock)
    earliest_ms = clock.at_ms - clock.error_ms
    with db.atomic():
        held = subleases.open_of_tablet(db, tablet_id)
        over = tuple(k for k in held if k.lease.expires_at_ms + GRACE_MS <= earliest_ms)
        for kept in over:
            end(db, desk, kept, SubLeaseAct.LOST, reason, clock)
    return over, tuple(kept for kept in held if kept not in over)


def box_of(db: StationDatabase, desk: Desk, who: Tablet) -> str | None:
    """The agent whose box pays what a tablet pays out; None at a station without boxes.

    Raises
    ------
    SubLeaseRefusedError
        If the station has boxes, and the tablet's agent none of them.
    """
    if not cash.has_agents(db):
        return None
    people = {one.person_id: one for one in cash.people(db, desk.station)}
    found = people.get(who.agent_id)
    if found is None or found.role is not CashRole.AGENT:
        raise SubLeaseRefusedError(
            f"expected a cash agent with a box, {who.agent_id} has none here: let the lender "
            "register the agent for cash"
        )
    return found.person_id


def _box_minor(
    db: StationDatabase, desk: Desk, who: Tablet, product: Product, clock: Clock
) -> int | None:
    """What the agent's box can pay out beside all that is promised of it [minor units]."""
    person_id = box_of(db, desk, who)
    if person_id is None:
        return None
    person = cash.person(db, desk.station, person_id)
    if person.currency != product.currency:
        return 0
    box = cash.box(db, person_id, desk.today(clock))
    return payable_minor(box, person.pay_day_max_minor, cash.reserved_minor(db, person_id))


def _room_for(
    db: StationDatabase, desk: Desk, who: Tablet, line: KeptLine, ask: TakeAlong, clock: Clock
) -> tuple[Room, Product]:
    product = priced(line, village.product(db, line.product_id))
    if product.pays or product.lenders:
        raise SubLeaseRefusedError(
            "expected a line of one lender that pays cash: this one is drawn at the station"
        )
    step = product.credit.draw_step_minor
    if ask.amount_minor <= 0 or ask.amount_minor % step:
        raise RequestError(f"expected an amount in steps of {step}, got {ask.amount_minor}")
    most = most_minor(db, desk, who, line, clock)
    if ask.amount_minor > most:
        found = rooms(db, line, clock)
        code = found[0].refusal if found else ReasonCode.DRAW_NO_LEASE
        words = SENTENCES[code] if code is not None else ""
        available = format_money(most, product.currency)
        raise SubLeaseRefusedError(f"at most {available} can be taken along now. {words}".strip())
    room = next(each for each in rooms(db, line, clock) if each.drawable_minor >= ask.amount_minor)
    return room, at_lease(db, line, product, room.book.lease)


def _made(
    db: StationDatabase,
    desk: Desk,
    who: Tablet,
    case: tuple[KeptLine, Room, Product],
    ask: TakeAlong,
    clock: Clock,
) -> SubLease:
    line, room, product = case
    lease = room.book.lease
    until_ms = min(
        clock.at_ms + TERM_DAYS_MAX * MS_PER_DAY,
        lease.expires_at_ms - PENDING_MS_MAX,
        who.lease_until_ms,
    )
    if until_ms <= clock.at_ms:
        raise SubLeaseRefusedError("expected a lease that lasts, the station's is about to end")
    opened = lease.kind is LeaseKind.ONBOARDING and line.opened is not None
    if lease.line_id != line.line_id and not opened:
        raise SubLeaseRefusedError(f"expected a lease of {line.line_id}")
    return SubLease(
        ask.sublease_id, subleases.last_serial(db, who.public_key) + 1, desk.station,
        who.tablet_id, who.public_key, who.agent_id, lease.lease_id, line.line_id,
        line.farmer_id, line.product_id, ask.amount_minor, clock.at_ms, until_ms,
        desk.utc_offset_ms, draw_terms(product), box_of(db, desk, who),
    )  # fmt: skip


def _same(known: KeptSubLease, who: Tablet, ask: TakeAlong) -> KeptSubLease:
    told = (known.lease.line_id, known.lease.amount_minor, known.lease.public_key)
    if told != (ask.line_id, ask.amount_minor, who.public_key):
        raise ChangedRequestError(f"sub-lease {ask.sublease_id} exists with other content")
    return known


def _log(db: StationDatabase, desk: Desk, event: SubLeaseEvent, clock: Clock) -> None:
    subject = f"sub-lease/{event.sublease_id}/{event.act.value}"
    logs.append(db, desk.station, Up.SUB_LEASE, event, clock, subject)
