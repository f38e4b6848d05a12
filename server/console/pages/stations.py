"""The stations' page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.console.desk import Desk
from server.console.views.station import read_stations


def routes(desk: Desk) -> list[Route]:
    """The stations' address."""

    def stations(request: Request) -> Response:
        visitor = desk.visitor(request)
        with desk.reading(visitor) as tx:
            shown = read_stations(tx, desk.centre.now_ms())
        return desk.page(request, "stations.html", {"shown": shown}, visitor)

    return [Route("/stations", stations, methods=["GET"])]
