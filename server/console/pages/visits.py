"""Visits: every open flag, for an officer to look at."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.console.desk import Desk
from server.console.views.flags import read_every_flag
from server.console.views.trade import read_trade_flags


def routes(desk: Desk) -> list[Route]:
    """The address of the visits."""

    def visits(request: Request) -> Response:
        visitor = desk.visitor(request)
        with desk.reading(visitor) as tx:
            flags = read_every_flag(tx)
            traded = read_trade_flags(tx, desk.centre.now_ms())
        shown = {"flags": flags, "traded": traded}
        return desk.page(request, "visits.html", shown, visitor)

    return [Route("/visits", visits, methods=["GET"])]
