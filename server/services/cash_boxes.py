"""Cash agents' boxes at the centre: what stations report of them, into the books.

What moved a box is booked whatever is wrong with it, for the cash moved; what is wrong is
a flag for people. Each box is an account of its own, ``cash/agent/<person>``; what a count
finds short or over goes to ``cash-difference/<person>`` and stays there until a supervisor
says what becomes of it. The same move again changes nothing, whenever it comes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from core.errors import ShapeError, SignatureError
from core.lending.books import agent_account, difference_account
from core.lending.cashbox import MoveKind
from core.lending.ledger import Entry, EntryKind, EntryLine, transfer
from core.shape import decode
from core.signing import DocumentType, key_id_of
from core.units import MS_PER_DAY, Money, civil_date, civil_day
from core.wire.cash import (
    COUNT,
    HANDOVER,
    TAKEN,
    CashCount,
    CashHandover,
    CashRepayment,
    CashRole,
    sum_minor,
    verify,
)
from core.wire.records import Drawdown
from server.keys import KeyRing
from server.services.centre import Work
from server.services.posting import RepaymentRequest, days_of_repayment, take_repayment_in
from server.services.reported import Reported
from server.services.standing import suspense_account
from server.store import cash, ledger, lines
from server.store.cash import KeptMove
from server.store.engine import ConflictError
from server.store.leases import Drawing
from server.store.lines import Line
from server.store.people import Actor

MOVE_MINOR_MAX = 10**12  # of any one move [minor units]
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class _Said:
    """One side of what a station reports: whose box, by how much, with what is wrong with it."""

    move_id: str
    person_id: str
    kind: MoveKind
    amount_minor: int
    currency: str
    on: str
    other_id: str = ""
    shift_id: str = ""
    line_id: str = ""


def apply_handover(work: Work, reported: Reported) -> str:
    """Book cash that went from one person's hands into another's; what is wrong, or nothing."""
    told = decode(CashHandover, reported.record.body)
    said = told.handover
    _require_cash(said.amount_minor, said.currency)
    if _is_known(work, said.handover_id, reported.record.body):
        return ""
    if said.giver_id == said.receiver_id:
        raise ShapeError(f"handover {said.handover_id}: expected two people, got {said.giver_id!r}")
    on, wrong_day = _day(work, reported, said.on)
    flag = wrong_day or _fault_of_handover(work, told)
    for person_id, other_id, amount in (
        (said.giver_id, said.receiver_id, -said.amount_minor),
        (said.receiver_id, said.giver_id, said.amount_minor),
    ):
        if _has_box(work, person_id):
            side = _Said(
                said.handover_id, person_id, MoveKind.HANDOVER, amount, said.currency, on,
                other_id, said.shift_id,
            )  # fmt: skip
            flag = _keep(work, reported, side, flag)
    giver, receiver = (_hand(work, each) for each in (said.giver_id, said.receiver_id))
    if giver != receiver:
        moved = transfer(receiver, giver, said.currency, said.amount_minor)
        _post(work, EntryKind.CASH_MOVED, (on, f"cash/{said.handover_id}"), moved)
    return flag


def apply_count(work: Work, reported: Reported) -> str:
    """Book what a count found short or over; what is wrong, or nothing."""
    told = decode(CashCount, reported.record.body)
    said = told.count
    for amount in (said.expected_minor, said.counted_minor):
        _require_bounded(amount, said.currency)
    if _is_known(work, said.count_id, reported.record.body):
        return ""
    on, wrong_day = _day(work, reported, said.on)
    here = _in_box(work, said.person_id, said.currency)
    faults = (
        (sum_minor(said.pieces) != said.counted_minor, "its notes and coins come to another sum"),
        (said.expected_minor != here, f"it expected {said.expected_minor}, here are {here}"),
        (bool(said.difference_minor) and said.reason is None, "it differs without a reason"),
    )
    wrong = next((words for broken, words in faults if broken), "")
    flag = wrong_day or (f"count {said.count_id}: {wrong}" if wrong else "")
    flag = flag or _fault_of_card(work, COUNT, said, told.signature, said.person_id)
    side = _Said(
        said.count_id, said.person_id, MoveKind.COUNT, said.difference_minor, said.currency, on,
        "", said.shift_id,
    )  # fmt: skip
    flag = _keep(work, reported, side, flag)
    if said.difference_minor:
        box, difference = agent_account(said.person_id), difference_account(said.person_id)
        moved = transfer(box, difference, said.currency, said.difference_minor)
        _post(work, EntryKind.CASH_DIFFERENCE, (on, f"cash/{said.count_id}"), moved)
    return flag


def apply_repayment(work: Work, reported: Reported) -> str:
    """Book a repayment that an agent took in cash; what is wrong, or nothing.

    One on a line that is not known here stands in its suspense, beside what was paid out.
    """
    told = decode(CashRepayment, reported.record.body)
    said = told.taken
    _require_cash(said.amount_minor, said.currency)
    if _is_known(work, said.repayment_id, reported.record.body):
        return ""
    if ledger.find_repayment(work.tx, said.repayment_id) is not None:
        raise ConflictError(f"repayment {said.repayment_id} was taken elsewhere")
    line = lines.find(work.tx, said.line_id)
    if line is not None and line.currency != said.currency:
        raise ShapeError(
            f"repayment {said.repayment_id}: expected {line.currency}, got {said.currency}"
        )
    on, wrong_day = _day(work, reported, said.on)
    flag = wrong_day or _fault_of_card(work, TAKEN, said, told.signature, said.person_id)
    if line is None:
        flag = flag or f"repayment {said.repayment_id}: line {said.line_id} is not known"
    side = _Said(
        said.repayment_id, said.person_id, MoveKind.REPAYMENT, said.amount_minor, said.currency,
        on, "", said.shift_id, said.line_id,
    )  # fmt: skip
    flag = _keep(work, reported, side, flag)
    if line is None:
        box, suspense = agent_account(said.person_id), suspense_account(said.line_id)
        moved = transfer(box, suspense, said.currency, said.amount_minor)
        _post(work, EntryKind.CASH_MOVED, (on, f"cash/{said.repayment_id}"), moved)
        return flag
    _place(work, line, side, agent_account(said.person_id))
    reported.touched.add(line.line_id)
    return flag


def payer_of(draw: Drawdown) -> str:
    """Whose box paid a draw; nobody's where the name cannot be one."""
    named = draw.paid_by or ""
    return named if _ID.fullmatch(named) else ""


def paid_out(work: Work, reported: Reported, drawing: Drawing) -> str:
    """Take what a draw paid out from the box that paid it; what is wrong, or nothing."""
    if not drawing.paid_by:
        return ""
    side = _Said(
        f"draw/{drawing.draw_id}", drawing.paid_by, MoveKind.PAYOUT, -drawing.amount_minor,
        drawing.currency, drawing.effective_on, "", "", drawing.line_id,
    )  # fmt: skip
    return _keep(work, reported, side, "")


def place_suspended(work: Work, line: Line) -> int:
    """Use the repayments in cash that stand in a line's suspense, now that it is known."""
    found = [each for each in cash.unplaced(work.tx) if each.line_id == line.line_id]
    for each in found:
        side = _Said(
            each.move_id, each.person_id, each.kind, each.amount_minor, each.currency,
            each.effective_on,
        )  # fmt: skip
        _place(work, line, side, suspense_account(line.line_id))
    return sum(each.amount_minor for each in found)


def _place(work: Work, line: Line, side: _Said, paid_to: str) -> None:
    first, last = days_of_repayment(work, line)
    on = min(max(date.fromisoformat(side.on), first), last)
    request = RepaymentRequest(
        side.move_id, line.line_id, side.amount_minor, side.currency, on.isoformat()
    )
    take_repayment_in(work, request, Actor(side.person_id, "cashier"), paid_to)


def _require_cash(amount_minor: int, currency: str) -> None:
    _require_bounded(amount_minor, currency)
    if amount_minor <= 0:
        raise ShapeError(f"expected a positive amount of cash, got {amount_minor}")


def _require_bounded(amount_minor: int, currency: str) -> None:
    if not -MOVE_MINOR_MAX <= amount_minor <= MOVE_MINOR_MAX:
        raise ShapeError(f"expected at most {MOVE_MINOR_MAX} in cash, got {amount_minor}")
    Money(currency, amount_minor)


def _is_known(work: Work, move_id: str, body: Mapping[str, Any]) -> bool:
    """Whether a move is booked already; raises if it was told with other content."""
    if not _ID.fullmatch(move_id):
        raise ShapeError(f"expected the id of a move of a cash box, got {move_id[:64]!r}")
    known = cash.find_moves(work.tx, move_id)
    if known and any(each.body != body for each in known):
        raise ConflictError(f"move {move_id} of a cash box exists with other content")
    return bool(known)


def _day(work: Work, reported: Reported, told: str) -> tuple[str, str]:
    """The day on which a move is booked, and what was wrong with the one that it names.

    Whoever dates back what the record's own clock says gains nothing: of the two days the
    later counts, and none after today.
    """
    record, today = reported.record, work.today() + timedelta(days=1)
    written = min(civil_day(record.at_ms), today)
    named = civil_date(told)
    off = timedelta(days=1 + record.error_ms // MS_PER_DAY)
    if named is not None and abs(named - written) <= off and named <= today:
        return named.isoformat(), ""
    on = min(max(named or written, written), today)
    return on.isoformat(), f"it is dated {told[:40]!r}, written on {written}; booked on {on}"


def _fault_of_handover(work: Work, told: CashHandover) -> str:
    said = told.handover
    people = [cash.find_person(work.tx, each) for each in (said.giver_id, said.receiver_id)]
    roles = [each.role for each in people if each is not None]
    if None not in people and CashRole.AGENT not in roles:
        return f"handover {said.handover_id}: neither has a box"
    receiver = people[1]
    if receiver is not None and receiver.role is CashRole.AGENT:
        held = _in_box(work, said.receiver_id, said.currency) + said.amount_minor
        if held > receiver.hold_max_minor:
            return f"handover {said.handover_id}: the box holds {held} then, more than it may"
    for person_id, signature in (
        (said.giver_id, told.giver_signature),
        (said.receiver_id, told.receiver_signature),
    ):
        fault = _fault_of_card(work, HANDOVER, said, signature, person_id)
        if fault:
            return fault
    return ""


def _fault_of_card(
    work: Work, kind: DocumentType, said: Any, signature: str, person_id: str
) -> str:
    """Whether a person's card signed what is said."""
    person = cash.find_person(work.tx, person_id)
    if person is None:
        return f"{person_id!r} holds no cash of the lender's"
    public = bytes.fromhex(person.public_key)
    try:
        verify(kind, said, signature, (KeyRing((person.public_key,)), key_id_of(public)))
    except SignatureError as error:
        return f"not signed by the card of {person_id}: {error}"
    return ""


def _has_box(work: Work, person_id: str) -> bool:
    person = cash.find_person(work.tx, person_id)
    return person is None or person.role is CashRole.AGENT


def _hand(work: Work, person_id: str) -> str:
    """The account of a person's hands: an agent's box, or for a keeper the lender's safe."""
    if _has_box(work, person_id):
        return agent_account(person_id)
    return f"cash/{work.settings.name}"


def _in_box(work: Work, person_id: str, currency: str) -> int:
    return ledger.account_balance(work.tx, agent_account(person_id), currency)


def _keep(work: Work, reported: Reported, side: _Said, flag: str) -> str:
    """Write down what moved a box; what is wrong with it."""
    if not _ID.fullmatch(side.person_id):
        raise ShapeError(f"expected a person's id, got {side.person_id[:64]!r}")
    flag = flag or _fault_of_person(work, reported, side)
    move = KeptMove(
        move_id=side.move_id,
        person_id=side.person_id,
        kind=side.kind,
        other_id=side.other_id,
        station=reported.writer,
        shift_id=side.shift_id,
        line_id=side.line_id,
        amount_minor=side.amount_minor,
        currency=side.currency,
        effective_on=side.on,
        body=reported.record.body,
        flag=flag,
        at_ms=reported.record.at_ms,
        recorded_at_ms=work.at_ms,
    )
    cash.add_move(work.tx, move)
    return flag


def _fault_of_person(work: Work, reported: Reported, side: _Said) -> str:
    person = cash.find_person(work.tx, side.person_id)
    if person is None:
        return f"{side.person_id!r} holds no cash of the lender's"
    if person.station != reported.writer:
        return f"{side.person_id} holds cash at {person.station}, not at {reported.writer}"
    left = _in_box(work, side.person_id, side.currency)
    takes = side.kind is not MoveKind.COUNT and side.amount_minor < 0
    held = left if side.kind is MoveKind.PAYOUT else left + side.amount_minor
    if takes and held < 0:
        return f"the box of {side.person_id} held less than was taken out of it"
    return ""


def _post(work: Work, kind: EntryKind, when: tuple[str, str], moved: tuple[EntryLine, ...]) -> None:
    entry = Entry(work.new_id(), kind, when[0], work.at_ms, when[1], moved)
    ledger.post(work.tx, work.settings.name, entry)
