"""Who is on the line: a challenge signed with the tablet's key opens a session for a while.

No clock of a tablet is believed: what is signed is the station's own challenge. Challenges
and sessions live in memory; after a restart tablets sign anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from core.errors import ShapeError
from edge_node.decide.tablets import TabletRefusedError

CHALLENGE_MS, SESSION_MS = 60_000, 15 * 60_000
OPEN_MAX = 1_000
SECRET_BYTES = 24
_SCHEME = "bearer"


class Sessions:
    """Challenges that wait and sessions that stand.

    Parameters
    ----------
    elapsed_ms
        A clock that is never set [ms].
    entropy
        So many unpredictable bytes.
    """

    def __init__(self, elapsed_ms: Callable[[], int], entropy: Callable[[int], bytes]) -> None:
        self._elapsed_ms, self._entropy = elapsed_ms, entropy
        self._turn = threading.Lock()
        self._challenges: OrderedDict[str, int] = OrderedDict()
        self._sessions: OrderedDict[str, tuple[str, str, int]] = OrderedDict()

    def challenge(self) -> str:
        """Something to sign, once, within a minute; the oldest make room."""
        with self._turn:
            made = self._entropy(SECRET_BYTES).hex()
            self._challenges[made] = self._elapsed_ms() + CHALLENGE_MS
            while len(self._challenges) > OPEN_MAX:
                self._challenges.popitem(last=False)
            return made

    def use_up(self, challenge: str) -> None:
        """Take a challenge that was signed.

        Raises
        ------
        TabletRefusedError
            If it was never given, or is too old, or was used.
        """
        with self._turn:
            until_ms = self._challenges.pop(challenge, 0)
        if until_ms <= self._elapsed_ms():
            raise TabletRefusedError("expected the challenge that was just given: ask for another")

    def begin(self, tablet_id: str, public_key: str) -> str:
        """A token for a tablet that proved itself by its key."""
        with self._turn:
            token = self._entropy(SECRET_BYTES).hex()
            self._sessions[token] = (tablet_id, public_key, self._elapsed_ms() + SESSION_MS)
            while len(self._sessions) > OPEN_MAX:
                self._sessions.popitem(last=False)
            return token

    def whose(self, authorization: str) -> tuple[str, str]:
        """The tablet that a request's token belongs to, and the key by which it proved itself.

        Raises
        ------
        TabletRefusedError
            If it belongs to none.
        """
        scheme, _, token = authorization.partition(" ")
        with self._turn:
            tablet_id, key, until_ms = self._sessions.get(token.strip(), ("", "", 0))
        if scheme.lower() != _SCHEME or until_ms <= self._elapsed_ms():
            raise TabletRefusedError("expected a session: sign the station's challenge again")
        return tablet_id, key


def text_of(body: object, name: str) -> str:
    """A text in a request's body.

    Raises
    ------
    ShapeError
        If there is none.
    """
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value:
        raise ShapeError(f"expected {name} in the request, got none")
    return value
