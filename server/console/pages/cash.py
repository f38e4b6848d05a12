"""The page of cash in hand: who holds what, when it was counted, what was short or over."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.lending.payout import PayoutState
from server.console.desk import Desk
from server.services.cash_people import held
from server.store import cash, payouts

FLAGGED_SHOWN = 50
IN_DOUBT = (PayoutState.STUCK, PayoutState.FAILED)


def routes(desk: Desk) -> list[Route]:
    """The page's address."""

    def in_hand(request: Request) -> Response:
        visitor = desk.visitor(request)
        with desk.reading(visitor) as tx:
            today = desk.centre.work(tx, desk.centre.now_ms()).today()
            found = {
                "people": held(tx, today),
                "flagged": cash.flagged(tx, FLAGGED_SHOWN),
                "doubtful": payouts.listed(tx, IN_DOUBT, FLAGGED_SHOWN),
            }
        return desk.page(request, "cash.html", found, visitor)

    return [Route("/cash", in_hand, methods=["GET"])]
