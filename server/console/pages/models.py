"""The page of models: which one decides, who challenges it, where it is rolled out, drift."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.console.desk import Desk
from server.console.views.models import read_models
from server.services.access import require_whole


def routes(desk: Desk) -> list[Route]:
    """The page's address."""

    def models(request: Request) -> Response:
        visitor = desk.visitor(request)
        require_whole(visitor.scope)
        with desk.reading(visitor) as tx:
            found = read_models(tx, desk.centre.now_ms())
        return desk.page(request, "models.html", {"found": found}, visitor)

    return [Route("/models", models, methods=["GET"])]
