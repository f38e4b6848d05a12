"""What every request of ``/api`` passes: its version, its rate, its size, and its key.

Plain ASGI, so that nothing reads a body before it was measured. The bodies of signed bytes
are measured by their own endpoints, each against its own bound.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from server.api.body import read_body
from server.api.problems import problem_response
from server.services import once
from server.services.access import find_caller
from server.services.centre import Centre
from server.store.api_requests import KeptRequest

KEY_HEADER = "idempotency-key"
REPLAYED_HEADER = "idempotency-replayed"
CALLERS_MAX = 10_000  # remembered by the limit of their rate
ANSWER_BYTES_MAX = 1024 * 1024
SERVED = "/api/v1"
_OTHER_VERSION = re.compile(r"/api/(?!v1(?:/|$))[^/]*")
_BYTES = re.compile(
    r"/api/v1/(envelopes|pull|time|evidence|evidence:batch|box-requests|blobs/.*|photo-parts|carried|payouts/answers/.*)"
)
_WRITES = ("POST", "PUT", "PATCH")


class VersionError(HarvestlineError):
    """A version of the interface that this centre does not serve."""

    code = "HL-SRV-020"


class TooManyRequestsError(HarvestlineError):
    """A caller asks more often than it may."""

    code = "HL-SRV-019"


@dataclass
class Rates:
    """How often each caller may ask: so many a minute, all at once or spread.

    Attributes
    ----------
    now_ms
        A clock that only goes on [ms]; it need not tell the time.
    """

    per_minute_max: int
    now_ms: Callable[[], int]
    _left: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    def wait_ms(self, caller: str) -> int:
        """Count a request; how long until the caller may ask again, 0 if now [ms]."""
        now_ms = self.now_ms()
        most = float(self.per_minute_max)
        left, then_ms = self._left.pop(caller, (most, now_ms))
        left = min(most, left + (now_ms - then_ms) * most / 60_000)
        allowed = left >= 1
        self._left[caller] = (left - 1 if allowed else left, now_ms)
        while len(self._left) > CALLERS_MAX:
            self._left.popitem(last=False)
        return 0 if allowed else max(1, int((1 - left) * 60_000 / most))


class Door:
    """Answers at the door what may not come in, and lets in the rest."""

    def __init__(self, app: ASGIApp, centre: Centre, rates: Rates) -> None:
        self._app, self._centre, self._rates = app, centre, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        try:
            await self._let_in(scope, receive, send)
        except HarvestlineError as error:
            await _refusal(error)(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, headers = scope["path"], Headers(scope=scope)
        if other := _OTHER_VERSION.match(path):
            raise VersionError(f"expected {SERVED}, got {other.group()[:64]!r}: update the client")
        token = headers.get("authorization", "")
        if token:
            self._count(sha256_hex(token.encode()))
        if scope["method"] not in _WRITES or _BYTES.fullmatch(path):
            await self._app(scope, receive, send)
            return
        body = await read_body(Request(scope, receive), self._centre.settings.document_bytes_max)
        key = headers.get(KEY_HEADER)
        if key is not None:
            once.require_key(key)
        again = _Again(body, receive)
        caller = None
        if key is not None and token:
            caller = await run_in_threadpool(find_caller, self._centre, token)
        if key is None or caller is None:  # without a good token it is refused further in
            await self._app(scope, again.receive, send)
            return
        holder = f"{caller.role.value}/{caller.party}/{caller.actor.name}"
        query = b"?" + asked if (asked := scope["query_string"]) else b""
        told = sha256_hex(f"{scope['method']} {path}".encode() + query + b"\n" + body)
        await self._once(scope, again, send, KeptRequest(holder, key, told, 0))

    def _count(self, caller: str) -> None:
        wait_ms = self._rates.wait_ms(caller)
        if wait_ms:
            raise TooManyRequestsError(
                f"expected at most {self._rates.per_minute_max} requests a minute, "
                f"ask again in {wait_ms} ms"
            )

    async def _once(self, scope: Scope, again: _Again, send: Send, asked: KeptRequest) -> None:
        begun = (self._centre, asked.holder, asked.request_key, asked.request_sha256)
        known = await run_in_threadpool(once.begin, *begun)
        if known is not None:
            headers = {REPLAYED_HEADER: "true"}
            answer = Response(known.body, known.status, headers, known.media_type)
            await answer(scope, again.receive, send)
            return
        heard = _Heard(send)
        try:
            await self._app(scope, again.receive, heard.send)
        finally:
            await run_in_threadpool(once.finish, self._centre, asked, heard.answer())


def _refusal(error: HarvestlineError) -> Response:
    answer = problem_response(error)
    if error.entry.http_status == 429 or isinstance(error, once.UnderWayError):
        answer.headers["Retry-After"] = "1"
    return answer


class _Again:
    """A body that was read once, given to the application as if it came now."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def receive(self) -> Message:
        """The body, and then whatever comes from the caller."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Heard:
    """What the application answers, passed on and remembered."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status = 0
        self._media_type = ""
        self._parts: list[bytes] = []
        self._whole = False

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Hear one message."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._media_type = Headers(raw=message["headers"]).get("content-type", "")
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))
            self._whole = not message.get("more_body", False)
        await self._send(message)

    def answer(self) -> once.Answer | None:
        """The whole answer, if there is one that may be kept."""
        body = b"".join(self._parts)
        if not self._whole or len(body) > ANSWER_BYTES_MAX:
            return None
        return once.Answer(self._status, self._media_type, body)
