"""Carriers at the station: an agent's device fetches the sealed file and brings one back.

Three requests beside the pages: ``GET /carrier`` gives what a stick would get, ``POST
/carrier`` takes what a stick would bring, ``GET /carrier/alerts`` lists what the station
has noticed, for the agent who visits. The device proves itself by a token from the
station's secret file, sent as ``Authorization: Bearer``; a page of another site cannot
send that. The device can neither read nor change what it carries, so the token guards
the station's effort, not the envelopes. After too many wrong tokens their address is not
let in for a while; others are. Files are kept on disk while they pass, within a bound.
"""

from __future__ import annotations

import contextlib
import hmac
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from edge_node.decide.desk import RequestError
from edge_node.faces.kiosk.front import source_of
from edge_node.faces.kiosk.guard import RequestTooLargeError
from edge_node.faces.resting import FAILURES_MS, Resting

PATH = "/carrier"
ALERTS_PATH = "/carrier/alerts"
FILE_TYPE = "application/vnd.harvestline.carrier"
TOKEN_CHARACTERS_MIN = 32
IN_MEMORY_BYTES_MAX = 512 * 1024
CHUNK_BYTES = 64 * 1024
_NO_STORE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class CarrierRefusedError(HarvestlineError):
    """Whoever asks has no token of this station, or too many wrong ones were tried."""

    code = "HL-EDGE-023"


class Door:
    """Lets in who knows the token, and no address for a while that tried too many wrong ones.

    Parameters
    ----------
    token
        The secret; at least ``TOKEN_CHARACTERS_MIN`` characters.
    elapsed_ms
        A clock that is never set [ms].

    Raises
    ------
    RequestError
        If the token could be guessed.
    """

    def __init__(self, token: str, elapsed_ms: Callable[[], int]) -> None:
        if len(token) < TOKEN_CHARACTERS_MIN:
            raise RequestError(
                f"expected a carrier's token of at least {TOKEN_CHARACTERS_MIN} characters, "
                f"got {len(token)}: make a longer one"
            )
        self._sha256 = sha256_hex(token.encode())
        self._resting = Resting(elapsed_ms)

    def admit(self, request: Request) -> None:
        """Return if the token is right.

        Raises
        ------
        CarrierRefusedError
            If it is not, or its address rests.
        """
        source = source_of(request)
        if self._resting.rests(source):
            raise CarrierRefusedError(f"too many wrong tokens: wait {FAILURES_MS // 1000} s")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = sha256_hex(token.strip().encode())
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, self._sha256):
            self._resting.fail(source)
            raise CarrierRefusedError("expected Authorization: Bearer with this station's token")
        self._resting.forget(source)


@dataclass(frozen=True, slots=True)
class Cargo:
    """What is done with a carrier's file, and how large one may be.

    ``hand_out`` writes a file of at most so many bytes, ``take_in`` applies one and says
    what became of it; ``alerts`` lists what was noticed.
    """

    hand_out: Callable[[IO[bytes], int], None]
    take_in: Callable[[IO[bytes]], Mapping[str, Any]]
    bytes_max: int
    alerts: Callable[[], Sequence[Mapping[str, Any]]] = tuple


def carrier(door: Door, cargo: Cargo) -> ASGIApp:
    """The endpoint of a running station."""
    app = FastAPI(openapi_url=None)

    @app.get(PATH)
    async def fetch(request: Request) -> Response:
        door.admit(request)
        with contextlib.ExitStack() as closing:
            file = closing.enter_context(_passing_file())
            await run_in_threadpool(cargo.hand_out, file, cargo.bytes_max)
            closing.pop_all()  # the answer closes it when it has been read
        return StreamingResponse(_chunks(file), media_type=FILE_TYPE, headers=_NO_STORE)

    @app.post(PATH)
    async def bring(request: Request) -> Response:
        door.admit(request)
        with _passing_file() as file:
            await _receive(request, file, cargo.bytes_max)
            file.seek(0)
            told = await run_in_threadpool(cargo.take_in, file)
        return JSONResponse(dict(told), headers=_NO_STORE)

    @app.get(ALERTS_PATH)
    async def alerts(request: Request) -> Response:
        door.admit(request)
        told = await run_in_threadpool(cargo.alerts)
        return JSONResponse({"alerts": [dict(one) for one in told]}, headers=_NO_STORE)

    app.add_exception_handler(HarvestlineError, _refused)
    return app


class Beside:
    """Sends requests for carriers to their endpoint, and all others to the pages."""

    def __init__(self, pages: ASGIApp, carriers: ASGIApp) -> None:
        self._pages, self._carriers = pages, carriers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        mine = scope["type"] == "http" and scope["path"] in (PATH, ALERTS_PATH)
        await (self._carriers if mine else self._pages)(scope, receive, send)


def _passing_file() -> tempfile.SpooledTemporaryFile[bytes]:
    return tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES_MAX)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while data := file.read(CHUNK_BYTES):
            yield data


async def _receive(request: Request, file: IO[bytes], bytes_max: int) -> None:
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > bytes_max:
                raise RequestTooLargeError(f"expected at most {bytes_max} bytes, got more")
            file.write(part)
    except ClientDisconnect as error:
        raise RequestError(f"expected the whole file, it broke off after {size} bytes") from error


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, HarvestlineError):
        raise error
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, CarrierRefusedError) else {}
    return JSONResponse(
        error.problem(), error.entry.http_status, media_type="application/problem+json",
        headers={**headers, **_NO_STORE},
    )  # fmt: skip
