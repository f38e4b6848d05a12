"""What an adversary publishes beside a device's honest messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from core.signing import Signer
from core.wire.telemetry import Batch, Sample
from firmware_sim.adversaries.kinds import Replay, ReplayWay, Spoof, SpoofWay
from firmware_sim.device.machine import Message
from firmware_sim.fleet.station import signed

Said = tuple[str, bytes]
_ALTERED_BY = 1  # the least lie: one unit more in every value


class Spoofing:
    """Says each batch a second time in the victim's name, signed with the only key at hand.

    Parameters
    ----------
    spoof
        Who is the victim, and whose topic is used.
    site, signer
        The station's site, and the spoofing device's key.
    """

    def __init__(self, spoof: Spoof, site: str, signer: Signer) -> None:
        self._spoof = spoof
        self._site, self._signer = site, signer

    def beside(self, message: Message, topic: str, payload: bytes) -> Sequence[Said]:  # noqa: ARG002
        """The batch in the victim's name."""
        if not isinstance(message, Batch):
            return ()
        forged = replace(message, device=self._spoof.victim)
        victims_topic, document = signed(self._site, forged, self._signer)
        return ((victims_topic if self._spoof.way is SpoofWay.TOPIC else topic, document),)


class Replaying:
    """Says an earlier batch again after each batch, as it was or with other values.

    Parameters
    ----------
    replay
        Which one, and how.
    site, signer
        The station's site, and the device's own key: its owner is the adversary.
    """

    def __init__(self, replay: Replay, site: str, signer: Signer) -> None:
        self._replay = replay
        self._site, self._signer = site, signer
        self._earlier: deque[tuple[Batch, Said]] = deque(maxlen=replay.messages_ago + 1)

    def beside(self, message: Message, topic: str, payload: bytes) -> Sequence[Said]:
        """The batch of so many batches ago, once there was one."""
        if not isinstance(message, Batch):
            return ()
        if any(said == (topic, payload) for _, said in self._earlier):
            return ()  # the device itself had to send it again
        self._earlier.append((message, (topic, payload)))
        if len(self._earlier) <= self._replay.messages_ago:
            return ()
        batch, said = self._earlier[0]
        if self._replay.way is ReplayWay.SAME:
            return (said,)
        altered = replace(batch, samples=tuple(_altered(sample) for sample in batch.samples))
        return (signed(self._site, altered, self._signer),)


def _altered(sample: Sample) -> Sample:
    values = {metric: value + _ALTERED_BY for metric, value in sample.values.items()}
    return replace(sample, values=values)
