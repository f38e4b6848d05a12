"""``/api/v1/orders``: what suppliers ask for on farmers' lines, and what they deliver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from core.shape import encode
from core.units import SAFE_INTEGER_MAX
from core.wire.orders import ITEMS_MAX, OrderItem, Received
from server.api.bearer import Bearer
from server.api.cursors import LIMIT, Cursor, Limit, Listed, answered, paged
from server.api.shapes import Amount, Asked, Currency, Day, Name, Told
from server.services.access import Caller, reading, require_caller, require_line
from server.services.centre import Centre
from server.services.orders.delivering import DeliveryReport, report_delivery, withdraw_order
from server.services.orders.placing import OrderRequest, place_order
from server.services.orders.receiving import receive_by_code
from server.store import listing, orders
from server.store.engine import NotKnownError, Tx
from server.store.orders import Order, Step
from server.store.people import Role

READERS = (Role.SUPPLIER, Role.INTEGRATOR, Role.AUDITOR)
LineName = Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]


class ItemBody(Asked):
    """Goods by the supplier's code: whole units at a price [minor units a unit]."""

    code: Name
    name: Name
    goods: Name
    quantity: int = Field(gt=0, le=1_000_000)
    unit: Name
    unit_price_minor: Amount


class OrderBody(Asked):
    """An order for a farmer's line; ``reference`` is the supplier's own name of it."""

    reference: Name
    line_id: Name
    currency: Currency
    total_minor: Amount
    items: list[ItemBody] = Field(min_length=1, max_length=ITEMS_MAX)
    deliver_by: Day


class UnitsBody(Asked):
    """So many units of a code."""

    code: Name
    quantity: int = Field(ge=0, le=SAFE_INTEGER_MAX)


class DeliveryBody(Asked):
    """What was delivered; ``reference`` is the supplier's own name of the delivery."""

    reference: Name
    delivered_on: Day
    units: list[UnitsBody] = Field(min_length=1, max_length=ITEMS_MAX)


class CodeBody(Asked):
    """The farmer's code: 8 digits, spaces and a dash between them do not count."""

    code: str = Field(min_length=8, max_length=20, pattern=r"^[0-9 -]+$")


class OrderTold(Told):
    """An order with the offer that was made for it [minor units, ppm a year]."""

    order_id: str
    reference: str
    supplier: str
    line_id: str
    currency: str
    total_minor: int
    items: list[dict[str, Any]]
    deliver_by: str
    valid_until: str
    state: str
    offer: dict[str, Any]
    steps: list[dict[str, Any]]


class OrdersTold(Told):
    """A page of orders, without their steps."""

    items: list[dict[str, Any]]
    next: str | None = None


def add_orders(found: APIRouter, centre: Centre) -> None:
    """Add the endpoints."""
    _add_placing(found, centre)
    _add_reading(found, centre)


def _add_placing(found: APIRouter, centre: Centre) -> None:
    told: dict[int | str, dict[str, Any]] = {
201: {"description": "New", "model": OrderTold},
            200: {"description": "Known", "model": OrderTold}}  # fmt: skip

    @found.post("/orders", tags=["orders"], summary="Order goods for a line", responses=told)
    def place(body: OrderBody, token: Bearer = None) -> JSONResponse:
        """Offer an order to a farmer: the answer tells the whole price and keeps room for it.

        Nothing is owed before the farmer consents. Needs a token of role supplier.
        """
        caller = require_caller(centre, token, (Role.SUPPLIER,))
        require_line(centre, caller.scope, body.line_id)
        items = tuple(OrderItem(**each.model_dump()) for each in body.items)
        asked = OrderRequest(
            body.reference, body.line_id, body.currency, body.total_minor, items, body.deliver_by
        )
        order, new = place_order(centre, asked, caller)
        return JSONResponse(_read(centre, order, caller), 201 if new else 200)

    @found.post(
        "/orders/{order_id}/withdrawal", tags=["orders"], summary="Take an order back",
        responses={200: told[200]},
    )  # fmt: skip
    def withdraw(order_id: str, token: Bearer = None) -> JSONResponse:
        """Take an order back that nobody has consented to. Needs its supplier's token."""
        caller = require_caller(centre, token, (Role.SUPPLIER,))
        _own(centre, order_id, caller)
        withdraw_order(centre, order_id, caller)
        return JSONResponse(_read(centre, _own(centre, order_id, caller), caller), 200)

    @found.post(
        "/orders/{order_id}/deliveries", tags=["orders"], summary="Report a delivery",
        responses=told,
    )  # fmt: skip
    def deliver(order_id: str, body: DeliveryBody, token: Bearer = None) -> JSONResponse:
        """Say what was delivered; the farmer says so too. Needs its supplier's token."""
        caller = require_caller(centre, token, (Role.SUPPLIER,))
        _own(centre, order_id, caller)
        units = tuple(Received(each.code, each.quantity) for each in body.units)
        report = DeliveryReport(body.reference, body.delivered_on, units)
        _, new = report_delivery(centre, order_id, report, caller)
        return JSONResponse(
            _read(centre, _own(centre, order_id, caller), caller), 201 if new else 200
        )

    @found.post(
        "/orders/{order_id}/receipt", tags=["orders"], summary="Bring the farmer's code",
        responses={200: told[200]},
    )  # fmt: skip
    def receive(order_id: str, body: CodeBody, token: Bearer = None) -> JSONResponse:
        """Say by the farmer's code that all of the order came. Needs its supplier's token.

        The farmer reads the code at the kiosk and gives it when the goods are there. After 5
        wrong ones for a delivery only the farmer's word at the kiosk counts.
        """
        caller = require_caller(centre, token, (Role.SUPPLIER,))
        _own(centre, order_id, caller)
        receive_by_code(centre, order_id, body.code, caller)
        return JSONResponse(_read(centre, _own(centre, order_id, caller), caller), 200)


def _add_reading(found: APIRouter, centre: Centre) -> None:
    @found.get(
        "/orders", tags=["orders"], summary="Orders",
        responses={200: {"description": "A page", "model": OrdersTold},
                   304: {"description": "As before"}},
    )  # fmt: skip
    def every(
        request: Request, token: Bearer = None, line_id: LineName = None,
        cursor: Cursor = None, limit: Limit = LIMIT,
    ) -> Response:  # fmt: skip
        """A supplier's own orders, or all of them for role integrator or auditor."""
        caller = require_caller(centre, token, READERS)
        equal = {"line_id": line_id} if line_id else {}
        listed = Listed(f"orders/{caller.party}", equal, listing.key_of("orders"))
        mine = {"supplier": caller.party} if caller.party else {}
        with reading(centre, caller.scope) as tx:
            rows = listing.page(tx, "orders", listed.after(cursor), limit + 1, **equal, **mine)
            known = orders.states(tx, [row["order_id"] for row in rows])

        def shown(row: Mapping[str, Any]) -> dict[str, Any]:
            return _told(orders.read_order(row)) | {"state": known[row["order_id"]].value}

        return paged(request, listed, rows, limit, shown)

    @found.get(
        "/orders/{order_id}", tags=["orders"], summary="An order and its steps",
        responses={200: {"description": "The order", "model": OrderTold},
                   304: {"description": "As before"}},
    )  # fmt: skip
    def one(request: Request, order_id: str, token: Bearer = None) -> Response:
        """An order with its offer and every step. A supplier's own, or for integrators, any."""
        caller = require_caller(centre, token, READERS)
        return answered(request, _read(centre, _own(centre, order_id, caller), caller))


def _own(centre: Centre, order_id: str, caller: Caller) -> Order:
    with reading(centre, caller.scope) as tx:
        found = orders.find(tx, order_id)
    if found is None or caller.party not in ("", found.supplier):
        raise NotKnownError(f"expected one of your orders, got {order_id[:64]!r}")
    return found


def _read(centre: Centre, order: Order, caller: Caller) -> dict[str, Any]:
    with reading(centre, caller.scope) as tx:
        life = orders.life(tx, order.order_id)
        return _told(order) | _lived(tx, order, life)


def _told(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "reference": order.reference,
        "supplier": order.supplier,
        "line_id": order.line_id,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "items": encode(order.items),
        "deliver_by": order.deliver_by,
        "valid_until": order.valid_until,
    }


def _lived(_tx: Tx, order: Order, life: tuple[Step, ...]) -> dict[str, Any]:
    steps = [
        {"event": each.event.value, "state": each.state.value, "on": each.on_day,
         "at_ms": each.at_ms, "party": each.party.value, "reason": each.reason.value}
        for each in life
    ]  # fmt: skip
    offer = dict(order.key_facts)
    return {"state": life[-1].state.value, "offer": offer, "steps": steps}
