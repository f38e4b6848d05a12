"""What rests on which consent or ground, and who looked at whose data: written once, kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from core.shape import encode
from server.store.engine import Tx
from server.store.rows import from_json, json_text, read_as
from server.store.tables import accesses, data_uses


@dataclass(frozen=True, slots=True)
class DataUse:
    """A use of one class of a farmer's data, for something that was made with it.

    ``kind`` and ``object_id`` name what was made: a model, a bureau's answer, a statement.
    """

    kind: str
    object_id: str
    farmer_id: str
    purpose: str
    data_class: str
    recipient: str
    basis: str
    consent_ids: tuple[str, ...]
    at_ms: int


@dataclass(frozen=True, slots=True)
class KeptAccess:
    """A look at a farmer's data: by whom, in what role, what for, which classes, how.

    ``way`` is the console, a command or the API; ``shown`` the page or command.
    """

    access_id: str
    farmer_id: str
    at_ms: int
    actor: str
    role: str
    purpose: str
    classes: tuple[str, ...]
    way: str
    shown: str


def add_uses(tx: Tx, uses: Iterable[DataUse]) -> None:
    """Write uses down, but for those that are known."""
    rows = [{**encode(use), "consent_ids": json_text(use.consent_ids)} for use in uses]
    tx.insert_many_new(data_uses, rows)


def uses_of(tx: Tx, farmer_id: str) -> tuple[DataUse, ...]:
    """A farmer's uses, oldest first."""
    rows = tx.find_rows(data_uses, "at_ms", "kind", "object_id", "data_class", farmer_id=farmer_id)
    return tuple(_use(row) for row in rows)


def every_use(tx: Tx) -> Iterator[DataUse]:
    """All uses, read one by one."""
    question = select(data_uses).where(data_uses.c.tenant_id == tx.tenant_id)
    for row in tx.stream(question.order_by(data_uses.c.kind, data_uses.c.object_id), 200):
        yield _use(row)


def add_accesses(tx: Tx, found: Iterable[KeptAccess]) -> None:
    """Write looks down, but for those that are known."""
    rows = [{**encode(each), "classes": json_text(each.classes)} for each in found]
    tx.insert_many_new(accesses, rows)


def looked_at_since(tx: Tx, since_ms: int) -> tuple[str, ...]:
    """Whose data was looked at since an instant, in order."""
    where = (accesses.c.tenant_id == tx.tenant_id, accesses.c.at_ms >= since_ms)
    question = select(accesses.c.farmer_id).where(*where).distinct()
    return tuple(row["farmer_id"] for row in tx.rows(question.order_by(accesses.c.farmer_id)))


def accesses_of(tx: Tx, farmer_id: str) -> tuple[KeptAccess, ...]:
    """The looks at a farmer's data, newest first."""
    rows = tx.find_rows(accesses, "-at_ms", "-access_id", farmer_id=farmer_id)
    return tuple(_access(row) for row in rows)


def _use(row: Mapping[str, Any]) -> DataUse:
    return read_as(DataUse, {**row, "consent_ids": tuple(from_json(row["consent_ids"]))})


def _access(row: Mapping[str, Any]) -> KeptAccess:
    return read_as(KeptAccess, {**row, "classes": tuple(from_json(row["classes"]))})
