"""The kiosk as one ASGI application: pages, JSON interface, static files, guard."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from core.errors import HarvestlineError
from edge_node.config import LOOPBACK_NAMES
from edge_node.decide.desk import RequestError
from edge_node.faces.kiosk.appeal_pages import appeal_pages
from edge_node.faces.kiosk.cash_pages import CashFront, cash_pages
from edge_node.faces.kiosk.front import COOKIE, Front
from edge_node.faces.kiosk.guard import Guard
from edge_node.faces.kiosk.helper_pages import helper_pages
from edge_node.faces.kiosk.home_pages import home_pages
from edge_node.faces.kiosk.interface import interface
from edge_node.faces.kiosk.knowing import Knowing
from edge_node.faces.kiosk.knowing_pages import knowing_pages
from edge_node.faces.kiosk.month_pages import month_pages
from edge_node.faces.kiosk.order_pages import order_pages
from edge_node.faces.kiosk.own_pages import own_pages
from edge_node.faces.kiosk.pages import pages
from edge_node.faces.kiosk.receipt_pages import Paper, receipt_pages
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.visited import SEE_OTHER
from edge_node.faces.kiosk.visits import VisitEndedError
from edge_node.faces.kiosk.voice import Voice
from edge_node.faces.kiosk.voice_pages import voice_pages
from edge_node.store.village import UnknownRecordError

_NOT_FOUND = 404


def kiosk(
    front: Front,
    utc_offset_ms: int,
    hosts: frozenset[str] = LOOPBACK_NAMES,
    basemap: Callable[[], Path | None] = lambda: None,
    cash: CashFront | None = None,
    voice: Voice | None = None,
    paper: Paper | None = None,
) -> ASGIApp:
    """The kiosk of a running station.

    Parameters
    ----------
    utc_offset_ms
        The site's zone [ms].
    hosts
        The names by which the server may be addressed.
    basemap
        Where the map of the district lies, if there is one.
    cash
        The cash desk, where there is one.
    voice
        What can be said at this station; the release's own clips without it.
    paper
        What receipts are held against and printed on; without it none is proved.
    """
    app = FastAPI(openapi_url=None)
    rendering = Rendering(utc_offset_ms, front.teller.words, basemap, voice)
    knowing = Knowing(front.teller, front.visits)
    answers = _Answers(front, rendering)
    app.include_router(interface(front, knowing))
    app.include_router(pages(front, rendering, knowing))
    app.include_router(month_pages(front, rendering))
    app.include_router(home_pages(front, rendering, knowing))
    app.include_router(knowing_pages(front, rendering, knowing))
    app.include_router(helper_pages(front, rendering, knowing))
    app.include_router(appeal_pages(front, rendering))
    if paper is not None:
        app.include_router(receipt_pages(front, rendering, paper))
    app.include_router(own_pages(front, rendering))
    app.include_router(order_pages(front, rendering))
    if cash is not None:
        app.include_router(cash_pages(cash, rendering))
    app.include_router(voice_pages(voice or Voice()))
    folder = resources.files("edge_node.faces.kiosk") / "static"
    app.mount("/static", StaticFiles(directory=str(folder)), name="static")
    app.add_exception_handler(HarvestlineError, answers.broken)
    app.add_exception_handler(RequestValidationError, answers.malformed)
    app.add_exception_handler(HTTPException, answers.http)
    return Guard(app, hosts)


class _Answers:
    """How errors are said: as problem+json to programs, in plain words to people."""

    def __init__(self, front: Front, rendering: Rendering) -> None:
        self._front, self._rendering = front, rendering

    async def broken(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, HarvestlineError):
            raise error
        if request.url.path.startswith("/api/"):
            return JSONResponse(
                error.problem(), error.entry.http_status, media_type="application/problem+json"
            )
        if isinstance(error, VisitEndedError):
            is_desk = request.url.path.startswith("/cash/")
            return RedirectResponse("/cash" if is_desk else "/", SEE_OTHER)
        return self._rendering.problem(self._language(request), error)

    async def malformed(self, request: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        named = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in found[:5])
        return await self.broken(request, RequestError(f"expected a complete request: {named}"))

    async def http(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else _NOT_FOUND
        if status == _NOT_FOUND:
            unknown = UnknownRecordError(
                f"expected a page of the kiosk, got {request.url.path[:64]!r}"
            )
            return await self.broken(request, unknown)
        return Response(status_code=status)

    def _language(self, request: Request) -> str:
        try:
            return self._front.visits.current(request.cookies.get(COOKIE)).language
        except VisitEndedError:
            return "en"
