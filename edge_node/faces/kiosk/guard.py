"""What stands before every request: where it comes from, how large it may be, what may run.

The kiosk is served to its own screen. A page of another site may neither call it
(origin, host) nor frame it, and no script runs but the kiosk's own file.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import HarvestlineError

BODY_BYTES_MAX = 16 * 1024
_POLICY = (
    b"default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    b"font-src 'self'; media-src 'self'; worker-src 'self' blob:; "
    b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_SAFE = ("GET", "HEAD")


class RequestTooLargeError(HarvestlineError):
    """A request's body is larger than any form of the kiosk."""

    code = "HL-EDGE-013"


class ForeignRequestError(HarvestlineError):
    """A request comes from, or is addressed to, something else than this station's pages."""

    code = "HL-EDGE-018"


class Guard:
    """ASGI middleware that holds requests to these rules.

    Parameters
    ----------
    app
        What it stands before.
    hosts
        The names by which this server may be addressed, without the port.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _with_headers(send, private=not scope["path"].startswith(("/static/", "/voice/")))
        try:
            body = await self._admit(scope, receive)
        except HarvestlineError as error:
            refusal = JSONResponse(
                error.problem(), error.entry.http_status, media_type="application/problem+json"
            )
            await refusal(scope, receive, guarded)
            return
        await self._app(scope, _replay(body, receive), guarded)

    async def _admit(self, scope: Scope, receive: Receive) -> bytes:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = host_of(headers.get(b"host", ""))
        if host not in self._hosts:
            raise ForeignRequestError(f"expected one of {sorted(self._hosts)}, got host {host!r}")
        if scope["method"] in _SAFE:
            return b""
        site = headers.get(b"sec-fetch-site", "same-origin")
        origin = origin_of(headers.get(b"origin", ""))
        if site not in ("same-origin", "none") or origin not in ("", headers[b"host"]):
            raise ForeignRequestError("expected a request from this station's own pages")
        return await _read(headers.get(b"content-length", "0"), receive)


def host_of(header: str) -> str:
    """By which name a request addresses the server, without the port; empty if by none."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:  # a bracket of an IPv6 address that is not closed
        return ""


def origin_of(header: str) -> str:
    """Host and port of the page that a request comes from; empty if none is told."""
    try:
        return urlsplit(header).netloc
    except ValueError:
        return header


async def _read(announced: str, receive: Receive) -> bytes:
    if announced.isdecimal() and int(announced) > BODY_BYTES_MAX:
        raise RequestTooLargeError(f"expected at most {BODY_BYTES_MAX} bytes, got {announced}")
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_BYTES_MAX:
            raise RequestTooLargeError(f"expected at most {BODY_BYTES_MAX} bytes, got more")
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    parts = [body]

    async def again() -> Message:
        if parts:
            return {"type": "http.request", "body": parts.pop(), "more_body": False}
        return await receive()

    return again


def _with_headers(send: Send, *, private: bool) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            cache = b"no-store" if private else b"public, max-age=3600"
            kept = [pair for pair in message["headers"] if pair[0].lower() != b"cache-control"]
            message = {**message, "headers": [*kept, *HEADERS, (b"cache-control", cache)]}
        await send(message)

    return sending
