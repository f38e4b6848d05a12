"""What a file of answers would do to payouts and repayments, before anything is done."""

from __future__ import annotations

from collections.abc import Sequence

from core.lending.payout import Answer, Finding, Outcome, PayoutEvent, judge, read_instruction_id
from server.services.centre import Work
from server.services.payouts.admitting import Effect
from server.services.payouts.answering import Source, was_sent
from server.services.payouts.taken_back import judge_back
from server.store import payouts, rail_books
from server.store.payouts import Payout
from server.store.people import Actor

_UNFIT = (Finding.UNMATCHED, Finding.WRONG_AMOUNT, Finding.CONTRADICTS)
_MOVING = (PayoutEvent.CONFIRM, PayoutEvent.REJECT, PayoutEvent.RETURN)


def effect_of(work: Work, source: Source, found: Sequence[Answer], by: Actor) -> Effect:
    """What a file of answers would settle and undo, judged by how its payouts stand now."""
    moved_minor = unfit_count = 0
    paid: dict[str, Payout] = {}
    for item, answer in enumerate(found, 1):
        if rail_books.find_answer(work.tx, source.rail, source.sha256, item) is not None:
            continue
        payout = _asked(work, source.rail, answer)
        if payout is None:
            finding, amount_minor = _of_repayment(work, source.rail, answer, by)
        else:
            paid[payout.payout_id] = payout
            finding, amount_minor = _of_payout(payout, answer)
        moved_minor += amount_minor
        unfit_count += finding in _UNFIT
    return Effect.of(work.tx, moved_minor, unfit_count, paid.values())


def _asked(work: Work, rail: str, answer: Answer) -> Payout | None:
    payout_id, attempt = read_instruction_id(answer.instruction_id)
    known = payouts.find(work.tx, payout_id) if payout_id else None
    return known if known is not None and was_sent(work.tx, known, rail, attempt) else None


def _of_payout(payout: Payout, answer: Answer) -> tuple[Finding, int]:
    attempt = read_instruction_id(answer.instruction_id)[1]
    asked = (payout.amount_minor, payout.currency)
    finding, event = judge(payout.state, answer, asked, is_latest=attempt == payout.attempt)
    return finding, payout.amount_minor if event in _MOVING else 0


def _of_repayment(work: Work, rail: str, answer: Answer, by: Actor) -> tuple[Finding, int]:
    back = judge_back(work, rail, answer, by) if answer.outcome is Outcome.BOUNCED else None
    if back is None:
        return Finding.UNMATCHED, 0
    return back.finding, back.repaid.amount_minor if back.finding is Finding.MATCHED else 0
