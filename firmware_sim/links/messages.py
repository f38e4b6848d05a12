"""A link that mistreats whole messages, without a socket: for simulations and tests.

Pure but for the generator that is handed in: messages go in with an instant, come
out when it is their time. A lost message is gone; a repeated one comes twice; a
reordered one is held back past others.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from core.units import PPM
from firmware_sim.config import SettingError

Message = TypeVar("Message")
WAITING_MAX = 100_000


@dataclass(frozen=True, slots=True)
class MessageFaults:
    """What a link does to messages.

    Parameters
    ----------
    lose_ppm, repeat_ppm, reorder_ppm
        Chance that a message is lost, comes a second time, or is held back [ppm].
    delay_ms
        What every message takes [ms].
    hold_ms_max
        How much longer a repeated or reordered message takes at most [ms].
    """

    lose_ppm: int = 0
    repeat_ppm: int = 0
    reorder_ppm: int = 0
    delay_ms: int = 0
    hold_ms_max: int = 60_000

    def __post_init__(self) -> None:
        chances = (self.lose_ppm, self.repeat_ppm, self.reorder_ppm)
        if not all(0 <= chance <= PPM for chance in chances):
            raise SettingError(f"expected chances from 0 to {PPM} ppm, got {chances}")
        if self.delay_ms < 0 or self.hold_ms_max < 1:
            raise SettingError(
                f"expected delay_ms from 0 and hold_ms_max from 1, got {self.delay_ms} and "
                f"{self.hold_ms_max}"
            )


class MessageLink(Generic[Message]):
    """One direction of a faulty link.

    Parameters
    ----------
    faults
        What it does.
    rng
        Chance.
    """

    def __init__(self, faults: MessageFaults, rng: np.random.Generator) -> None:
        self.faults = faults
        self.is_cut = False
        self.lost_count = 0
        self._rng = rng
        self._sent_count = 0
        self._waiting: list[tuple[int, int, Message]] = []

    def send(self, message: Message, at_ms: int) -> None:
        """Put a message on the link at an instant [ms].

        Raises
        ------
        SettingError
            If more than ``WAITING_MAX`` messages are under way: nobody receives.
        """
        if self.is_cut or self._happens(self.faults.lose_ppm):
            self.lost_count += 1
            return
        held = self._happens(self.faults.reorder_ppm)
        self._put(message, at_ms, held=held)
        if self._happens(self.faults.repeat_ppm):
            self._put(message, at_ms, held=True)

    def receive(self, at_ms: int) -> tuple[Message, ...]:
        """What has arrived by an instant [ms], in the order of arrival."""
        arrived = []
        while self._waiting and self._waiting[0][0] <= at_ms:
            arrived.append(heapq.heappop(self._waiting)[2])
        return tuple(arrived)

    def next_at_ms(self) -> int | None:
        """When the next message arrives [ms]; None if none is under way."""
        return self._waiting[0][0] if self._waiting else None

    def cut(self) -> None:
        """Lose all that is under way, and all that is sent until :meth:`mend`."""
        self.is_cut = True
        self.lost_count += len(self._waiting)
        self._waiting.clear()

    def mend(self) -> None:
        """Carry messages again."""
        self.is_cut = False

    def _happens(self, chance_ppm: int) -> bool:
        return bool(self._rng.integers(PPM) < chance_ppm)

    def _put(self, message: Message, at_ms: int, *, held: bool) -> None:
        if len(self._waiting) >= WAITING_MAX:
            raise SettingError(f"expected at most {WAITING_MAX} messages under way: receive them")
        hold_ms = int(self._rng.integers(1, self.faults.hold_ms_max + 1)) if held else 0
        # The count keeps the order of messages that arrive together.
        self._sent_count += 1
        entry = (at_ms + self.faults.delay_ms + hold_ms, self._sent_count, message)
        heapq.heappush(self._waiting, entry)
