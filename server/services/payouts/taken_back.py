"""Repayments that a bank took back: what its file says undoes them, by itself.

A repayment that came by a rail bears the rail's own end-to-end id. When that rail's file says
that it *bounced* - a debit that was returned, a cheque that was not paid - the repayment is
undone on the bank's word alone. Where that contradicts what people said, or what can be,
it becomes a word that waits for an officer (:mod:`server.services.money_words`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.lending.payout import Answer, Finding
from core.shape import encode
from server.services.bouncing import (
    REFERENCE_CHARACTERS_MAX,
    BounceReason,
    BounceRequest,
    bounce_in,
)
from server.services.centre import Work
from server.services.ending import today_of
from server.services.words_kept import keep_told
from server.store import bounces, ledger, lines, money_words
from server.store.ledger import Repayment
from server.store.money_words import KeptWord, WordKind
from server.store.people import Actor, is_one_of


@dataclass(frozen=True, slots=True)
class Back:
    """How a bank's word about a repayment fits; ``why`` it waits for people, if it does."""

    finding: Finding
    repaid: Repayment
    why: str = ""


def repayment_id(rail: str, *references: str) -> str:
    """The repayment that a rail's credit becomes: no payer can take another's id."""
    return "/".join((rail, *references))


def judge_back(work: Work, rail: str, answer: Answer, by: Actor) -> Back | None:
    """How a bank's word, brought by somebody, fits a repayment; None if there is none."""
    repaid = _repaid(work, rail, answer.instruction_id)
    if repaid is None:
        return None
    taken = (repaid.amount_minor, repaid.currency)
    if answer.amount_minor is not None and (answer.amount_minor, answer.currency) != taken:
        return Back(Finding.WRONG_AMOUNT, repaid)
    told = money_words.of_subject(work.tx, WordKind.REPAYMENT_BOUNCE, repaid.repayment_id)
    waits = any(each.told_by == rail and each.answer is None for each in told)
    if waits or bounces.find(work.tx, repaid.repayment_id) is not None:
        return Back(Finding.DUPLICATE, repaid)
    refused = any(each.answer is not None and not each.answer.is_confirmed for each in told)
    takers = (repaid.received_by, *money_words.logins_of(work.tx, repaid.received_by))
    doubts = (
        (answer.amount_minor is None, "it does not tell how much"),
        (refused, "an officer said that it did not bounce"),
        (bool(repaid.paid_to), "it was taken in cash"),
        (repaid.received_by == rail, "its rail took it itself"),
        (is_one_of(by.name, takers), "who took it brought the file"),
    )
    why = next((words for is_so, words in doubts if is_so), "")
    return Back(Finding.CONTRADICTS if why else Finding.MATCHED, repaid, why)


def _repaid(work: Work, rail: str, reference: str) -> Repayment | None:
    """The one repayment of that id, or that this rail's credit of that reference became."""
    if not reference:
        return None
    own = repayment_id(rail, reference)
    known = ledger.find_repayment(work.tx, own) or ledger.find_repayment(work.tx, reference)
    under = () if known is not None else ledger.repayments_under(work.tx, f"{own}/")
    return known or (under[0] if len(under) == 1 else None)


def take_back(work: Work, rail: str, answer: Answer, back: Back) -> None:
    """Undo the repayment, or let the bank's word wait for an officer; nothing if it is known.

    The answer must be kept before: the database lets nothing bounce without it.
    """
    repaid = back.repaid
    on = max(date.fromisoformat(repaid.effective_on), today_of(work, lines.get(
        work.tx, repaid.line_id
    )))  # fmt: skip
    asked = BounceRequest(
        repaid.repayment_id, BounceReason.TRANSFER_RETURNED,
        answer.reference[:REFERENCE_CHARACTERS_MAX] or rail, on.isoformat(),
    )  # fmt: skip
    by = Actor(rail, "rail")
    if back.finding is Finding.MATCHED:
        bounce_in(work, asked, by)
    elif back.why:
        word = KeptWord(
            work.new_id(), WordKind.REPAYMENT_BOUNCE, repaid.repayment_id, encode(asked),
            by.name, by.role, f"the bank took it back, but {back.why}", work.at_ms,
        )  # fmt: skip
        keep_told(work, word, by)
