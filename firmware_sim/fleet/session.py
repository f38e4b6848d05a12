"""One MQTT connection of one device, from connecting until it ends; then a new one is made.

MQTT 3.1.1, clean session, QoS 1. The client id and the user name are the device's
id; the will is its signed death. A session that ends takes paho's queue with it:
what counts is in the device's outbox, and goes out again in the next session.

Driven from outside: the fleet's one loop calls :meth:`Session.serve` when the socket
is ready and :meth:`Session.keep_alive` about once a second. No thread of paho's.
"""

from __future__ import annotations

import selectors
import socket
from dataclasses import dataclass
from enum import Enum

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

QOS = 1
CONNECT_S_MAX = 5.0
INBOX_MAX = 1_000  # acknowledgements between two rounds of the loop


class SessionState(Enum):
    """How far a session has come."""

    CONNECTING = "connecting"
    READY = "ready"  # subscribed: acknowledgements will be heard
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Account:
    """How a device presents itself to the broker, and what is said if it falls silent.

    ``name`` is what the fleet calls it, which the broker never learns.
    """

    name: str
    device: str
    password: str
    will_topic: str
    will: bytes
    ack_topic: str


class Session:
    """A device's connection to a broker.

    Parameters
    ----------
    account
        Who connects.
    host, port
        Where the broker listens.
    keepalive_s
        How long the broker waits before it declares the device dead [s].
    selector
        Where the socket is watched.
    """

    def __init__(
        self,
        account: Account,
        host: str,
        port: int,
        keepalive_s: int,
        selector: selectors.BaseSelector,
    ) -> None:
        self.name = account.name
        self.state = SessionState.CONNECTING
        self.reason = ""
        self.inbox: list[bytes] = []
        self._account = account
        self._selector = selector
        self._watched: socket.socket | None = None
        self._mask = 0
        self._client = self._made_client()
        try:
            self._client.connect(host, port, keepalive_s)
        except OSError as error:
            self._end(f"cannot connect: {error}")
        self.watch()

    def _made_client(self) -> mqtt.Client:
        account = self._account
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=account.device,
            clean_session=True,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_S_MAX
        client.username_pw_set(account.device, account.password)
        client.will_set(account.will_topic, account.will, qos=QOS)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        return client

    def serve(self, mask: int) -> None:
        """Read and write what the socket is ready for."""
        if mask & selectors.EVENT_READ:
            self._client.loop_read()
        if mask & selectors.EVENT_WRITE and self.state is not SessionState.ENDED:
            self._client.loop_write()
        self.watch()

    def keep_alive(self) -> None:
        """Ping the broker when it is time, and notice when it does not answer."""
        if self.state is not SessionState.ENDED:
            self._client.loop_misc()
            self.watch()

    def publish(self, topic: str, payload: bytes) -> None:
        """Put a message on its way at QoS 1; if it does not arrive, the outbox still has it."""
        if self.state is SessionState.READY:
            self._client.publish(topic, payload, qos=QOS)
            self.watch()

    def leave(self) -> None:
        """Say goodbye, so that the will is not published."""
        if self.state is not SessionState.ENDED:
            self._client.disconnect()
            self._end("left")

    def vanish(self, reason: str) -> None:
        """Fall silent without a goodbye, as a device does that loses power."""
        sock = self._watched
        self._end(reason)
        if sock is not None:
            # paho must not get a chance to say goodbye, so its socket goes first.
            sock.close()

    def watch(self) -> None:
        """Tell the selector what this session now waits for."""
        if self._watched is None:
            return
        mask = selectors.EVENT_READ
        if self._client.want_write():
            mask |= selectors.EVENT_WRITE
        if mask != self._mask:
            self._selector.modify(self._watched, mask, self)
            self._mask = mask

    def _end(self, reason: str) -> None:
        if self.state is not SessionState.ENDED:
            self.state, self.reason = SessionState.ENDED, reason
        self._unwatch()

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._selector.unregister(self._watched)
            self._watched = None

    def _on_socket_open(self, _client: mqtt.Client, _data: object, sock: object) -> None:
        if isinstance(sock, socket.socket):
            self._watched, self._mask = sock, selectors.EVENT_READ
            self._selector.register(sock, self._mask, self)

    def _on_socket_close(self, _client: mqtt.Client, _data: object, _sock: object) -> None:
        self._unwatch()

    def _on_connect(
        self,
        client: mqtt.Client,
        _data: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._end(f"refused: {reason}")
        else:
            client.subscribe(self._account.ack_topic, qos=QOS)

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _data: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._end(f"refused to subscribe: {reasons[0]}")
        elif self.state is SessionState.CONNECTING:
            self.state = SessionState.READY

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic == self._account.ack_topic and len(self.inbox) < INBOX_MAX:
            self.inbox.append(bytes(message.payload))

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _data: object,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._end(f"connection lost: {reason}")
