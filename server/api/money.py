"""``/api/v1/repayments``: money that a cashier received."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from server.api.bearer import Bearer
from server.api.shapes import Amount, Asked, Currency, Day, Name, OwnName, Told
from server.services.access import require_caller, require_line
from server.services.centre import Centre
from server.services.posting import RepaymentRequest, take_repayment
from server.store.ledger import Repayment
from server.store.people import Role


class RepaymentBody(Asked):
    """Money received for a line [minor units]; an id with a slash is the centre's own."""

    repayment_id: OwnName
    line_id: Name
    amount_minor: Amount
    currency: Currency
    effective_on: Day


class RepaymentShares(Told):
    """How a repayment is used [minor units]."""

    repayment_id: str
    fee_minor: int
    interest_minor: int
    principal_minor: int
    surplus_minor: int


def shares(kept: Repayment) -> dict[str, str | int]:
    """How a repayment is used, as a body."""
    return {name: getattr(kept, name) for name in RepaymentShares.model_fields}


def add_money(found: APIRouter, centre: Centre) -> None:
    """Add the endpoint."""

    @found.post(
        "/repayments",
        tags=["money"],
        summary="Report a repayment",
        responses={200: {"description": "Taken, or known", "model": RepaymentShares}},
    )
    def repayments(body: RepaymentBody, token: Bearer = None) -> JSONResponse:
        """Take a repayment; its id makes it count once. Needs a token of role cashier."""
        cashier = require_caller(centre, token, (Role.CASHIER,))
        require_line(centre, cashier.scope, body.line_id)
        kept, _ = take_repayment(centre, RepaymentRequest(**body.model_dump()), cashier.actor)
        return JSONResponse(shares(kept), 200)
