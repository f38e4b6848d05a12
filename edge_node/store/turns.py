"""Whose turn it is to write, among the threads of one station.

SQLite lets one write at a time and makes the others ask again, at longer and longer
intervals up to a tenth of a second. Beside an intake that commits without pause, a farmer
at the kiosk would find the moment between two commits only by luck. A turn that wakes the
next in line as soon as it is free leaves nothing to luck. SQLite's own lock stays what
keeps writers apart, other processes' too: a turn that does not come is not waited for.

Money goes before telemetry: the intake is patient, it takes no turn while another waits
for one, and while another writes it reads on for no more than :data:`STAND_BACK_S`, for
Python has one interpreter for all of them.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

STAND_BACK_S = 0.05  # of each transaction that others write; devices wait longer than farmers
PATIENCE_S = 1.0  # how long the patient wait for all others to be done


class Turn:
    """The turn to write into one database file."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = False
        self._hurried_count = 0  # writers that are not patient, waiting or writing
        self._hurried_since_s = -math.inf

    @contextlib.contextmanager
    def held(self, wait_s: float, *, patient: bool = False) -> Iterator[bool]:
        """Hold the turn, if it comes within a time [s]; else go on without it.

        Parameters
        ----------
        wait_s
            How long to wait for it [s].
        patient
            Let everybody go first who is not patient too.
        """
        taken = self._take(wait_s, patient=patient)
        try:
            yield taken
        finally:
            self._give_back(taken=taken, patient=patient)

    def calm_s(self) -> float:
        """For how long nobody in a hurry has waited or written [s]."""
        if self._hurried_count:
            return 0.0
        return time.monotonic() - self._hurried_since_s

    def stand_back(self) -> None:
        """Wait while somebody in a hurry waits or writes, for a bounded time."""
        if (left_s := self.stand_back_s()) > 0:
            with self._changed:
                self._changed.wait_for(self._is_calm, left_s)

    def stand_back_s(self) -> float:
        """How much longer to stand back now [s]; 0 or less if nobody is in a hurry."""
        if not self._hurried_count:
            return 0.0
        return self._hurried_since_s + STAND_BACK_S - time.monotonic()

    @property
    def hurried_count(self) -> int:
        """How many wait for the turn, or write, who are not patient."""
        return self._hurried_count

    def _is_calm(self) -> bool:
        return self._hurried_count == 0

    def _take(self, wait_s: float, *, patient: bool) -> bool:
        with self._changed:
            if not patient:
                self._hurried_count += 1
                if self._hurried_count == 1:
                    self._hurried_since_s = time.monotonic()
            else:
                self._changed.wait_for(self._is_calm, min(wait_s, PATIENCE_S))
            taken = self._changed.wait_for(lambda: not self._taken, wait_s)
            self._taken = self._taken or taken
            return taken

    def _give_back(self, *, taken: bool, patient: bool) -> None:
        with self._changed:
            if taken:
                self._taken = False
            if not patient:
                self._hurried_count -= 1
                self._hurried_since_s = time.monotonic()
            self._changed.notify_all()


_turns: dict[str, Turn] = {}
_making = threading.Lock()


def turn_of(path: Path) -> Turn:
    """The turn of a database file, the same for every connection of this process."""
    with _making:
        return _turns.setdefault(str(path.resolve()), Turn())
