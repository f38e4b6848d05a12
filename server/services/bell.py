"""A bell between who commits something to be sent and the threads that send."""

from __future__ import annotations

import threading


class Bell:
    """Counts how often it rang, so that nobody who looks away misses it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """How often it rang so far."""
        with self._changed:
            return self._count

    def ring(self) -> None:
        """Wake everybody who waits."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait(self, heard: int, seconds_max: float) -> int:
        """Wait until it rang more often than was heard, or for so long [s]; the count then."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > heard, seconds_max)
            return self._count
