"""What officers do with an order: speak for a farmer, let a held one go on, say it was diverted."""

from __future__ import annotations

from core.lending.ordering import ORDER_LIFE, OrderEvent, OrderParty, OrderReason
from core.wire.orders import OrderAnswer
from server.services.centre import Centre, Work
from server.services.orders.consenting import pay
from server.services.orders.delivering import answer_order
from server.services.orders.life import Happened, happen, meeting_draw
from server.store import lines, orders
from server.store.orders import Step
from server.store.people import Actor


def say_for_farmer(centre: Centre, answer: OrderAnswer, officer: Actor) -> Step:
    """Write down what a farmer told an officer of an offer or of a delivery.

    Raises
    ------
    NotKnownError, ConflictError, OrderError
        As for the farmer's own word.
    """
    return centre.write(lambda work: answer_order(work, answer, (officer, OrderParty.OFFICER)))


def held_draw(work: Work, order_id: str) -> str:
    """The draw for which an order is held.

    Raises
    ------
    NotKnownError
        If the order is not known.
    OrderError
        If it is not held.
    """
    life = orders.life(work.tx, orders.get(work.tx, order_id).order_id)
    why = (OrderParty.OFFICER, OrderReason.LOOKED_AT)
    ORDER_LIFE.step(life[-1].state if life else None, OrderEvent.RELEASE, *why)
    return meeting_draw(life)


def release_in(work: Work, order_id: str, officer: Actor, word_id: str) -> Step:
    """Let the supplier of a held order be paid: two persons have looked.

    Raises
    ------
    NotKnownError
        If the order is not known.
    OrderError
        If it is not held.
    """
    order = orders.get(work.tx, order_id)
    lines.lock(work.tx, order.line_id)
    why = OrderReason.LOOKED_AT
    told = Happened(OrderEvent.RELEASE, officer, OrderParty.OFFICER, why, {"word_id": word_id})
    step = happen(work, order, told)
    pay(work, order)
    return step


def divert_order(centre: Centre, order_id: str, officer: Actor) -> Step:
    """Say that goods went elsewhere: nothing more is offered on the line until it is repaid.

    Raises
    ------
    NotKnownError
        If the order is not known.
    OrderError
        If nothing was paid for it.
    """
    event, why = OrderEvent.DIVERT, OrderReason.GOODS_ELSEWHERE

    def act(work: Work) -> Step:
        order = orders.get(work.tx, order_id)
        lines.lock(work.tx, order.line_id)
        return happen(work, order, Happened(event, officer, OrderParty.OFFICER, why))

    return centre.write(act)
