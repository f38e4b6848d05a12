"""Applications a page at a time, the newest first, with the latest card of each."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exists, func, literal, select, tuple_
from sqlalchemy.sql import ColumnElement

from server.store.bulk import among
from server.store.engine import Tx
from server.store.reports import KeptApplication, KeptDecision, read_decision, read_kept
from server.store.tables import applications, decisions


def newest_applications(
    tx: Tx, rows_max: int, verdict: str = "", before: tuple[int, str] | None = None
) -> tuple[KeptApplication, ...]:
    """Applications, newest first, a page at a time; of one verdict if it is named.

    Parameters
    ----------
    before
        Instant and id of the application after which the page begins.
    """
    a, d = applications.c, decisions.c
    where: list[ColumnElement[bool]] = [a.tenant_id == tx.tenant_id]
    if before is not None:
        where.append(tuple_(a.at_ms, a.application_id) < tuple_(*map(literal, before)))
    if verdict:
        of_it = (d.tenant_id == a.tenant_id, d.application_id == a.application_id)
        where.append(exists().where(*of_it, d.verdict == verdict, _is_last()))
    question = select(applications).where(*where)
    rows = tx.rows(question.order_by(a.at_ms.desc(), a.application_id.desc()), rows_max)
    return tuple(read_kept(row) for row in rows)


def last_decisions(tx: Tx, application_ids: Sequence[str]) -> dict[str, KeptDecision]:
    """The latest card of each of some applications that has one."""
    d = decisions.c
    where = (d.tenant_id == tx.tenant_id, among(tx, d.application_id, application_ids))
    rows = tx.rows(select(decisions).where(*where).order_by(d.at_ms, d.card_id))
    return {row["application_id"]: read_decision(row) for row in rows}


def verdict_counts(tx: Tx) -> dict[str, int]:
    """How many applications stand at each verdict by their latest cards."""
    d = decisions.c
    question = select(d.verdict, func.count().label("count"))
    question = question.where(d.tenant_id == tx.tenant_id, _is_last()).group_by(d.verdict)
    return {row["verdict"]: row["count"] for row in tx.rows(question)}


def _is_last() -> ColumnElement[bool]:
    """That no later card says another thing of a card's application."""
    d, later = decisions.c, decisions.alias("later")
    after = tuple_(later.c.at_ms, later.c.card_id) > tuple_(d.at_ms, d.card_id)
    same = (later.c.tenant_id == d.tenant_id, later.c.application_id == d.application_id)
    return ~exists().where(*same, after)
