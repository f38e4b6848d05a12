"""The promises of trade: orders live as the table permits, and sales add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.lending.lease import DrawState
from core.lending.ordering import BOUGHT, ORDER_LIFE, OrderStatus
from core.wire.orders import received_minor
from server.services.audit.finding import Look, Looks, first_fault
from server.services.centre import Centre
from server.services.orders.life import STEP_ACTION, received
from server.store import leases, ledger, orders, people, sales
from server.store.engine import Tx
from server.store.orders import Order, Step
from server.store.sales import repayment_id


def order_lives(_: Centre, tx: Tx) -> Looks:
    """Every step follows from the one before, as the trail tells; what was bought is drawn."""
    for order in tuple(orders.every(tx)):
        life = orders.life(tx, order.order_id)
        yield from _steps(life)
        yield _as_told(tx, order, life)
        yield _drawn(tx, order, life)


def _steps(life: Sequence[Step]) -> Iterator[Look]:
    before: OrderStatus | None = None
    for number, step in enumerate(life, 1):
        known = ORDER_LIFE.find(before, step.event)
        was = before.value if before else "–"
        fits = known is not None and step.party in known.parties and step.reason in known.reasons
        yield first_fault(
            "order_steps",
            f"{step.order_id} {step.seq}",
            (step.seq != number, f"step {number}", f"{step.seq}"),
            (
                known is None or known.after is not step.state,
                "a step that the table permits",
                f"{was} → {step.event.value} → {step.state.value}",
            ),
            (
                not fits,
                "a party and a reason that the table permits",
                f"{step.party.value}, {step.reason.value}",
            ),
        )
        before = step.state


def _as_told(tx: Tx, order: Order, life: Sequence[Step]) -> Look:
    trail = people.trail_of(tx, "order", order.order_id)
    told = [dict(row.detail) for row in trail if row.action == STEP_ACTION]
    kept = [
        {"event": each.event.value, "state": each.state.value, "reason": each.reason.value}
        for each in life
    ]
    counts = received(tuple(life))
    return first_fault(
        "orders",
        order.order_id,
        (told != kept, "the steps that the trail tells", "others"),
        (
            sum(item.amount_minor for item in order.items) != order.total_minor,
            "items that add up to the total",
            f"{order.total_minor}",
        ),
        (
            received_minor(order.items, counts) > order.total_minor,
            "no more received than was ordered",
            f"{counts}",
        ),
    )


def _drawn(tx: Tx, order: Order, life: Sequence[Step]) -> Look:
    """An order that was bought has one posted draw of its total, and no other order's."""
    drawn = [
        each
        for each in leases.draws_of_line(tx, order.line_id)
        if each.order_id == order.order_id and each.state is DrawState.POSTED and not each.flag
    ]
    bought = life[-1].state in BOUGHT and life[-1].state is not OrderStatus.HELD
    held = any(each.state is OrderStatus.HELD for each in life)
    right = len(drawn) == 1 and drawn[0].amount_minor == order.total_minor
    return first_fault(
        "orders",
        order.order_id,
        (bought and not held and not right, "one draw of its total", f"{len(drawn)} draws"),
        (not bought and not held and bool(drawn) and life[-1].state is not OrderStatus.REFUNDED,
         "no draw before consent", f"{len(drawn)} draws"),
    )  # fmt: skip


def sales_add_up(_: Centre, tx: Tx) -> Looks:
    """Of every sale, what is the line's and the farmer's is all; what came in is the line's."""
    for sale in tuple(sales.every(tx)):
        paid = ledger.find_repayment(tx, repayment_id(sale))
        parts = sale.to_line_minor + sale.to_farmer_minor
        right = paid is None or (paid.line_id, paid.amount_minor) == (
            sale.line_id,
            sale.to_line_minor,
        )
        yield first_fault(
            "sales",
            sale.sale_id,
            (parts != sale.proceeds_minor, f"parts of {sale.proceeds_minor}", f"{parts}"),
            (
                min(sale.to_line_minor, sale.to_farmer_minor) < 0,
                "parts of 0 or more",
                f"{sale.to_line_minor}, {sale.to_farmer_minor}",
            ),
            (not right, f"a repayment of {sale.to_line_minor}", "another"),
        )
