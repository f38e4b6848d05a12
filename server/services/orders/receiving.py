"""A farmer's code for a delivery, which the supplier brings: all that was to come has come.

It is the farmer's word given away from the kiosk. Wrong codes are counted in the trail, and
their count is kept though the request is refused; after the last nothing but the farmer's
word at the kiosk, or an officer's for them, counts for that delivery.
"""

from __future__ import annotations

from core.errors import OrderError
from core.lending.ordering import OrderEvent, OrderParty, OrderStatus
from core.wire.delivery_codes import (
    CODE_CONTEXT,
    WRONG_MAX,
    code_counts_until,
    code_matches,
    delivery_code,
    typed_code,
)
from core.wire.orders import Answer, OrderAnswer, received_minor
from server.services.access import Caller
from server.services.centre import Centre, Work
from server.services.orders.delivering import added, answer_order, counted, own_order
from server.services.orders.life import (
    OrderRefusedError,
    deliveries,
    received,
    today_of,
    units,
)
from server.store import orders, people, registry
from server.store.orders import Order, Step

WRONG_ACTION = "order_code_refused"
BY_CODE = "code"


def receive_by_code(centre: Centre, order_id: str, code: str, caller: Caller) -> Step:
    """Take the farmer's code for the delivery that waits; the same again changes nothing.

    Raises
    ------
    NotKnownError
        If it is no order of theirs.
    ShapeError
        If it is no code.
    OrderError
        If no delivery waits, or less than all is reported to have come.
    OrderRefusedError
        If the code is another, too late, or too many were tried.
    """
    typed = typed_code(code)
    done, refusal = centre.write(lambda work: _receive(work, order_id, typed, caller))
    if done is None:
        raise OrderRefusedError(f"order {order_id}: {refusal}")
    return done


def _receive(work: Work, order_id: str, typed: str, caller: Caller) -> tuple[Step | None, str]:
    """The step, or why there is none: then what was counted is kept nevertheless."""
    order = own_order(work, order_id, caller)
    life = orders.life(work.tx, order_id)
    number = len(deliveries(life))
    right = code_matches(typed, _code(work, order, number))
    last = life[-1] if life[-1].state is not OrderStatus.SETTLED else life[-2]
    if right and last.event is OrderEvent.RECEIVE_ALL and last.detail.get("by") == BY_CODE:
        return last, ""
    _require_whole(order, life)
    if today_of(work, order) > (until := code_counts_until(order.deliver_by)):
        return None, f"expected its code until {until}; the farmer says it at the kiosk now"
    left = WRONG_MAX - _wrong(work, order, number)
    if left <= 0:
        return None, "too many wrong codes for this delivery; the farmer says it at the kiosk"
    if not right:
        detail = {"delivery_no": number}
        people.record(work.tx, work.at_ms, caller.actor, WRONG_ACTION, ("order", order_id), detail)
        return None, f"expected the farmer's code for delivery {number}; {left - 1} tries are left"
    said = OrderAnswer(order_id, number, Answer.RECEIVED)
    return answer_order(work, said, (caller.actor, OrderParty.FARMER), BY_CODE), ""


def _code(work: Work, order: Order, number: int) -> str:
    seal_key = registry.station(work.tx, order.station).seal_key
    return delivery_code(work.keys.pair_secret(seal_key, CODE_CONTEXT), order.order_id, number)


def _wrong(work: Work, order: Order, number: int) -> int:
    tried = people.trail_of(work.tx, "order", order.order_id)
    return sum(x.action == WRONG_ACTION and x.detail["delivery_no"] == number for x in tried)


def _require_whole(order: Order, life: tuple[Step, ...]) -> None:
    if life[-1].state is not OrderStatus.DELIVERING:
        raise OrderError(
            f"order {order.order_id}: expected a delivery that waits for the farmer's word, "
            f"it is {life[-1].state.value}: report the delivery first"
        )
    counts = added(received(life), counted(units(life[-1].detail["units"])))
    if received_minor(order.items, counts) < order.total_minor:
        raise OrderError(
            f"order {order.order_id}: a code says that all came, less is reported; "
            "the farmer says at the kiosk what came"
        )
