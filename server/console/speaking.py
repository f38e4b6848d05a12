"""In which language a request is answered: the officer's choice, else what their browser asks."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from server.console.render import PREFIX
from server.console.words import LANGUAGES, TAGS, speaking

LANGUAGE_COOKIE = "harvestline_language"
CHOICE_S_MAX = 365 * 24 * 3600  # how long a browser remembers the choice
ACCEPT_CHARACTERS_MAX = 500
FORM_BYTES_MAX = 2_000
# To another host, or up and out of the console; browsers take %2e for a dot.
_LEADING_OUT = ("\\", "//", "..", "%2e", "%2E")


class Speaking:
    """Answers every request in its language."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with speaking(chosen(Request(scope))):
            await self._app(scope, receive, send)


def chosen(request: Request) -> str:
    """The language of the officer's choice, else the first of ours that the browser asks for."""
    kept = request.cookies.get(LANGUAGE_COOKIE, "")
    if kept in TAGS:
        return kept
    asked = request.headers.get("accept-language", "")[:ACCEPT_CHARACTERS_MAX]
    return next((found for found in _by_wish(asked) if found in LANGUAGES), "en")


def _by_wish(asked: str) -> Iterator[str]:
    """Primary subtags of an Accept-Language, the most wanted first (RFC 9110, section 12.5.4)."""
    wishes = []
    for place, part in enumerate(asked.split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted = float(quality or 1)
        except ValueError:
            continue
        if wanted > 0:
            wishes.append((-wanted, place, tag.split("-")[0].lower()))
    return (tag for _, _, tag in sorted(wishes))


def routes() -> list[Route]:
    """Where a language is chosen: it changes nothing but the chooser's own cookie."""

    async def choose(request: Request) -> Response:
        given = parse_qs((await request.body())[:FORM_BYTES_MAX].decode("utf-8", "replace"))
        answer = RedirectResponse(inside(given.get("next", [""])[0]), 303)
        wanted = given.get("language", [""])[0]
        if wanted in LANGUAGES:
            answer.set_cookie(
                LANGUAGE_COOKIE, wanted, max_age=CHOICE_S_MAX, path=PREFIX,
                secure=request.url.scheme == "https", httponly=True, samesite="lax",
            )  # fmt: skip
        return answer

    return [Route("/language", choose, methods=["POST"])]


def inside(wanted: str) -> str:
    """Where to go on: a page of the console and nowhere else."""
    here = wanted.startswith(f"{PREFIX}/") and not any(each in wanted for each in _LEADING_OUT)
    return wanted if here and wanted.isprintable() else f"{PREFIX}/"
