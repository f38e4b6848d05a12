"""How the threads that carry payouts and news fare: who is up, who met which fault, how often."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Carrier:
    """One thread: its rounds, its faults, and the last of them.

    ``fault`` is a code of the catalogue, or the name of another error and the line where it
    arose, never its words, which may hold what is personal. ``in_row_count`` faults came
    since the last round that went well.
    """

    name: str
    rounds_count: int = 0
    faults_count: int = 0
    in_row_count: int = 0
    fault: str = ""
    fault_at_ms: int = 0

    @property
    def is_up(self) -> bool:
        """Whether its last round went well."""
        return self.in_row_count == 0


class Rounds:
    """Written by the threads, read by whoever asks how the centre is."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._carriers: dict[str, Carrier] = {}

    def add(self, name: str) -> None:
        """Know a thread before its first round."""
        self._put(Carrier(name))

    def went_well(self, name: str) -> Carrier:
        """Note a round; the thread before it."""
        before = self.of(name)
        self._put(replace(before, rounds_count=before.rounds_count + 1, in_row_count=0))
        return before

    def met(self, name: str, fault: str, at_ms: int) -> Carrier:
        """Note a fault; the thread with it."""
        before = self.of(name)
        after = replace(
            before,
            rounds_count=before.rounds_count + 1,
            faults_count=before.faults_count + 1,
            in_row_count=before.in_row_count + 1,
            fault=fault,
            fault_at_ms=at_ms,
        )
        self._put(after)
        return after

    def of(self, name: str) -> Carrier:
        """One thread by its name."""
        return self.all().get(name, Carrier(name))

    def all(self) -> Mapping[str, Carrier]:
        """Every thread by its name."""
        with self._changed:
            return dict(self._carriers)

    @property
    def down_count(self) -> int:
        """How many threads met a fault in their last round."""
        return sum(not each.is_up for each in self.all().values())

    def wait(self, until: Callable[[Mapping[str, Carrier]], bool], seconds_max: float) -> bool:
        """Wait until the threads stand so, or for so long [s]; whether they do."""
        with self._changed:
            return self._changed.wait_for(lambda: until(self._carriers), seconds_max)

    def _put(self, carrier: Carrier) -> None:
        with self._changed:
            self._carriers[carrier.name] = carrier
            self._changed.notify_all()
