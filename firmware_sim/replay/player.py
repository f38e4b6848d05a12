"""A recording's way through a fleet: as fast as it is acknowledged, or at a pace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_sim.fleet.fleet import Fleet
from firmware_sim.fleet.rehearsal import NotAcknowledgedError, why
from firmware_sim.replay.devices import LEAD_MS
from firmware_sim.replay.recording import Recording

MOMENTS_A_STEP = 4_000  # of all devices together, far below what one outbox holds
PACE_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a session, and for each step's acknowledgement [s]."""

    connect_s: float = 30
    acknowledge_s: float = 120


def start_ms(recording: Recording) -> int:
    """When the devices are switched on [ms UTC, the recording's time]."""
    return min(moments[0].at_ms for moments in recording.moments.values()) - LEAD_MS


def play_all(
    fleet: Fleet,
    recording: Recording,
    shift_ms: int,
    patience: Patience,
    told: Callable[[int], None],
) -> int:
    """Play everything as fast as the station acknowledges it; returns the moments played.

    Raises
    ------
    NotAcknowledgedError
        If nobody can connect, or the station does not acknowledge within patience.
    """
    instants = _instants(recording)
    if not fleet.wait_connected(patience.connect_s, count=1):
        raise NotAcknowledgedError(f"expected a broker that lets devices in: {why(fleet)}")
    played = 0
    while played < len(instants):
        end = min(played + MOMENTS_A_STEP, len(instants))
        fleet.advance(instants[end - 1] + shift_ms)
        left = fleet.wait_acknowledged(patience.acknowledge_s)
        if not left:
            raise NotAcknowledgedError(
                f"expected the station to acknowledge within {patience.acknowledge_s} s, "
                f"{left.unacknowledged} samples of {left.waiting} devices are left: {why(fleet)}"
            )
        told(end - played)
        played = end
    return played


def play_paced(
    fleet: Fleet,
    recording: Recording,
    shift_ms: int,
    now_ms: Callable[[], int],
    stopped: threading.Event,
) -> None:
    """Play by a clock [ms UTC] until the last reading is acknowledged, or until stopped."""
    last_ms = _instants(recording)[-1] + shift_ms
    while not stopped.is_set():
        at_ms = now_ms()
        fleet.advance(at_ms)
        if at_ms >= last_ms and fleet.wait_acknowledged(PACE_POLL_S):
            return
        stopped.wait(PACE_POLL_S)


def _instants(recording: Recording) -> Sequence[int]:
    return sorted(moment.at_ms for part in recording.moments.values() for moment in part)
