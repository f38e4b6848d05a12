"""How many of something stand open, and since when: asked of the database as two numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func

from server.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Counted:
    """How many there are, and since when the oldest stands [ms UTC]; None if there is none."""

    count: int
    oldest_ms: int | None


def counted(at_ms: ColumnElement[int]) -> tuple[ColumnElement[Any], ...]:
    """The columns of a question that counts rows and finds the oldest of them."""
    return func.count().label("count"), func.min(at_ms).label("oldest_ms")


def read_counted(tx: Tx, question: Select[Any]) -> Counted:
    """The answer to such a question."""
    row = tx.row(question)
    return Counted(row["count"], row["oldest_ms"]) if row else Counted(0, None)
