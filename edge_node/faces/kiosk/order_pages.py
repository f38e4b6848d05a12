"""Pages of suppliers' orders: what is offered at which price, and what came."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from core.lending.ordering import OrderStatus
from core.reasons import Reason, ReasonCode
from core.wire.delivery_codes import CODE_CONTEXT, delivery_code, grouped
from core.wire.orders import Answer, OrderAnswer, OrderOffer
from edge_node.decide.desk import RequestError
from edge_node.faces.kiosk.front import COOKIE, Front
from edge_node.faces.kiosk.heard import of_delivery_day, of_goods_from
from edge_node.faces.kiosk.order_teller import OrderTeller
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.said import of_price, says, unspoken
from edge_node.faces.kiosk.visited import Visited, go

Text = Annotated[str, Form()]
Number = Annotated[int, Form()]
SOME = "If only some of it came, tell the agent."
CAME = (
    *("{supplier} says that you have these goods", "Yes, all of this came"),
    *("No, it did not come", "It came damaged", "These are other goods"),
)
_ANSWERS = {each.value: each for each in Answer}


def order_pages(front: Front, rendering: Rendering) -> APIRouter:
    """The routes of these pages."""
    acts, router = _OrderPages(front, rendering), APIRouter()
    for method, path, act in (
        ("GET", "/order/{order_id}", acts.order),
        ("POST", "/order/{order_id}", acts.agree),
        ("POST", "/order/{order_id}/answer", acts.answer),
    ):
        router.add_api_route(path, act, methods=[method], response_model=None)
    return router


class _OrderPages(Visited):
    """What each page does."""

    def __init__(self, front: Front, rendering: Rendering) -> None:
        super().__init__(front, rendering)
        self._orders = OrderTeller(front.teller)

    def order(self, request: Request, order_id: str) -> Response:
        visit = self._visit(request)
        offer = self._orders.order(visit.farmer_id, order_id)
        if offer.state is OrderStatus.DELIVERING:
            came = offer.reported or ()
            said = [*(says(each) for each in CAME), says(SOME), unspoken()]
            return self._page("delivery.html", visit, offer=offer, came=came, said=said)
        if number := self._orders.awaited_delivery(offer):
            return self._coming(request, offer, number)
        told = self._orders.quote(visit.farmer_id, order_id)
        if isinstance(told, Reason):
            return self._refused(visit, told, "/home")
        shown = {"sha256": told.shown_sha256, "draw_id": self._teller.mint()}
        payments = self._teller.payments(visit.farmer_id, offer.line_id, told.price)
        return self._page(
            "order.html",
            visit,
            offer=offer,
            price=told.price,
            payments=payments,
            shown=shown,
            # Goods, how many and from whom are names: they stand on the screen alone.
            said=(
                says("{supplier} offers you these goods on your line", supplier=""),
                of_delivery_day(offer),
                *of_price(told.price, self._teller.today(), payments),
                unspoken(),
            ),
        )

    def _coming(self, request: Request, offer: OrderOffer, number: int) -> Response:
        """What is to come, and the code that says that all of it came: for the farmer alone."""
        visit = self._visits.require_own(request.cookies.get(COOKIE))
        if (shared := self._front.shared_secret) is None:
            return self._refused(visit, Reason(ReasonCode.ORDER_OVER), "/home")
        code = delivery_code(shared(CODE_CONTEXT), offer.order_id, number)
        only = says("Tell {supplier} this number only when all of it has come.", supplier="")
        return self._page(
            "coming.html",
            visit,
            offer=offer,
            code=grouped(code),
            # The number is for the farmer's eyes: who stands behind them hears a voice, too.
            said=(
                of_goods_from(offer),
                of_delivery_day(offer),
                only,
                says(SOME),
                unspoken(),
            ),
        )

    def agree(
        self,
        request: Request,
        order_id: str,
        csrf: Text,
        shown: Text,
        draw_id: Text,
        helped: Text = "",
        spoken: Text = "",
    ) -> Response:
        visit = self._form(request, csrf)
        agreed = self._agreed(visit, shown, (helped, spoken))
        done = self._orders.agree(visit.farmer_id, (order_id, draw_id), agreed)
        if isinstance(done, Reason):
            return self._refused(visit, done, "/home")
        return go(f"/receipt/{done.drawdown.draw_id}")

    def answer(
        self, request: Request, order_id: str, csrf: Text, answer: Text, delivery: Number
    ) -> Response:
        visit = self._form(request, csrf)
        if answer not in _ANSWERS:
            raise RequestError(f"expected an answer of {', '.join(_ANSWERS)}, got {answer[:20]!r}")
        said = OrderAnswer(order_id, delivery, _ANSWERS[answer])
        self._orders.answer(visit.farmer_id, said)
        return go("/home")
