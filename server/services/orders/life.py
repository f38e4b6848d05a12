"""One step of an order's life: judged by the table, kept, told to the station and the supplier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from core.errors import HarvestlineError
from core.lending.ordering import (
    OrderEvent,
    OrderParty,
    OrderReason,
    OrderStanding,
    OrderStatus,
    advance_order,
)
from core.shape import decode, encode
from core.wire.orders import OrderOffer, Received, received_minor
from core.wire.records import Down
from server.services.centre import Work
from server.services.downlink import send_once
from server.services.hooks.events import emit
from server.services.standing import owed, zone_minutes
from server.store import lines, orders, partners, people
from server.store.engine import Tx
from server.store.orders import Order, Step
from server.store.people import Actor

STEP_ACTION = "order_step"


class OrderRefusedError(HarvestlineError):
    """An order that the line, its product or its supplier does not permit."""

    code = "HL-SRV-016"


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened to an order: by whom, why, and the facts that are kept with it.

    ``on`` is the day on which it counts, today if absent.
    """

    event: OrderEvent
    actor: Actor
    party: OrderParty
    reason: OrderReason
    detail: Mapping[str, Any] = field(default_factory=dict)
    on: date | None = None


def happen(work: Work, order: Order, told: Happened) -> Step:
    """Take an order one step on.

    Raises
    ------
    OrderError
        If the table does not permit it.
    """
    life = orders.life(work.tx, order.order_id)
    on = told.on or today_of(work, order)
    standing = _standing(work, order, life, told, on)
    before = life[-1].state if life else None
    state = advance_order(before, told.event, (told.party, told.reason), standing)
    step = Step(
        order_id=order.order_id,
        seq=len(life) + 1,
        event=told.event,
        state=state,
        on_day=on.isoformat(),
        at_ms=work.at_ms,
        actor=told.actor.name,
        role=told.actor.role,
        party=told.party,
        reason=told.reason,
        detail=dict(told.detail),
    )
    orders.add_step(work.tx, step)
    facts = {"event": step.event.value, "state": state.value, "reason": step.reason.value}
    subject = ("order", order.order_id)
    people.record(work.tx, work.at_ms, told.actor, STEP_ACTION, subject, facts)
    tell(work, order, (*life, step))
    return step


def today_of(work: Work, order: Order) -> date:
    """The farmer's civil date."""
    return work.today(zone_minutes(work.tx, order.farmer_id))


def tell(work: Work, order: Order, life: tuple[Step, ...]) -> None:
    """Tell the farmer's station how an order stands, and its supplier."""
    send_once(work, order.station, Down.ORDER, offer_of(work.tx, order, life))
    step = life[-1]
    payload = {
        "order_id": order.order_id,
        "reference": order.reference,
        "event": step.event.value,
        "state": step.state.value,
        "on": step.on_day,
    }
    emit(work, f"order.{step.event.value}", order.order_id, payload, order.supplier)


def offer_of(tx: Tx, order: Order, life: tuple[Step, ...]) -> OrderOffer:
    """An order as its station is told it."""
    partner = partners.find(tx, order.supplier)
    last = life[-1]
    waits = last.event is OrderEvent.REPORT_DELIVERY
    return OrderOffer(
        order_id=order.order_id,
        line_id=order.line_id,
        farmer_id=order.farmer_id,
        supplier=order.supplier,
        supplier_name=partner.name if partner else order.supplier,
        currency=order.currency,
        total_minor=order.total_minor,
        items=order.items,
        deliver_by=order.deliver_by,
        valid_until=order.valid_until,
        state=last.state,
        delivery_no=len(deliveries(life)),
        reported=units(last.detail["units"]) if waits else None,
    )


def meeting_draw(life: tuple[Step, ...]) -> str:
    """The one draw that met an order, whatever others say that they do; none before consent."""
    met = [each for each in life if each.event in (OrderEvent.AGREE, OrderEvent.HOLD)]
    return str(met[-1].detail.get("draw_id", "")) if met else ""


def deliveries(life: tuple[Step, ...]) -> tuple[Step, ...]:
    """The deliveries that the supplier reported, in order."""
    return tuple(each for each in life if each.event is OrderEvent.REPORT_DELIVERY)


def units(kept: Any) -> tuple[Received, ...]:
    """Units by code as a step keeps them."""
    return tuple(decode(Received, each) for each in kept)


def as_kept(counts: Mapping[str, int]) -> Any:
    """Units by code as a step is to keep them."""
    return encode(tuple(Received(code, counts[code]) for code in sorted(counts)))


def received(life: tuple[Step, ...]) -> dict[str, int]:
    """How many units of each code have come, by the word of who received them."""
    counts: dict[str, int] = {}
    for step in life:
        if step.event in (OrderEvent.RECEIVE_PART, OrderEvent.RECEIVE_ALL):
            for each in units(step.detail["units"]):
                counts[each.code] = counts.get(each.code, 0) + each.quantity
    return counts


def _standing(
    work: Work, order: Order, life: tuple[Step, ...], told: Happened, on: date
) -> OrderStanding:
    counts = received(life)
    if told.event in (OrderEvent.RECEIVE_PART, OrderEvent.RECEIVE_ALL):
        for each in units(told.detail["units"]):
            counts[each.code] = counts.get(each.code, 0) + each.quantity
    line = lines.get(work.tx, order.line_id)
    settles = told.event is OrderEvent.SETTLE
    return OrderStanding(
        on=on,
        valid_until=date.fromisoformat(order.valid_until),
        total_minor=order.total_minor,
        received_minor=received_minor(order.items, counts),
        refunded_minor=int(told.detail.get("refunded_minor", 0)),
        owed_minor=owed(work.tx, line, on).total_minor if settles else 0,
        consent_id=str(told.detail.get("consent_id", "")),
    )


def lapse_due(work: Work, line_id: str) -> None:
    """Let the orders of a line lapse whose last day for consent has passed."""
    for order in _in(work, line_id, OrderStatus.OFFERED):
        if today_of(work, order).isoformat() > order.valid_until:
            event, why = OrderEvent.LAPSE, OrderReason.TIME_PASSED
            happen(work, order, Happened(event, work.myself, OrderParty.RULE, why))


def settle_repaid(work: Work, line_id: str) -> None:
    """Settle the delivered orders of a line that owes nothing any more."""
    for order in _in(work, line_id, OrderStatus.DELIVERED):
        line = lines.get(work.tx, line_id)
        if owed(work.tx, line, today_of(work, order)).total_minor == 0:
            event, why = OrderEvent.SETTLE, OrderReason.REPAID
            happen(work, order, Happened(event, work.myself, OrderParty.RULE, why))


def tend(work: Work, line_id: str) -> None:
    """Do to a line's orders what time and money alone bring."""
    if orders.of_line(work.tx, line_id):
        lapse_due(work, line_id)
        settle_repaid(work, line_id)


def _in(work: Work, line_id: str, state: OrderStatus) -> tuple[Order, ...]:
    return orders.in_states(work.tx, orders.of_line(work.tx, line_id), (state,))
