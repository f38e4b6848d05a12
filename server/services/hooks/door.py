"""The one way out by HTTP to somebody else's address.

What stands in an address is somebody else's word, so a request may not be turned against
the centre's own network: the name is resolved once, every address behind it must be
public (unless an officer allowed a private one), and the connection goes to the address
that was judged, so that a name which changes its mind reaches nothing else. Redirects are
not followed, proxies of the environment are not asked, and an answer has a bound in bytes
and in seconds, however slowly it comes.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import httpx

from server.services.centre import RequestError

REPLY_BYTES_MAX = 64 * 1024
TIMEOUT_S = 15  # of a whole exchange
POSTS_AT_ONCE_MAX = 16
TOLD_CHARS_MAX = 200
ADDRESS_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class Post:
    """A request that is to be made; private addresses only where an officer allowed them."""

    address: str
    headers: Mapping[str, str]
    body: bytes
    allow_private: bool = False
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the HTTP status, 0 if none did, and why in words."""

    status: int
    body: bytes = b""
    told: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_taken(self) -> bool:
        """Whether the receiver says that it has it."""
        return 200 <= self.status < 300


class _BarredError(Exception):
    """An address that must not be spoken to."""


def require_address(address: str, *, allow_private: bool) -> str:
    """An address that may be written down as somebody's; names are resolved only at sending.

    Raises
    ------
    RequestError
        If it is no such address.
    """
    if len(address) > ADDRESS_CHARS_MAX:
        raise RequestError(f"expected an address of at most {ADDRESS_CHARS_MAX} characters")
    try:
        _url(address, allow_private=allow_private)
    except _BarredError as error:
        raise RequestError(str(error)) from error
    return address


def post_all(posts: Sequence[Post]) -> tuple[Reply, ...]:
    """Make requests at the same time; one answer each, in order, never an exception."""
    return asyncio.run(_post_all(posts)) if posts else ()


async def _post_all(posts: Sequence[Post]) -> tuple[Reply, ...]:
    room = asyncio.Semaphore(POSTS_AT_ONCE_MAX)
    # No timeout of its own: the whole exchange has one, however slowly its parts come. No
    # connection is kept: two names behind one address must each show their own certificate.
    none_kept = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(
        trust_env=False, timeout=httpx.Timeout(None), limits=none_kept, verify=_tls()
    ) as client:

        async def one(post: Post) -> Reply:
            async with room:
                return await _post(client, post)

        return tuple(await asyncio.gather(*(one(each) for each in posts)))


@cache
def _tls() -> ssl.SSLContext:
    """What certificates are held against; reading them takes longer than a whole exchange."""
    return ssl.create_default_context()


async def _post(client: httpx.AsyncClient, post: Post) -> Reply:
    try:
        async with asyncio.timeout(post.timeout_s):
            return await _exchange(client, post)
    except TimeoutError:
        return Reply(0, told=f"no answer within {post.timeout_s:g} s")
    except _BarredError as error:
        return Reply(0, told=str(error))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        return Reply(0, told=f"{type(error).__name__}: {error}"[:TOLD_CHARS_MAX])


async def _exchange(client: httpx.AsyncClient, post: Post) -> Reply:
    url = _url(post.address, allow_private=post.allow_private)
    pinned = url.copy_with(host=await _judged(url, allow_private=post.allow_private))
    headers = {**post.headers, "host": url.netloc.decode("ascii")}
    extensions = {"sni_hostname": url.host}
    request = client.build_request(
        "POST", pinned, headers=headers, content=post.body, extensions=extensions
    )
    answer = await client.send(request, stream=True)
    try:
        return await _read(answer)
    finally:
        await answer.aclose()


async def _read(answer: httpx.Response) -> Reply:
    found = bytearray()
    async for part in answer.aiter_raw():
        found += part
        if len(found) > REPLY_BYTES_MAX:
            return Reply(0, told=f"its answer is above {REPLY_BYTES_MAX} bytes")
    told = "redirects are not followed" if 300 <= answer.status_code < 400 else ""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(answer.status_code, bytes(found), told or f"HTTP {answer.status_code}", headers)


def _url(address: str, *, allow_private: bool) -> httpx.URL:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise _BarredError(f"expected an address as https://…, got {address[:80]!r}") from error
    schemes = ("https", "http") if allow_private else ("https",)
    if url.scheme not in schemes or not url.host or url.userinfo:
        raise _BarredError(
            f"expected an address as {' or '.join(schemes)}://HOST without a user name, "
            f"got {address[:80]!r}"
        )
    return url


async def _judged(url: httpx.URL, *, allow_private: bool) -> str:
    """The first address behind a name, all of which may be spoken to."""
    port = url.port or (443 if url.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    barred = [each for each in addresses if not (allow_private or _is_public(each))]
    if barred or not addresses:
        raise _BarredError(f"{url.host} is not a public address: an officer must allow it")
    return addresses[0]


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    judged = mapped if mapped is not None else found
    return judged.is_global and not judged.is_multicast
