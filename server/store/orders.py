"""Orders of suppliers as they were offered, and every step of each. Never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from core.lending.ordering import OrderEvent, OrderParty, OrderReason, OrderStatus
from core.shape import decode, encode
from core.wire.orders import OrderItem
from server.store.bulk import among
from server.store.engine import NotKnownError, Tx
from server.store.rows import from_json, json_text, read_as
from server.store.trade_tables import order_steps, orders


@dataclass(frozen=True, slots=True)
class Order:
    """An order with the offer that was made for it [minor units].

    ``reference`` is the supplier's own name of it, ``lease_id`` the lease in which room is
    kept; ``key_facts`` is the whole price as it was told on the day of the offer.
    """

    order_id: str
    reference: str
    supplier: str
    line_id: str
    farmer_id: str
    station: str
    lease_id: str
    currency: str
    total_minor: int
    items: tuple[OrderItem, ...]
    deliver_by: str
    valid_until: str
    apr_ppm: int
    due_on: str
    key_facts: Mapping[str, Any]
    content_sha256: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an order's life; ``on_day`` is the day on which it counts."""

    order_id: str
    seq: int
    event: OrderEvent
    state: OrderStatus
    on_day: str
    at_ms: int
    actor: str
    role: str
    party: OrderParty
    reason: OrderReason
    detail: Mapping[str, Any]


def add(tx: Tx, order: Order) -> bool:
    """Keep an order, which can never be changed; whether its id and reference were free."""
    values = {name: getattr(order, name) for name in Order.__slots__}
    del values["items"], values["key_facts"]
    facts = json_text(dict(order.key_facts))
    goods = json_text(encode(order.items))
    return tx.insert_new(orders, **values, goods=goods, key_facts=facts, shown_sha256="")


def find(tx: Tx, order_id: str) -> Order | None:
    """The order with that id, if there is one."""
    row = tx.find_row(orders, order_id=order_id)
    return read_order(row) if row else None


def get(tx: Tx, order_id: str) -> Order:
    """The order with that id.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    found = find(tx, order_id)
    if found is None:
        raise NotKnownError(f"expected an order that is known, got {order_id[:64]!r}")
    return found


def by_reference(tx: Tx, supplier: str, reference: str) -> Order | None:
    """A supplier's order by the supplier's own name of it."""
    row = tx.find_row(orders, supplier=supplier, reference=reference)
    return read_order(row) if row else None


def of_line(tx: Tx, line_id: str) -> tuple[Order, ...]:
    """A line's orders, oldest first."""

    def ask() -> tuple[Order, ...]:
        return tuple(read_order(row) for row in tx.find_rows(orders, "order_id", line_id=line_id))

    return tx.recall(orders, ("line", line_id), ask)


def learn_lines(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember the orders of lines, read in one question."""
    found: dict[str, list[Order]] = {line_id: [] for line_id in line_ids}
    where = (orders.c.tenant_id == tx.tenant_id, among(tx, orders.c.line_id, line_ids))
    for row in tx.rows(select(orders).where(*where).order_by(orders.c.order_id)):
        found[row["line_id"]].append(read_order(row))
    for line_id, ordered in found.items():
        tx.learn(orders, ("line", line_id), tuple(ordered))


def every(tx: Tx) -> Iterator[Order]:
    """All orders by id, one by one."""
    question = select(orders).where(orders.c.tenant_id == tx.tenant_id)
    return (read_order(row) for row in tx.stream(question.order_by(orders.c.order_id)))


def add_step(tx: Tx, step: Step) -> None:
    """Add a step; it can never be changed."""
    values = {name: getattr(step, name) for name in Step.__slots__}
    tx.insert(order_steps, **{**encode(values), "detail": json_text(dict(step.detail))})


def life(tx: Tx, order_id: str) -> tuple[Step, ...]:
    """Every step of an order, oldest first."""
    return tuple(_step(row) for row in tx.find_rows(order_steps, "seq", order_id=order_id))


def stream_steps(tx: Tx) -> Iterator[Step]:
    """Every step of every order, order by order, the oldest first."""
    question = select(order_steps).where(order_steps.c.tenant_id == tx.tenant_id)
    in_order = question.order_by(order_steps.c.order_id, order_steps.c.seq)
    return (_step(row) for row in tx.stream(in_order))


def last(tx: Tx, order_id: str) -> Step | None:
    """The latest step of an order, if it has any."""
    row = tx.find_row(order_steps, "-seq", order_id=order_id)
    return _step(row) if row else None


def states(tx: Tx, order_ids: Sequence[str]) -> dict[str, OrderStatus]:
    """Where each of some orders stands."""
    if not order_ids:
        return {}
    mine = (order_steps.c.tenant_id == tx.tenant_id, order_steps.c.order_id.in_(order_ids))
    newest = (
        select(order_steps.c.order_id, func.max(order_steps.c.seq).label("seq"))
        .where(*mine)
        .group_by(order_steps.c.order_id)
        .subquery()
    )
    at = (newest.c.order_id == order_steps.c.order_id) & (newest.c.seq == order_steps.c.seq)
    rows = tx.rows(
        select(order_steps.c.order_id, order_steps.c.state).where(*mine).join(newest, at)
    )
    return {row["order_id"]: OrderStatus(row["state"]) for row in rows}


def in_states(tx: Tx, found: Iterable[Order], wanted: Iterable[OrderStatus]) -> tuple[Order, ...]:
    """Those of some orders that stand in one of some states."""
    each = tuple(found)
    if not each:
        return ()
    known, right = states(tx, [one.order_id for one in each]), frozenset(wanted)
    return tuple(one for one in each if known.get(one.order_id) in right)


def read_order(row: Mapping[str, Any]) -> Order:
    """A row of the table as an order."""
    items = tuple(decode(OrderItem, each) for each in from_json(row["goods"]))
    return read_as(Order, {**row, "items": items, "key_facts": from_json(row["key_facts"])})


def _step(row: Mapping[str, Any]) -> Step:
    read = {
        "event": OrderEvent(row["event"]),
        "state": OrderStatus(row["state"]),
        "party": OrderParty(row["party"]),
        "reason": OrderReason(row["reason"]),
        "detail": from_json(row["detail"]),
    }
    return read_as(Step, {**row, **read})
