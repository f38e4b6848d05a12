"""Puts the console under ``/console`` of the centre's web application."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import HarvestlineError
from server.console import render, speaking
from server.console.desk import Desk, Visitor
from server.console.pages import (
    appeals,
    applications,
    audit,
    cash,
    door,
    exports,
    field_inbox,
    fields,
    health,
    key_facts,
    line,
    models,
    photos,
    plot,
    plot_map,
    policies,
    portfolio,
    queue,
    second_factor,
    statement,
    stations,
    stress,
    today,
    users,
    visits,
)
from server.console.session import Seals, SecondFactorNeededError, Throttle, load_secret
from server.console.words import message, say
from server.services.centre import BodyTooLargeError, Centre, LoginRequiredError

FORM_BYTES_MAX = 1024 * 1024  # ten times the largest, 500 picks of the queue
_BAD_FORM = 400  # what a body is refused with that is no form, or has too many fields
_NO_PAGE = message("Check the address, or begin at the portfolio.")
_NO_FORM = message(
    "It is broken or has too many fields. Load its page again and send it once more."
)
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class SafeHeaders:
    """Adds the security headers to every answer; pages are never kept by a cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with the headers added."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if "/static/" not in scope["path"]:
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Bounded:
    """Lets no form be larger than any of ours, whoever sends it; the rest is not read.

    A form is read before it is known who sends it, and files in it go to the disk.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose body is counted as it comes."""
        told = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        size = int(told[:20]) if told.isdecimal() else 0
        read = 0

        async def counted() -> Message:
            nonlocal read
            if max(size, read) <= FORM_BYTES_MAX:
                message = await receive()
                read += len(message.get("body", b""))
            if max(size, read) > FORM_BYTES_MAX:
                raise BodyTooLargeError(f"expected at most {FORM_BYTES_MAX} bytes, got more")
            return message

        await self._app(scope, counted, send)


def mount(app: FastAPI, centre: Centre) -> None:
    """Serve the console under its prefix, and lead the root to it.

    Raises
    ------
    KeyFileError
        If the session secret cannot be used.
    """
    secret = load_secret(Path(centre.settings.session_secret_file))
    desk = Desk(centre, Seals(secret), Throttle(centre.now_ms), render.environment())

    @app.get("/", include_in_schema=False)
    def root() -> RedirectResponse:
        return RedirectResponse(f"{render.PREFIX}/", 303)

    app.mount(render.PREFIX, console(desk))


def console(desk: Desk) -> ASGIApp:
    """The console as an application of its own."""

    def refused(request: Request, error: Exception) -> Response:
        return _refusal(desk, request, error)

    pages = Starlette(
        routes=[
            Mount("/static", StaticFiles(directory=render.STATIC)),
            *door.routes(desk),
            *speaking.routes(),
            *today.routes(desk),
            *audit.routes(desk),
            *appeals.routes(desk),
            *statement.routes(desk),
            *exports.routes(desk),
            *portfolio.routes(desk),
            *queue.routes(desk),
            *users.routes(desk),
            *second_factor.routes(desk),
            *health.routes(desk),
            *stress.routes(desk),
            *fields.routes(desk),
            *plot.routes(desk),
            *plot_map.routes(desk),
            *line.routes(desk),
            *key_facts.routes(desk),
            *applications.routes(desk),
            *stations.routes(desk),
            *visits.routes(desk),
            *cash.routes(desk),
            *models.routes(desk),
            *policies.routes(desk),
            *photos.routes(desk),
            *field_inbox.routes(desk),
        ],
        exception_handlers={HarvestlineError: refused, HTTPException: refused},
    )
    return SafeHeaders(Bounded(speaking.Speaking(pages)))


def _refusal(desk: Desk, request: Request, error: Exception) -> Response:
    if isinstance(error, LoginRequiredError):
        return _to_the_door(request)
    if isinstance(error, SecondFactorNeededError) and request.method == "GET":
        return RedirectResponse(f"{render.PREFIX}/me/second-factor", 303)
    if isinstance(error, HarvestlineError):
        status, title, detail = error.entry.http_status, error.entry.title, str(error)
        code = error.code
    else:
        status = error.status_code if isinstance(error, HTTPException) else 500
        title, detail, code = message("There is no such page"), say(_NO_PAGE), ""
        if status == _BAD_FORM:
            title, detail = message("This form cannot be read"), say(_NO_FORM)
    context = {"title": title, "detail": detail, "code": code}
    return desk.page(request, "refused.html", context, _who(desk, request), status)


def _who(desk: Desk, request: Request) -> Visitor | None:
    """Who is at the console, so that a refusal keeps the way to the other pages."""
    try:
        return desk.visitor(request)
    except HarvestlineError:
        return None


def _to_the_door(request: Request) -> Response:
    """To the log-in; a part of a page asks its page to go there."""
    target = f"{render.PREFIX}/login"
    if request.method == "GET" and "hx-request" not in request.headers:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{target}?next={quote(wanted, safe='')}", 303)
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": target})
    return RedirectResponse(target, 303)
