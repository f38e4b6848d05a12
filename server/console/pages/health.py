"""The page on the portfolio's health."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.console.desk import Desk
from server.console.views.health import read_health


def routes(desk: Desk) -> list[Route]:
    """The page's address."""

    def health(request: Request) -> Response:
        visitor = desk.visitor(request)
        with desk.reading(visitor) as tx:
            shown = read_health(tx, desk.today(tx), desk.centre.now_ms())
        return desk.page(request, "health.html", {"shown": shown}, visitor)

    return [Route("/health", health, methods=["GET"])]
