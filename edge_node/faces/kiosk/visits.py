"""Visits: a farmer at the kiosk from card to farewell, or until nobody touches it.

Kept in memory only: a restart ends every visit. The cookie is random, the token for
changes (against forged forms) is another random value of the same visit.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from core.canonical import sha256_hex
from core.errors import HarvestlineError

IDLE_MS_MAX = 45_000
GRACE_MS = 15_000  # while the page asks "are you there?"
VISITS_MAX = 64
TOKEN_BYTES = 32
FAILURES_MAX = 10  # unknown cards in a row …
FAILURES_MS = 60_000  # … after which the reader rests for so long


class VisitEndedError(HarvestlineError):
    """There is no visit, or it has ended: hold the card to the reader again."""

    code = "HL-EDGE-012"


@dataclass(frozen=True, slots=True)
class Visit:
    """Who is at the kiosk, and in which language."""

    farmer_id: str
    language: str
    csrf: str
    seen_ms: int


class Visits:
    """All visits of a kiosk.

    Parameters
    ----------
    elapsed_ms
        A clock that is never set [ms since some instant]; idleness is not a date.
    entropy
        Gives so many unpredictable bytes.
    idle_ms_max
        After so long without a touch a visit has ended [ms].
    """

    def __init__(
        self,
        elapsed_ms: Callable[[], int],
        entropy: Callable[[int], bytes],
        idle_ms_max: int = IDLE_MS_MAX,
    ) -> None:
        self._elapsed_ms, self._entropy = elapsed_ms, entropy
        self._idle_ms_max = idle_ms_max
        self._visits: dict[str, Visit] = {}
        self._failures: list[int] = []
        self._lock = threading.Lock()

    def begin(self, farmer_id: str, language: str) -> tuple[str, Visit]:
        """A new visit and its cookie; the oldest makes room."""
        cookie = self._entropy(TOKEN_BYTES).hex()
        visit = Visit(farmer_id, language, self._entropy(TOKEN_BYTES).hex(), self._elapsed_ms())
        with self._lock:
            self._failures.clear()
            while len(self._visits) >= VISITS_MAX:
                del self._visits[next(iter(self._visits))]
            self._visits[sha256_hex(cookie.encode())] = visit
        return cookie, visit

    def current(self, cookie: str | None) -> Visit:
        """The visit of a cookie, seen just now.

        Raises
        ------
        VisitEndedError
            If there is none, or nobody has touched it for too long.
        """
        name, now_ms = sha256_hex((cookie or "").encode()), self._elapsed_ms()
        with self._lock:
            visit = self._visits.pop(name, None)
            if visit is None or now_ms - visit.seen_ms > self._idle_ms_max + GRACE_MS:
                raise VisitEndedError("expected a visit at the kiosk: hold the card to the reader")
            self._visits[name] = replace(visit, seen_ms=now_ms)
            return self._visits[name]

    def require_form(self, cookie: str | None, csrf: str) -> Visit:
        """The visit, if the form is one of its own pages'.

        Raises
        ------
        VisitEndedError
            If there is no visit, or the form's token is another's.
        """
        visit = self.current(cookie)
        if not hmac.compare_digest(visit.csrf.encode(), csrf.encode()):
            raise VisitEndedError("expected a form of this visit, got another: begin again")
        return visit

    def speak(self, cookie: str, language: str) -> None:
        """Go on in another language."""
        visit = self.current(cookie)
        with self._lock:
            self._visits[sha256_hex(cookie.encode())] = replace(visit, language=language)

    def end(self, cookie: str | None) -> None:
        """End a visit; again, nothing changes."""
        with self._lock:
            self._visits.pop(sha256_hex((cookie or "").encode()), None)

    def fail(self) -> None:
        """Note that a card was not known."""
        with self._lock:
            self._failures = [*self._failures[-FAILURES_MAX:], self._elapsed_ms()]

    def rests(self) -> bool:
        """Whether too many unknown cards were tried just now."""
        since_ms = self._elapsed_ms() - FAILURES_MS
        with self._lock:
            return sum(at_ms > since_ms for at_ms in self._failures) >= FAILURES_MAX
