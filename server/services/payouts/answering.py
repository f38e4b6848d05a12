"""What a rail said, held against what it was asked, and what follows.

Every answer is kept with how it fitted; one that was read before changes nothing, from
whatever file it comes again. What does not fit - another amount, an instruction that
nobody gave, a payment after it was refused - moves no money: it is listed for people. What
a bank took back of a repayment undoes it (:mod:`server.services.payouts.taken_back`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.canonical import sha256_hex
from core.lending.payout import (
    Answer,
    Finding,
    Outcome,
    PayoutEvent,
    judge,
    read_instruction_id,
)
from server.services.centre import Work
from server.services.paying import Said, take_step
from server.services.payouts.booking import NEVER_MS, confirm, give_back, reject
from server.services.payouts.taken_back import judge_back, take_back
from server.store import ledger, lines, payouts, rail_books
from server.store.engine import Tx
from server.store.ledger import Repayment
from server.store.payouts import Payout
from server.store.people import Actor
from server.store.rail_books import KeptAnswer

TEXT_CHARS_MAX = 200
AMOUNT_MINOR_MAX = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Source:
    """Where answers come from: the rail, what kind of message, and its bytes' hash."""

    rail: str
    kind: str
    sha256: str

    @classmethod
    def of(cls, rail: str, kind: str, data: bytes) -> Source:
        """A source by its bytes."""
        return cls(rail, kind, sha256_hex(data))


@dataclass(frozen=True, slots=True)
class Taken:
    """An answer with how it fitted; ``is_new`` unless it was read before."""

    answer: KeptAnswer
    is_new: bool


def take_answers(
    work: Work, source: Source, found: Sequence[Answer], by: Actor, after_item: int = 0
) -> tuple[Taken, ...]:
    """Take what a rail said, one answer after another, numbered within its message.

    The lines that may move are locked before the trail is, as everybody does.
    """
    named: list[Payout | Repayment | None] = [
        payouts.find(work.tx, read_instruction_id(each.instruction_id)[0]) for each in found
    ]
    named += [
        ledger.find_repayment(work.tx, each.instruction_id)
        for each in found
        if each.outcome is Outcome.BOUNCED
    ]
    for line_id in sorted({each.line_id for each in named if each is not None}):
        lines.lock(work.tx, line_id)
    return tuple(
        take_answer(work, source, (item, answer), by)
        for item, answer in enumerate(found, after_item + 1)
    )


def take_answer(work: Work, source: Source, said: tuple[int, Answer], by: Actor) -> Taken:
    """Take one answer; the same one of the same message again changes nothing."""
    item, answer = said
    payout = _asked(work, source.rail, answer)
    known = rail_books.find_answer(work.tx, source.rail, source.sha256, item)
    if known is not None:
        return Taken(known, is_new=False)
    if payout is None:
        return _take_other(work, source, said, by)
    attempt = read_instruction_id(answer.instruction_id)[1]
    finding, event = judge(
        payout.state,
        answer,
        (payout.amount_minor, payout.currency),
        is_latest=attempt == payout.attempt,
    )
    kept = _keep(work, source, said, by, (finding, payout.payout_id))  # a step rests on it
    if event is not None:
        _follow(work, payout, event, answer, Said(by, _why(answer, finding), source.sha256))
    return kept


def _take_other(work: Work, source: Source, said: tuple[int, Answer], by: Actor) -> Taken:
    """Take an answer about no payout of this rail: a repayment that came back, or nothing."""
    answer = said[1]
    bounced = answer.outcome is Outcome.BOUNCED
    back = judge_back(work, source.rail, answer, by) if bounced else None
    if back is None:
        return _keep(work, source, said, by, (Finding.UNMATCHED, ""))
    repayment_id = back.repaid.repayment_id
    kept = _keep(work, source, said, by, (back.finding, ""), repayment_id)
    take_back(work, source.rail, replace(answer, reference=_kept(answer.reference)), back)
    return kept


def _asked(work: Work, rail: str, answer: Answer) -> Payout | None:
    """The payout that an answer is about, locked; None if this rail was never asked for it."""
    payout_id, attempt = read_instruction_id(answer.instruction_id)
    known = payouts.find(work.tx, payout_id) if payout_id else None
    if known is None:
        return None
    payout = payouts.lock(work.tx, payout_id)
    return payout if was_sent(work.tx, payout, rail, attempt) else None


def was_sent(tx: Tx, payout: Payout, rail: str, attempt: int) -> bool:
    """Whether a rail was asked for an attempt of a payout."""
    return any(
        (step.event, step.rail, step.attempt) == (PayoutEvent.SEND, rail, attempt)
        for step in payouts.steps_of(tx, payout.payout_id)
    )


def _follow(work: Work, payout: Payout, event: PayoutEvent, answer: Answer, said: Said) -> None:
    reference = _kept(answer.reference)
    if event is PayoutEvent.GIVE_UP:
        take_step(work, payout, event, said, due_at_ms=NEVER_MS)
        return
    acts = {
        PayoutEvent.CONFIRM: confirm,
        PayoutEvent.REJECT: reject,
        PayoutEvent.RETURN: give_back,
    }
    acts[event](work, payout, said, reference)


def _why(answer: Answer, finding: Finding) -> str:
    if finding is Finding.WRONG_AMOUNT:
        return f"wrong_amount: {answer.amount_minor} {_kept(answer.currency)}"
    told = _kept(answer.reason)
    return f"{answer.outcome.value}: {told}" if told else answer.outcome.value


def _keep(
    work: Work,
    source: Source,
    said: tuple[int, Answer],
    by: Actor,
    judged: tuple[Finding, str],
    repayment_id: str = "",
) -> Taken:
    item, answer = said
    amount = answer.amount_minor
    if amount is not None:
        amount = min(max(amount, -AMOUNT_MINOR_MAX), AMOUNT_MINOR_MAX)
    kept = KeptAnswer(
        rail=source.rail,
        source_sha256=source.sha256,
        item=item,
        kind=source.kind,
        instruction_id=_kept(answer.instruction_id),
        outcome=answer.outcome,
        amount_minor=amount,
        currency=_kept(answer.currency),
        reference=_kept(answer.reference),
        reason=_kept(answer.reason),
        finding=judged[0],
        payout_id=judged[1],
        at_ms=work.at_ms,
        actor=by.name,
        repayment_id=repayment_id,
    )
    rail_books.add_answer(work.tx, kept)
    return Taken(kept, is_new=True)


def _kept(text: str) -> str:
    """A text of somebody else's as it is kept: bounded, and without what nobody can print."""
    return "".join(each for each in text[:TEXT_CHARS_MAX] if each.isprintable())
