"""A photo of a visit, for who may see the farmer; the pages that show it name its hash."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.wire.personal_data import DataClass
from server.console.desk import Desk
from server.services.blobs import picture_headers
from server.services.photos import get_photo
from server.store.blobs import Blob


def routes(desk: Desk) -> list[Route]:
    """The address of a photo."""

    def photo(request: Request) -> Response:
        visitor = desk.visitor(request)
        found, named = get_photo(desk.centre, visitor.scope, request.path_params["sha256"])
        desk.saw(visitor, "photo", (DataClass.VISITS,), named.farmer_id)
        headers = picture_headers(Blob(found.sha256, found.media_type, found.data))
        return Response(found.data, media_type=found.media_type, headers=headers)

    return [Route("/photos/{sha256}", photo, methods=["GET"])]
