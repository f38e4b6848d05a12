"""The one door to the web for imagery: bounded, retried, and careful where it goes.

Every request has a time limit, a size limit and a number of tries with growing
pauses. Redirects are followed by hand under the rules of ``place``. An address that
resolves inside a private network is refused unless the user named one; the peer is
checked again once connected, so that a name cannot answer twice. Proxies of the
environment are not used: through one, the peer could not be checked.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from satellite import VERSION
from satellite.scenes.faults import CatalogError, WebError
from satellite.scenes.place import Url, join
from satellite.scenes.tokens import ANSWER_BYTES_MAX, WALLET, Wallet, signed, takes_token, token_of

BUSY = (408, 425, 429, 500, 502, 503, 504)
UNSIGNED = (401, 403)
REDIRECTS = (301, 302, 303, 307, 308)
HTTP_PARTIAL, HTTP_UNSATISFIABLE, HTTP_CHANGED = 206, 416, 412
READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Bounds of one request.

    Parameters
    ----------
    timeout_s
        Longest silence: to connect, and between two pieces of an answer [s].
    answer_s_max
        Longest answer in all [s], so that a trickle cannot hold a round up.
    tries_max
        Attempts [count]; pauses start at ``backoff_s`` and double, at most ``pause_s_max``
        each [s], also when a server asks for more.
    redirects_max
        Redirects followed [count].
    """

    timeout_s: float = 20.0
    answer_s_max: float = 300.0
    tries_max: int = 4
    backoff_s: float = 0.5
    pause_s_max: float = 30.0
    redirects_max: int = 3


class _Retry(Exception):  # noqa: N818  # never leaves this module
    """One attempt failed in a way that another may not."""

    def __init__(self, why: str, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Answer:
    """What came: the status, its headers in lower case, the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Web:
    """A client for http(s); use it as a context manager."""

    def __init__(
        self,
        limits: WebLimits | None = None,
        sleep: Callable[[float], None] = time.sleep,
        elapsed_s: Callable[[], float] = time.monotonic,
        wallet: Wallet = WALLET,
    ) -> None:
        self._limits = limits or WebLimits()
        self._sleep = sleep
        self._elapsed_s = elapsed_s
        self._opened: httpx.Client | None = None
        self._wallet = wallet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def json(self, url: Url, bytes_max: int) -> dict[str, Any]:
        """A JSON object.

        Raises
        ------
        WebError
            If the address does not answer, or with more than ``bytes_max``.
        CatalogError
            If what came is not a JSON object.
        """
        return json_object(self.ask("GET", url, bytes_max).body, url)

    def ask(
        self,
        method: str,
        url: Url,
        bytes_max: int,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request, tried again while the server is busy or the link fails.

        Raises
        ------
        WebError
            If the last try failed too, the answer is an error or too large, or the
            address may not be followed.
        """
        limits, pause_s = self._limits, self._limits.backoff_s
        for attempt in range(1, limits.tries_max + 1):
            try:
                return self._follow(method, url, bytes_max, headers or {}, body)
            except (_Retry, httpx.TransportError) as error:
                if attempt == limits.tries_max:
                    why = str(error) or type(error).__name__
                    raise WebError(
                        f"expected an answer from {url}, got in {attempt} tries: {why}: "
                        "run again, it goes on where it stopped"
                    ) from error
                after_s = error.after_s if isinstance(error, _Retry) else 0.0
                self._sleep(min(max(pause_s, after_s), limits.pause_s_max))
                pause_s *= 2
            except httpx.InvalidURL as error:
                raise WebError(f"expected an http(s) address, got {url}: {error}") from error
        raise WebError(f"expected at least one try for {url}, got tries_max of {limits.tries_max}")

    def _follow(
        self, method: str, url: Url, bytes_max: int, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        for _ in range(self._limits.redirects_max + 1):
            require_open(url)
            address, kept = self._signed(url)
            with self._stream(method, address, headers, body) as response:
                if kept and url.token_at and response.status_code in UNSIGNED:
                    self._wallet.drop(url.token_at)  # it may have been withdrawn before its time
                    raise _Retry(f"HTTP {response.status_code}")
                if response.status_code not in REDIRECTS:
                    return self._answer(url, response, bytes_max)
                try:
                    target = join(url, response.headers.get("location", ""))
                except CatalogError as error:
                    raise WebError(f"{url} redirects: {error}") from error
            url = target if isinstance(target, Url) else url
        raise WebError(f"expected at most {self._limits.redirects_max} redirects, more at {url}")

    def _signed(self, url: Url) -> tuple[Url, bool]:
        """The address with its token where it takes one, and whether that was kept before."""
        service = url.token_at
        if service is None or not takes_token(url):
            return url, False
        kept = self._wallet.find(service, self._elapsed_s())
        if kept is not None:
            return signed(url, kept), True
        answer = self.ask("GET", service, ANSWER_BYTES_MAX)
        told = json_object(answer.body, service)
        token = token_of(told, answer.headers.get("date", ""), self._elapsed_s(), service)
        self._wallet.keep(service, token)
        return signed(url, token), False

    @property
    def _client(self) -> httpx.Client:
        if self._opened is None:
            self._opened = httpx.Client(
                timeout=self._limits.timeout_s,
                follow_redirects=False,
                trust_env=False,
                verify=_certificates(),
                headers={"user-agent": f"harvestline/{VERSION}", "accept-encoding": "identity"},
            )
        return self._opened

    @contextmanager
    def _stream(
        self, method: str, url: Url, headers: Mapping[str, str], body: bytes | None
    ) -> Iterator[httpx.Response]:
        with self._client.stream(method, url.text, headers=headers, content=body) as response:
            stream = response.extensions.get("network_stream")
            peer = stream.get_extra_info("server_addr") if stream is not None else None
            if peer is not None:
                _require_public(url, str(peer[0]))
            yield response

    def _answer(self, url: Url, response: httpx.Response, bytes_max: int) -> Answer:
        status = response.status_code
        if status in BUSY:
            raise _Retry(f"HTTP {status}", _retry_after_s(response))
        if status >= 400:
            raise WebError(f"expected {url} to answer, got HTTP {status}{_meaning(status)}")
        started, parts, size = self._elapsed_s(), [], 0
        for part in response.iter_raw(READ_BYTES):
            size += len(part)
            if size > bytes_max:
                raise WebError(f"expected at most {bytes_max} bytes from {url}, got more")
            if self._elapsed_s() - started > self._limits.answer_s_max:
                raise _Retry(f"an answer that took more than {self._limits.answer_s_max:.0f} s")
            parts.append(part)
        return Answer(status, {k.lower(): v for k, v in response.headers.items()}, b"".join(parts))


def json_object(data: bytes, place: object) -> dict[str, Any]:
    """A JSON object from bytes that nobody vouches for.

    Raises
    ------
    CatalogError
        If it is not JSON, not an object, or nested too deep to be read.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"expected STAC JSON at {place}, got: {error}") from error
    if not isinstance(value, dict):
        raise CatalogError(f"expected a JSON object at {place}, got {type(value).__name__}")
    return value


def is_private(url: Url) -> bool:
    """Whether a host that the user named lies in a private network or on this machine."""
    return not all(_address(address).is_global for address in _resolved(url))


def require_open(url: Url) -> None:
    """Refuse an address that lies where its catalog may not lead.

    Raises
    ------
    WebError
        If its host does not resolve, or resolves to a place that is not open to it.
    """
    for address in _resolved(url):
        _require_public(url, address)


def _require_public(url: Url, address: str) -> None:
    # Link-local is where clouds keep the machine's own credentials: no catalog leads there.
    found = _address(address)
    if found.is_link_local or found.is_multicast or found.is_unspecified:
        raise WebError(f"expected an address of the internet for {url}, got {found}: refused")
    if not (url.private or found.is_global):
        raise WebError(
            f"expected a public address for {url}, got {found}: a public catalog does not lead "
            "into a private network"
        )


def _address(text: str) -> IPv4Address | IPv6Address:
    found = ip_address(text.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _resolved(url: Url) -> list[str]:
    try:
        parts = urlsplit(url.text)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError, UnicodeError) as error:
        raise WebError(f"expected a host that can be found in {url}, got: {error}") from error
    return [str(info[4][0]) for info in found]


def _meaning(status: int) -> str:
    if status in (401, 403):
        return (
            ": it asks for a signature or a key, or the signed address has expired; a service "
            "of tokens is named by sign= after the catalog's #"
        )
    return ": it is not there" if status in (404, 410) else ""


def _retry_after_s(response: httpx.Response) -> float:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() and len(text) < 6 else 0.0


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # 20 ms each
