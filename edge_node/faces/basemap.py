"""The map of the district that updates brought, for pages and tablets, by HTTP ranges.

``GET /basemap.pmtiles`` beside the pages. The map holds no person's data, so whoever
reaches the station may read it; there is none until one came by updates.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

BASEMAP_PATH = "/basemap.pmtiles"
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
        if scope["type"] != "http" or scope["path"] != BASEMAP_PATH:
            await self._pages(scope, receive, send)
            return
        await (await self._answer(scope["method"]))(scope, receive, send)

    async def _answer(self, method: str) -> Response:
        if method not in _METHODS:
            return Response(status_code=405, headers={"allow": ", ".join(_METHODS)})
        path = await run_in_threadpool(self._path_of)
        if path is None or not path.is_file():
            return Response(status_code=404, headers=_HEADERS)
        return FileResponse(path, media_type="application/vnd.pmtiles", headers=_HEADERS)
