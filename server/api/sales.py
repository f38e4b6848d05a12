"""``/api/v1/sales``: what buyers bought of the harvests that lines rest on."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from server.api.bearer import Bearer
from server.api.cursors import LIMIT, Cursor, Limit, Listed, answered, paged
from server.api.money import RepaymentShares, shares
from server.api.orders import LineName
from server.api.shapes import Amount, Asked, Currency, Day, Name, Told
from server.services.access import reading, require_caller, require_line
from server.services.centre import Centre
from server.services.orders.selling import KG_MAX, SaleRequest, receive_proceeds, report_sale
from server.store import listing, sales
from server.store.engine import NotKnownError
from server.store.people import Role
from server.store.sales import Sale

READERS = (Role.BUYER, Role.INTEGRATOR, Role.AUDITOR)


class SaleBody(Asked):
    """What was bought of a line's harvest; ``reference`` is the buyer's own name of it."""

    reference: Name
    line_id: Name
    sold_on: Day
    sold_kg: int = Field(gt=0, le=KG_MAX)
    currency: Currency
    proceeds_minor: Amount


class ReceiptBody(Asked):
    """That the lender's part of a sale came in."""

    received_on: Day


class SaleTold(Told):
    """A sale, and who is paid what [kg, minor units]."""

    sale_id: str
    reference: str
    buyer: str
    line_id: str
    sold_on: str
    sold_kg: int
    currency: str
    proceeds_minor: int
    to_line_minor: int
    to_farmer_minor: int


class SalesTold(Told):
    """A page of sales."""

    items: list[SaleTold]
    next: str | None = None


def add_sales(found: APIRouter, centre: Centre) -> None:
    """Add the endpoints."""
    _add_selling(found, centre)
    _add_reading(found, centre)


def _add_selling(found: APIRouter, centre: Centre) -> None:
    @found.post(
        "/sales", tags=["sales"], summary="Report a sale",
        responses={201: {"description": "New", "model": SaleTold},
                   200: {"description": "Known", "model": SaleTold}},
    )  # fmt: skip
    def report(body: SaleBody, token: Bearer = None) -> JSONResponse:
        """Say what was bought; the answer says what is paid to the lender and to the farmer.

        Needs a token of role buyer.
        """
        caller = require_caller(centre, token, (Role.BUYER,))
        require_line(centre, caller.scope, body.line_id)
        sale, new = report_sale(centre, SaleRequest(**body.model_dump()), caller)
        return JSONResponse(_told(sale), 201 if new else 200)

    @found.post(
        "/sales/{sale_id}/receipt", tags=["sales"], summary="Take the lender's part of a sale",
        responses={200: {"description": "Taken, or known", "model": RepaymentShares}},
    )  # fmt: skip
    def receive(sale_id: str, body: ReceiptBody, token: Bearer = None) -> JSONResponse:
        """Repay the line with the lender's part. Needs a token of role cashier."""
        cashier = require_caller(centre, token, (Role.CASHIER,))
        with reading(centre, cashier.scope) as tx:
            sales.get(tx, sale_id)
        kept, _ = receive_proceeds(centre, sale_id, body.received_on, cashier.actor)
        return JSONResponse(shares(kept), 200)


def _add_reading(found: APIRouter, centre: Centre) -> None:
    @found.get(
        "/sales", tags=["sales"], summary="Sales",
        responses={200: {"description": "A page", "model": SalesTold},
                   304: {"description": "As before"}},
    )  # fmt: skip
    def every(
        request: Request, token: Bearer = None, line_id: LineName = None,
        cursor: Cursor = None, limit: Limit = LIMIT,
    ) -> Response:  # fmt: skip
        """A buyer's own sales, or all of them for role integrator or auditor."""
        caller = require_caller(centre, token, READERS)
        equal = {"line_id": line_id} if line_id else {}
        listed = Listed(f"sales/{caller.party}", equal, listing.key_of("sales"))
        mine = {"buyer": caller.party} if caller.party else {}
        with reading(centre, caller.scope) as tx:
            rows = listing.page(tx, "sales", listed.after(cursor), limit + 1, **equal, **mine)
        return paged(request, listed, rows, limit, lambda row: _told(sales.read_sale(row)))

    @found.get(
        "/sales/{sale_id}", tags=["sales"], summary="A sale",
        responses={200: {"description": "The sale", "model": SaleTold},
                   304: {"description": "As before"}},
    )  # fmt: skip
    def one(request: Request, sale_id: str, token: Bearer = None) -> Response:
        """A buyer's own sale, or for role integrator or auditor, any."""
        caller = require_caller(centre, token, READERS)
        with reading(centre, caller.scope) as tx:
            sale = sales.find(tx, sale_id)
        if sale is None or caller.party not in ("", sale.buyer):
            raise NotKnownError(f"expected one of your sales, got {sale_id[:64]!r}")
        return answered(request, _told(sale))


def _told(sale: Sale) -> dict[str, Any]:
    return {name: getattr(sale, name) for name in SaleTold.model_fields}
