"""A word about money as it is kept: in its table, and in the trail by its hash."""

from __future__ import annotations

from typing import Any

from core.canonical import canonical_hash
from server.services.centre import Work
from server.store import money_words, people
from server.store.money_words import KeptWord
from server.store.people import Actor

TOLD, CONFIRMED, REFUSED = "money_word_told", "money_word_confirmed", "money_word_refused"


def keep_told(work: Work, word: KeptWord, by: Actor) -> None:
    """Keep a word that waits from now on, and write it in the trail."""
    money_words.add(work.tx, word)
    record(work, word, by, TOLD)


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
