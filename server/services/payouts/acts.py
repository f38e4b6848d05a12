"""What officers do about payouts: try again, ask again, say how it went, cancel, adopt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from core.lending.payout import ATTEMPTS_MAX, Outcome, PayoutEvent, PayoutState
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


def cancel(centre: Centre, payout_id: str, by: Actor, reason: str) -> Payout:
    """Cancel a payout that never left or failed; its drawdown is undone.

    Raises
    ------
    AgreementError
        If it may have been paid.
    """
    return _on(
        centre, payout_id, reason, lambda work, found: booking.cancel(work, found, Said(by, reason))
    )


def release(centre: Centre, payout_id: str, by: Actor, reason: str) -> Payout:
    """Let a payout be sent that was held because something was wrong with its draw.

    Raises
    ------
    RequestError
        If it is not held.
    """

    def act(work: Work, payout: Payout) -> Payout:
        if payout.state is not PayoutState.PENDING or payout.due_at_ms < HELD_MS:
            raise RequestError(f"expected a payout that is held, got {payout.payout_id}")
        let_go(work, payout.draw_id)
        subject, detail = ("payout", payout_id), {"draw_id": payout.draw_id}
        people.record(work.tx, work.at_ms, by, "payout_released", subject, detail)
        return replace(payout, due_at_ms=work.at_ms)

    return _on(centre, payout_id, reason, act)


def say_outcome(centre: Centre, payout_id: str, outcome: Outcome, said: Said) -> Payout:
    """Write down what an officer heard from the rail of one payout.

    Raises
    ------
    AgreementError
        If that cannot be, as it stands.
    """
    acts = {
        Outcome.PAID: booking.confirm,
        Outcome.REJECTED: booking.reject,
        Outcome.RETURNED: booking.give_back,
    }
    if outcome not in acts:
        raise RequestError("expected paid, rejected or returned")

    def act(work: Work, payout: Payout) -> Payout:
        return acts[outcome](work, payout, said, payout.reference)

    return _on(centre, payout_id, said.reason, act)


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
