"""What one officer tells and another confirms before money goes, or is given up.

A payout that is cancelled or released, a held order that is let go, a line that is written
off. What is said is held against the books when it is told and again when it is confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.lending.agreement import AgreementReason
from core.units import format_money
from server.services.centre import RequestError, Work
from server.services.ending import Said as SaidOfLine
from server.services.orders import officers
from server.services.paying import Said, of_draw
from server.services.payouts import booking
from server.services.payouts.acts import release_in, require_cancellable, require_held
from server.services.words_kept import tell
from server.services.writing_off import require_owing, write_off_in
from server.store import lines, orders, payouts
from server.store.engine import NotKnownError
from server.store.money_words import KeptWord, WordKind
from server.store.payouts import Payout
from server.store.people import Actor


def tell_cancel(work: Work, payout_id: str, by: Actor, reason: str) -> KeptWord:
    """Tell that a payout is not to be paid; its drawdown is undone once another confirms.

    Raises
    ------
    NotKnownError
        If there is no such payout.
    AgreementError
        If it may have been paid.
    RequestError, RoleError, ConflictError
        If the reason or the officer cannot be, or another word about it waits.
    """
    payout = _locked(work, payout_id)
    require_cancellable(payout)
    body = {"steps_count": payout.steps_count}
    return tell(work, (WordKind.PAYOUT_CANCEL, payout_id), body, by, reason)


def tell_release(work: Work, payout_id: str, by: Actor, reason: str) -> KeptWord:
    """Tell that a payout which is held because of its draw may go.

    Raises
    ------
    NotKnownError
        If there is no such payout.
    RequestError, RoleError, ConflictError
        If it is not held, the officer cannot be, or another word about it waits.
    """
    payout = _locked(work, payout_id)
    require_held(payout)
    body = {"steps_count": payout.steps_count}
    return tell(work, (WordKind.PAYOUT_RELEASE, payout_id), body, by, reason)


def tell_order_release(work: Work, order_id: str, by: Actor, reason: str) -> KeptWord:
    """Tell that a held order may go on: its supplier is paid once another confirms.

    Raises
    ------
    NotKnownError, OrderError
        If there is no such order, or it is not held.
    RequestError, RoleError, ConflictError
        If the reason or the officer cannot be, or another word about it waits.
    """
    lines.lock(work.tx, orders.get(work.tx, order_id).line_id)
    draw_id = officers.held_draw(work, order_id)
    made = of_draw(work, draw_id)
    body = {"draw_id": draw_id, "payout_id": made.payout_id if made else ""}
    return tell(work, (WordKind.ORDER_RELEASE, order_id), body, by, reason)


def tell_write_off(
    work: Work, line_id: str, why: AgreementReason, by: Actor, reason: str
) -> KeptWord:
    """Tell that what a line owes is not expected any more.

    Raises
    ------
    NotKnownError
        If there is no such line.
    AgreementError
        If nothing is owed, or it has ended.
    RequestError, RoleError, ConflictError
        If the reason or the officer cannot be, or another word about it waits.
    """
    lines.lock(work.tx, line_id)
    require_owing(work, line_id, SaidOfLine(by, why))
    return tell(work, (WordKind.WRITE_OFF, line_id), {"reason": why.value}, by, reason)


def _locked(work: Work, payout_id: str) -> Payout:
    found = payouts.find(work.tx, payout_id)
    if found is None:
        raise NotKnownError(f"expected a payout, got {payout_id[:64]!r}")
    lines.lock(work.tx, found.line_id)  # first its line, then the payout, then the trail
    return payouts.lock(work.tx, payout_id)


def _as_told(work: Work, word: KeptWord) -> Payout:
    payout = payouts.lock(work.tx, word.subject_id)
    if payout.steps_count != word.body["steps_count"]:
        raise RequestError(
            f"payout {payout.payout_id} has gone on since the word was told, it is "
            f"{payout.state.value}: refuse the word, and tell it anew if it is still true"
        )
    return payout


def _cancel(work: Work, word: KeptWord, by: Actor) -> None:
    booking.cancel(work, _as_told(work, word), Said(by, word.reason, word.word_id))


def _release(work: Work, word: KeptWord, by: Actor) -> None:
    release_in(work, _as_told(work, word), by, word.word_id)


def _release_order(work: Work, word: KeptWord, by: Actor) -> None:
    if officers.held_draw(work, word.subject_id) != word.body["draw_id"]:
        raise RequestError(f"order {word.subject_id}: another draw has met it since: tell it anew")
    officers.release_in(work, word.subject_id, by, word.word_id)


def _write_off(work: Work, word: KeptWord, by: Actor) -> None:
    said = SaidOfLine(by, AgreementReason(word.body["reason"]))
    write_off_in(work, word.subject_id, said, word.word_id)


def _payout_sentence(work: Work, word: KeptWord) -> str:
    paid = payouts.find(work.tx, word.subject_id)
    amount = format_money(paid.amount_minor, paid.currency) if paid else ""
    if word.kind is WordKind.PAYOUT_CANCEL:
        return f"Payout {word.subject_id} of {amount} is cancelled, and its drawdown undone."
    return f"Payout {word.subject_id} of {amount} is held, and is let go."


def _order_sentence(work: Work, word: KeptWord) -> str:
    order = orders.find(work.tx, word.subject_id)
    whom = f" of {order.supplier}" if order else ""
    return f"Order {word.subject_id}{whom} is held, and is let go: the supplier is paid."


def _line_sentence(_: Work, word: KeptWord) -> str:
    why = str(word.body["reason"]).replace("_", " ")
    return f"What line {word.subject_id} owes is written off: {why}."


def _lock_line(work: Work, line_id: str) -> None:
    if lines.find(work.tx, line_id) is not None:
        lines.lock(work.tx, line_id)


def _lock_order(work: Work, order_id: str) -> None:
    found = orders.find(work.tx, order_id)
    if found is not None:
        lines.lock(work.tx, found.line_id)


LOCKS: Mapping[WordKind, Callable[[Work, str], None]] = {
    WordKind.ORDER_RELEASE: _lock_order,
    WordKind.WRITE_OFF: _lock_line,
    WordKind.RELIEF: _lock_line,
}
ACTS: Mapping[WordKind, Callable[[Work, KeptWord, Actor], None]] = {
    WordKind.PAYOUT_CANCEL: _cancel,
    WordKind.PAYOUT_RELEASE: _release,
    WordKind.ORDER_RELEASE: _release_order,
    WordKind.WRITE_OFF: _write_off,
}
SENTENCES: Mapping[WordKind, Callable[[Work, KeptWord], str]] = {
    WordKind.PAYOUT_CANCEL: _payout_sentence,
    WordKind.PAYOUT_RELEASE: _payout_sentence,
    WordKind.ORDER_RELEASE: _order_sentence,
    WordKind.WRITE_OFF: _line_sentence,
}
