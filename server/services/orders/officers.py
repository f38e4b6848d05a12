"""What officers do with an order: speak for a farmer, let a held one go on, say it was diverted."""

from __future__ import annotations

from core.lending.ordering import OrderEvent, OrderParty, OrderReason
from core.wire.orders import OrderAnswer
from server.services.centre import Centre, Work
from server.services.orders.consenting import pay
from server.services.orders.delivering import answer_order
from server.services.orders.life import Happened, happen
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


def release_order(centre: Centre, order_id: str, officer: Actor) -> Step:
    """Let the supplier of a held order be paid: a person has looked.

    Raises
    ------
    NotKnownError
        If the order is not known.
    OrderError
        If it is not held.
    """
    return _by(centre, order_id, officer, (OrderEvent.RELEASE, OrderReason.LOOKED_AT))


def divert_order(centre: Centre, order_id: str, officer: Actor) -> Step:
    """Say that goods went elsewhere: nothing more is offered on the line until it is repaid.

    Raises
    ------
    NotKnownError
        If the order is not known.
    OrderError
        If nothing was paid for it.
    """
    return _by(centre, order_id, officer, (OrderEvent.DIVERT, OrderReason.GOODS_ELSEWHERE))


def _by(
    centre: Centre, order_id: str, officer: Actor, what: tuple[OrderEvent, OrderReason]
) -> Step:
    event, why = what

    def act(work: Work) -> Step:
        order = orders.get(work.tx, order_id)
        lines.lock(work.tx, order.line_id)
        step = happen(work, order, Happened(event, officer, OrderParty.OFFICER, why))
        if event is OrderEvent.RELEASE:
            pay(work, order)
        return step

    return centre.write(act)
