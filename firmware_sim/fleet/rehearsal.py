"""A fleet that lives as fast as the station acknowledges, and says the same bytes each time.

Over real sockets, who is served first is chance. What a device says is not, if each
step of time waits until everything of the step before has been acknowledged: then a
batch's contents depend on the seed alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from core.errors import HarvestlineError
from firmware_sim.config import OutputFolderError
from firmware_sim.fleet.fleet import Fleet

CONNECT_S_MAX = 120.0
ACKNOWLEDGE_S_MAX = 300.0
# Longer than a step may take: a repeat would depend on the machine's speed.
ACK_WAIT_MS = 300_000
EPOCH_CHARACTERS = 16


class NotAcknowledgedError(HarvestlineError):
    """The station did not acknowledge what was played."""

    code = "HL-SIM-005"


@dataclass(frozen=True, slots=True)
class Steps:
    """From when, until when, and in steps of what length [ms UTC, ms]."""

    from_ms: int
    until_ms: int
    step_ms: int

    def instants(self) -> Iterable[int]:
        """The end of each step."""
        last = self.until_ms
        return (*range(self.from_ms + self.step_ms, last, self.step_ms), last)


def rehearse(
    fleet: Fleet, steps: Steps, before: Callable[[int], None], wait_for: int | None = None
) -> None:
    """Let a running fleet live through the steps, each acknowledged before the next.

    Parameters
    ----------
    fleet
        Started, at the first instant.
    steps
        The time to live through.
    before
        Called with each step's instant [ms UTC] before it is lived.
    wait_for
        How many devices must have a session at the start; all by default.

    Raises
    ------
    NotAcknowledgedError
        If the devices cannot connect, or a step is not acknowledged in time.
    """
    wanted = len(fleet.names) if wait_for is None else wait_for
    connected = fleet.wait_connected(CONNECT_S_MAX, wanted)
    if connected < wanted:
        raise NotAcknowledgedError(
            f"expected {wanted} devices connected in {CONNECT_S_MAX} s, got {connected}: "
            f"{why(fleet)}"
        )
    for at_ms in steps.instants():
        before(at_ms)
        fleet.advance(at_ms)
        left = fleet.wait_acknowledged(ACKNOWLEDGE_S_MAX)
        if not left:
            raise NotAcknowledgedError(
                f"expected the station to acknowledge within {ACKNOWLEDGE_S_MAX} s, "
                f"{left.unacknowledged} samples of {left.waiting} devices are left: {why(fleet)}"
            )


def why(fleet: Fleet) -> str:
    """What devices without a session say of it."""
    reasons = sorted(set(fleet.reasons().values()))
    return "; ".join(reasons[:3]) or "the station says nothing; does it know these devices?"


def seeded_epochs(seed: int) -> Callable[[], str]:
    """Epoch ids that follow from a seed, one after the other."""
    numbers = iter(range(1, 10**9))

    def epoch() -> str:
        text = f"harvestline/sim/epoch/{seed}/{next(numbers)}"
        return hashlib.sha256(text.encode()).hexdigest()[:EPOCH_CHARACTERS]

    return epoch


class Journal:
    """Everything that devices published, a file a device, a line a message.

    Parameters
    ----------
    folder
        Where the files go; made if it does not exist.

    Raises
    ------
    OutputFolderError
        If the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("*.messages"):
                old.unlink()
        except OSError as error:
            raise OutputFolderError(f"expected a folder for messages: {error}") from error

    def __call__(self, name: str, topic: str, payload: bytes) -> None:
        """Write a message down.

        Raises
        ------
        OutputFolderError
            If it cannot be written.
        """
        try:
            with (self._folder / f"{name}.messages").open("ab") as file:
                file.write(topic.encode() + b" " + payload + b"\n")
        except OSError as error:
            raise OutputFolderError(f"expected to write messages of {name}: {error}") from error
