"""The promise of two persons: what people say about money was told by one, confirmed by another.

Every bounce, every outcome of a payout and every end of a difference in cash rests on a
rail's own answer or on a confirmed word, and every word is as the trail tells it.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.lending.payout import Outcome, PayoutEvent
from server.services.audit import brought
from server.services.audit.finding import Look, Looks, first_fault
from server.services.audit.said import said_by_two
from server.services.cash_people import ENDED_CAUSE
from server.services.centre import Centre
from server.services.words_kept import CONFIRMED, REFUSED, TOLD, told_of
from server.store import bounces, ledger, money_words, payouts, people, rail_books
from server.store.engine import Tx
from server.store.money_words import KeptWord, WordKind

_TABLE = "money_words"
_OUTCOMES = {
    PayoutEvent.CONFIRM: Outcome.PAID,
    PayoutEvent.REJECT: Outcome.REJECTED,
    PayoutEvent.RETURN: Outcome.RETURNED,
}


def by_two(_: Centre, tx: Tx) -> Looks:
    """Every word has its place in the trail, and what counts was said by a rail or by two."""
    known = {each.word_id: each for each in money_words.stream(tx)}
    before = money_words.said_before(tx)
    yield from _as_told(tx, known)
    yield from _outcomes(tx, known, before)
    yield from _bounces(tx, known, before)
    yield from _endings(tx, known, before)
    yield from brought.files(tx, said_by_two(tx))


def _as_told(tx: Tx, known: dict[str, KeptWord]) -> Iterator[Look]:
    trail = {
        (row.object_id, row.action): (row.actor, dict(row.detail))
        for action in (TOLD, CONFIRMED, REFUSED)
        for row in people.stream_trail(tx, action)
    }
    for word in known.values():
        said, answer = told_of(word), word.answer
        ended = CONFIRMED if answer is not None and answer.is_confirmed else REFUSED
        told = trail.get((word.word_id, TOLD))
        answered = trail.get((word.word_id, ended))
        yield first_fault(
            _TABLE,
            word.word_id,
            (told != (word.told_by, said), "the word that the trail tells", "another"),
            (
                answer is not None and answered != (answer.answered_by, said),
                "the answer that the trail tells",
                "another",
            ),
            (
                answer is not None and answer.is_confirmed and answer.answered_by == word.told_by,
                "a second person",
                word.told_by,
            ),
        )


def _is_confirmed(word: KeptWord | None, about: tuple[WordKind, str], actor: str = "") -> bool:
    if word is None or word.answer is None or (word.kind, word.subject_id) != about:
        return False
    return word.answer.is_confirmed and actor in ("", word.answer.answered_by)


def _outcomes(
    tx: Tx, known: dict[str, KeptWord], before: frozenset[tuple[str, str]]
) -> Iterator[Look]:
    kind = WordKind.PAYOUT_OUTCOME
    for step in payouts.stream_steps(tx):
        if step.event not in _OUTCOMES:
            continue
        name = f"{step.payout_id}/{step.seq}"
        word = known.get(step.detail)
        is_said = _is_confirmed(word, (kind, step.payout_id), step.actor) and (
            word is not None and word.body["outcome"] == _OUTCOMES[step.event].value
        )
        is_answer = not is_said and any(
            (each.rail, each.source_sha256) == (step.rail, step.detail)
            for each in rail_books.answers_of(tx, step.payout_id)
        )
        grounded = is_said or is_answer or (kind.value, name) in before
        fault = (not grounded, "its rail's answer, or the word of two", f"{step.actor} alone")
        yield first_fault("payout_steps", name, fault)


def _bounces(
    tx: Tx, known: dict[str, KeptWord], before: frozenset[tuple[str, str]]
) -> Iterator[Look]:
    kind = WordKind.REPAYMENT_BOUNCE
    confirmed = {
        word.subject_id: word
        for word in known.values()
        if _is_confirmed(word, (kind, word.subject_id))
    }
    for kept in bounces.stream(tx):
        word = confirmed.get(kept.repayment_id)
        told = (kept.reason, kept.reference, kept.bounced_on)
        by_two = (
            word is not None
            and _is_confirmed(word, (kind, kept.repayment_id), kept.actor)
            and tuple(word.body[name] for name in ("reason", "reference", "bounced_on")) == told
        )
        by_bank = not by_two and any(
            each.rail == kept.actor for each in rail_books.returns_of(tx, kept.repayment_id)
        )
        grounded = by_two or by_bank or (kind.value, kept.repayment_id) in before
        fault = (not grounded, "a bank's answer, or the word of two", f"{kept.actor} alone")
        yield first_fault("repayment_bounces", kept.repayment_id, fault)


def _endings(
    tx: Tx, known: dict[str, KeptWord], before: frozenset[tuple[str, str]]
) -> Iterator[Look]:
    kind = WordKind.CASH_DIFFERENCE
    for cause, amount_minor in ledger.causes_under(tx, ENDED_CAUSE):
        word = known.get(cause.removeprefix(ENDED_CAUSE))
        told = word.body["amount_minor"] if word is not None else None
        grounded = (kind.value, cause) in before or (
            word is not None and _is_confirmed(word, (kind, word.subject_id))
        )
        is_other = told is not None and told != amount_minor
        yield first_fault(
            "ledger_entries",
            cause,
            (not grounded, "the word of two", "none"),
            (is_other, f"{told}, as two said", f"{amount_minor}"),
        )
