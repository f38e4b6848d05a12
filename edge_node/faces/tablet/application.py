"""The tablet's page and its interface, beside the station's other pages.

``/tablet/`` is the offline page and its parts, ``/tablet/api/`` what it speaks with. The
page may use camera and place, runs no script but its own files, and speaks with this
station alone. The import map stands in the page, so its hash stands in the policy.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.canonical import sha256_hex
from core.errors import HarvestlineError, ShapeError
from edge_node.faces.carrier import FILE_TYPE
from edge_node.faces.kiosk.guard import (
    ForeignRequestError,
    RequestTooLargeError,
    host_of,
    origin_of,
)
from edge_node.faces.tablet.cargo import DOWN_BYTES_MAX, origin_of_centre
from edge_node.faces.tablet.counter import Counter

PREFIX = "/tablet"
FONTS_PATH = "/tablet/fonts/fonts.css"
AUTHORITY_PATH = "/tablet/authority.pem"
BODY_BYTES_MAX = 2 * 1024 * 1024
GZIP_BYTES_MIN = 1_024
START_DIGITS_MAX = 12
_GZIP = 16 + zlib.MAX_WBITS
_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)
_PHOTO = re.compile(r"/photos/([0-9a-f]{64})")
_SAFE = ("GET", "HEAD")
_TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png",
    ".webmanifest": "application/manifest+json", ".woff": "font/woff", ".woff2": "font/woff2",
}  # fmt: skip

Act = Callable[[Request, bytes], Any]


def static_folder() -> Path:
    """Where the page and its parts lie."""
    return Path(str(resources.files("edge_node.faces.tablet") / "static"))


def policy_of(page: str, centre: str = "") -> str:
    """The Content-Security-Policy of the page: its own files, and its one import map.

    ``centre`` is the origin to which sealed letters are carried; nothing else is spoken with.
    """
    found = _IMPORT_MAP.search(page)
    digest = hashlib.sha256((found.group(1) if found else "").encode()).digest()
    told = base64.b64encode(digest).decode()
    beside = f" {centre}" if centre else ""
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{told}'; style-src 'self'; "
        "img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; "
        f"connect-src 'self'{beside}; "
        "worker-src 'self' blob:; manifest-src 'self'; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def shell_files(folder: Path) -> dict[str, Path]:
    """The parts of the page by their path, all that a tablet keeps to work without a link."""
    return {
        f"{PREFIX}/{path.relative_to(folder).as_posix()}": path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in _TYPES
    }


def font_files() -> dict[str, Path]:
    """Letters that a tablet may lack, as the kiosk has them: it takes what its words need."""
    shared = Path(str(resources.files("edge_node.faces.kiosk") / "static" / "shared"))
    return {
        f"{PREFIX}/fonts/{path.relative_to(shared).as_posix()}": path
        for path in (shared / "fonts.css", *sorted(shared.glob("vendor/*/*.woff*")))
    }


class TabletPages:
    """Answers for tablets, and lets the pages answer everything else.

    Parameters
    ----------
    pages
        What answers everything else.
    counter
        What serves tablets.
    hosts
        The names by which this server may be addressed, without the port.
    authority
        The certificate of the station's own authority, for a tablet to trust; None without.
    """

    def __init__(
        self, pages: ASGIApp, counter: Counter, hosts: frozenset[str], authority: Path | None
    ) -> None:
        self._pages, self._hosts, self._authority = pages, hosts, authority
        fonts = font_files()
        self._files = {**shell_files(static_folder()), FONTS_PATH: fonts[FONTS_PATH]}
        index = static_folder() / "index.html"
        centre = origin_of_centre(counter.cargo.centre_url) if counter.cargo else ""
        self._policy = policy_of(index.read_text(encoding="utf-8"), centre)
        parts = {path: sha256_hex(file.read_bytes()) for path, file in self._files.items()}
        letters = {path: sha256_hex(file.read_bytes()) for path, file in fonts.items()}
        self._shell = json.dumps({"parts": parts, "letters": letters}, sort_keys=True)
        self._files |= fonts  # kept by a tablet once it has shown them, and not before
        self._acts = _acts(counter)
        self._counter = counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == PREFIX or path.startswith(f"{PREFIX}/")):
            await self._pages(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            self._require_own(request)
            response = await self._answer(request)
        except HarvestlineError as error:
            response = JSONResponse(
                error.problem(), error.entry.http_status, media_type="application/problem+json"
            )
        await response(scope, receive, self._with_headers(send))

    def _require_own(self, request: Request) -> None:
        host = host_of(request.headers.get("host", ""))
        if host not in self._hosts:
            raise ForeignRequestError(f"expected one of {sorted(self._hosts)}, got host {host!r}")
        site = request.headers.get("sec-fetch-site", "same-origin")
        origin = origin_of(request.headers.get("origin", ""))
        foreign = site not in ("same-origin", "none") or origin not in ("", request.headers["host"])
        if request.method not in _SAFE and foreign:
            raise ForeignRequestError("expected a request from this station's own pages")

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        if path.startswith(f"{PREFIX}/api/"):
            return await self._api(request, path.removeprefix(f"{PREFIX}/api"))
        if request.method not in _SAFE:
            return Response(status_code=405, headers={"allow": ", ".join(_SAFE)})
        return await self._part(request, path)

    async def _part(self, request: Request, path: str) -> Response:
        if path == PREFIX:
            return Response(status_code=307, headers={"location": f"{PREFIX}/"})
        if path == AUTHORITY_PATH and self._authority is not None:
            return FileResponse(self._authority, media_type="application/x-x509-ca-cert")
        if path == f"{PREFIX}/shell.json":
            return Response(self._shell, media_type="application/json")
        file = self._files.get(f"{PREFIX}/index.html" if path == f"{PREFIX}/" else path)
        if file is None:
            return Response(status_code=404)
        data = await run_in_threadpool(file.read_bytes)
        return _compressed(request, data, _TYPES[file.suffix])

    async def _api(self, request: Request, path: str) -> Response:
        photo = _PHOTO.fullmatch(path)
        act = self._photo_act(photo.group(1)) if photo else self._acts.get((request.method, path))
        if act is None:
            return Response(status_code=404)
        body = await _body(request, DOWN_BYTES_MAX if path == "/cargo" else BODY_BYTES_MAX)
        answer = await run_in_threadpool(act, request, body)
        if answer is None:
            return Response(status_code=204)
        if isinstance(answer, bytes):
            return Response(answer, media_type=FILE_TYPE)
        return _compressed(request, json.dumps(answer).encode(), "application/json")

    def _photo_act(self, sha256: str) -> Act:
        def act(request: Request, body: bytes) -> Any:
            authorization = request.headers.get("authorization", "")
            if request.method in _SAFE:
                return self._counter.photo_state(authorization, sha256)
            start = request.query_params.get("start", "")
            if not start.isdecimal() or len(start) > START_DIGITS_MAX:
                raise ShapeError("expected start, the part's first byte")
            return self._counter.photo_part(authorization, sha256, int(start), body)

        return act

    def _with_headers(self, send: Send) -> Send:
        headers = [
            (b"content-security-policy", self._policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"referrer-policy", b"no-referrer"),
            (b"permissions-policy", b"camera=(self), geolocation=(self), microphone=()"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"cache-control", b"no-cache"),
            (b"service-worker-allowed", b"/tablet/"),
        ]

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *headers]}
            await send(message)

        return sending


def _acts(counter: Counter) -> Mapping[tuple[str, str], Act]:
    def authorization(request: Request) -> str:
        return request.headers.get("authorization", "")

    return {
        ("POST", "/enrol"): lambda _, body: counter.enrol(_json(body)),
        ("POST", "/challenge"): lambda _, __: {"challenge": counter.sessions.challenge()},
        ("POST", "/session"): lambda _, body: counter.session(_json(body)),
        ("GET", "/area"): lambda request, _: counter.area(
            authorization(request), request.query_params.get("known", "")
        ),
        ("POST", "/inputs"): lambda request, body: counter.inputs(
            authorization(request), _json(body)
        ),
        ("POST", "/operations"): lambda request, body: counter.operations(
            authorization(request), _json(body)
        ),
        ("GET", "/subleases"): lambda request, _: counter.held(authorization(request)),
        ("POST", "/subleases/room"): lambda request, body: counter.room(
            authorization(request), _json(body)
        ),
        ("POST", "/subleases/take"): lambda request, body: counter.take_along(
            authorization(request), _json(body)
        ),
        ("GET", "/cargo/centre"): lambda request, _: counter.cargo_offered(authorization(request)),
        ("GET", "/cargo"): lambda request, _: counter.cargo_out(authorization(request)),
        ("POST", "/cargo"): lambda request, body: counter.cargo_in(authorization(request), body),
        ("POST", "/states"): lambda request, body: counter.states(
            authorization(request), _json(body)
        ),
    }


async def _body(request: Request, bytes_max: int) -> bytes:
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > bytes_max:
                raise RequestTooLargeError(f"expected at most {bytes_max} bytes, got more")
            parts.append(part)
    except ClientDisconnect as error:
        raise ShapeError(f"expected the whole request, it broke off at {size} bytes") from error
    return b"".join(parts)


def _json(body: bytes) -> Any:
    try:
        found = json.loads(body)
        json.dumps(found, ensure_ascii=False).encode()  # half a character is text in JSON alone
    except (ValueError, RecursionError) as error:
        raise ShapeError(f"expected JSON, got something else: {error}") from error
    return found


def _compressed(request: Request, data: bytes, media_type: str) -> Response:
    if len(data) < GZIP_BYTES_MIN or "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(data, media_type=media_type)
    packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    packed = packer.compress(data) + packer.flush()
    headers = {"content-encoding": "gzip", "vary": "accept-encoding"}
    return Response(packed, media_type=media_type, headers=headers)
