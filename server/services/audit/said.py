"""The confirmed words of two persons, and what rests on each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.store import money_words, people
from server.store.engine import Tx
from server.store.money_words import KeptWord, WordKind


@dataclass(slots=True)
class Said:
    """The words that were confirmed, and which of them something rests on already."""

    words: Mapping[str, KeptWord]
    before: frozenset[tuple[str, str]]
    used: set[str]

    def fault(self, word_id: str, about: tuple[WordKind, str], actor: str) -> tuple[bool, str, str]:
        """Whether something rests on no word of two about it, or on one that was used."""
        word = self.words.get(word_id)
        is_said = (
            word is not None
            and word.answer is not None
            and (word.kind, word.subject_id, word.answer.answered_by) == (*about, actor)
            and not people.is_one_of(actor, (word.told_by,))
            and word_id not in self.used
        )
        self.used.add(word_id)
        return not is_said, "the word of two about it, once", f"{actor} alone"


def said_by_two(tx: Tx) -> Said:
    """All words that were confirmed, none of them used yet."""
    confirmed = {
        each.word_id: each
        for each in money_words.stream(tx)
        if each.answer is not None and each.answer.is_confirmed
    }
    return Said(confirmed, money_words.said_before(tx), set())
