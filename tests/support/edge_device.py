"""A device for tests of the intake: an MQTT client, and an outbox that only a watermark empties."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from core.shape import decode
from core.signing import open_document
from core.wire.telemetry import WATERMARK, Batch, Sample, Watermark, topic
from edge_node.keys import KeyRing
from tests.support.edge_station import (
    SITE,
    device_password,
    signed_batch,
    signed_birth,
    signed_death,
)

CONNECT_S_MAX = 60.0


class EdgeDevice:
    """A connected device; ``watermark`` is the highest that the station has signed."""

    def __init__(
        self,
        name: str,
        port: int,
        password: str | None = None,
        client_id: str | None = None,
        station_key: bytes | None = None,
    ) -> None:
        self.name = name
        self.refused = ""
        self.heard: list[tuple[str, bytes]] = []
        self.published = 0
        self.watermark: dict[str, int] = {}
        self._ring = KeyRing([station_key]) if station_key else None
        self._changed = threading.Condition()
        self._ready = False
        self._port = port
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or name, protocol=mqtt.MQTTv311
        )
        self._client.username_pw_set(name, password or device_password(name))
        self._client.reconnect_delay_set(0.1, 0.1)  # type: ignore[arg-type]  # any number does
        self._client.will_set(topic(SITE, name, "d"), signed_death(name), qos=1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish

    def begin(self) -> None:
        """Connect in the background, for as long as it takes."""
        self._client.connect_async("127.0.0.1", self._port, 30)
        self._client.loop_start()

    def __enter__(self) -> Self:
        self.begin()
        with self._changed:
            assert self._changed.wait_for(lambda: self._ready or self.refused, CONNECT_S_MAX)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def is_connected(self) -> bool:
        """Whether the connection stands."""
        return bool(self._client.is_connected())

    def say(self, payload: bytes, leaf: str = "t", device: str = "") -> None:
        """Publish something on a device's topic."""
        self.publish(topic(SITE, device or self.name, leaf), payload)

    def publish(self, name: str, payload: bytes) -> None:
        """Publish at QoS 1."""
        self._client.publish(name, payload, qos=1)

    def vanish(self) -> None:
        """Lose the connection without a goodbye; it comes back by itself."""
        sock = self._client.socket()
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)

    def fall_silent(self) -> None:
        """Leave the connection half open: nothing is read or written any more."""
        self._client.loop_stop()

    def subscribe(self, name: str) -> None:
        """Ask for a topic."""
        self._client.subscribe(name, qos=1)

    def born(self) -> None:
        """Publish a birth."""
        self.say(signed_birth(self.name), "b")

    def wait(self, condition: Any, timeout_s: float = 60.0) -> None:
        """Wait until a condition on this device holds."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), timeout_s), vars(self)

    def wait_watermark(self, upto: int, epoch: str = "e1", timeout_s: float = 60.0) -> None:
        """Wait until the station has acknowledged up to a number."""
        self.wait(lambda me: me.watermark.get(epoch, 0) >= upto, timeout_s)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _on_connect(self, client: mqtt.Client, _d: Any, _f: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            self.refused = str(reason)
            client.disconnect()
        else:
            client.subscribe(topic(SITE, self.name, "ack"), qos=1)
        self._notify()

    def _on_subscribe(self, *_: Any) -> None:
        self._ready = True
        self._notify()

    def _on_publish(self, *_: Any) -> None:
        self.published += 1
        self._notify()

    def _on_message(self, _c: mqtt.Client, _d: Any, message: mqtt.MQTTMessage) -> None:
        payload = bytes(message.payload)
        self.heard.append((message.topic, payload))
        if self._ring and message.topic == topic(SITE, self.name, "ack"):
            mark = decode(Watermark, open_document(payload, WATERMARK, self._ring).body)
            assert mark.device == self.name
            self.watermark[mark.epoch] = max(self.watermark.get(mark.epoch, 0), mark.upto)
        self._notify()


class OutboxDevice(EdgeDevice):
    """Sends numbered samples and sends again what no watermark covers."""

    outbox: tuple[Sample, ...] = ()
    boot = 1

    def fill(self, samples: tuple[Sample, ...]) -> None:
        """Put samples into the outbox."""
        self.outbox = (*self.outbox, *samples)

    def send(self, batch_samples: int = 20) -> int:
        """Publish everything above the watermark; how many samples that were."""
        above = self.watermark.get("e1", 0)
        # Another thread may send and forget meanwhile: what is sent here is fixed first.
        held = tuple(each for each in self.outbox if each.seq > above)
        self.outbox = held
        for start in range(0, len(held), batch_samples):
            body = Batch(
                self.name, "e1", self.boot, held[0].seq, held[start : start + batch_samples]
            )
            self.say(signed_batch(body))
        return len(held)
