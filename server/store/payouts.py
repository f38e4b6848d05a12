"""Payouts as they stand, and every step that led there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.sql import ColumnElement, Select

from core.lending.ledger import EntryLine
from core.lending.payout import (
    OPEN,
    UNDONE,
    PayeeKind,
    PayoutEvent,
    PayoutState,
)
from core.shape import encode
from server.store.bulk import among
from server.store.engine import NotKnownError, Tx
from server.store.payout_tables import payout_steps, payouts
from server.store.rows import read_as
from server.store.tables import drawdowns, ledger_entries, ledger_lines


@dataclass(frozen=True, slots=True)
class Payout:
    """A payout as it stands [minor units].

    ``attempt`` counts instructions, ``tries`` how often the latest was handed over;
    ``payee_seq`` is the payee's row that it was sent to. ``reference`` is the rail's own.
    """

    payout_id: str
    draw_id: str
    line_id: str
    payee_kind: PayeeKind
    payee_id: str
    currency: str
    amount_minor: int
    effective_on: str
    made_at_ms: int
    state: PayoutState
    attempt: int = 1
    tries: int = 0
    due_at_ms: int = 0
    rail: str = ""
    payee_seq: int = 0
    batch_id: str = ""
    reference: str = ""
    steps_count: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a payout's life: who, when, why."""

    payout_id: str
    seq: int
    event: PayoutEvent
    state: PayoutState
    at_ms: int
    actor: str
    role: str
    reason: str
    attempt: int
    rail: str
    batch_id: str
    reference: str
    detail: str


def add(tx: Tx, payout: Payout) -> bool:
    """Add a payout; False if its draw has one."""
    if find(tx, payout.payout_id) is not None:
        return False
    tx.append(payouts, **encode(payout))
    tx.learn(payouts, ("one", payout.payout_id), payout)
    return True


def find(tx: Tx, payout_id: str) -> Payout | None:
    """The payout with that id, if there is one."""

    def ask() -> Payout | None:
        row = tx.find_row(payouts, payout_id=payout_id)
        return _payout(row) if row else None

    return tx.recall(payouts, ("one", payout_id), ask)


def learn_named(tx: Tx, payout_ids: Sequence[str]) -> None:
    """Remember payouts by id, also that there are none, read in one question."""
    found: dict[str, Payout | None] = dict.fromkeys(payout_ids)
    for each in _payouts(tx, among(tx, payouts.c.payout_id, payout_ids)):
        found[each.payout_id] = each
    tx.learn_all(payouts, {("one", payout_id): each for payout_id, each in found.items()})


def lock(tx: Tx, payout_id: str) -> Payout:
    """A payout, kept from other transactions until this one ends.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    where = (payouts.c.tenant_id == tx.tenant_id, payouts.c.payout_id == payout_id)
    row = tx.row(select(payouts).where(*where).with_for_update())
    if row is None:
        raise NotKnownError(f"expected a payout, got {payout_id[:64]!r}")
    return _payout(row)


def put(tx: Tx, payout: Payout) -> None:
    """Renew where a payout stands; whom and how much it pays never changes."""
    changing = (
        "state", "attempt", "tries", "due_at_ms", "rail", "payee_seq", "batch_id", "reference",
        "steps_count",
    )  # fmt: skip
    row = encode(payout)
    values = {name: row[name] for name in changing}
    where = (payouts.c.tenant_id == tx.tenant_id, payouts.c.payout_id == payout.payout_id)
    tx.run(update(payouts).where(*where).values(**values))


def due(tx: Tx, state: PayoutState, at_ms: int, rows_max: int, rail: str = "") -> list[Payout]:
    """Payouts whose time has come and that no other transaction holds, oldest first.

    ``rail`` names the one that they were handed to; empty for any.
    """
    where = (*_ripe(tx, state, at_ms), *((payouts.c.rail == rail,) if rail else ()))
    question = select(payouts).where(*where).order_by(*_OLDEST)
    return [_payout(row) for row in tx.rows(question.with_for_update(skip_locked=True), rows_max)]


def ripe(tx: Tx, state: PayoutState, at_ms: int) -> Iterator[Payout]:
    """The same without holding them, however many: who looks keeps nobody from theirs."""
    question = select(payouts).where(*_ripe(tx, state, at_ms)).order_by(*_OLDEST)
    for row in tx.stream(question):
        yield _payout(row)


def hold(tx: Tx, payout_ids: Sequence[str], state: PayoutState, at_ms: int) -> list[Payout]:
    """Those of some payouts whose time has come still, held until the transaction ends."""
    where = (*_ripe(tx, state, at_ms), payouts.c.payout_id.in_(payout_ids))
    question = select(payouts).where(*where).order_by(*_OLDEST).with_for_update(skip_locked=True)
    return [_payout(row) for row in tx.rows(question)]


_OLDEST = (payouts.c.due_at_ms, payouts.c.payout_id)


def _ripe(tx: Tx, state: PayoutState, at_ms: int) -> tuple[ColumnElement[bool], ...]:
    c = payouts.c
    return c.tenant_id == tx.tenant_id, c.state == state.value, c.due_at_ms <= at_ms


def next_due_ms(tx: Tx) -> int | None:
    """When the next payout is to be handed over [ms UTC]; None if none waits."""
    states = (PayoutState.PENDING.value, PayoutState.SENT.value)
    where = (payouts.c.tenant_id == tx.tenant_id, payouts.c.state.in_(states))
    found = tx.scalar(select(func.min(payouts.c.due_at_ms)).where(*where))
    return None if found is None else int(found)


def wake(tx: Tx, kind: PayeeKind, payee_id: str, at_ms: int, before_ms: int) -> int:
    """Let what waits for a payee, and was due before an instant, be due now; how many."""
    where = (
        payouts.c.tenant_id == tx.tenant_id,
        payouts.c.payee_kind == kind.value,
        payouts.c.payee_id == payee_id,
        payouts.c.state == PayoutState.PENDING.value,
        payouts.c.due_at_ms < before_ms,
    )
    return tx.run(update(payouts).where(*where).values(due_at_ms=at_ms))


def listed(
    tx: Tx, states: Iterable[PayoutState], rows_max: int = 0, rail: str = ""
) -> tuple[Payout, ...]:
    """Payouts in some states, oldest first."""
    where: list[ColumnElement[bool]] = [payouts.c.state.in_([each.value for each in states])]
    if rail:
        where.append(payouts.c.rail == rail)
    return _payouts(tx, *where, rows_max=rows_max)


def of_batch(tx: Tx, batch_id: str) -> tuple[Payout, ...]:
    """The payouts whose latest attempt is in a batch."""
    return _payouts(tx, payouts.c.batch_id == batch_id)


def of_line(tx: Tx, line_id: str) -> tuple[Payout, ...]:
    """A line's payouts, oldest first."""
    rows = tx.find_rows(payouts, "made_at_ms", "payout_id", line_id=line_id)
    return tuple(_payout(row) for row in rows)


def stream(tx: Tx) -> Iterator[Payout]:
    """Every payout by id, one by one."""
    question = select(payouts).where(payouts.c.tenant_id == tx.tenant_id)
    return (_payout(row) for row in tx.stream(question.order_by(payouts.c.payout_id)))


def undone_of(tx: Tx, line_id: str) -> tuple[Payout, ...]:
    """A line's payouts that came back or never left, so that their draws do not count."""
    return tx.recall(
        payouts,
        ("undone", line_id),
        lambda: tuple(each for each in of_line(tx, line_id) if each.state in UNDONE),
    )


def learn_undone(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember what is undone of lines, read in one question."""
    found: dict[str, list[Payout]] = {each: [] for each in line_ids}
    undone = [each.value for each in UNDONE]
    for each in _payouts(tx, among(tx, payouts.c.line_id, line_ids), payouts.c.state.in_(undone)):
        found[each.line_id].append(each)
    tx.learn_all(payouts, {("undone", line_id): tuple(each) for line_id, each in found.items()})


def open_sums(tx: Tx) -> dict[tuple[PayeeKind, str, str, str], int]:
    """What is owed to payees still, by payee, line and currency [minor units]."""
    keys = (payouts.c.payee_kind, payouts.c.payee_id, payouts.c.line_id, payouts.c.currency)
    total = func.sum(payouts.c.amount_minor).label("total")
    where = (
        payouts.c.tenant_id == tx.tenant_id,
        payouts.c.state.in_([each.value for each in OPEN]),
    )
    rows = tx.rows(select(*keys, total).where(*where).group_by(*keys))
    return {
        (
            PayeeKind(row["payee_kind"]), row["payee_id"], row["line_id"], row["currency"],
        ): int(row["total"])
        for row in rows
    }  # fmt: skip


def draws_without_payout(tx: Tx, accounts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Posted draws that credit accounts under any of some prefixes and have no payout."""
    joined = ledger_lines.join(
        ledger_entries,
        (ledger_lines.c.tenant_id == ledger_entries.c.tenant_id)
        & (ledger_lines.c.entry_id == ledger_entries.c.entry_id),
    ).join(
        drawdowns,
        (drawdowns.c.tenant_id == ledger_entries.c.tenant_id)
        & (ledger_entries.c.cause_id == "draw/" + drawdowns.c.draw_id),
    )
    known = select(payouts.c.draw_id).where(payouts.c.tenant_id == tx.tenant_id)
    either = [ledger_lines.c.account.startswith(each, autoescape=True) for each in accounts]
    question = (
        select(drawdowns.c.draw_id, ledger_lines.c.account, ledger_lines.c.amount_minor)
        .select_from(joined)
        .where(
            ledger_lines.c.tenant_id == tx.tenant_id,
            ledger_entries.c.kind == "drawdown",
            ledger_lines.c.amount_minor < 0,
            or_(*either),
            drawdowns.c.draw_id.not_in(known),
        )
        .order_by(drawdowns.c.draw_id)
    )
    return tx.stream(question)


def booked(tx: Tx, causes: Sequence[str]) -> dict[str, frozenset[EntryLine]]:
    """The lines that entries of some causes hold, fees aside, by cause."""
    joined = ledger_lines.join(
        ledger_entries,
        (ledger_lines.c.tenant_id == ledger_entries.c.tenant_id)
        & (ledger_lines.c.entry_id == ledger_entries.c.entry_id),
    )
    columns = (ledger_lines.c.account, ledger_lines.c.currency, ledger_lines.c.amount_minor)
    question = (
        select(ledger_entries.c.cause_id, *columns)
        .select_from(joined)
        .where(
            ledger_lines.c.tenant_id == tx.tenant_id,
            ledger_entries.c.cause_id.in_(causes),
            ledger_entries.c.kind != "fee",
        )
    )
    found: dict[str, set[EntryLine]] = {}
    for row in tx.rows(question):
        line = EntryLine(row["account"], row["currency"], row["amount_minor"])
        found.setdefault(row["cause_id"], set()).add(line)
    return {cause: frozenset(lines) for cause, lines in found.items()}


def _payouts(tx: Tx, *where: ColumnElement[bool], rows_max: int = 0) -> tuple[Payout, ...]:
    question = select(payouts).where(payouts.c.tenant_id == tx.tenant_id, *where)
    ordered = question.order_by(payouts.c.made_at_ms, payouts.c.payout_id)
    return tuple(_payout(row) for row in tx.rows(ordered, rows_max))


def _payout(row: Mapping[str, Any]) -> Payout:
    kinds = {"state": PayoutState(row["state"]), "payee_kind": PayeeKind(row["payee_kind"])}
    return read_as(Payout, {**row, **kinds})


def add_step(tx: Tx, step: Step) -> None:
    """Add a step to a payout's life."""
    tx.append(payout_steps, **encode(step))


def steps_of(tx: Tx, payout_id: str) -> tuple[Step, ...]:
    """The steps of one payout, in order."""
    question = _steps(tx).where(payout_steps.c.payout_id == payout_id)
    return tuple(_step(row) for row in tx.rows(question))


def stream_steps(tx: Tx) -> Iterator[Step]:
    """Every step by payout and number, one by one."""
    return (_step(row) for row in tx.stream(_steps(tx)))


def _steps(tx: Tx) -> Select[Any]:
    question = select(payout_steps).where(payout_steps.c.tenant_id == tx.tenant_id)
    return question.order_by(payout_steps.c.payout_id, payout_steps.c.seq)


def _step(row: Mapping[str, Any]) -> Step:
    kinds = {"event": PayoutEvent(row["event"]), "state": PayoutState(row["state"])}
    return read_as(Step, {**row, **kinds})
