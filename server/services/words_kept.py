"""A word of two persons as it is told and kept: in its table, and in the trail by its hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.canonical import canonical_hash
from server.services.centre import RequestError, RoleError, Work
from server.store import money_words, people
from server.store.engine import ConflictError
from server.store.money_words import KeptWord, WordAnswer, WordKind
from server.store.people import Actor, Role

REASON_CHARS_MAX = 200
ROLES = (Role.SUPERVISOR,)  # who may tell a word, and answer most of them
TOLD, CONFIRMED, REFUSED = "money_word_told", "money_word_confirmed", "money_word_refused"


def tell(
    work: Work, about: tuple[WordKind, str], body: Mapping[str, Any], by: Actor, reason: str
) -> KeptWord:
    """Tell a word, which waits for a second person; the same told again is the one that waits.

    Raises
    ------
    RequestError, RoleError, ConflictError
        If the reason or the officer cannot be, or another word about it waits.
    """
    kind, subject_id = about
    require_role(by, ROLES)
    people.lock_trail(work.tx)  # else two who tell at once would each see none that waits
    for each in money_words.of_subject(work.tx, kind, subject_id):
        if each.answer is not None:
            continue
        if (each.told_by, each.body) == (by.name, body):
            return each
        raise ConflictError(
            f"word {each.word_id} of {each.told_by} about it waits: another officer confirms or "
            "refuses it first"
        )
    word = KeptWord(
        work.new_id(), kind, subject_id, body, by.name, by.role, reason_of(reason), work.at_ms
    )
    keep_told(work, word, by)
    return word


def reason_of(text: str) -> str:
    """A reason that can be kept.

    Raises
    ------
    RequestError
        If it is empty or too long.
    """
    if not 0 < len(text.strip()) <= REASON_CHARS_MAX:
        raise RequestError(f"expected a reason of 1 to {REASON_CHARS_MAX} characters")
    return text


def require_role(by: Actor, roles: tuple[Role, ...]) -> None:
    """Return if an officer has one of some roles.

    Raises
    ------
    RoleError
        If not.
    """
    if by.role not in {each.value for each in roles}:
        wanted = " or a ".join(each.value for each in roles)
        raise RoleError(f"expected a {wanted}, {by.name} is {by.role}")


def keep_told(work: Work, word: KeptWord, by: Actor) -> None:
    """Keep a word that waits from now on, and write it in the trail."""
    money_words.add(work.tx, word)
    record(work, word, by, TOLD)


def answered(
    work: Work, word: KeptWord, said: tuple[Actor, str], roles: tuple[Role, ...], *,
    is_confirmed: bool,
) -> KeptWord:  # fmt: skip
    """Keep what somebody of some roles answers to a word, and why; the database keeps it once.

    Raises
    ------
    RoleError
        If they have none of the roles.
    """
    by, reason = said
    require_role(by, roles)
    answer = WordAnswer(word.word_id, word.told_by, by.name, is_confirmed, reason, work.at_ms)
    money_words.answer(work.tx, answer)
    record(work, word, by, CONFIRMED if is_confirmed else REFUSED)
    return replace(word, answer=answer)


def told_of(word: KeptWord) -> dict[str, Any]:
    """What the trail tells of a word."""
    return {
        "kind": word.kind.value,
        "subject_id": word.subject_id,
        "body_sha256": canonical_hash(word.body),
        "told_by": word.told_by,
    }


def record(work: Work, word: KeptWord, by: Actor, action: str) -> None:
    """Write in the trail what became of a word."""
    people.record(work.tx, work.at_ms, by, action, ("money_word", word.word_id), told_of(word))
