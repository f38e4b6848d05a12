"""The registry of compact models: every signed model file, and which one is in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import and_, func, select

from server.store.engine import ConflictError, NotKnownError, Tx
from server.store.rows import read_as
from server.store.tables import decisions, models

POINTS, TREES = "points", "trees"  # what may go to stations, and what stays at the centre


class ModelUse(Enum):
    """Where a model stands in its life."""

    ACTIVE = "active"
    CANDIDATE = "candidate"  # known, so that cards by it replay; not in force
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A signed model file; ``sha256`` is of the whole document's bytes, ``kind`` what it holds."""

    sha256: str
    name: str
    version: int
    state: str
    registered_at_ms: int
    registered_by: str
    document: bytes
    kind: str = POINTS


def put_active(tx: Tx, sha256: str) -> None:
    """Put a model that is known to use in place of the one before.

    Raises
    ------
    StoreError
        If two persons have not approved it, or it is no points table.
    """
    where = (models.c.tenant_id == tx.tenant_id, models.c.state == ModelUse.ACTIVE.value)
    tx.run(models.update().where(*where).values(state=ModelUse.SUPERSEDED.value))
    same = (models.c.tenant_id == tx.tenant_id, models.c.sha256 == sha256)
    tx.run(models.update().where(*same).values(state=ModelUse.ACTIVE.value))


def put_candidate(tx: Tx, model: RegisteredModel) -> None:
    """Keep a model that is tried out, so that cards which cite it replay.

    Raises
    ------
    ConflictError
        If its version is known with other content.
    """
    if known(tx, model.sha256) is not None:
        return
    named = (models.c.name == model.name, models.c.version == model.version)
    if tx.row(select(models).where(models.c.tenant_id == tx.tenant_id, *named)) is not None:
        raise ConflictError(
            f"model {model.name}: version {model.version} exists with other content; "
            "raise the version"
        )
    _insert(tx, model)


def _insert(tx: Tx, model: RegisteredModel) -> None:
    tx.insert(
        models,
        sha256=model.sha256,
        name=model.name,
        version=model.version,
        state=ModelUse.CANDIDATE.value,
        registered_at_ms=model.registered_at_ms,
        registered_by=model.registered_by,
        document=model.document,
        kind=model.kind,
    )


def active(tx: Tx) -> RegisteredModel | None:
    """The model in use, if any."""
    return _one(tx.find_row(models, state=ModelUse.ACTIVE.value))


def known(tx: Tx, sha256: str) -> RegisteredModel | None:
    """The model with that hash, if it is registered."""
    return _one(tx.find_row(models, sha256=sha256))


def get(tx: Tx, sha256: str) -> RegisteredModel:
    """The model with that hash.

    Raises
    ------
    NotKnownError
        If it is not registered.
    """
    found = known(tx, sha256)
    if found is None:
        raise NotKnownError(f"expected a registered model, got {sha256}")
    return found


def every(tx: Tx) -> tuple[RegisteredModel, ...]:
    """All models, newest version first."""
    question = select(models).where(models.c.tenant_id == tx.tenant_id)
    rows = tx.rows(question.order_by(models.c.version.desc()))
    return tuple(read_as(RegisteredModel, row) for row in rows)


def _one(row: Mapping[str, Any] | None) -> RegisteredModel | None:
    return read_as(RegisteredModel, row) if row else None


def deciding(tx: Tx) -> dict[str, tuple[str, int]]:
    """By station, the model of its newest decision card, by hash, and its time [ms UTC]."""
    c = decisions.c
    last = (
        select(c.writer, func.max(c.at_ms).label("at_ms"))
        .where(c.tenant_id == tx.tenant_id)
        .group_by(c.writer)
        .subquery()
    )
    newest = and_(c.writer == last.c.writer, c.at_ms == last.c.at_ms)
    question = (
        select(c.writer, c.model_sha256, c.at_ms)
        .select_from(decisions.join(last, newest))
        .where(c.tenant_id == tx.tenant_id)
        .order_by(c.card_id)
    )
    return {row["writer"]: (row["model_sha256"], row["at_ms"]) for row in tx.rows(question)}
