"""Acts on agents' cash boxes: each one transaction with its signed record.

A handover is signed by the cards of giver and receiver, a count and a repayment by the
agent's. One agent has the desk at a time, from a count to a count. A draw is paid out of
the box of whoever has it; where the box does not hold enough, or may not pay more today,
it is refused before the farmer is asked to consent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.canonical import parse_canonical
from core.errors import HarvestlineError, ShapeError
from core.lending.cashbox import Box, CountKind, DifferenceReason, payable_minor
from core.lending.lease import Clock
from core.lending.product import Product
from core.reasons import Reason, ReasonCode
from core.shape import decode
from core.signing import Signer
from core.units import format_money
from core.wire.cash import (
    COUNT,
    HANDOVER,
    TAKEN,
    CashCount,
    CashHandover,
    CashPerson,
    CashRepayment,
    CashRole,
    Count,
    Handover,
    Pieces,
    Taken,
    signed,
    sum_minor,
)
from core.wire.fieldwork import require_id
from core.wire.records import Up
from edge_node.decide.desk import Desk, require_known
from edge_node.store import cash, lines, logs, village
from edge_node.store.cash import Shift
from edge_node.store.database import StationDatabase
from edge_node.store.decisions import ChangedRequestError

T = TypeVar("T")
BODY_BYTES_MAX = 64 * 1024
CASH_MINOR_MAX = 10**12  # of any one act [minor units]


class CashRefusedError(HarvestlineError):
    """The rules of a cash box do not permit this."""

    code = "HL-EDGE-040"


@dataclass(frozen=True, slots=True)
class Holder:
    """A person whose card is here now: who it is, and the card's hand."""

    person: CashPerson
    signer: Signer


@dataclass(frozen=True, slots=True)
class Counted:
    """What somebody found in the box; the id may come again, and then changes nothing."""

    count_id: str
    kind: CountKind
    pieces: tuple[Pieces, ...]
    reason: DifferenceReason | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """So much cash changes hands."""

    handover_id: str
    amount_minor: int


def count(
    db: StationDatabase, desk: Desk, holder: Holder, found: Counted, clock: Clock
) -> CashCount:
    """Count a box, and open or close the desk by it; what differs is booked with its reason.

    Raises
    ------
    ClockUnknownError
        If the station does not know the day.
    CashRefusedError
        If it is not this agent's turn, a draw still waits for its payout, or a difference
        has no reason.
    """
    require_known(clock)
    require_id(found.count_id, "count_id")
    counted_minor = sum_minor(found.pieces)
    with db.atomic():
        if (known := cash.find_move(db, found.count_id)) is not None:
            return _known_count(known, found, holder)
        shift_id = _turn_for_count(db, holder, found)
        if cash.reserved_minor(db, holder.person.person_id):
            raise CashRefusedError("expected no draw that waits: finish or cancel its payout first")
        on = desk.today(clock)
        expected = cash.box(db, holder.person.person_id, on).expected_minor
        reason = _reason_for(counted_minor - expected, found.reason)
        told = Count(
            count_id=found.count_id,
            person_id=holder.person.person_id,
            shift_id=shift_id,
            kind=found.kind,
            currency=holder.person.currency,
            expected_minor=expected,
            counted_minor=counted_minor,
            pieces=tuple(sorted(found.pieces, key=lambda each: -each.value_minor)),
            on=on.isoformat(),
            reason=reason,
        )
        cash.keep_count(db, told, clock.at_ms)
        record = CashCount(told, signed(COUNT, told, holder.signer))
        subject = cash.subject_of(told.count_id)
        logs.append(db, desk.station, Up.CASH_COUNT, record, clock, subject)
        return record


def hand_over(
    db: StationDatabase, desk: Desk, hands: tuple[Holder, Holder], given: Given, clock: Clock
) -> CashHandover:
    """Cash goes from the first person's hands into the second's; both cards sign.

    Raises
    ------
    ClockUnknownError
        If the station does not know the day.
    CashRefusedError
        If the two are one person, neither has the desk, the giver's box does not hold as
        much, or the receiver may not hold as much.
    """
    require_known(clock)
    require_id(given.handover_id, "handover_id")
    giver, receiver = hands
    with db.atomic():
        if (known := cash.find_move(db, given.handover_id)) is not None:
            return _known_handover(known, given, hands)
        shift = _require_handover(db, desk, hands, given, clock)
        told = Handover(
            handover_id=given.handover_id,
            giver_id=giver.person.person_id,
            receiver_id=receiver.person.person_id,
            shift_id=shift.shift_id,
            amount_minor=given.amount_minor,
            currency=giver.person.currency,
            on=desk.today(clock).isoformat(),
        )
        cash.keep_handover(db, told, clock.at_ms)
        record = _signed_handover(told, hands)
        subject = cash.subject_of(told.handover_id)
        logs.append(db, desk.station, Up.CASH_HANDOVER, record, clock, subject)
        return record


def take_repayment(
    db: StationDatabase, desk: Desk, holder: Holder, paid: tuple[str, str, int], clock: Clock
) -> CashRepayment:
    """Take a repayment (its id, the line, the amount) into the box of whoever has the desk.

    It is dated today, or where the clock is not known the latest day that is: whoever
    stands at the desk chooses no date.

    Raises
    ------
    CashRefusedError
        If it is not this agent's turn, or the amount cannot be.
    UnknownRecordError
        If the line is not known here.
    ChangedRequestError
        If the id belongs to something else.
    """
    repayment_id, line_id, amount_minor = paid
    require_id(repayment_id, "repayment_id")
    with db.atomic():
        person = holder.person
        line = lines.line(db, line_id)
        currency = village.product(db, line.product_id).currency
        if (known := cash.find_move(db, repayment_id)) is not None:
            return _known_repayment(known, paid, holder)
        shift = _require_turn(db, person)
        if not 0 < amount_minor <= CASH_MINOR_MAX or currency != person.currency:
            raise CashRefusedError(
                f"expected a positive amount in {person.currency}, got {amount_minor} {currency}"
            )
        told = Taken(
            repayment_id, person.person_id, shift.shift_id, line_id, amount_minor, currency,
            desk.accrual_day(clock).isoformat(),
        )  # fmt: skip
        cash.keep_taken(db, told, clock.at_ms)
        record = CashRepayment(told, signed(TAKEN, told, holder.signer))
        subject = cash.subject_of(repayment_id)
        logs.append(db, desk.station, Up.CASH_REPAYMENT, record, clock, subject)
        return record


def cash_room(db: StationDatabase, desk: Desk, product: Product, clock: Clock) -> int | None:
    """The most that a draw of a product may be paid out here now [minor units].

    None where no box limits it: a voucher pays its supplier, and a station without agents
    pays out of its till as ever.
    """
    if product.pays or not cash.has_agents(db):
        return None
    shift = cash.open_shift(db)
    if shift is None:
        return 0
    person = cash.person(db, desk.station, shift.person_id)
    if person.currency != product.currency:
        return 0
    reserved = cash.reserved_minor(db, person.person_id)
    box = cash.box(db, person.person_id, desk.today(clock))
    return payable_minor(box, person.pay_day_max_minor, reserved)


def refuse_cash(
    db: StationDatabase, desk: Desk, asked: tuple[Product, int], clock: Clock
) -> Reason | None:
    """Why an amount of a product cannot be paid out in cash here now; None if it can."""
    product, amount_minor = asked
    room = cash_room(db, desk, product, clock)
    if room is None or amount_minor <= room:
        return None
    if cash.open_shift(db) is None:
        return Reason(ReasonCode.DRAW_NO_CASHIER)
    return Reason(ReasonCode.DRAW_CASH_SHORT, {"available": format_money(room, product.currency)})


def name_payer(db: StationDatabase, product: Product, draw_id: str) -> str | None:
    """Say whose box pays a draw that is pending from now on; None where nobody's does."""
    shift = cash.open_shift(db)
    if product.pays or shift is None or not cash.has_agents(db):
        return None
    cash.keep_payer(db, draw_id, shift)
    return shift.person_id


def box_today(db: StationDatabase, desk: Desk, person_id: str, clock: Clock) -> Box:
    """A person's box today."""
    return cash.box(db, person_id, desk.today(clock))


def _turn_for_count(db: StationDatabase, holder: Holder, found: Counted) -> str:
    """The shift that a count belongs to: one that it opens bears the count's own id."""
    shift = cash.open_shift(db)
    if found.kind is not CountKind.OPEN:
        return _require_turn(db, holder.person).shift_id
    if holder.person.role is not CashRole.AGENT:
        raise CashRefusedError(f"expected an agent with a box, {holder.person.name} has none")
    if shift is not None:
        raise CashRefusedError(
            f"expected a closed desk, {shift.person_id} has it: they count and close first"
        )
    return found.count_id


def _require_turn(db: StationDatabase, person: CashPerson) -> Shift:
    shift = cash.open_shift(db)
    if shift is None or shift.person_id != person.person_id:
        who = shift.person_id if shift is not None else "nobody"
        raise CashRefusedError(f"expected that {person.person_id} has the desk, {who} has it")
    return shift


def _require_handover(
    db: StationDatabase, desk: Desk, hands: tuple[Holder, Holder], given: Given, clock: Clock
) -> Shift:
    giver, receiver = (holder.person for holder in hands)
    shift = cash.open_shift(db)
    if giver.person_id == receiver.person_id or giver.public_key == receiver.public_key:
        raise CashRefusedError("expected two people with a card each, got one")
    if shift is None or shift.person_id not in (giver.person_id, receiver.person_id):
        raise CashRefusedError("expected that one of the two has the desk: open it by a count")
    if giver.currency != receiver.currency or not 0 < given.amount_minor <= CASH_MINOR_MAX:
        raise CashRefusedError(f"expected a positive amount in one currency, got {given}")
    on = desk.today(clock)
    if giver.role is CashRole.AGENT:
        held = cash.box(db, giver.person_id, on).expected_minor
        free = held - cash.reserved_minor(db, giver.person_id)
        if given.amount_minor > free:
            raise CashRefusedError(
                f"expected at most {format_money(max(0, free), giver.currency)} from the box of "
                f"{giver.name}, got {format_money(given.amount_minor, giver.currency)}"
            )
    if receiver.role is CashRole.AGENT:
        held = cash.box(db, receiver.person_id, on).expected_minor
        if held + given.amount_minor > receiver.hold_max_minor:
            most = format_money(receiver.hold_max_minor, receiver.currency)
            raise CashRefusedError(
                f"expected at most {most} in the box of {receiver.name}, it would hold "
                f"{format_money(held + given.amount_minor, receiver.currency)}"
            )
    return shift


def _reason_for(difference: int, given: DifferenceReason | None) -> DifferenceReason | None:
    if difference and given is None:
        raise CashRefusedError(
            f"expected a reason for a difference of {difference} [minor units]: count again, or "
            "say why"
        )
    return given if difference else None


def _signed_handover(told: Handover, hands: Sequence[Holder]) -> CashHandover:
    giver, receiver = (signed(HANDOVER, told, holder.signer) for holder in hands)
    return CashHandover(told, giver, receiver)


def _same(text: str, kind: type[T]) -> T:
    """What was written down under an id that comes again; refused if it is of another kind."""
    try:
        return decode(kind, parse_canonical(text.encode(), BODY_BYTES_MAX))
    except ShapeError as error:
        raise ChangedRequestError("the id belongs to another move of a box") from error


def _known_count(text: str, found: Counted, holder: Holder) -> CashCount:
    told = _same(text, Count)
    asked = (found.kind, sum_minor(found.pieces), holder.person.person_id)
    if (told.kind, told.counted_minor, told.person_id) != asked:
        raise ChangedRequestError(f"count {found.count_id} exists with other content")
    return CashCount(told, signed(COUNT, told, holder.signer))


def _known_handover(text: str, given: Given, hands: tuple[Holder, Holder]) -> CashHandover:
    told = _same(text, Handover)
    asked = (given.amount_minor, *(holder.person.person_id for holder in hands))
    if (told.amount_minor, told.giver_id, told.receiver_id) != asked:
        raise ChangedRequestError(f"handover {given.handover_id} exists with other content")
    return _signed_handover(told, hands)


def _known_repayment(text: str, paid: tuple[str, str, int], holder: Holder) -> CashRepayment:
    told = _same(text, Taken)
    asked = (*paid, holder.person.person_id)
    if (told.repayment_id, told.line_id, told.amount_minor, told.person_id) != asked:
        raise ChangedRequestError(f"repayment {paid[0]} exists with other content")
    return CashRepayment(told, signed(TAKEN, told, holder.signer))
