"""Whether every part of a running station truly turns, and systemd's watchdog told so.

A part counts its turns; one whose count stands still for longer than it may is stuck, alive
or not. systemd is told that the station is well only while no part is stuck, so a thread
that hangs for ever ends in a restart (sd_notify(3); nothing acknowledged is lost by that).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

NOTIFY_SETTING = "NOTIFY_SOCKET"
WATCHDOG_SETTING = "WATCHDOG_USEC"
US_PER_MS = 1_000
TOLD_TIMES = 3  # within the time that systemd waits


class Turns:
    """A part's own count of its turns."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        """How many there were."""
        return self.count

    def turn(self) -> None:
        """Count one."""
        self.count += 1


@dataclass(slots=True)
class _Part:
    turns: Callable[[], int]
    quiet_ms_max: int
    seen: int
    since_ms: int


class Heart:
    """Watches the parts of a station.

    Parameters
    ----------
    elapsed_ms
        A clock that is never set [ms].
    """

    def __init__(self, elapsed_ms: Callable[[], int]) -> None:
        self._elapsed_ms = elapsed_ms
        self._parts: dict[str, _Part] = {}

    def watch(self, name: str, turns: Callable[[], int], quiet_s_max: float) -> None:
        """Watch a part whose count must move within a time [s]."""
        quiet_ms_max = int(quiet_s_max * 1_000)
        self._parts[name] = _Part(turns, quiet_ms_max, turns(), self._elapsed_ms())

    def quiet_ms(self) -> Mapping[str, int]:
        """For how long each part has not turned [ms]."""
        now_ms = self._elapsed_ms()
        for part in self._parts.values():
            count = part.turns()
            if count != part.seen:
                part.seen, part.since_ms = count, now_ms
        return {name: now_ms - part.since_ms for name, part in self._parts.items()}

    def stuck(self) -> tuple[str, ...]:
        """The parts that have not turned for longer than they may."""
        quiet = self.quiet_ms()
        return tuple(name for name, part in self._parts.items() if quiet[name] > part.quiet_ms_max)


class Notify(Protocol):
    """Tells a supervisor something."""

    def __call__(self, state: str) -> None:
        """Tell it, as sd_notify(3) writes it."""
        ...


def notifier(environment: Mapping[str, str]) -> Notify | None:
    """The way to systemd, if it started us as ``Type=notify``; None elsewhere."""
    path = environment.get(NOTIFY_SETTING, "")
    if not path.startswith(("/", "@")):
        return None
    address = "\0" + path[1:] if path.startswith("@") else path

    def tell(state: str) -> None:
        # Whether it arrived is systemd's affair: without it the watchdog acts.
        with contextlib.suppress(OSError), _datagram() as out:
            out.sendto(state.encode(), address)

    return tell


def _datagram() -> socket.socket:
    found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    found.settimeout(0)
    return found


def watchdog_ms(environment: Mapping[str, str]) -> int:
    """How long systemd waits for a sign of life [ms]; 0 if it does not watch."""
    text = environment.get(WATCHDOG_SETTING, "")
    return int(text) // US_PER_MS if text.isdecimal() else 0


class Watchdog:
    """Tells the supervisor that all is well, as long as all is.

    Parameters
    ----------
    heart
        The parts that must turn.
    tell
        The way to the supervisor; None if there is none.
    every_ms
        How often to tell it [ms].
    on_stuck
        Called once when a part is stuck, and once (with nothing) when all turn again.
    """

    def __init__(
        self,
        heart: Heart,
        tell: Notify | None,
        every_ms: int,
        on_stuck: Callable[[tuple[str, ...]], None],
    ) -> None:
        self._heart, self._tell, self._every_ms = heart, tell, every_ms
        self._on_stuck = on_stuck
        self._told_ms: int | None = None
        self._stuck: tuple[str, ...] = ()

    def look(self, now_ms: int) -> tuple[str, ...]:
        """Look at the parts when that is due, tell the supervisor, and say what is stuck."""
        if self._told_ms is not None and now_ms - self._told_ms < self._every_ms:
            return self._stuck
        self._told_ms = now_ms
        stuck = self._heart.stuck()
        if stuck != self._stuck:
            self._stuck = stuck
            self._on_stuck(stuck)
        if self._tell is not None:
            self._tell("WATCHDOG=1\nSTATUS=all parts turn" if not stuck else _said(stuck))
        return stuck


def _said(stuck: tuple[str, ...]) -> str:
    return f"STATUS=stuck: {', '.join(stuck)}"
