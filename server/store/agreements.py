"""The steps of agreements: who, when, why, and where each led. Never changed, never taken away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, exists, func, literal_column, select
from sqlalchemy.sql import ColumnElement

from core.lending.agreement import AgreementEvent, AgreementReason, AgreementState, Party
from server.store.bulk import among
from server.store.counted import Counted, counted, read_counted
from server.store.engine import Tx
from server.store.rows import from_json, json_text, read_as
from server.store.tables import agreement_steps, applications

_LEFT = "left"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a life.

    ``on_day`` is the civil date on which it counts, ``at_ms`` when it was written down;
    ``irregular`` says what was wrong with a fact that a station reported all the same,
    and is empty for a step that the table permits. ``line_id`` is empty until there is a line.
    """

    agreement_id: str
    seq: int
    line_id: str
    event: AgreementEvent
    state: AgreementState
    on_day: str
    at_ms: int
    actor: str
    role: str
    party: Party
    reason: AgreementReason
    detail: Mapping[str, Any]
    irregular: str


def add(tx: Tx, step: Step) -> None:
    """Add a step; it can never be changed."""
    tx.append(
        agreement_steps,
        agreement_id=step.agreement_id,
        seq=step.seq,
        line_id=step.line_id,
        event=step.event.value,
        state=step.state.value,
        on_day=step.on_day,
        at_ms=step.at_ms,
        actor=step.actor,
        role=step.role,
        party=step.party.value,
        reason=step.reason.value,
        detail=json_text(dict(step.detail)),
        irregular=step.irregular,
    )
    tx.learn(agreement_steps, step.agreement_id, step)
    if step.event is AgreementEvent.WITHDRAW and not step.irregular:
        tx.learn(agreement_steps, (_LEFT, step.agreement_id), step.on_day)


def last(tx: Tx, agreement_id: str) -> Step | None:
    """The latest step of an agreement, if it has any."""

    def ask() -> Step | None:
        row = tx.find_row(agreement_steps, "-seq", agreement_id=agreement_id)
        return _step(row) if row else None

    return tx.recall(agreement_steps, agreement_id, ask)


def referred(tx: Tx) -> tuple[Step, ...]:
    """The latest steps of agreements that wait for a person, the oldest first."""
    c = agreement_steps.c
    question = select(agreement_steps).where(*_is_referred(tx))
    return tuple(_step(row) for row in tx.rows(question.order_by(c.at_ms, c.agreement_id)))


def referred_count(tx: Tx) -> Counted:
    """How many applications wait for a person, and since when."""
    c, a = agreement_steps.c, applications.c
    known = and_(a.tenant_id == c.tenant_id, a.application_id == c.agreement_id)
    question = select(*counted(c.at_ms)).select_from(agreement_steps.join(applications, known))
    return read_counted(tx, question.where(*_is_referred(tx)))


def _is_referred(tx: Tx) -> tuple[ColumnElement[bool], ...]:
    """That a step led to a person, and that none came after it.

    The state stands there by its word: only so does SQLite take the index of such steps.
    """
    c, later = agreement_steps.c, agreement_steps.alias("later")
    after = exists().where(
        later.c.tenant_id == c.tenant_id, later.c.agreement_id == c.agreement_id,
        later.c.seq > c.seq,
    )  # fmt: skip
    state: ColumnElement[str] = literal_column(f"'{AgreementState.REFERRED.value}'")
    return c.tenant_id == tx.tenant_id, c.state == state, ~after


def learn_last(tx: Tx, agreement_ids: Sequence[str]) -> None:
    """Remember the latest step of each agreement."""
    mine = (
        agreement_steps.c.tenant_id == tx.tenant_id,
        among(tx, agreement_steps.c.agreement_id, agreement_ids),
    )
    newest = (
        select(agreement_steps.c.agreement_id, func.max(agreement_steps.c.seq).label("seq"))
        .where(*mine)
        .group_by(agreement_steps.c.agreement_id)
        .subquery()
    )
    found: dict[str, Step | None] = dict.fromkeys(agreement_ids)
    for row in tx.rows(
        select(agreement_steps)
        .where(*mine)
        .join(
            newest,
            (newest.c.agreement_id == agreement_steps.c.agreement_id)
            & (newest.c.seq == agreement_steps.c.seq),
        )
    ):
        found[row["agreement_id"]] = _step(row)
    for agreement_id, step in found.items():
        tx.learn(agreement_steps, agreement_id, step)


def left_on(tx: Tx, agreement_id: str) -> str:
    """The day on which the farmer left an agreement while it cooled; empty if that never was."""

    def ask() -> str:
        withdrew = {"event": AgreementEvent.WITHDRAW.value, "irregular": ""}
        found = tx.find_value(agreement_steps, "on_day", agreement_id=agreement_id, **withdrew)
        return found or ""

    return tx.recall(agreement_steps, (_LEFT, agreement_id), ask)


def learn_left(tx: Tx, agreement_ids: Sequence[str]) -> None:
    """Remember which of some agreements were left while they cooled, and when."""
    if agreement_ids:
        found = _left(tx, agreement_ids)
        told = {(_LEFT, each): found.get(each, "") for each in agreement_ids}
        tx.learn_all(agreement_steps, told)


def _left(tx: Tx, agreement_ids: Sequence[str]) -> dict[str, str]:
    c = agreement_steps.c
    question = select(c.agreement_id, c.on_day).where(
        c.tenant_id == tx.tenant_id,
        among(tx, c.agreement_id, agreement_ids),
        c.event == AgreementEvent.WITHDRAW.value,
        c.irregular == "",
    )
    return {row["agreement_id"]: row["on_day"] for row in tx.rows(question)}


def life(tx: Tx, agreement_id: str) -> tuple[Step, ...]:
    """Every step of an agreement, oldest first."""
    rows = tx.find_rows(agreement_steps, "seq", agreement_id=agreement_id)
    return tuple(_step(row) for row in rows)


def stream(tx: Tx) -> Iterator[Step]:
    """Every step of every agreement, by agreement and in order, one by one."""
    question = (
        select(agreement_steps)
        .where(agreement_steps.c.tenant_id == tx.tenant_id)
        .order_by(agreement_steps.c.agreement_id, agreement_steps.c.seq)
    )
    return (_step(row) for row in tx.stream(question))


def _step(row: Mapping[str, Any]) -> Step:
    read = {
        "event": AgreementEvent(row["event"]),
        "state": AgreementState(row["state"]),
        "party": Party(row["party"]),
        "reason": AgreementReason(row["reason"]),
        "detail": from_json(row["detail"]),
    }
    return read_as(Step, {**row, **read})
