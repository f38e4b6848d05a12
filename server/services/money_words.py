"""Words by two persons, about money and about who may move it: one tells, another confirms.

That a payout was paid, refused or returned though its rail did not say so, that a repayment
came to nothing, what becomes of cash that was short or over, that what is owed is lost, who
may log in and how high a limit they may set: whoever says so alone could take the money. A
word changes nothing before it is confirmed; what it says is held against the books then, not
when it was told. Nobody tells or confirms a word about money that they took or hold
themselves, under whatever name they log in. The database refuses what this
module refuses (:mod:`server.store.cash_tables`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.lending.payout import Outcome
from core.shape import decode, encode
from core.units import format_money
from server.services import account_words, authority, erasing, letting_go, policies, relief
from server.services.bouncing import BounceRequest, bounce_in, require_bounceable
from server.services.cash_people import Ending, end_difference, require_endable
from server.services.centre import RequestError, RoleError, Work
from server.services.paying import Said
from server.services.payouts import admitting
from server.services.payouts.acts import apply_outcome, require_outcome
from server.services.publishing import giving
from server.services.words_kept import ROLES, answered, reason_of, tell
from server.store import cash, ledger, lines, money_words, payouts, people
from server.store.engine import ConflictError, NotKnownError
from server.store.money_words import KeptWord, WordKind
from server.store.people import Actor, Role, is_one_of

# Who may answer a word, where it is not supervisors alone.
SECONDS: Mapping[WordKind, tuple[Role, ...]] = {
    **dict.fromkeys(account_words.ACTS, account_words.SECONDS),
    WordKind.RELIEF: relief.SECONDS,
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A word that waits for a second officer, and what it would do, in a sentence."""

    word: KeptWord
    sentence: str


def tell_outcome(work: Work, payout_id: str, outcome: Outcome, by: Actor, reason: str) -> KeptWord:
    """Tell how a payout went, as an officer heard it from its rail.

    Raises
    ------
    NotKnownError
        If there is no such payout.
    AgreementError
        If that cannot be, as it stands.
    RequestError, RoleError, ConflictError
        If the reason or the officer cannot be, or another word about it waits.
    """
    found = payouts.find(work.tx, payout_id)
    if found is None:
        raise NotKnownError(f"expected a payout, got {payout_id[:64]!r}")
    lines.lock(work.tx, found.line_id)
    payout = payouts.lock(work.tx, payout_id)
    require_outcome(payout, outcome)
    body = {"outcome": outcome.value, "steps_count": payout.steps_count}
    return tell(work, (WordKind.PAYOUT_OUTCOME, payout_id), body, by, reason)


def tell_bounce(work: Work, asked: BounceRequest, by: Actor) -> KeptWord:
    """Tell that a repayment came to nothing.

    Raises
    ------
    NotKnownError
        If there is no such repayment.
    RequestError, RoleError, ConflictError
        If the word or the officer cannot be, it bounced already, or another word waits.
    """
    line_id = require_bounceable(work, asked, by)
    lines.lock(work.tx, line_id)
    require_bounceable(work, asked, by)  # a twin may have undone it while the line was waited for
    subject = (WordKind.REPAYMENT_BOUNCE, asked.repayment_id)
    return tell(work, subject, encode(asked), by, asked.reason.value)


def tell_difference(
    work: Work, person_id: str, ending: tuple[Ending, int], by: Actor, reason: str
) -> KeptWord:
    """Tell what becomes of cash that was short or over.

    Raises
    ------
    NotKnownError
        If there is no such person.
    RequestError, RoleError, ConflictError
        If less is open, the officer cannot be, or another word about it waits.
    """
    ledger.lock_chain(work.tx, work.settings.name)
    require_endable(work, person_id, ending)
    _require_not_own(work, person_id, by)
    body = {"ending": ending[0].value, "amount_minor": ending[1]}
    return tell(work, (WordKind.CASH_DIFFERENCE, person_id), body, by, reason)


def waiting(work: Work) -> tuple[Waiting, ...]:
    """What waits for a second officer, the oldest first."""
    return tuple(Waiting(each, _sentence(work, each)) for each in money_words.waiting(work.tx))


def answerers(work: Work, word_id: str) -> tuple[Role, ...]:
    """Which roles may answer a word.

    Raises
    ------
    NotKnownError
        If there is no such word.
    """
    return SECONDS.get(_known(work, word_id).kind, ROLES)


def confirm(work: Work, word_id: str, by: Actor) -> KeptWord:
    """Confirm a word that another told; only now it counts.

    Raises
    ------
    NotKnownError
        If there is no such word.
    RoleError
        If who confirms told it, took or holds the money, exported it, or is no supervisor.
    ConflictError
        If it was answered before.
    RequestError, AgreementError
        If the books have gone on since and it cannot be any more: refuse it, tell it anew.
    """
    word = _open(work, word_id)
    if is_one_of(by.name, (word.told_by,)):
        raise RoleError(f"word {word_id}: expected another person than {by.name}, who told it")
    if word.kind is WordKind.RAIL_FILE:
        admitting.require_no_exporter(word, by)
    kept = answered(work, word, (by, ""), SECONDS.get(word.kind, ROLES), is_confirmed=True)
    _ACTS[word.kind](work, word, by)
    return kept


def refuse(work: Work, word_id: str, by: Actor, reason: str) -> KeptWord:
    """Refuse a word, or take it back; it never counts.

    Raises
    ------
    NotKnownError, RoleError, ConflictError
        As for :func:`confirm`, but who told it may take it back.
    """
    word, said = _open(work, word_id), (by, reason_of(reason))
    return answered(work, word, said, SECONDS.get(word.kind, ROLES), is_confirmed=False)


def _open(work: Work, word_id: str) -> KeptWord:
    """A word that nobody has answered, with what it is about kept from others."""
    word = _known(work, word_id)
    _LOCKS.get(word.kind, _lock_trail)(work, word.subject_id)
    found = _known(work, word_id)  # a twin may have answered while it was waited for
    if found.answer is not None:
        said = "confirmed" if found.answer.is_confirmed else "refused"
        raise ConflictError(f"word {word_id} was {said} by {found.answer.answered_by}")
    return found


def _known(work: Work, word_id: str) -> KeptWord:
    found = money_words.find(work.tx, word_id)
    if found is None:
        raise NotKnownError(f"expected a word that waits, got {word_id[:64]!r}: word list")
    return found


def _require_not_own(work: Work, person_id: str, by: Actor) -> None:
    if is_one_of(by.name, (person_id, *money_words.logins_of(work.tx, person_id))):
        raise RoleError(f"expected another person than {by.name}, who holds that cash")


def _lock_payout(work: Work, payout_id: str) -> None:
    found = payouts.find(work.tx, payout_id)
    if found is not None:
        lines.lock(work.tx, found.line_id)
        payouts.lock(work.tx, payout_id)


def _lock_repayment(work: Work, repayment_id: str) -> None:
    found = ledger.find_repayment(work.tx, repayment_id)
    if found is not None:
        lines.lock(work.tx, found.line_id)


def _lock_difference(work: Work, _: str) -> None:
    ledger.lock_chain(work.tx, work.settings.name)


def _lock_trail(work: Work, _: str) -> None:
    people.lock_trail(work.tx)  # who may log in, and who may say what, is settled one by one


def _settle(work: Work, word: KeptWord, by: Actor) -> None:
    payout = payouts.lock(work.tx, word.subject_id)
    if payout.steps_count != word.body["steps_count"]:
        raise RequestError(
            f"payout {payout.payout_id} has gone on since the word was told, it is "
            f"{payout.state.value}: refuse the word, and tell it anew if it is still true"
        )
    apply_outcome(work, payout, Outcome(word.body["outcome"]), Said(by, word.reason, word.word_id))


def _bounce(work: Work, word: KeptWord, by: Actor) -> None:
    bounce_in(work, decode(BounceRequest, dict(word.body)), by)


def _end(work: Work, word: KeptWord, by: Actor) -> None:
    _require_not_own(work, word.subject_id, by)
    ending = (Ending(word.body["ending"]), int(word.body["amount_minor"]))
    end_difference(work, word.subject_id, ending, (by, word.word_id))


_LOCKS: Mapping[WordKind, Callable[[Work, str], None]] = {
    WordKind.PAYOUT_OUTCOME: _lock_payout,
    WordKind.REPAYMENT_BOUNCE: _lock_repayment,
    WordKind.CASH_DIFFERENCE: _lock_difference,
    WordKind.PAYOUT_CANCEL: _lock_payout,
    WordKind.PAYOUT_RELEASE: _lock_payout,
    **letting_go.LOCKS,
}
_ACTS: Mapping[WordKind, Callable[[Work, KeptWord, Actor], None]] = {
    WordKind.PAYOUT_OUTCOME: _settle,
    WordKind.REPAYMENT_BOUNCE: _bounce,
    WordKind.CASH_DIFFERENCE: _end,
    WordKind.AUTHORITY: authority.set_by_two,
    WordKind.ERASURE: erasing.erase,
    WordKind.RELIEF: relief.grant_by_two,
    WordKind.POLICY: policies.approve,
    WordKind.UPDATE: giving.approve,
    WordKind.RAIL_FILE: admitting.admit_by_two,
    **letting_go.ACTS,
    **account_words.ACTS,
}
_SENTENCES: Mapping[WordKind, Callable[[Work, KeptWord], str]] = {
    WordKind.AUTHORITY: authority.sentence,
    WordKind.ERASURE: erasing.sentence,
    WordKind.RELIEF: relief.sentence,
    WordKind.POLICY: policies.sentence,
    WordKind.UPDATE: giving.sentence,
    WordKind.RAIL_FILE: admitting.sentence,
    **letting_go.SENTENCES,
    **account_words.SENTENCES,
}


def _sentence(work: Work, word: KeptWord) -> str:
    """What a word would do."""
    if word.kind in _SENTENCES:
        return _SENTENCES[word.kind](work, word)
    if word.kind is WordKind.PAYOUT_OUTCOME:
        paid = payouts.find(work.tx, word.subject_id)
        amount = format_money(paid.amount_minor, paid.currency) if paid else ""
        return f"Payout {word.subject_id} of {amount} is {word.body['outcome']}."
    if word.kind is WordKind.REPAYMENT_BOUNCE:
        taken = ledger.find_repayment(work.tx, word.subject_id)
        amount = format_money(taken.amount_minor, taken.currency) if taken else ""
        return f"Repayment {word.subject_id} of {amount} bounced: {word.body['reason']}."
    person = cash.find_person(work.tx, word.subject_id)
    amount = format_money(word.body["amount_minor"], person.currency) if person else ""
    return f"Of what {word.subject_id} was short or over {amount} is {word.body['ending']}."
