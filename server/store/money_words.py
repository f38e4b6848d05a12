"""What officers said about money, and what a second one answered: never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import select
from sqlalchemy.sql import ColumnElement

from server.store.cash_tables import (
    cash_logins,
    money_word_answers,
    money_words,
    money_words_before,
)
from server.store.engine import Tx
from server.store.rows import from_json, json_text, read_as

_W, _A, _L = money_words.c, money_word_answers.c, cash_logins.c


class WordKind(Enum):
    """What a word is about; its subject is a payout, a repayment, a line, a person."""

    PAYOUT_OUTCOME = "payout_outcome"
    REPAYMENT_BOUNCE = "repayment_bounce"
    CASH_DIFFERENCE = "cash_difference"
    PAYOUT_CANCEL = "payout_cancel"
    PAYOUT_RELEASE = "payout_release"
    ORDER_RELEASE = "order_release"
    WRITE_OFF = "write_off"
    USER_INVITE = "user_invite"
    USER_ROLE = "user_role"
    USER_SCOPE = "user_scope"
    USER_RENEW = "user_password"
    USER_UNLOCK = "user_unlock"
    USER_FACTOR = "user_factor"
    AUTHORITY = "authority"
    ERASURE = "erasure"
    POLICY = "policy"
    UPDATE = "update"
    RELIEF = "relief"
    RAIL_FILE = "rail_file"
    TOKEN_SCOPE = "token_scope"  # noqa: S105 - a kind of word, no secret


@dataclass(frozen=True, slots=True)
class WordAnswer:
    """What a second person said to a word; who told it may take it back, not confirm it."""

    word_id: str
    told_by: str
    answered_by: str
    is_confirmed: bool
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class KeptWord:
    """What somebody said about money; ``body`` says what is to become of its subject."""

    word_id: str
    kind: WordKind
    subject_id: str
    body: Mapping[str, Any]
    told_by: str
    role: str
    reason: str
    at_ms: int
    answer: WordAnswer | None = None


def add(tx: Tx, word: KeptWord) -> None:
    """Add a word; it can never be changed."""
    tx.insert(
        money_words,
        word_id=word.word_id,
        kind=word.kind.value,
        subject_id=word.subject_id,
        body=json_text(word.body),
        told_by=word.told_by,
        role=word.role,
        reason=word.reason,
        at_ms=word.at_ms,
    )


def answer(tx: Tx, said: WordAnswer) -> None:
    """Add an answer; the database refuses a second one, and a confirmation by who told it."""
    tx.insert(
        money_word_answers,
        word_id=said.word_id,
        told_by=said.told_by,
        answered_by=said.answered_by,
        is_confirmed=said.is_confirmed,
        reason=said.reason,
        at_ms=said.at_ms,
    )


def find(tx: Tx, word_id: str) -> KeptWord | None:
    """The word of that id with its answer, if there is one."""
    return next(_words(tx, _W.word_id == word_id), None)


def of_subject(tx: Tx, kind: WordKind, subject_id: str) -> tuple[KeptWord, ...]:
    """All that was said of one thing, the oldest first."""
    return tuple(_words(tx, _W.kind == kind.value, _W.subject_id == subject_id))


def of_kind(tx: Tx, kind: WordKind) -> tuple[KeptWord, ...]:
    """All words of a kind, the oldest first."""
    return tuple(_words(tx, _W.kind == kind.value))


def confirmed_subjects(tx: Tx, kind: WordKind) -> frozenset[str]:
    """All that words of a kind are about which were confirmed."""
    together = (_A.tenant_id == _W.tenant_id) & (_A.word_id == _W.word_id)
    where = (_W.tenant_id == tx.tenant_id, _W.kind == kind.value, _A.is_confirmed)
    rows = tx.rows(select(_W.subject_id).join(money_word_answers, together).where(*where))
    return frozenset(row["subject_id"] for row in rows)


def confirmed(tx: Tx, kind: WordKind, subject_id: str) -> KeptWord | None:
    """The last word about one thing that was confirmed, if there is one."""
    said = of_subject(tx, kind, subject_id)
    return next((w for w in reversed(said) if w.answer and w.answer.is_confirmed), None)


def waiting(tx: Tx) -> tuple[KeptWord, ...]:
    """Words that nobody has answered, the oldest first."""
    answered = select(_A.word_id).where(_A.tenant_id == tx.tenant_id)
    return tuple(_words(tx, _W.word_id.not_in(answered)))


def stream(tx: Tx) -> Iterator[KeptWord]:
    """Every word with its answer, the oldest first."""
    return _words(tx)


def _words(tx: Tx, *where: ColumnElement[bool]) -> Iterator[KeptWord]:
    question = select(money_words).where(_W.tenant_id == tx.tenant_id, *where)
    found = tx.rows(question.order_by(_W.at_ms, _W.word_id))
    answers = _answers(tx) if not where else {}
    for row in found:
        said = answers.get(row["word_id"]) if not where else _answer_of(tx, row["word_id"])
        kinds = {"kind": WordKind(row["kind"]), "body": from_json(row["body"]), "answer": said}
        yield read_as(KeptWord, {**row, **kinds})


def _answer_of(tx: Tx, word_id: str) -> WordAnswer | None:
    where = (_A.tenant_id == tx.tenant_id, _A.word_id == word_id)
    row = tx.row(select(money_word_answers).where(*where))
    return _answer(row) if row else None


def _answers(tx: Tx) -> dict[str, WordAnswer]:
    rows = tx.rows(select(money_word_answers).where(_A.tenant_id == tx.tenant_id))
    return {row["word_id"]: _answer(row) for row in rows}


def _answer(row: Mapping[str, Any]) -> WordAnswer:
    return read_as(WordAnswer, {**row, "is_confirmed": bool(row["is_confirmed"])})


def said_before(tx: Tx) -> frozenset[tuple[str, str]]:
    """Kinds and subjects of what one person said before two were asked for."""
    where = money_words_before.c.tenant_id == tx.tenant_id
    rows = tx.rows(select(money_words_before).where(where))
    return frozenset((row["kind"], row["subject_id"]) for row in rows)


def add_login(tx: Tx, person_id: str, username: str, when: tuple[int, str]) -> bool:
    """Note by which name a person who holds cash logs in; False if that is known."""
    at_ms, actor = when
    return tx.insert_new(
        cash_logins, person_id=person_id, username=username, at_ms=at_ms, actor=actor
    )


def logins_of(tx: Tx, person_id: str) -> frozenset[str]:
    """The names by which a person who holds cash logs in."""
    where = (_L.tenant_id == tx.tenant_id, _L.person_id == person_id)
    return frozenset(row["username"] for row in tx.rows(select(_L.username).where(*where)))
