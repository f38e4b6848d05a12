"""Which stations were given which update, step by step, and the word of two that each rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from core.shape import encode
from server.store.desk_tables import update_steps
from server.store.engine import Tx
from server.store.rows import read_as

_S = update_steps.c
STAGED, PROMOTED = "staged", "promoted"


@dataclass(frozen=True, slots=True)
class UpdateStep:
    """So many stations may have a version from now on.

    ``subject_id`` is what the word of two is about, ``word_id`` is empty while the tenant was
    founded, ``rollout`` is canonical text.
    """

    path: str
    seq: int
    event: str
    subject_id: str
    rollout: str
    word_id: str
    actor: str
    at_ms: int


def add(tx: Tx, step: UpdateStep) -> UpdateStep:
    """Add the next step of a version, whatever number it had; the database asks for two."""
    where = (_S.tenant_id == tx.tenant_id, _S.path == step.path)
    last = tx.scalar(select(func.coalesce(func.max(_S.seq), 0)).where(*where))
    kept = UpdateStep(**{**encode(step), "seq": int(last) + 1})
    tx.insert(update_steps, **encode(kept))
    return kept


def is_given(tx: Tx, subject_id: str) -> bool:
    """Whether stations were given what a word is about, all of them or some."""
    return tx.find_row(update_steps, subject_id=subject_id) is not None


def stream(tx: Tx) -> Iterator[UpdateStep]:
    """Every step, version by version, the oldest first."""
    question = select(update_steps).where(_S.tenant_id == tx.tenant_id)
    rows = tx.stream(question.order_by(_S.path, _S.seq))
    return (read_as(UpdateStep, row) for row in rows)
