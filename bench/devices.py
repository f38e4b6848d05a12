"""Devices that cost next to nothing: one thread, ready-made packets, MQTT 3.1.1 at QoS 1.

A client library of Python takes a tenth of a millisecond a message, as much as what is to
be measured; on two cores the devices would then set the pace for whoever is heard. Each
device has its own connection and login, and so many messages in flight as firmware has.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

IN_FLIGHT_MAX = 20  # of each device
_CONNACK, _PUBACK, _PUBACK_BYTES = 0x20, 0x40, 4
_ID_MAX = 65_535
_READ_BYTES = 65_536
_WAIT_S = 0.1


@dataclass(slots=True)
class _Device:
    """A connection: what is still to be sent, and how much is on its way."""

    sock: socket.socket
    packets: Sequence[bytes]
    next_index: int = 0
    acknowledged: int = 0
    pending: bytes = b""
    unread: bytearray = field(default_factory=bytearray)

    def send(self) -> None:
        """As many messages as may be in flight, as far as the socket takes them."""
        last = min(len(self.packets), self.acknowledged + IN_FLIGHT_MAX)
        self.pending += b"".join(self.packets[self.next_index : last])
        self.next_index = last
        if self.pending:
            try:
                self.pending = self.pending[self.sock.send(self.pending) :]
            except BlockingIOError:
                return

    def hear(self) -> None:
        """Count the acknowledgements; all packets that a broker sends a publisher have 4 bytes."""
        said = self.sock.recv(_READ_BYTES)
        assert said, "the broker has closed a device's connection"
        self.unread += said
        while len(self.unread) >= _PUBACK_BYTES:
            assert self.unread[0] == _PUBACK, f"expected a PUBACK, got {self.unread[0]:#x}"
            del self.unread[:_PUBACK_BYTES]
            self.acknowledged += 1


class Devices(threading.Thread):
    """Publish every device's messages as fast as the broker takes them, then leave.

    Parameters
    ----------
    port
        Where the broker listens.
    logins
        Device to password.
    messages
        Device to topic and payloads.
    """

    def __init__(
        self,
        port: int,
        logins: Mapping[str, str],
        messages: Mapping[str, tuple[str, Sequence[bytes]]],
    ) -> None:
        super().__init__(name="devices")
        self._devices = [
            _Device(_connected(port, name, logins[name]), _packets(*messages[name]))
            for name in logins
        ]
        self.finished = False
        self._leaving = threading.Event()

    def run(self) -> None:
        """Publish everything and wait for the acknowledgements."""
        with selectors.DefaultSelector() as ready:
            for device in self._devices:
                ready.register(device.sock, selectors.EVENT_READ, device)
                device.send()
            while not self._leaving.is_set() and self._unacknowledged():
                for key, _ in ready.select(_WAIT_S):
                    key.data.hear()
                    key.data.send()
                for device in self._devices:
                    if device.pending:
                        device.send()
        self.finished = not self._unacknowledged()

    def leave(self) -> None:
        """Close the connections; what was not sent by then never is."""
        self._leaving.set()
        self.join()
        for device in self._devices:
            device.sock.close()

    def _unacknowledged(self) -> int:
        return sum(len(device.packets) - device.acknowledged for device in self._devices)


def _connected(port: int, name: str, password: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Clean session, user name, password; no keepalive.
    head = _text("MQTT") + bytes((4, 0b1100_0010)) + struct.pack("!H", 0)
    sock.sendall(_packet(0x10, head + _text(name) + _text(name) + _text(password)))
    answer = sock.recv(4)
    assert answer[:1] == bytes((_CONNACK,)), answer
    assert answer[3] == 0, f"the broker refused {name}: {answer[3]}"
    sock.settimeout(0)
    return sock


def _packets(topic: str, payloads: Sequence[bytes]) -> list[bytes]:
    head = _text(topic)
    return [
        _packet(0x32, head + struct.pack("!H", number % _ID_MAX + 1) + payload)
        for number, payload in enumerate(payloads)
    ]


def _packet(kind: int, body: bytes) -> bytes:
    length, left = bytearray(), len(body)
    while left > 127:
        length.append(left & 127 | 128)
        left >>= 7
    length.append(left)
    return bytes((kind,)) + bytes(length) + body


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("!H", len(raw)) + raw
