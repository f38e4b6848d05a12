"""What bureaus delivered, whom they were asked about, and what they answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import select

from server.store.beside_tables import bureau_answers, bureau_files, bureau_rows
from server.store.bulk import among
from server.store.engine import Tx
from server.store.rows import read_as


@dataclass(frozen=True, slots=True)
class BureauFile:
    """An extract that a bureau delivered, by the hash of its bytes.

    ``as_of`` is the day that it speaks of; ``key_id`` whose signature stood on its
    manifest, empty where it was only hashed.
    """

    file_sha256: str
    bureau: str
    as_of: str
    rows_count: int
    key_id: str
    imported_by: str
    imported_at_ms: int


@dataclass(frozen=True, slots=True)
class BureauRow:
    """What one person owes elsewhere in one currency [minor units], by blind index."""

    subject_index: str
    currency: str
    dues_minor: int
    liens_minor: int
    lenders_count: int
    late_days: int


@dataclass(frozen=True, slots=True)
class BureauAnswer:
    """A question to a bureau, under which consent it was asked, and the answer.

    ``outcome`` is ``found``, ``not_listed`` (the bureau's file has no such person) or
    ``no_file``; the amounts [minor units] are absent where nothing was answered.
    """

    query_id: str
    farmer_id: str
    bureau: str
    subject_index: str
    consent_id: str
    outcome: str
    file_sha256: str
    as_of: str
    currency: str
    dues_minor: int | None
    liens_minor: int | None
    lenders_count: int | None
    late_days: int | None
    asked_by: str
    asked_at_ms: int


def add_file(tx: Tx, kept: BureauFile, rows: Sequence[BureauRow]) -> bool:
    """Keep an extract; False if the same bytes are there."""
    added = tx.insert_new(bureau_files, **asdict(kept))
    if added:
        whose = {"file_sha256": kept.file_sha256}
        tx.insert_many(bureau_rows, [{**whose, **asdict(row)} for row in rows])
    return added


def files_of(tx: Tx, bureau: str = "") -> tuple[BureauFile, ...]:
    """The extracts of a bureau or of all, the newest day last."""
    question = select(bureau_files).where(bureau_files.c.tenant_id == tx.tenant_id)
    if bureau:
        question = question.where(bureau_files.c.bureau == bureau)
    rows = tx.rows(question.order_by(bureau_files.c.as_of, bureau_files.c.file_sha256))
    return tuple(read_as(BureauFile, row) for row in rows)


def row_of(tx: Tx, file_sha256: str, subject_index: str, currency: str) -> BureauRow | None:
    """What an extract says of a person in a currency, if it says anything."""
    where = (
        bureau_rows.c.tenant_id == tx.tenant_id,
        bureau_rows.c.file_sha256 == file_sha256,
        bureau_rows.c.subject_index == subject_index,
        bureau_rows.c.currency == currency,
    )
    row = tx.row(select(bureau_rows).where(*where))
    return read_as(BureauRow, row) if row else None


def add_answer(tx: Tx, answer: BureauAnswer) -> None:
    """Keep a question and its answer."""
    tx.insert(bureau_answers, **asdict(answer))


def answers_of(tx: Tx, farmer_id: str) -> tuple[BureauAnswer, ...]:
    """What was asked about a farmer and answered, oldest first."""

    def ask() -> tuple[BureauAnswer, ...]:
        where = (
            bureau_answers.c.tenant_id == tx.tenant_id,
            bureau_answers.c.farmer_id == farmer_id,
        )
        order = (bureau_answers.c.asked_at_ms, bureau_answers.c.query_id)
        rows = tx.rows(select(bureau_answers).where(*where).order_by(*order))
        return tuple(read_as(BureauAnswer, row) for row in rows)

    return tx.recall(bureau_answers, farmer_id, ask)


def learn_answers(tx: Tx, farmer_ids: Sequence[str]) -> None:
    """Remember the answers about many farmers in one question."""
    where = (
        bureau_answers.c.tenant_id == tx.tenant_id,
        among(tx, bureau_answers.c.farmer_id, farmer_ids),
    )
    order = (bureau_answers.c.asked_at_ms, bureau_answers.c.query_id)
    found: dict[str, list[BureauAnswer]] = {each: [] for each in farmer_ids}
    for row in tx.rows(select(bureau_answers).where(*where).order_by(*order)):
        found[row["farmer_id"]].append(read_as(BureauAnswer, row))
    tx.learn_all(bureau_answers, {farmer_id: tuple(each) for farmer_id, each in found.items()})


def farmers_with(tx: Tx, subject_index: str) -> frozenset[str]:
    """The farmers about whom was asked under a blind index: one person has one."""
    where = (
        bureau_answers.c.tenant_id == tx.tenant_id,
        bureau_answers.c.subject_index == subject_index,
    )
    question = select(bureau_answers.c.farmer_id).where(*where).distinct()
    return frozenset(row["farmer_id"] for row in tx.rows(question))
