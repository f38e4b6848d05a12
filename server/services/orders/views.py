"""A line's orders as the limit rule and the product's budget take them."""

from __future__ import annotations

from datetime import date

from core.lending.ordering import BOUGHT, OrderStatus
from core.lending.views import OrderState, OrderView
from server.services.centre import Work
from server.services.orders.life import today_of
from server.store import leases, orders, registry
from server.store.leases import Drawing
from server.store.lines import Line
from server.store.orders import Order
from server.store.rows import from_json

_CAME = (OrderStatus.DELIVERED, OrderStatus.SETTLED)


def area_m2(work: Work, line: Line) -> int:
    """The land that a line rests on [m²]."""
    found = (registry.find_subject(work.tx, each) for each in line.subject_ids)
    return sum(each.lent_m2 for each in found if each is not None)


def order_views(work: Work, line: Line) -> tuple[OrderView, ...]:
    """What was ordered on a line and of it is, or was, to be paid, by kind of goods.

    An order that waits for the farmer is in the budget too, else two could each fill it.
    """
    found = orders.of_line(work.tx, line.line_id)
    known = orders.states(work.tx, [each.order_id for each in found])
    views: list[OrderView] = []
    for order in found:
        state = known[order.order_id]
        if state in BOUGHT or state is OrderStatus.OFFERED:
            views += _of_order(work, order, state)
    drawn = leases.draws_of_line(work.tx, line.line_id)
    return (*views, *(view for each in drawn for view in _of_draw(each)))


def _of_order(work: Work, order: Order, state: OrderStatus) -> list[OrderView]:
    age_days = (today_of(work, order) - date.fromisoformat(order.deliver_by)).days
    seen = OrderState.PAID
    if state is OrderStatus.DIVERTED:
        seen = OrderState.DIVERTED
    elif state in _CAME or state is OrderStatus.OFFERED:
        seen = OrderState.DELIVERED  # nothing is awaited of it
    return [
        OrderView(
            f"{order.order_id}/{goods}",
            order.supplier,
            goods,
            sum(item.amount_minor for item in order.items if item.goods == goods),
            seen,
            max(0, age_days),
        )
        for goods in sorted({item.goods for item in order.items})
    ]


def _of_draw(draw: Drawing) -> list[OrderView]:
    """A draw at the kiosk that named its goods, and met no order."""
    goods = from_json(draw.goods) if draw.goods else []
    if draw.order_id or len(goods) != 1 or draw.state.value == "voided":
        return []
    # The till hands the goods over against the receipt: nothing is awaited of it.
    return [
        OrderView(draw.draw_id, draw.supplier, goods[0], draw.amount_minor, OrderState.DELIVERED, 0)
    ]
