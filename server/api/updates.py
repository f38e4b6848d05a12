"""``/api/v1/updates``: metadata and targets of updates, by ranges, for enrolled stations."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import FileResponse

from core.wire.update import REQUEST_HEADER
from server.services.centre import Centre, LoginRequiredError
from server.services.model_life.repository import settle_halts
from server.services.publishing.serving import file_for_station

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_Request = Annotated[str | None, Header(alias=REQUEST_HEADER, description="A signed document")]


def add_updates(found: APIRouter, centre: Centre) -> None:
    """Add the endpoint."""

    @found.get(
        "/updates/{path:path}",
        tags=["stations"],
        summary="Get a file of updates",
        responses={
            200: {"description": "The file"},
            206: {"description": "The range that was asked for"},
            404: {"description": "There is no such file"},
        },
    )
    def get(path: str, request: _Request = None) -> FileResponse:
        """Give metadata or a target to a station that signs for it; HTTP ranges are kept."""
        if request is None:
            raise LoginRequiredError(f"expected a signed request in {REQUEST_HEADER}, got none")
        settle_halts(centre, path)
        file = file_for_station(centre, path, request.encode())
        return FileResponse(file, media_type="application/octet-stream", headers=_HEADERS)
