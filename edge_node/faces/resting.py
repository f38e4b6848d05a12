"""Rest after wrong tries: an address that tried too often is heard again after a while.

Each address rests by itself: somebody on the station's network closes neither the kiosk to the
village nor the carriers' door to an honest device.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

FAILURES_MAX = 10  # wrong tries of one address …
FAILURES_MS = 60_000  # … within so long, until the oldest of them is as old
SOURCES_MAX = 256  # addresses whose wrong tries are remembered


class Resting:
    """Which addresses rest.

    Parameters
    ----------
    elapsed_ms
        A clock that is never set [ms since some instant].
    """

    def __init__(self, elapsed_ms: Callable[[], int]) -> None:
        self._elapsed_ms = elapsed_ms
        self._failures: dict[str, list[int]] = {}
        self._turn = threading.Lock()

    def fail(self, source: str) -> None:
        """Note a wrong try of an address; whoever was quiet longest makes room."""
        with self._turn:
            before = self._failures.pop(source, [])
            while len(self._failures) >= SOURCES_MAX:
                del self._failures[next(iter(self._failures))]
            self._failures[source] = [*before[-FAILURES_MAX:], self._elapsed_ms()]

    def rests(self, source: str) -> bool:
        """Whether an address tried too often just now."""
        since_ms = self._elapsed_ms() - FAILURES_MS
        with self._turn:
            found = self._failures.get(source, [])
            return sum(at_ms > since_ms for at_ms in found) >= FAILURES_MAX

    def forget(self, source: str) -> None:
        """An address was right: what it tried before is forgotten."""
        with self._turn:
            self._failures.pop(source, None)
