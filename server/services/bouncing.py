"""A repayment that was taken and came to nothing: a cheque, a transfer that was taken back.

Nothing is edited. A fact reverses the repayment as of its own day, so interest, penalty,
rebate and arrears are what they would have been without it; the ledger reverses and
replays what that changes under the cause ``bounce/<repayment>``. A bank's file says it, or
two officers do (:mod:`server.services.money_words`); whoever took a repayment is neither of
them, and none bounces twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum

from core.lending.agreement import AgreementEvent, AgreementReason, AgreementState, Standing
from core.lending.books import bounce_fact, difference_account
from core.lending.ledger import Entry, EntryKind, transfer
from core.units import civil_date
from server.services.agreements import Event, bring_about, state_of_line
from server.services.centre import RequestError, RoleError, Work
from server.services.downlink import send_freeze, send_status
from server.services.ending import today_of
from server.services.posting import REPAID_AHEAD_DAYS_MAX, square
from server.services.roaming import recall
from server.services.standing import owed, standing
from server.services.writing_off import unrecover
from server.store import bounces, cash, leases, ledger, lines, money_words, people
from server.store.bounces import KeptBounce
from server.store.engine import ConflictError, NotKnownError
from server.store.ledger import Repayment
from server.store.lines import Line
from server.store.people import Actor

REFERENCE_CHARACTERS_MAX = 64
ACTION = "repayment_bounced"  # in the trail
_ENDED = (AgreementState.CLOSED, AgreementState.RENEWED)


class BounceReason(Enum):
    """Why a repayment came to nothing."""

    CHEQUE_UNPAID = "cheque_unpaid"
    TRANSFER_RETURNED = "transfer_returned"  # by a bank
    MOBILE_REVERSED = "mobile_reversed"  # by the payer or the operator of mobile money
    COUNTERFEIT = "counterfeit"
    ENTERED_IN_ERROR = "entered_in_error"


@dataclass(frozen=True, slots=True)
class BounceRequest:
    """That a repayment bounced, why, where to find the word of it, and since when."""

    repayment_id: str
    reason: BounceReason
    reference: str
    bounced_on: str


def require_bounceable(work: Work, asked: BounceRequest, actor: Actor) -> str:
    """Refuse a word that cannot be; the id of the repayment's line.

    Raises
    ------
    NotKnownError
        If there is no such repayment.
    RequestError
        If the reference or the day cannot be.
    RoleError
        If the actor is the one who took it, under whatever name.
    ConflictError
        If it bounced already.
    """
    repaid = _known(work, asked.repayment_id)
    known = bounces.find(work.tx, asked.repayment_id)
    if known is not None:
        raise ConflictError(
            f"repayment {asked.repayment_id} bounced already: {known.reason} on {known.bounced_on}"
        )
    _require_possible(work, lines.get(work.tx, repaid.line_id), repaid, asked, actor)
    return repaid.line_id


def bounce_in(work: Work, asked: BounceRequest, actor: Actor) -> KeptBounce:
    """Undo a repayment that came to nothing: on a bank's word, or by the second of two.

    Raises
    ------
    NotKnownError, RequestError, RoleError, ConflictError
        As for :func:`require_bounceable`.
    """
    repaid = _known(work, asked.repayment_id)
    line = lines.lock(work.tx, repaid.line_id)
    require_bounceable(work, asked, actor)
    kept = KeptBounce(
        repaid.repayment_id, line.line_id, repaid.amount_minor, asked.reason.value,
        asked.reference, asked.bounced_on, work.at_ms, actor.name,
    )  # fmt: skip
    bounces.add(work.tx, kept)
    square(work, line, bounce_fact(repaid.repayment_id))
    _leave_in_box(work, repaid)
    unrecover(work, line, bounce_fact(repaid.repayment_id))
    detail = {
        "line_id": line.line_id, "amount_minor": kept.amount_minor, "reason": kept.reason,
        "reference": kept.reference, "taken_by": repaid.received_by,
    }  # fmt: skip
    people.record(work.tx, work.at_ms, actor, ACTION, ("repayment", repaid.repayment_id), detail)
    _reinstate(work, line, kept)
    return kept


def _known(work: Work, repayment_id: str) -> Repayment:
    repaid = ledger.find_repayment(work.tx, repayment_id)
    if repaid is None:
        raise NotKnownError(f"expected a repayment that was taken, got {repayment_id!r}")
    return repaid


def _leave_in_box(work: Work, repaid: Repayment) -> None:
    """A repayment in cash that was none leaves its notes in the box, as over, not as paid.

    Whether they are there shows at the next count; nobody empties a box by undoing.
    """
    if not repaid.paid_to:
        return
    [taken] = cash.find_moves(work.tx, repaid.repayment_id)
    difference = difference_account(taken.person_id)
    moved = transfer(repaid.paid_to, difference, repaid.currency, repaid.amount_minor)
    cause = f"{bounce_fact(repaid.repayment_id)}/left-in-box"
    entry = Entry(
        work.new_id(), EntryKind.CASH_DIFFERENCE, repaid.effective_on, work.at_ms, cause, moved
    )
    ledger.post(work.tx, work.settings.name, entry)


def _require_possible(
    work: Work, line: Line, repaid: Repayment, asked: BounceRequest, actor: Actor
) -> None:
    taker = repaid.received_by
    if people.is_one_of(actor.name, (taker, *money_words.logins_of(work.tx, taker))):
        raise RoleError(
            f"repayment {repaid.repayment_id}: expected another person than {actor.name}, "
            "who took it"
        )
    if not 0 < len(asked.reference) <= REFERENCE_CHARACTERS_MAX:
        raise RequestError(
            f"expected a reference of 1 to {REFERENCE_CHARACTERS_MAX} characters, "
            f"got {len(asked.reference)}"
        )
    first = date.fromisoformat(repaid.effective_on)
    last = max(first, today_of(work, line) + timedelta(days=REPAID_AHEAD_DAYS_MAX))
    on = civil_date(asked.bounced_on)
    if on is None or not first <= on <= last:
        raise RequestError(
            f"repayment {repaid.repayment_id}: expected the day of bouncing as YYYY-MM-DD from "
            f"{first} to {last}, got {asked.bounced_on!r}"
        )


def _reinstate(work: Work, line: Line, kept: KeptBounce) -> None:
    """Open again what the repayment had closed, and tell the stations how the line stands."""
    on = today_of(work, line)
    owed_minor = owed(work.tx, line, on).total_minor
    if state_of_line(work.tx, line) in _ENDED and owed_minor > 0:
        detail = {"repayment_id": kept.repayment_id, "owed_minor": owed_minor}
        why = AgreementReason.BOUNCED
        event = Event(AgreementEvent.REINSTATE, work.myself, why, None, detail)
        bring_about(work, line, event, Standing(on, owed_minor=owed_minor))
        line = replace(line, is_open=True, frozen=True, closed_at_ms=None)
        lines.save(work.tx, line)
        send_freeze(work, line, ())
    send_status(work, line)
    _ask_back(work, line, on)


def _ask_back(work: Work, line: Line, on: date) -> None:
    """Ask for leases back that were signed on money which did not come."""
    stands = standing(work.tx, line, on)
    used = stands.outstanding_minor + stands.pending_minor + stands.leased_minor
    if used > line.limit_minor or not line.is_open or line.frozen:
        for book in leases.books_of_line(work.tx, line.line_id):
            recall(work, book)
