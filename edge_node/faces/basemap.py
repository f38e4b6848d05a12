"""The map of the district that updates brought, for pages and tablets, by HTTP ranges.

``GET /basemap.pmtiles`` beside the pages, and ``/basemap/Z/X/Y`` for one of its pictures.
The map holds no person's data, so whoever
reaches the station may read it; there is none until one came by updates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import ShapeError
from edge_node.faces.district import district_of

BASEMAP_PATH = "/basemap.pmtiles"
_TILE = re.compile(r"/basemap/([0-9]{1,2})/([0-9]{1,8})/([0-9]{1,8})")
_HEADERS = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
_METHODS = ("GET", "HEAD")


class BasemapDoor:
    """Answers for the map, and lets the pages answer everything else.

    Parameters
    ----------
    pages
        What answers everything else.
    path_of
        Gives the file of the map in use, if there is one.
    """

    def __init__(self, pages: ASGIApp, path_of: Callable[[], Path | None]) -> None:
        self._pages, self._path_of = pages, path_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        tile = _TILE.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if tile is not None:
            z, x, y = (int(number) for number in tile.groups())
            response = await run_in_threadpool(self._tile, scope["method"], z, x, y)
            await response(scope, receive, send)
        elif scope["type"] != "http" or scope["path"] != BASEMAP_PATH:
            await self._pages(scope, receive, send)
        else:
            await (await self._answer(scope["method"]))(scope, receive, send)

    def _tile(self, method: str, z: int, x: int, y: int) -> Response:
        if method not in _METHODS:
            return Response(status_code=405, headers={"allow": ", ".join(_METHODS)})
        district = district_of(self._path_of)
        try:
            data = district.tile(z, x, y) if district is not None else None
        except (OSError, ShapeError):  # no picture there: the drawing stands without it
            data = None
        if data is None or district is None:
            return Response(status_code=404, headers=_HEADERS)
        return Response(data, media_type=district.media_type, headers=_HEADERS)

    async def _answer(self, method: str) -> Response:
        if method not in _METHODS:
            return Response(status_code=405, headers={"allow": ", ".join(_METHODS)})
        path = await run_in_threadpool(self._path_of)
        if path is None or not path.is_file():
            return Response(status_code=404, headers=_HEADERS)
        return FileResponse(path, media_type="application/vnd.pmtiles", headers=_HEADERS)
