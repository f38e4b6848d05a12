"""Whose turn it is to write, among the threads of one station.

SQLite lets one write at a time and makes the others ask again, at longer and longer
intervals up to a tenth of a second. Beside an intake that commits without pause, a farmer
at the kiosk would find the moment between two commits only by luck. A lock that wakes the
next in line as soon as it is free leaves nothing to luck. SQLite's own lock stays what
keeps writers apart, other processes' too: a turn that does not come is not waited for.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

_turns: dict[str, threading.Lock] = {}
_making = threading.Lock()


def turn_of(path: Path) -> threading.Lock:
    """The turn of a database file, the same for every connection of this process."""
    with _making:
        return _turns.setdefault(str(path.resolve()), threading.Lock())


@contextlib.contextmanager
def in_turn(turn: threading.Lock | None, wait_s: float) -> Iterator[None]:
    """Hold the turn, if it comes within a time [s]; else go on without it."""
    taken = turn is not None and turn.acquire(timeout=wait_s)
    try:
        yield
    finally:
        if taken and turn is not None:
            turn.release()
