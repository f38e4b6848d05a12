"""Who is on the line: a challenge signed with the tablet's key opens a session for a while.

No clock of a tablet is believed: what is signed is the station's own challenge. A challenge
carries its own instant under the station's secret of this run, so nobody fills memory by
asking for them; remembered is which were used, by tablets that proved themselves. Sessions
live in memory, a few for each tablet; after a restart tablets sign anew.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable

from core.errors import ShapeError
from edge_node.decide.tablets import TabletRefusedError

CHALLENGE_MS, SESSION_MS = 60_000, 15 * 60_000
OPEN_MAX = 1_000
A_TABLET_MAX = 4  # sessions that one tablet may hold open
SECRET_BYTES, INSTANT_BYTES, SEAL_BYTES = 24, 8, 16
CHALLENGE_DIGITS = 2 * (INSTANT_BYTES + SECRET_BYTES + SEAL_BYTES)
_SCHEME = "bearer"
_DIGITS = frozenset("0123456789abcdef")


class Sessions:
    """Challenges that were used and sessions that stand.

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
        self._secret = entropy(SECRET_BYTES)
        self._used: OrderedDict[str, int] = OrderedDict()
        self._sessions: OrderedDict[str, tuple[str, str, int]] = OrderedDict()

    def challenge(self) -> str:
        """Something to sign, once, within a minute; nothing of it is kept."""
        with self._turn:
            made = self._elapsed_ms().to_bytes(INSTANT_BYTES, "big") + self._entropy(SECRET_BYTES)
        return (made + self._seal(made)).hex()

    def require_fresh(self, challenge: str) -> None:
        """Return if a challenge was given by this station within the minute.

        Raises
        ------
        TabletRefusedError
            If it was not, or was used.
        """
        with self._turn:
            self._until_ms(challenge)

    def use_up(self, challenge: str) -> None:
        """Take a challenge that a tablet has signed.

        Raises
        ------
        TabletRefusedError
            If it was never given, or is too old, or was used.
        """
        with self._turn:
            self._used[challenge] = self._until_ms(challenge)
            now_ms = self._elapsed_ms()
            while next(iter(self._used.values())) <= now_ms:
                self._used.popitem(last=False)

    def _until_ms(self, challenge: str) -> int:
        is_hex = len(challenge) == CHALLENGE_DIGITS and set(challenge) <= _DIGITS
        data = bytes.fromhex(challenge) if is_hex else b""
        made, seal = data[:-SEAL_BYTES], data[-SEAL_BYTES:]
        until_ms = int.from_bytes(made[:INSTANT_BYTES], "big") + CHALLENGE_MS
        sealed = bool(data) and hmac.compare_digest(seal, self._seal(made))
        if not sealed or until_ms <= self._elapsed_ms() or challenge in self._used:
            raise TabletRefusedError("expected the challenge that was just given: ask for another")
        return until_ms

    def _seal(self, made: bytes) -> bytes:
        return hmac.new(self._secret, made, hashlib.sha256).digest()[:SEAL_BYTES]

    def begin(self, tablet_id: str, public_key: str) -> str:
        """A token for a tablet that proved itself by its key."""
        with self._turn:
            token = self._entropy(SECRET_BYTES).hex()
            mine = [each for each, one in self._sessions.items() if one[0] == tablet_id]
            for old in mine[: max(0, len(mine) + 1 - A_TABLET_MAX)]:
                del self._sessions[old]  # its own oldest, never another tablet's
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
