"""A request that carries a key counts once: the same key again gets the first answer again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.errors import HarvestlineError
from core.units import MS_PER_DAY
from server.services.centre import Centre, RequestError, Work
from server.store import api_requests
from server.store.api_requests import KeptRequest

KEPT_MS = MS_PER_DAY  # how long a key is remembered
UNDER_WAY_MS_MAX = 60_000  # after so long, who began it is taken to be gone
KEY_CHARS_MAX = 128
# What says nothing of the request itself may be tried again under the same key.
_FORGOTTEN = frozenset({401, 403, 408, 413, 429})


class KeyUsedError(HarvestlineError):
    """The key was used for another request before."""

    code = "HL-SRV-017"


class UnderWayError(HarvestlineError):
    """A request with this key is being answered right now."""

    code = "HL-SRV-018"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request."""

    status: int
    media_type: str
    body: bytes


def require_key(key: str) -> None:
    """Refuse what is no key.

    Raises
    ------
    RequestError
        If it is empty, too long, or holds what cannot be seen.
    """
    if not 1 <= len(key) <= KEY_CHARS_MAX or not all(" " < letter <= "~" for letter in key):
        raise RequestError(f"Idempotency-Key: expected 1 to {KEY_CHARS_MAX} visible characters")


def begin(centre: Centre, holder: str, key: str, request_sha256: str) -> Answer | None:
    """The first answer to a request, or None if it is for the caller to answer now.

    Of two at the same moment one begins and the other is told so.

    Raises
    ------
    KeyUsedError
        If the key was used for another request.
    UnderWayError
        If the request is under way.
    """
    return centre.write(lambda work: _begin(work, holder, key, request_sha256))


def _begin(work: Work, holder: str, key: str, request_sha256: str) -> Answer | None:
    mine = KeptRequest(holder, key, request_sha256, work.at_ms)
    if api_requests.begin(work.tx, mine):
        api_requests.forget_before(work.tx, work.at_ms - KEPT_MS)
        return None
    known = api_requests.find(work.tx, holder, key)
    if known is None or known.started_at_ms < work.at_ms - KEPT_MS:
        api_requests.replace(work.tx, mine)
        return None
    if known.request_sha256 != request_sha256:
        raise KeyUsedError(f"key {key!r}: expected the request that it was used for before")
    if known.status is not None and known.body is not None:
        return Answer(known.status, known.media_type, known.body)
    if work.at_ms - known.started_at_ms <= UNDER_WAY_MS_MAX:
        raise UnderWayError(f"key {key!r}: its request is being answered, ask again in a moment")
    api_requests.replace(work.tx, mine)  # what it made counts once by its own id
    return None


def finish(centre: Centre, request: KeptRequest, answer: Answer | None) -> None:
    """Keep the answer to a request that was begun; forget the request if it has none to keep."""

    def act(work: Work) -> None:
        if answer is None or answer.status >= 500 or answer.status in _FORGOTTEN:
            api_requests.forget(work.tx, request.holder, request.request_key)
            return
        kept = replace(request, started_at_ms=work.at_ms, status=answer.status,
                       media_type=answer.media_type, body=answer.body)  # fmt: skip
        api_requests.replace(work.tx, kept)

    centre.write(act)
