"""``/api/v1/box-requests``: a restored box asks by itself to be its station's."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from server.api.body import read_body
from server.api.shapes import bytes_body
from server.services.box_requests import take_box_request
from server.services.boxes import REQUEST_BYTES_MAX
from server.services.centre import Centre

_ACCEPTED, _DONE = 202, 200


def add_boxes(found: APIRouter, centre: Centre) -> None:
    """Add the endpoint."""

    @found.post(
        "/box-requests",
        tags=["stations"],
        summary="Ask to be a station's box",
        responses={
            _DONE: {"description": "An officer has confirmed it: pull"},
            _ACCEPTED: {"description": "It waits for an officer"},
        },
        openapi_extra=bytes_body("A signed box request", "application/json"),
    )
    async def ask(request: Request) -> JSONResponse:
        """Take a box request that is signed under the station's key; an officer decides."""
        data = await read_body(request, REQUEST_BYTES_MAX)
        asked = await run_in_threadpool(take_box_request, centre, data)
        body: dict[str, Any] = {"key_id": asked.key_id, "confirmed": asked.confirmed}
        return JSONResponse(body, _DONE if asked.confirmed else _ACCEPTED)
