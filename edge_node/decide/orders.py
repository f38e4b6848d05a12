"""A supplier's order at the kiosk: what it costs, the farmer's yes or no, and what came.

The farmer agrees by a draw that names the order: to these goods, of this supplier, at this
whole price. Nobody is handed money, so the draw is posted with the yes; the supplier is
paid by the centre. It works without a link, inside the leases that are here.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.decision.quote import Quote
from core.lending.lease import Clock
from core.lending.ordering import OrderStatus
from core.reasons import Reason, ReasonCode
from core.wire.delivery_codes import code_counts_until
from core.wire.orders import Answer, OrderAnswer, OrderOffer, shown_order_sha256
from core.wire.records import Consent, Up
from edge_node.decide.desk import Desk, RequestError
from edge_node.decide.draws import (
    DrawAsk,
    PaidFor,
    Receipt,
    begin,
    confirm_payout,
    quote_draw,
    quote_sha256,
)
from edge_node.store import leases, logs, orders
from edge_node.store.box import may_write
from edge_node.store.database import StationDatabase

_SHOWN = (OrderStatus.OFFERED, OrderStatus.DELIVERING)
_TO_COME = (OrderStatus.AGREED, OrderStatus.PAID, OrderStatus.SHORT, OrderStatus.DISPUTED)


@dataclass(frozen=True, slots=True)
class OrderQuote:
    """An order with its whole price today, and the hash that consent to both must name."""

    offer: OrderOffer
    price: Quote
    shown_sha256: str


def waiting(db: StationDatabase, desk: Desk, line_id: str, clock: Clock) -> tuple[OrderOffer, ...]:
    """A line's orders that wait for the farmer's word: offers, and deliveries."""
    return tuple(
        each
        for each in orders.of_line(db, line_id)
        if each.state in _SHOWN and _waits(db, desk, each, clock)
    )


def _waits(db: StationDatabase, desk: Desk, offer: OrderOffer, clock: Clock) -> bool:
    said = orders.answer(db, offer.order_id, offer.delivery_no) is not None
    if offer.state is OrderStatus.DELIVERING:
        return not said
    over = desk.today(clock).isoformat() > offer.valid_until
    return not (said or over or orders.is_drawn(db, offer.order_id))


def coming(db: StationDatabase, desk: Desk, line_id: str, clock: Clock) -> tuple[OrderOffer, ...]:
    """A line's orders that the farmer agreed to and whose goods are still to come."""
    found = orders.of_line(db, line_id)
    return tuple(each for each in found if awaited_delivery(db, desk, each, clock))


def awaited_delivery(db: StationDatabase, desk: Desk, offer: OrderOffer, clock: Clock) -> int:
    """The number of the delivery that is to come, from 1; 0 if none is, or too late for a code.

    The farmer's yes here counts before the centre has heard of it.
    """
    if desk.today(clock) > code_counts_until(offer.deliver_by):
        return 0
    if offer.state is OrderStatus.OFFERED:
        return 1 if orders.is_drawn(db, offer.order_id) else 0
    return offer.delivery_no + 1 if offer.state in _TO_COME else 0


def quote_order(
    db: StationDatabase, desk: Desk, order_id: str, clock: Clock
) -> OrderQuote | Reason:
    """The whole price of an order today, or why it cannot be drawn.

    Raises
    ------
    UnknownRecordError
        If the station was not told of it.
    """
    offer = orders.order(db, order_id)
    if offer.state is not OrderStatus.OFFERED or not _waits(db, desk, offer, clock):
        return Reason(ReasonCode.ORDER_OVER)
    pays = PaidFor(offer.supplier, offer.goods, offer)
    price = quote_draw(db, desk, offer.line_id, offer.total_minor, clock, pays)
    if isinstance(price, Reason):
        return price
    return OrderQuote(offer, price, shown_order_sha256(offer, quote_sha256(price)))


def agree(
    db: StationDatabase, desk: Desk, order_id: str, agreed: tuple[str, Consent], clock: Clock
) -> Receipt | Reason:
    """Draw an order to which the farmer consents; the same again changes nothing.

    Parameters
    ----------
    agreed
        The draw's id, and the consent, which names what :func:`quote_order` showed.

    Raises
    ------
    ChangedRequestError
        If the id belongs to another draw.
    UnknownRecordError
        If the station was not told of the order.
    """
    draw_id, consent = agreed
    offer = orders.order(db, order_id)
    with db.atomic():
        again = leases.draw(db, draw_id) is not None
        if not again and not _waits(db, desk, offer, clock):
            return Reason(ReasonCode.ORDER_OVER)
        pays = PaidFor(offer.supplier, offer.goods, offer)
        ask = DrawAsk(draw_id, offer.line_id, offer.total_minor, consent, pays)
        begun = begin(db, desk, ask, clock)
        if isinstance(begun, Reason):
            return begun
        return confirm_payout(db, desk, draw_id, clock)


def say(db: StationDatabase, desk: Desk, said: OrderAnswer, clock: Clock) -> None:
    """Write down what the farmer says of an offer or a delivery; again, nothing changes.

    Raises
    ------
    RequestError
        If nothing of that kind waits for a word.
    ChangedRequestError
        If something else was said before.
    """
    offer = orders.order(db, said.order_id)
    wanted = OrderStatus.OFFERED if said.answer is Answer.DECLINED else OrderStatus.DELIVERING
    if not may_write(db) or offer.state is not wanted or said.delivery_no != offer.delivery_no:
        raise RequestError("expected an order that waits for your word, this one does not")
    with db.atomic():
        if said.answer is Answer.DECLINED and orders.is_drawn(db, said.order_id):
            raise RequestError("expected an order that you have not agreed to yet")
        if orders.keep_answer(db, said, clock.at_ms):
            subject = f"order/{said.order_id}/{said.delivery_no}"
            logs.append(db, desk.station, Up.ORDER_ANSWER, said, clock, subject)
