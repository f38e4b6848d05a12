"""A fleet at work until somebody stops it: the loop behind the long-running commands."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

from firmware_sim.fleet.fleet import Delivery, Fleet

POLL_S = 0.2


def stop_event() -> threading.Event:
    """Set by Ctrl-C or a polite ``kill``."""
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    return stopped


def work(
    fleet: Fleet,
    now_ms: Callable[[], int],
    stopped: threading.Event,
    say: Callable[[str], None],
    before: Callable[[Fleet, int], None] = lambda _fleet, _at_ms: None,
) -> Delivery:
    """Follow a clock [ms UTC] until stopped; say once when the link goes and once when it returns.

    Parameters
    ----------
    fleet
        A running fleet.
    now_ms
        The true time for its devices.
    stopped
        Ends the work.
    say
        Receives a line for people.
    before
        Called with each instant before it is lived.
    """
    linked = False
    while not stopped.is_set():
        at_ms = now_ms()
        before(fleet, at_ms)
        fleet.advance(at_ms)
        connected = fleet.wait_connected(0)
        if linked != (connected > 0):
            linked = connected > 0
            say(f"{connected} devices connected" if linked else _lost(fleet))
        stopped.wait(POLL_S)
    return fleet.wait_acknowledged(0)


def _lost(fleet: Fleet) -> str:
    reasons = sorted(set(fleet.reasons().values())) or ["the broker is gone"]
    return f"no device is connected: {reasons[0]}"
