"""The teller's acts on suppliers' orders; whoever acts may touch only their own."""

from __future__ import annotations

from core.lending.lease import Clock
from core.reasons import Reason
from core.wire.orders import OrderAnswer, OrderOffer
from edge_node.decide import orders
from edge_node.decide.desk import Desk
from edge_node.decide.draws import Receipt
from edge_node.decide.orders import OrderQuote
from edge_node.faces.kiosk.teller import Agreement, Teller
from edge_node.store import lines
from edge_node.store import orders as kept
from edge_node.store.database import StationDatabase


class OrderTeller:
    """Carries out what a farmer asks of orders at the kiosk."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    def waiting(self, farmer_id: str) -> dict[str, tuple[OrderOffer, ...]]:
        """By the farmer's lines, the orders that wait for their word."""

        def act(db: StationDatabase, desk: Desk, clock: Clock) -> dict[str, tuple[OrderOffer, ...]]:
            mine = [line.line_id for line in lines.lines_of(db, farmer_id)]
            return {each: orders.waiting(db, desk, each, clock) for each in mine}

        return self._teller.act(act)

    def coming(self, farmer_id: str) -> dict[str, tuple[OrderOffer, ...]]:
        """By the farmer's lines, the orders whose goods are to come."""

        def act(db: StationDatabase, desk: Desk, clock: Clock) -> dict[str, tuple[OrderOffer, ...]]:
            mine = [line.line_id for line in lines.lines_of(db, farmer_id)]
            return {each: orders.coming(db, desk, each, clock) for each in mine}

        return self._teller.act(act)

    def awaited_delivery(self, offer: OrderOffer) -> int:
        """The number of the delivery that is to come of an order, or 0."""
        return self._teller.act(
            lambda db, desk, clock: orders.awaited_delivery(db, desk, offer, clock)
        )

    def order(self, farmer_id: str, order_id: str) -> OrderOffer:
        """An order for one of the farmer's lines.

        Raises
        ------
        UnknownRecordError
            If it is not known here, or another's.
        """
        offer = self._teller.act(lambda db, _desk, _clock: kept.order(db, order_id))
        self._teller.require_own(farmer_id, offer.line_id)
        return offer

    def quote(self, farmer_id: str, order_id: str) -> OrderQuote | Reason:
        """The whole price of an order, or why it cannot be drawn."""
        self.order(farmer_id, order_id)
        return self._teller.act(
            lambda db, desk, clock: orders.quote_order(db, desk, order_id, clock)
        )

    def agree(self, farmer_id: str, asked: tuple[str, str], agreed: Agreement) -> Receipt | Reason:
        """Draw an order to whose goods and price the farmer agreed.

        Parameters
        ----------
        asked
            The order's id, and the draw's, which makes it count once.
        """
        order_id, draw_id = asked
        self.order(farmer_id, order_id)
        consent = self._teller.consent_to_draw(farmer_id, agreed)
        told = (self._teller.own_id(draw_id), consent)
        return self._teller.act(
            lambda db, desk, clock: orders.agree(db, desk, order_id, told, clock)
        )

    def answer(self, farmer_id: str, said: OrderAnswer) -> None:
        """Write down what the farmer says of an offer or a delivery."""
        self.order(farmer_id, said.order_id)
        self._teller.act(lambda db, desk, clock: orders.say(db, desk, said, clock))
