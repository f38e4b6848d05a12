"""The cards that a model decided, oldest first, with the lines that were opened on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.sql import ColumnElement

from server.store.engine import Tx
from server.store.reports import KeptDecision, Replay
from server.store.rows import read_as
from server.store.tables import decisions, lines


@dataclass(frozen=True, slots=True)
class CardsOfModel:
    """Which cards are asked for: of a model, a time [ms UTC], and one verdict or '' for all."""

    sha256: str
    from_ms: int
    until_ms: int
    verdict: str = ""


def count(tx: Tx, asked: CardsOfModel) -> int:
    """How many cards there are."""
    return int(
        tx.scalar(select(func.count()).select_from(decisions).where(*_where(tx, asked))) or 0
    )


def page(tx: Tx, asked: CardsOfModel, cards_max: int) -> tuple[KeptDecision, ...]:
    """The oldest of the cards, so many at most."""
    question = select(decisions).where(*_where(tx, asked))
    rows = tx.rows(question.order_by(decisions.c.at_ms, decisions.c.card_id), cards_max)
    return tuple(read_as(KeptDecision, {**row, "replay": Replay(row["replay"])}) for row in rows)


def lines_on(tx: Tx, applications: Sequence[str]) -> dict[str, str]:
    """The line that was opened on each application, of those on which one was."""
    where = (lines.c.tenant_id == tx.tenant_id, lines.c.application_id.in_(applications))
    rows = tx.rows(select(lines.c.application_id, lines.c.line_id).where(*where))
    return {row["application_id"]: row["line_id"] for row in rows}


def _where(tx: Tx, asked: CardsOfModel) -> tuple[ColumnElement[bool], ...]:
    c = decisions.c
    where = (
        c.tenant_id == tx.tenant_id, c.model_sha256 == asked.sha256,
        c.at_ms >= asked.from_ms, c.at_ms < asked.until_ms,
    )  # fmt: skip
    return (*where, c.verdict == asked.verdict) if asked.verdict else where
