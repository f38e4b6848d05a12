"""Evidence documents, verbatim, with the columns that a review asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, literal, literal_column, select
from sqlalchemy.sql import ColumnElement, Select

from core.canonical import parse_canonical
from core.shape import decode, encode
from core.signing import DOCUMENT_BYTES_MAX
from core.wire.evidence import Evidence, EvidenceKind, Flag, Stage
from core.wire.registry import Subject, SubjectKind
from server.store.bulk import among
from server.store.engine import NotKnownError, Tx
from server.store.rows import read_as
from server.store.tables import evidence, newest_looks

FLAGS_MARK = b'"flags":[{'  # canonical bytes: no spaces, and an empty list is closed at once


@dataclass(frozen=True, slots=True)
class KeptEvidence:
    """What a review needs of an evidence document; yields are [kg/ha], for a pasture [ppm]."""

    evidence_id: str
    sha256: str
    satellite: str
    kind: EvidenceKind
    subject_id: str
    season_id: str
    as_of: str
    last_clear_on: str | None
    clear_looks: int
    stage: Stage
    stage_observed_on: str | None
    anomaly_ppm: int | None
    yield_p10: int | None
    yield_p50: int | None
    yield_p90: int | None
    received_at_ms: int


def add(tx: Tx, kept: KeptEvidence, document: bytes) -> None:
    """Add a document; it can never be changed."""
    optional = ("last_clear_on", "stage_observed_on", "anomaly_ppm")
    absent = dict.fromkeys((*optional, "yield_p10", "yield_p50", "yield_p90"))
    tx.append(evidence, **{**absent, **encode(kept)}, document=document)
    tx.learn(evidence, ("id", kept.evidence_id), kept)
    for season_id in ("", kept.season_id):
        key = ("latest", kept.subject_id, season_id)
        if tx.memory is not None and key in tx.memory.answers(evidence):
            before = tx.known(evidence, key)
            newest = kept if before is None else max(before, kept, key=_precedence)
            tx.learn(evidence, key, newest)


def _precedence(kept: KeptEvidence) -> tuple[str, int, str]:
    return kept.as_of, kept.received_at_ms, kept.evidence_id


def find(tx: Tx, evidence_id: str) -> KeptEvidence | None:
    """The evidence with that id, if it is known."""

    def ask() -> KeptEvidence | None:
        where = (evidence.c.tenant_id == tx.tenant_id, evidence.c.evidence_id == evidence_id)
        row = tx.row(select(*_COLUMNS).where(*where))
        return _kept(row) if row else None

    return tx.recall(evidence, ("id", evidence_id), ask)


def document(tx: Tx, evidence_id: str) -> Evidence:
    """The whole document: observations, curve, season, scenes.

    Raises
    ------
    NotKnownError
        If it is not known.
    """
    data = document_bytes(tx, evidence_id)
    return decode(Evidence, parse_canonical(data, DOCUMENT_BYTES_MAX)["body"])


def document_bytes(tx: Tx, evidence_id: str) -> bytes:
    """The signed document as it came.

    Raises
    ------
    NotKnownError
        If it is not known.
    """
    where = (evidence.c.tenant_id == tx.tenant_id, evidence.c.evidence_id == evidence_id)
    found = tx.scalar(select(evidence.c.document).where(*where))
    if found is None:
        raise NotKnownError(f"expected known evidence, got {evidence_id!r}")
    return bytes(found)


def stream_documents(tx: Tx) -> Iterator[tuple[str, str, bytes]]:
    """Every document by id, with the hash with which it was received; read one by one."""
    columns = (evidence.c.evidence_id, evidence.c.sha256, evidence.c.document)
    question = select(*columns).where(evidence.c.tenant_id == tx.tenant_id)
    for row in tx.stream(question.order_by(evidence.c.evidence_id), 200):
        yield row["evidence_id"], row["sha256"], bytes(row["document"])


def latest(tx: Tx, subject_id: str, season_id: str = "") -> KeptEvidence | None:
    """The newest evidence of a subject, and season if named, by its date, then by arrival."""
    return tx.recall(
        evidence,
        ("latest", subject_id, season_id),
        lambda: next(iter(of_subject(tx, subject_id, season_id, rows_max=1)), None),
    )


def speaking_for(tx: Tx, subject: Subject) -> KeptEvidence | None:
    """The newest evidence of this season that speaks for a plot, or for a herd's pasture."""
    if subject.kind is SubjectKind.HERD:
        return latest(tx, subject.pasture_id)
    return latest(tx, subject.subject_id, subject.season_id)


def learn_evidence(tx: Tx, ids: Sequence[str], wanted: Sequence[tuple[str, str]]) -> None:
    """Remember documents by id, and the newest of subjects, each named with its season."""
    for evidence_id in ids:
        tx.learn(evidence, ("id", evidence_id), None)
    where = (evidence.c.tenant_id == tx.tenant_id, among(tx, evidence.c.evidence_id, ids))
    for row in tx.rows(select(*_COLUMNS).where(*where)):
        tx.learn(evidence, ("id", row["evidence_id"]), _kept(row))
    found: dict[tuple[str, str, str], KeptEvidence | None] = {
        ("latest", subject_id, season_id): None for subject_id, season_id in wanted
    }
    newest = _newest_looks(tx, sorted({subject_id for subject_id, _ in wanted}))
    other: dict[str, list[str]] = {}
    for subject_id, season_id in wanted:
        kept = newest.get(subject_id)
        if kept is not None and season_id in ("", kept.season_id):
            found["latest", subject_id, season_id] = kept
        elif kept is not None:
            other.setdefault(season_id, []).append(subject_id)
    for season_id, subject_ids in sorted(other.items()):
        for kept in _newest(tx, subject_ids, season_id):
            found["latest", kept.subject_id, season_id] = kept
    tx.learn_all(evidence, found)


def _newest_looks(tx: Tx, subject_ids: Sequence[str]) -> dict[str, KeptEvidence]:
    """The newest evidence of each subject, of whatever season."""
    mine, newest = evidence.c, newest_looks.c
    same = (mine.tenant_id == newest.tenant_id) & (mine.evidence_id == newest.evidence_id)
    where = (newest.tenant_id == tx.tenant_id, among(tx, newest.subject_id, subject_ids))
    question = select(*_COLUMNS).select_from(newest_looks.join(evidence, same))
    return {row["subject_id"]: _kept(row) for row in tx.rows(question.where(*where))}


def _newest(tx: Tx, subject_ids: Sequence[str], season_id: str) -> list[KeptEvidence]:
    where = [evidence.c.tenant_id == tx.tenant_id, among(tx, evidence.c.subject_id, subject_ids)]
    if season_id:
        where.append(evidence.c.season_id == season_id)
    ranked = select(*_COLUMNS, _place().label("place")).where(*where).subquery()
    return [_kept(row) for row in tx.rows(select(ranked).where(ranked.c.place == 1))]


def _place() -> Any:
    """Each document's place among its subject's, the newest first."""
    return func.row_number().over(
        partition_by=evidence.c.subject_id,
        order_by=(
            evidence.c.as_of.desc(),
            evidence.c.received_at_ms.desc(),
            evidence.c.evidence_id.desc(),
        ),
    )


def of_subject(
    tx: Tx, subject_id: str, season_id: str = "", rows_max: int = 1000
) -> tuple[KeptEvidence, ...]:
    """A subject's evidence, of one season if named, newest date first."""
    where = [evidence.c.tenant_id == tx.tenant_id, evidence.c.subject_id == subject_id]
    if season_id:
        where.append(evidence.c.season_id == season_id)
    question = (
        select(*_COLUMNS)
        .where(*where)
        .order_by(
            evidence.c.as_of.desc(), evidence.c.received_at_ms.desc(), evidence.c.evidence_id.desc()
        )
    )
    return tuple(_kept(row) for row in tx.rows(question, rows_max))


def latest_everywhere(tx: Tx) -> dict[str, KeptEvidence]:
    """The newest evidence of every subject, in one question."""
    mine, newest = evidence.c, newest_looks.c
    same = (mine.tenant_id == newest.tenant_id) & (mine.evidence_id == newest.evidence_id)
    question = select(*_COLUMNS).select_from(newest_looks.join(evidence, same))
    rows = tx.rows(question.where(newest.tenant_id == tx.tenant_id))
    return {row["subject_id"]: _kept(row) for row in rows}


def flagged(tx: Tx, rows_max: int) -> tuple[tuple[str, str], ...]:
    """Subjects whose newest evidence holds a flag, with that evidence's id."""
    rows = tx.rows(_flagged(tx, evidence.c.subject_id, evidence.c.evidence_id), rows_max)
    return tuple((row["subject_id"], row["evidence_id"]) for row in rows)


def flags(tx: Tx, rows_max: int) -> Iterator[Flag]:
    """The flags of the newest evidence of so many subjects, without the rest of it."""
    for row in tx.rows(_flagged(tx, evidence.c.subject_id, evidence.c.document), rows_max):
        body = parse_canonical(bytes(row["document"]), DOCUMENT_BYTES_MAX)["body"]
        told = body.get("findings", {}).get("flags", ())
        yield from (decode(Flag, each) for each in told)


def _flagged(tx: Tx, *columns: Any) -> Select[Any]:
    """Some columns of newest evidence that holds a flag, by subject.

    The condition stands there word for word as in the index of such evidence: only so do the
    databases take the index, and read no document.
    """
    mine, newest = evidence.c, newest_looks.c
    is_newest = exists().where(
        newest.tenant_id == mine.tenant_id,
        newest.subject_id == mine.subject_id,
        newest.evidence_id == mine.evidence_id,
    )
    holds: ColumnElement[bool] = literal_column(_HOLDS_FLAG[tx.connection.dialect.name])
    question = select(*columns).where(mine.tenant_id == tx.tenant_id, holds, is_newest)
    # A column by itself would lead SQLite to the index of subjects, through every document.
    return question.order_by(literal_column("evidence.subject_id || ''"))


_HOLDS_FLAG = {
    "sqlite": f"instr(evidence.document, x'{FLAGS_MARK.hex()}') > 0",
    "postgresql": rf"position('\x{FLAGS_MARK.hex()}'::bytea IN evidence.document) > 0",
}


def names(tx: Tx, sha256: str) -> bool:
    """Whether any evidence that may be read here names a picture by its hash."""
    where = (evidence.c.tenant_id == tx.tenant_id, _holds(tx, evidence.c.document, sha256.encode()))
    return tx.row(select(evidence.c.evidence_id).where(*where)) is not None


def _holds(tx: Tx, column: Any, part: bytes) -> Any:
    """Whether a column's bytes hold some bytes; both databases count positions from one."""
    if tx.connection.dialect.name == "postgresql":
        return func.position(literal(part).op("IN")(column)) > 0
    return func.instr(column, part) > 0


_COLUMNS = [column for column in evidence.c if column.name != "document"]


def _kept(row: Mapping[str, Any]) -> KeptEvidence:
    read = {"kind": EvidenceKind(row["kind"]), "stage": Stage(row["stage"])}
    return read_as(KeptEvidence, {**row, **read})
