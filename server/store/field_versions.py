"""What agents wrote of a field, each version as it came, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, select

from core.shape import encode
from server.store.engine import Tx
from server.store.field_tables import field_choices, field_versions
from server.store.rows import read_as
from server.store.tables import farmers, subjects

OPEN_MAX = 500  # versions on one page; the oldest come first


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a field; ``seq`` is its place in the station's own log."""

    operation_id: str
    farmer_id: str
    subject_id: str
    field: str
    station: str
    agent_id: str
    seq: int
    noted_on: str
    was: str
    value: str
    at_ms: int

    @property
    def about(self) -> tuple[str, str]:
        """Kind and id of what it is of."""
        return ("subject", self.subject_id) if self.subject_id else ("farmer", self.farmer_id)


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of a version: chosen or not, by whom, why; ``by_policy`` without a person."""

    operation_id: str
    farmer_id: str
    choice_id: str
    chosen: bool
    by_policy: bool
    reason: str
    actor: str
    at_ms: int


def add(tx: Tx, version: Version) -> None:
    """Keep a version; it can never be changed."""
    tx.insert(field_versions, **encode(version))


def answer(tx: Tx, choice: Choice) -> bool:
    """Keep what became of a version; False if that was said before."""
    return tx.insert_new(field_choices, **encode(choice))


def waiting(tx: Tx, rows_max: int = OPEN_MAX) -> tuple[Version, ...]:
    """Versions that nobody has answered, the oldest first."""
    v, c = field_versions.c, field_choices.c
    joined = field_versions.outerjoin(
        field_choices, and_(v.tenant_id == c.tenant_id, v.operation_id == c.operation_id)
    )
    question = select(field_versions).select_from(joined)
    question = question.where(v.tenant_id == tx.tenant_id, c.operation_id.is_(None))
    rows = tx.rows(question.order_by(v.at_ms, v.operation_id).limit(rows_max))
    return tuple(read_as(Version, row) for row in rows)


def of_subject(tx: Tx, subject_id: str) -> tuple[Version, ...]:
    """Every version of anything of a subject, the oldest first."""
    rows = tx.find_rows(field_versions, "at_ms", "operation_id", subject_id=subject_id)
    return tuple(read_as(Version, row) for row in rows)


def of_farmer(tx: Tx, farmer_id: str) -> tuple[Version, ...]:
    """Every version of anything of a farmer, or of what is theirs, the oldest first."""
    rows = tx.find_rows(field_versions, "at_ms", "operation_id", farmer_id=farmer_id)
    return tuple(read_as(Version, row) for row in rows)


def choice_of(tx: Tx, operation_id: str) -> Choice | None:
    """What became of a version; None while it waits."""
    row = tx.find_row(field_choices, operation_id=operation_id)
    return read_as(Choice, row) if row else None


def shapes_near(tx: Tx, farmer_id: str) -> Sequence[tuple[str, str, str, str]]:
    """Id, name, owner's name and polygon of what is drawn in a farmer's village."""
    site = tx.find_value(farmers, "site", farmer_id=farmer_id)
    joined = subjects.join(
        farmers,
        and_(
            subjects.c.tenant_id == farmers.c.tenant_id,
            subjects.c.farmer_id == farmers.c.farmer_id,
        ),
    )
    question = select(
        subjects.c.subject_id, subjects.c.name, farmers.c.name.label("owner"), subjects.c.geojson
    ).select_from(joined)
    where = (
        subjects.c.tenant_id == tx.tenant_id, farmers.c.site == site,
        subjects.c.geojson.is_not(None),
    )  # fmt: skip
    rows = tx.rows(question.where(*where).order_by(subjects.c.subject_id))
    return [(row["subject_id"], row["name"], row["owner"], row["geojson"]) for row in rows]
