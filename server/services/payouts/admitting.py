"""Whether a rail's file may be taken on one person's word, and the word that waits if not.

A file is believed as it was brought, so what one person brings alone is bounded: it moves at
most what the rail's own terms let one person's files move within a day, fits what the rail was
asked, and had nothing to do with who brought it. Any other file waits. Another person who has
the same bytes gives the same command, or confirms the word; then the file is taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from core.lending.payout import PayoutEvent
from core.units import MS_PER_DAY, format_money
from server.services.centre import RoleError, Work
from server.services.payouts.rails import RailTerms
from server.services.words_kept import keep_told, require_role
from server.store import money_words, payees, payouts, people, rail_books
from server.store.engine import Tx
from server.store.money_words import KeptWord, WordKind
from server.store.payouts import Payout
from server.store.people import Actor, Role, is_one_of, person_key
from server.store.rail_books import LetIn

ADMITTED = "rail_file_admitted"  # as the trail tells it
BRINGING = (Role.LENDER, Role.SUPERVISOR)
ALONE_MS = MS_PER_DAY  # within which one rail's files that one person brought are added up
ANSWERS, CREDITS = "answers", "credits"
_OFFICERS = frozenset(role.value for role in Role)
_TRIED_AGAIN = (PayoutEvent.RETRY, PayoutEvent.RESUME)


@dataclass(frozen=True, slots=True)
class RailFile:
    """A file by its hash, and what is read in it: how payouts went, or money that came in."""

    terms: RailTerms
    purpose: str
    sha256: str

    @property
    def subject_id(self) -> str:
        """By what words about it are kept."""
        return f"{self.terms.name}|{self.purpose}|{self.sha256}"

    @property
    def alone_minor_max(self) -> int:
        """The most that the files of one day move on one person's word [minor units]."""
        told = self.terms.alone_minor_max
        return self.terms.amount_minor_max if told is None else told


@dataclass(frozen=True, slots=True)
class Effect:
    """What a file would do: settle or undo so much [minor units]; what does not fit; whose it is.

    ``prepared`` are those who set or confirmed the accounts that were paid, or let a payout be
    tried again; ``exported`` those who wrote what was paid for the rail, and prepared it by that.
    """

    moved_minor: int
    unfit_count: int = 0
    prepared: frozenset[str] = frozenset()
    exported: frozenset[str] = frozenset()

    @classmethod
    def of(cls, tx: Tx, moved_minor: int, unfit_count: int, paid: Iterable[Payout]) -> Effect:
        """What a file about some payouts would do, and who had a hand in them.

        The program itself has none: what it sends when it is due nobody prepared by that.
        """
        prepared, exported = set[str](), set[str]()
        listed = tuple(paid)
        for payee in {(each.payee_kind, each.payee_id) for each in listed}:
            prepared |= {word.actor for word in payees.words_of_payee(tx, *payee)}
        for each in listed:
            for step in payouts.steps_of(tx, each.payout_id):
                if step.event in _TRIED_AGAIN:
                    prepared.add(step.actor)
                if step.event is PayoutEvent.SEND and step.role in _OFFICERS:
                    exported.add(step.actor)
        both = frozenset(prepared | exported)
        return cls(moved_minor, unfit_count, both, frozenset(exported))


def admitted(work: Work, file: RailFile, effect: Effect, by: Actor) -> KeptWord | None:
    """None if a file may be taken now, or the word about it that waits for another person.

    Raises
    ------
    RoleError
        If who brings it may bring no such file.
    """
    require_role(by, BRINGING)
    people.lock_trail(work.tx)  # else two files at once would each see the other's room
    told = money_words.of_subject(work.tx, WordKind.RAIL_FILE, file.subject_id)
    if any(_covers(each, effect) for each in told):
        return None
    waits = next((each for each in told if each.answer is None), None)
    if waits is not None:
        return waits
    is_idle = effect.moved_minor == 0 and effect.unfit_count == 0
    if is_idle and _is_known(work.tx, file):
        return None
    why = _why_it_waits(work, file, effect, by)
    if not why:
        rail, moved_minor = file.terms.name, effect.moved_minor
        alone = LetIn(rail, file.purpose, file.sha256, moved_minor, "", by.name, work.at_ms)
        _let_in(work, alone, by)
        return None
    exported = "".join(f"{person_key(each)}|" for each in sorted(effect.exported))
    body = {"moved_minor": effect.moved_minor, "unfit_count": effect.unfit_count,
            "currency": file.terms.currency, "exported": f"|{exported}"}  # fmt: skip
    word = KeptWord(
        work.new_id(), WordKind.RAIL_FILE, file.subject_id, body, by.name, by.role, why, work.at_ms
    )
    keep_told(work, word, by)
    return word


def _covers(word: KeptWord, effect: Effect) -> bool:
    """Whether a word was confirmed of all that a file does now, by nobody who exported it.

    What a file does may grow after it was told, as when payouts are sent that fitted nothing.
    """
    answer = word.answer
    if answer is None or not answer.is_confirmed:
        return False
    is_exporter = is_one_of(answer.answered_by, tuple(effect.exported))
    return effect.moved_minor <= int(word.body["moved_minor"]) and not is_exporter


def _why_it_waits(work: Work, file: RailFile, effect: Effect, by: Actor) -> str:
    currency, most = file.terms.currency, file.alone_minor_max
    moved = moved_alone_minor(work.tx, file.terms.name, work.at_ms)
    doubts = (
        (
            moved + effect.moved_minor > most,
            f"with one person's other files of a day more than {format_money(most, currency)}",
        ),
        (effect.unfit_count > 0, f"{effect.unfit_count} of it does not fit what was asked"),
        (
            effect.moved_minor > 0 and is_one_of(by.name, tuple(effect.prepared)),
            "who brought it prepared what was paid",
        ),
    )
    return "; ".join(words for is_so, words in doubts if is_so)


def _is_known(tx: Tx, file: RailFile) -> bool:
    """Whether a file was let in before: it is read again."""
    return any(
        row.action == ADMITTED
        and (row.detail["purpose"], row.detail["sha256"]) == (file.purpose, file.sha256)
        for row in people.trail_of(tx, "rail", file.terms.name)
    )


def moved_alone_minor(tx: Tx, rail: str, now_ms: int) -> int:
    """What files of a rail moved on one person's word within a day [minor units]."""
    return sum(
        int(row.detail["moved_minor"])
        for row in people.trail_of(tx, "rail", rail)
        if row.action == ADMITTED and not row.detail["word_id"] and row.at_ms > now_ms - ALONE_MS
    )


def require_no_exporter(word: KeptWord, by: Actor, exported: Collection[str] = ()) -> None:
    """Return if who confirms a word about a file did not write what was paid; so does the database.

    Parameters
    ----------
    exported
        Who exported it by now, where the file is at hand: the word tells who had when it was told.

    Raises
    ------
    RoleError
        If they did.
    """
    told = f"|{person_key(by.name)}|" in word.body.get("exported", "")
    if told or is_one_of(by.name, tuple(exported)):
        raise RoleError(
            f"word {word.word_id}: expected another person than {by.name}, who exported what was "
            "paid, to say how it came back"
        )


def _let_in(work: Work, file: LetIn, by: Actor) -> None:
    """Keep that a file may be taken: no answer of it stands in the database without that."""
    rail_books.add_file(work.tx, file)
    told = {"purpose": file.purpose, "sha256": file.sha256, "moved_minor": file.moved_minor,
            "word_id": file.word_id}  # fmt: skip
    people.record(work.tx, work.at_ms, by, ADMITTED, ("rail", file.rail), told)


def admit_by_two(work: Work, word: KeptWord, by: Actor) -> None:
    """A file that two said may be taken; whoever has it gives the command that takes it."""
    rail, purpose, sha256 = word.subject_id.split("|")
    moved_minor = int(word.body["moved_minor"])
    file = LetIn(rail, purpose, sha256, moved_minor, word.word_id, by.name, work.at_ms)
    _let_in(work, file, by)


def sentence(_: Work, word: KeptWord) -> str:
    """What a file would do."""
    rail, purpose, sha256 = word.subject_id.split("|")
    amount = format_money(word.body["moved_minor"], word.body["currency"])
    does = "repays" if purpose == CREDITS else "settles or undoes"
    return (
        f"The file {sha256[:16]} of rail {rail} {does} {amount}; "
        f"{word.body['unfit_count']} of it fits nothing."
    )
