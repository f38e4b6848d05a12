"""The least that a station must do for devices: verify, keep, acknowledge with a watermark."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from core.errors import HarvestlineError
from core.shape import decode, encode
from core.signing import Signer, Verifier, open_document, sign_document
from core.wire.telemetry import (
    BATCH,
    BIRTH,
    DEATH,
    MESSAGE_BYTES_MAX,
    WATERMARK,
    Batch,
    Birth,
    Death,
    Sample,
    Watermark,
    parse_topic,
    topic,
)


class TinyStation:
    """A collector in memory over a real broker.

    Parameters
    ----------
    port
        Where the broker listens on the loopback.
    signer
        The station's key.
    verifiers
        Each device's key.
    login
        User name and password, where the broker wants them.
    """

    def __init__(
        self,
        port: int,
        signer: Signer,
        verifiers: Mapping[str, Verifier],
        login: tuple[str, str] | None = None,
    ) -> None:
        self.samples: dict[tuple[str, str, int], Sample] = {}
        self.lost: set[tuple[str, str, int]] = set()
        self.repeats: Counter[tuple[str, str, int]] = Counter()
        self.births: list[Birth] = []
        self.deaths: list[Death] = []
        self.refused: list[str] = []
        self.is_deaf = False
        self._signer, self._verifiers = signer, verifiers
        self._upto: Counter[tuple[str, str]] = Counter()
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="tiny-station", manual_ack=True
        )
        if login:
            self._client.username_pw_set(*login)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("v1/+/+/+", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def stop(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def wait_for(self, condition: Callable[[TinyStation], bool], timeout_s: float = 60) -> bool:
        """Wait until something holds of what has been received."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout_s)

    def say(self, site: str, device: str, payload: bytes) -> None:
        """Put bytes on a device's acknowledgement topic."""
        self._client.publish(topic(site, device, "ack"), payload, qos=1)

    def _on_message(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        site, device, leaf = parse_topic(message.topic)
        if leaf != "ack":
            with self._changed:
                self._take(site, device, leaf, message.payload)
                self._changed.notify_all()
        client.ack(message.mid, message.qos)

    def _take(self, site: str, device: str, leaf: str, payload: bytes) -> None:
        kind, shape = {"t": (BATCH, Batch), "b": (BIRTH, Birth), "d": (DEATH, Death)}[leaf]
        try:
            document = open_document(payload, kind, self._verifiers[device], MESSAGE_BYTES_MAX)
            said = decode(shape, document.body)
            assert said.device == device
        except HarvestlineError as error:
            self.refused.append(f"{device}/{leaf}: {error}")
            return
        if isinstance(said, Birth):
            self.births.append(said)
        elif isinstance(said, Death):
            self.deaths.append(said)
        elif isinstance(said, Batch) and not self.is_deaf:
            self._keep(said)
            self._acknowledge(site, said)

    def _keep(self, batch: Batch) -> None:
        for sample in batch.samples:
            key = (batch.device, batch.epoch, sample.seq)
            self.repeats[key] += 1
            assert self.samples.setdefault(key, sample) == sample, "one number, two samples"
        upto = self._upto[batch.device, batch.epoch]
        for seq in range(upto + 1, batch.oldest):
            if (batch.device, batch.epoch, seq) not in self.samples:
                self.lost.add((batch.device, batch.epoch, seq))

    def _acknowledge(self, site: str, batch: Batch) -> None:
        name = (batch.device, batch.epoch)
        while (*name, self._upto[name] + 1) in self.samples.keys() | self.lost:
            self._upto[name] += 1
        watermark = Watermark(*name, self._upto[name])
        self.say(site, batch.device, sign_document(WATERMARK, encode(watermark), self._signer))
