"""What was handed to rails, verbatim and sealed, and what rails said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.sql import ColumnElement

from core.lending.payout import Finding, Outcome
from core.shape import encode
from server.store.engine import NotKnownError, Tx
from server.store.payout_tables import payout_batches, rail_answers, rail_files
from server.store.rows import read_as


@dataclass(frozen=True, slots=True)
class Batch:
    """What was handed to a rail, verbatim and sealed to the centre."""

    batch_id: str
    rail: str
    currency: str
    payouts_count: int
    sum_minor: int
    file_name: str
    sha256: str
    sealed: bytes
    made_at_ms: int
    written_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a rail said, from which file or message, and how it fitted."""

    rail: str
    source_sha256: str
    item: int
    kind: str
    instruction_id: str
    outcome: Outcome
    amount_minor: int | None
    currency: str
    reference: str
    reason: str
    finding: Finding
    payout_id: str
    at_ms: int
    actor: str
    repayment_id: str = ""  # of the repayment that came back by it


@dataclass(frozen=True, slots=True)
class LetIn:
    """A rail's file that may be taken: by one within the rail's bound, or by the word of two."""

    rail: str
    purpose: str
    sha256: str
    moved_minor: int
    word_id: str
    brought_by: str
    at_ms: int


def add_file(tx: Tx, file: LetIn) -> bool:
    """Keep that a file may be taken; False if it could be before."""
    return tx.insert_new(rail_files, **encode(file))


def files_let_in(tx: Tx) -> tuple[LetIn, ...]:
    """Every file that may be taken, by its rail and hash."""
    c = rail_files.c
    question = select(rail_files).where(c.tenant_id == tx.tenant_id)
    rows = tx.rows(question.order_by(c.rail, c.purpose, c.sha256))
    return tuple(read_as(LetIn, row) for row in rows)


def add_batch(tx: Tx, batch: Batch) -> None:
    """Write down what is about to be handed to a rail."""
    tx.insert(
        payout_batches,
        **{**encode(batch), "sealed": batch.sealed, "written_at_ms": batch.written_at_ms},
    )


def batch(tx: Tx, batch_id: str) -> Batch:
    """The batch with that id.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    where = (payout_batches.c.tenant_id == tx.tenant_id, payout_batches.c.batch_id == batch_id)
    row = tx.row(select(payout_batches).where(*where))
    if row is None:
        raise NotKnownError(f"expected a batch, got {batch_id[:64]!r}")
    return read_as(Batch, row)


def batches(tx: Tx) -> tuple[Batch, ...]:
    """Every batch, oldest first, without what is in it."""
    columns = [each for each in payout_batches.c if each.name != "sealed"]
    question = select(*columns).where(payout_batches.c.tenant_id == tx.tenant_id)
    rows = tx.rows(question.order_by(payout_batches.c.made_at_ms, payout_batches.c.batch_id))
    return tuple(read_as(Batch, {**row, "sealed": b""}) for row in rows)


def mark_written(tx: Tx, batch_id: str, at_ms: int) -> None:
    """Note that a rail has a batch."""
    where = (payout_batches.c.tenant_id == tx.tenant_id, payout_batches.c.batch_id == batch_id)
    tx.run(update(payout_batches).where(*where).values(written_at_ms=at_ms))


def add_answer(tx: Tx, answer: KeptAnswer) -> None:
    """Keep what a rail said."""
    tx.insert(rail_answers, **{**encode(answer), "amount_minor": answer.amount_minor})


def find_answer(tx: Tx, rail: str, source_sha256: str, item: int) -> KeptAnswer | None:
    """An answer by the place where it was said, if it is known."""
    where = (
        rail_answers.c.rail == rail,
        rail_answers.c.source_sha256 == source_sha256,
        rail_answers.c.item == item,
    )
    return next(iter(_answers(tx, *where)), None)


def answers(tx: Tx, findings: Iterable[Finding]) -> tuple[KeptAnswer, ...]:
    """Answers with some findings, oldest first."""
    return _answers(tx, rail_answers.c.finding.in_([each.value for each in findings]))


def answers_of(tx: Tx, payout_id: str) -> tuple[KeptAnswer, ...]:
    """What was said of one payout, oldest first."""
    return _answers(tx, rail_answers.c.payout_id == payout_id)


def returns_of(tx: Tx, repayment_id: str) -> tuple[KeptAnswer, ...]:
    """What rails said that undid a repayment."""
    c = rail_answers.c
    where = (c.outcome == Outcome.BOUNCED.value, c.finding == Finding.MATCHED.value)
    return _answers(tx, c.repayment_id == repayment_id, *where)


def files(tx: Tx, without: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The rail and the hash of each message whose answers are kept, but those of some kinds."""
    c = rail_answers.c
    where = (c.tenant_id == tx.tenant_id, c.kind.not_in(tuple(without)))
    rows = tx.rows(
        select(c.rail, c.source_sha256).where(*where).distinct().order_by(c.rail, c.source_sha256)
    )
    return tuple((row["rail"], row["source_sha256"]) for row in rows)


def _answers(tx: Tx, *where: ColumnElement[bool]) -> tuple[KeptAnswer, ...]:
    question = select(rail_answers).where(rail_answers.c.tenant_id == tx.tenant_id, *where)
    rows = tx.rows(
        question.order_by(rail_answers.c.at_ms, rail_answers.c.source_sha256, rail_answers.c.item)
    )
    return tuple(
        read_as(
            KeptAnswer,
            {**row, "outcome": Outcome(row["outcome"]), "finding": Finding(row["finding"])},
        )
        for row in rows
    )
