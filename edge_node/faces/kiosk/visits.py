"""Visits: a farmer at the kiosk from card to farewell, or until nobody touches it.

Kept in memory only: a restart ends every visit. The cookie is random, the token for
changes (against forged forms) is another random value of the same visit.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from edge_node.faces.resting import Resting

IDLE_MS_MAX = 45_000
GRACE_MS = 15_000  # while the page asks "are you there?"
VISITS_MAX = 64
DRAWS_MAX = 16  # of a visit that are freed when it ends; any other waits for its time
SOMEONE = "someone"  # beside the farmer, not named
TOKEN_BYTES = 32


class VisitEndedError(HarvestlineError):
    """There is no visit, or it has ended: hold the card to the reader again."""

    code = "HL-EDGE-012"


class Proof(Enum):
    """By what a visitor is known to be who they are."""

    CARD = "card"  # where the farmer has chosen no pictures
    PICTURES = "pictures"
    AGENT = "agent"  # an agent's card beside the farmer's


class HelperMayNotError(HarvestlineError):
    """A helper asks for what only the farmer may do."""

    code = "HL-EDGE-043"


@dataclass(frozen=True, slots=True)
class Visit:
    """Who is at the kiosk, in which language, known by what.

    ``waits`` says that a card was read whose pictures are still to be touched. ``helper_id``
    is the helper who acts in the farmer's place; ``with_whom`` who stands beside the farmer: a
    helper's id, an agent's, ``someone``, or empty. ``asked_for`` is the page for which pictures
    that were known before are asked once more, and ``may`` the page that they opened then.
    ``draw_ids`` are the draws that were begun in it.
    """

    farmer_id: str
    language: str
    csrf: str
    seen_ms: int
    proof: Proof = Proof.CARD
    waits: bool = False
    helper_id: str = ""
    with_whom: str = ""
    asked_for: str = ""
    may: str = ""
    draw_ids: tuple[str, ...] = ()

    @property
    def helped(self) -> bool:
        """Whether anybody acts for the farmer or stands beside them."""
        return bool(self.helper_id or self.with_whom)

    @property
    def helped_by(self) -> str:
        """The id of who helps, if they were named."""
        return self.helper_id or (self.with_whom if self.with_whom != SOMEONE else "")


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
        self._resting = Resting(elapsed_ms)
        self._lock = threading.Lock()

    def begin(
        self, farmer_id: str, language: str, *, waits: bool = False, source: str = ""
    ) -> tuple[str, Visit]:
        """A new visit and its cookie; the oldest makes room.

        Parameters
        ----------
        waits
            Whether pictures are still to be touched before it may do anything.
        source
            The address whose unknown cards are forgotten by it.
        """
        cookie, csrf = self._entropy(TOKEN_BYTES).hex(), self._entropy(TOKEN_BYTES).hex()
        visit = Visit(farmer_id, language, csrf, self._elapsed_ms(), waits=waits)
        self._resting.forget(source)
        with self._lock:
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
        visit = self.waiting(cookie)
        if visit.waits:
            raise VisitEndedError("expected the pictures of this card first")
        return visit

    def waiting(self, cookie: str | None) -> Visit:
        """The visit of a cookie, whether its pictures were touched yet or not.

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

    def require_own(self, cookie: str | None) -> Visit:
        """The visit, if it is the farmer's own and not a helper's in their place.

        Raises
        ------
        HelperMayNotError
            If a helper acts.
        """
        visit = self.current(cookie)
        if visit.helper_id:
            raise HelperMayNotError("expected the farmer: a helper may look, draw, and ask")
        return visit

    def require_form(
        self, cookie: str | None, csrf: str, *, helper_may: bool = False, waits: bool = False
    ) -> Visit:
        """The visit, if the form is one of its own pages'.

        Parameters
        ----------
        helper_may
            Whether a helper may do this in the farmer's place.
        waits
            Whether it may be a visit whose pictures are still to be touched.

        Raises
        ------
        VisitEndedError
            If there is no visit, or the form's token is another's.
        HelperMayNotError
            If a helper does what only the farmer may.
        """
        visit = self.waiting(cookie) if waits else self.current(cookie)
        if visit.helper_id and not helper_may:
            raise HelperMayNotError("expected the farmer: a helper may look, draw, and ask")
        if not hmac.compare_digest(visit.csrf.encode(), csrf.encode()):
            raise VisitEndedError("expected a form of this visit, got another: begin again")
        return visit

    def speak(self, cookie: str, language: str) -> None:
        """Go on in another language."""
        self._change(cookie, language=language)

    def prove(self, cookie: str, proof: Proof, helper_id: str = "", agent_id: str = "") -> None:
        """Go on as one who is known: by pictures, as a helper by theirs, or by an agent."""
        asked_for = self.waiting(cookie).asked_for
        self._change(
            cookie, waits=False, proof=proof, helper_id=helper_id, with_whom=agent_id,
            asked_for="", may="" if helper_id else asked_for,
        )  # fmt: skip

    def ask_again(self, cookie: str, page: str) -> None:
        """Ask for the pictures once more before a page: the visit may have been left open."""
        self._change(cookie, waits=True, asked_for=page, may="")

    def forget_leave(self, cookie: str) -> None:
        """Let what pictures were asked once more for be over."""
        self._change(cookie, may="")

    def stand_beside(self, cookie: str, with_whom: str) -> None:
        """Say who stands beside the farmer; an agent who said who they are goes on standing."""
        if self.waiting(cookie).proof is not Proof.AGENT:
            self._change(cookie, with_whom=with_whom)

    def keep_draw(self, cookie: str, draw_id: str) -> None:
        """Note a draw that was begun in a visit; the oldest beyond a bound is forgotten."""
        kept = (*self.waiting(cookie).draw_ids, draw_id)
        self._change(cookie, draw_ids=kept[-DRAWS_MAX:])

    def last(self, cookie: str | None) -> Visit | None:
        """The visit of a cookie as it stands, however long ago it was touched; None if none."""
        with self._lock:
            return self._visits.get(sha256_hex((cookie or "").encode()))

    def fresh(self, bytes_count: int) -> bytes:
        """So many unpredictable bytes."""
        return self._entropy(bytes_count)

    def elapsed_ms(self) -> int:
        """The clock that is never set [ms]."""
        return self._elapsed_ms()

    def _change(self, cookie: str, **changes: Any) -> None:
        visit = self.waiting(cookie)
        with self._lock:
            self._visits[sha256_hex(cookie.encode())] = replace(visit, **changes)

    def end(self, cookie: str | None) -> None:
        """End a visit; again, nothing changes."""
        with self._lock:
            self._visits.pop(sha256_hex((cookie or "").encode()), None)

    def end_helper(self, helper_id: str) -> None:
        """End every visit of a helper who may not act any more."""
        with self._lock:
            kept = {name: e for name, e in self._visits.items() if e.helper_id != helper_id}
            self._visits = kept

    def fail(self, source: str = "") -> None:
        """Note that a card was not known, and from which address it was tried."""
        self._resting.fail(source)

    def rests(self, source: str = "") -> bool:
        """Whether too many unknown cards were tried just now from an address."""
        return self._resting.rests(source)
