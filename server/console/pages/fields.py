"""Each plot's or pasture's own page, and the pictures on it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.console.desk import Desk
from server.services.blobs import get_blob, picture_headers, require_shown


def routes(desk: Desk) -> list[Route]:
    """The addresses of a plot and of its pictures."""
    return [
        Route("/pictures/{sha256}", _picture(desk), methods=["GET"]),
    ]


def _picture(desk: Desk) -> Callable[[Request], Response]:
    def picture(request: Request) -> Response:
        visitor = desk.visitor(request)
        sha256 = request.path_params["sha256"]
        with desk.reading(visitor) as tx:
            require_shown(tx, visitor.scope, sha256)
        found = get_blob(desk.centre, sha256)
        return Response(found.data, media_type=found.media_type, headers=picture_headers(found))

    return picture
