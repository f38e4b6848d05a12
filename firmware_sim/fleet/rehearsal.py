"""A fleet that lives as fast as the station acknowledges, and says the same bytes each time.

Over real sockets, who is served first is chance. What a device says is not, if each
step of time waits until everything of the step before has been acknowledged: then a
batch's contents depend on the seed alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from core.errors import HarvestlineError
from firmware_sim.config import OutputFolderError, output_folder
from firmware_sim.fleet.fleet import Fleet

CONNECT_S_MAX = 120.0
ACKNOWLEDGE_S_MAX = 300.0
# Longer than a step takes on most machines; a repeat says the same bytes.
ACK_WAIT_MS = 60_000
KEEPALIVE_S = 600  # so that a busy machine ends no session: a new one begins with a birth
EPOCH_CHARACTERS = 16


class NotAcknowledgedError(HarvestlineError):
    """The station did not acknowledge what was played."""

    code = "HL-SIM-005"


def rehearse(
    fleet: Fleet,
    instants_ms: Iterable[int],
    after: Callable[[int], None],
    wait_for: int | None = None,
) -> None:
    """Let a running fleet live through a time, each step acknowledged before the next.

    Parameters
    ----------
    fleet
        Started.
    instants_ms
        The end of each step [ms UTC], rising.
    after
        Called with each instant when it has been lived and acknowledged.
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
    for at_ms in instants_ms:
        fleet.advance(at_ms)
        left = fleet.wait_acknowledged(ACKNOWLEDGE_S_MAX)
        if not left:
            raise NotAcknowledgedError(
                f"expected the station to acknowledge within {ACKNOWLEDGE_S_MAX} s, "
                f"{left.unacknowledged} samples of {left.waiting} devices are left: {why(fleet)}"
            )
        after(at_ms)


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

    A message that had to be said again, because its acknowledgement was late, is one line.

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
        self._folder = output_folder(folder)
        self._said: set[bytes] = set()
        try:
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
        line = topic.encode() + b" " + payload + b"\n"
        digest = hashlib.sha256(line).digest()
        if digest in self._said:
            return
        self._said.add(digest)
        try:
            with (self._folder / f"{name}.messages").open("ab") as file:
                file.write(line)
        except OSError as error:
            raise OutputFolderError(f"expected to write messages of {name}: {error}") from error
