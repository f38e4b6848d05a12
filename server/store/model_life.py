"""The steps of every model's life, in the one order in which they were taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from server.store.engine import Tx
from server.store.model_tables import model_steps
from server.store.rows import from_json, json_text, read_as


@dataclass(frozen=True, slots=True)
class TakenStep:
    """One step of a model: what, to which stand, who, when [ms UTC], why.

    ``serial`` counts the steps of all models; orders to stations are numbered by it.
    """

    serial: int
    sha256: str
    previous: int
    event: str
    state: str
    at_ms: int
    actor: str
    role: str
    reason: str
    detail: Mapping[str, Any] = field(default_factory=dict)


def lock(tx: Tx) -> None:
    """Let one transaction at a time take steps; SQLite does so by itself."""
    if tx.connection.dialect.name == "postgresql":
        tx.connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 23))", (tx.tenant_id,)
        )


def add(tx: Tx, step: TakenStep) -> None:
    """Add a step; the database holds it against those before.

    Raises
    ------
    StoreError
        If it follows none of them, or one person would propose and approve.
    """
    values = {name: getattr(step, name) for name in TakenStep.__slots__}
    tx.insert(model_steps, **{**values, "detail": json_text(step.detail)})


def last_serial(tx: Tx) -> int:
    """The number of the newest step of any model; 0 before the first."""
    question = select(func.max(model_steps.c.serial)).where(model_steps.c.tenant_id == tx.tenant_id)
    return int(tx.scalar(question) or 0)


def steps_of(tx: Tx, sha256: str) -> tuple[TakenStep, ...]:
    """A model's steps, oldest first."""
    return tuple(_step(row) for row in tx.find_rows(model_steps, "serial", sha256=sha256))


def every(tx: Tx) -> tuple[TakenStep, ...]:
    """The steps of all models, oldest first."""
    return tuple(_step(row) for row in tx.find_rows(model_steps, "serial"))


def last(tx: Tx, sha256: str) -> TakenStep | None:
    """A model's newest step, if it has taken one."""
    row = tx.find_row(model_steps, "-serial", sha256=sha256)
    return _step(row) if row else None


def last_of_all(tx: Tx) -> dict[str, TakenStep]:
    """The newest step of every model, by its hash."""
    return {step.sha256: step for step in every(tx)}


def _step(row: Mapping[str, Any]) -> TakenStep:
    return read_as(TakenStep, {**row, "detail": from_json(row["detail"])})
