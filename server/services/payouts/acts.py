"""What officers do about payouts: try again, ask again, adopt; what two say is applied here.

How one went, and that one is cancelled or released, is said by two
(:mod:`server.services.money_words`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from core.lending.payout import ATTEMPTS_MAX, Outcome, PayoutEvent, PayoutState, after
from server.services.centre import Centre, RequestError, Work
from server.services.paying import (
    FARMER_ACCOUNTS,
    HELD_MS,
    SUPPLIER_ACCOUNTS,
    Said,
    let_go,
    make,
    take_step,
)
from server.services.payouts import booking
from server.services.posting import payee_of_draw
from server.store import leases, lines, payouts, people
from server.store.payouts import Payout
from server.store.people import Actor

REASON_CHARS_MAX = 200
RELEASED = "payout_released"  # as the trail tells it


def retry(centre: Centre, payout_id: str, by: Actor, reason: str) -> Payout:
    """Let a payout that failed be tried under a new id, or ask about a stuck one again.

    Raises
    ------
    AgreementError
        If it is neither failed nor stuck.
    RequestError
        If its attempts are spent, or no reason is given.
    """

    def act(work: Work, payout: Payout) -> Payout:
        said = Said(by, reason)
        work.ring()
        if payout.state is PayoutState.STUCK:
            return take_step(work, payout, PayoutEvent.RESUME, said, tries=0, due_at_ms=work.at_ms)
        if payout.attempt >= ATTEMPTS_MAX:
            raise RequestError(f"expected at most {ATTEMPTS_MAX} attempts: cancel it")
        return take_step(
            work, payout, PayoutEvent.RETRY, said, attempt=payout.attempt + 1, tries=0,
            due_at_ms=work.at_ms, batch_id="", rail="", reference="",
        )  # fmt: skip

    return _on(centre, payout_id, reason, act)


def require_cancellable(payout: Payout) -> None:
    """Refuse to cancel a payout that may have been paid.

    Raises
    ------
    AgreementError
        If the table of steps does not permit it.
    """
    after(payout.state, PayoutEvent.CANCEL)


def require_held(payout: Payout) -> None:
    """Refuse to release a payout that is not held.

    Raises
    ------
    RequestError
        If it is not.
    """
    if payout.state is not PayoutState.PENDING or payout.due_at_ms < HELD_MS:
        raise RequestError(f"expected a payout that is held, got {payout.payout_id}")


def release_in(work: Work, payout: Payout, by: Actor, word_id: str) -> None:
    """Let a payout be sent that was held because something was wrong with its draw.

    Raises
    ------
    RequestError
        If it is not held.
    """
    require_held(payout)
    let_go(work, payout.draw_id)
    subject, detail = ("payout", payout.payout_id), {"draw_id": payout.draw_id, "word_id": word_id}
    people.record(work.tx, work.at_ms, by, RELEASED, subject, detail)


_EVENTS = {
    Outcome.PAID: (PayoutEvent.CONFIRM, booking.confirm),
    Outcome.REJECTED: (PayoutEvent.REJECT, booking.reject),
    Outcome.RETURNED: (PayoutEvent.RETURN, booking.give_back),
}


def require_outcome(payout: Payout, outcome: Outcome) -> None:
    """Refuse an outcome that a payout cannot have, as it stands.

    Raises
    ------
    RequestError
        If people do not say such an outcome.
    AgreementError
        If the table of steps does not permit it.
    """
    if outcome not in _EVENTS:
        raise RequestError("expected paid, rejected or returned")
    after(payout.state, _EVENTS[outcome][0])


def apply_outcome(work: Work, payout: Payout, outcome: Outcome, said: Said) -> Payout:
    """Book what two officers said of a payout; ``said.detail`` names the word.

    Raises
    ------
    RequestError, AgreementError
        As for :func:`require_outcome`.
    """
    require_outcome(payout, outcome)
    return _EVENTS[outcome][1](work, payout, said, payout.reference)


def _on(
    centre: Centre, payout_id: str, reason: str, act: Callable[[Work, Payout], Payout]
) -> Payout:
    if not 0 < len(reason.strip()) <= REASON_CHARS_MAX:
        raise RequestError(f"expected a reason of 1 to {REASON_CHARS_MAX} characters")

    def on_locked(work: Work) -> Payout:
        found = payouts.find(work.tx, payout_id)
        if found is not None:
            lines.lock(work.tx, found.line_id)  # first its line, then the payout, then the trail
        return act(work, payouts.lock(work.tx, payout_id))

    return centre.write(on_locked)


def adopt_missing(centre: Centre) -> tuple[str, ...]:
    """Make the payouts of draws that were booked before payouts were kept; their ids.

    Nothing is sent by it before two officers have confirmed an account for its payee.
    """
    with centre.store.reading() as tx:
        found = [
            str(row["draw_id"])
            for row in payouts.draws_without_payout(tx, (SUPPLIER_ACCOUNTS, FARMER_ACCOUNTS))
        ]
    made = [centre.write(partial(_adopt, draw_id=draw_id)) for draw_id in found]
    return tuple(each for each in made if each)


def _adopt(work: Work, draw_id: str) -> str:
    drawing = leases.find_draw(work.tx, draw_id)
    if drawing is None:
        return ""
    payee = None if drawing.paid_by else payee_of_draw(work, drawing)
    made = make(work, drawing, payee) if payee is not None else None
    return made.payout_id if made is not None else ""
