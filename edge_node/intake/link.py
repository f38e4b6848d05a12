"""The station's own MQTT client: paho with manual acknowledgement.

``ack()`` of paho is not tied to a connection: a packet number of an old connection
would acknowledge a stranger on a new one. So every delivery carries the generation of
the connection it came on, and an acknowledgement of another generation is dropped;
the broker delivers that message again, and the store knows it already.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from core.wire.telemetry import topic
from edge_node.intake.broker.access import BrokerAccess, gateway_topic
from edge_node.intake.events import OnEvent
from edge_node.intake.messages import LEAVES

QOS = 1
KEEPALIVE_S = 60
RECONNECT_S_MIN = 1
_PUBACK = struct.Struct("!BBH")  # MQTT 3.1.1, 3.4
WATERMARKS_WAITING_MAX = 10_000  # of devices, while the broker is away


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as delivered, and what is needed to acknowledge it."""

    topic: str
    payload: bytes
    generation: int
    packet: int
    qos: int


class TurningClient(mqtt.Client):
    """Counts the turns of its network thread, and acknowledges many deliveries at once.

    paho looks after its timers at each turn. Its own ``ack`` wakes the network thread and
    sends four bytes for each delivery; a commit's acknowledgements go out as one.
    """

    turns_count = 0

    def ack_all(self, packets: Sequence[int]) -> None:
        """Acknowledge deliveries of QoS 1 by their packet numbers."""
        pubacks = b"".join([_PUBACK.pack(mqtt.PUBACK, 2, packet) for packet in packets])
        self._packet_queue(mqtt.PUBACK, pubacks, 0, QOS)

    def loop_misc(self) -> MQTTErrorCode:
        """Look after timers, and count."""
        self.turns_count += 1
        return super().loop_misc()


class BrokerLink:
    """A connection to the broker that comes back by itself.

    Parameters
    ----------
    access
        Where the broker is, and how the station logs in.
    site
        The site whose devices are heard.
    retry_s_max
        Longest pause between two attempts to connect [s].
    on_delivery
        Called on the network thread with each message.
    on_event
        Told when the connection goes and returns.
    """

    def __init__(
        self,
        access: BrokerAccess,
        site: str,
        retry_s_max: int,
        on_delivery: Callable[[Delivery], None],
        on_event: OnEvent,
    ) -> None:
        self._access = access
        self._filters = [(topic(site, "+", leaf), QOS) for leaf in LEAVES]
        self._filters.append((gateway_topic(site, "+", "+"), QOS))
        self._on_delivery = on_delivery
        self._on_event = on_event
        self._lock = threading.Lock()
        self._generation = 0
        self._subscribed = threading.Event()
        self._client = self._made_client(retry_s_max)

    def start(self) -> None:
        """Connect in the background, for as long as it takes."""
        self._client.connect_async(self._access.host, self._access.port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye to the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def is_connected(self) -> bool:
        """Whether devices are being heard."""
        return self._subscribed.is_set()

    @property
    def turns_count(self) -> int:
        """How often the network thread has turned."""
        return self._client.turns_count

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until devices are being heard; whether they are."""
        return self._subscribed.wait(timeout_s)

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        """Acknowledge deliveries to the broker, except those of an earlier connection."""
        with self._lock:
            current = [one for one in deliveries if one.generation == self._generation]
            if packets := [one.packet for one in current if one.qos == QOS]:
                self._client.ack_all(packets)
            for one in current:
                if one.qos > QOS:
                    self._client.ack(one.packet, one.qos)

    def publish(self, topic_name: str, payload: bytes) -> None:
        """Put a message on its way at QoS 1; if it is lost, the device will ask again."""
        self._client.publish(topic_name, payload, qos=QOS)

    def renew(self) -> None:
        """Drop the connection and come back, so that the broker delivers again what it holds."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            self._invalidate()
            # Shutting the socket down lets paho notice on its own thread; it may have
            # noticed by itself in the meantime.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _made_client(self, retry_s_max: int) -> TurningClient:
        client = TurningClient(
            CallbackAPIVersion.VERSION2,
            client_id=self._access.client_id,
            clean_session=False,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
        )
        client.username_pw_set(self._access.user, self._access.password)
        client.reconnect_delay_set(RECONNECT_S_MIN, max(RECONNECT_S_MIN, retry_s_max))
        client.max_queued_messages_set(WATERMARKS_WAITING_MAX)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _invalidate(self) -> None:
        with self._lock:
            self._generation += 1

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: object, reason: Any, _properties: object
    ) -> None:
        self._invalidate()
        if reason.is_failure:
            self._tell("intake_refused", {"reason": str(reason)})
        else:
            client.subscribe(self._filters)

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed.set()
        self._tell("intake_connected", {})

    def _on_disconnect(
        self, _client: mqtt.Client, _data: object, _flags: object, reason: Any, _properties: object
    ) -> None:
        self._invalidate()
        if self._subscribed.is_set():
            self._subscribed.clear()
            self._tell("intake_disconnected", {"reason": str(reason)})

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self._on_delivery(
            Delivery(
                message.topic, bytes(message.payload), self._generation, message.mid, message.qos
            )
        )

    def _tell(self, event: str, facts: Mapping[str, str | int]) -> None:
        broker = f"{self._access.host}:{self._access.port}"
        self._on_event(event, {"broker": broker, **facts})
