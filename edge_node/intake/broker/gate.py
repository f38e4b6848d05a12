"""Looks at a connection before amqtt does, and bounds what amqtt may read.

amqtt takes over an existing session before it has checked a password, publishes a
will without asking the access rules, reads packets of any size into memory, and
never drops a client that has fallen silent. So the first packet of a connection is
read and judged here; a connection that passes is handed on with a bounded reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from amqtt.adapters import BufferReader, ReaderAdapter
from amqtt.errors import AMQTTError
from amqtt.mqtt.connect import ConnectPacket

from edge_node.intake.broker.access import PACKET_BYTES_MAX
from edge_node.store.turns import Turn

CONNECT_S_MAX = 10
CONNECT_BYTES_MAX = 128 * 1024  # a will of 64 KiB and its strings
STAND_BACK_STEP_S = 0.005
_CONNECT = 0x10
_LENGTH_BYTES_MAX = 4
_REFUSED = bytes([0x20, 2, 0, 5])  # CONNACK, not authorised (MQTT 3.1.1, 3.2.2.3)


@dataclass(frozen=True, slots=True)
class Login:
    """What a client says of itself when it connects."""

    client_id: str
    user: str
    password: str
    will_topic: str | None
    will_retained: bool
    keepalive_s: int


class BoundedReader(ReaderAdapter):  # type: ignore[misc]  # the library is untyped here
    """Gives amqtt the bytes of a connection, until a packet is too large or silence too long.

    Both look to amqtt like the end of the stream, upon which it publishes the will.

    Parameters
    ----------
    first
        Bytes that were read already.
    stream
        The rest of the connection.
    keepalive_s
        What the client promised [s]; 0 for no promise.
    turn
        Whoever is in a hurry to write goes before the reading of messages.
    """

    def __init__(
        self, first: bytes, stream: asyncio.StreamReader, keepalive_s: int, turn: Turn
    ) -> None:
        self._first = first
        self._stream = stream
        self._turn = turn
        self._silence_s_max = 1.5 * keepalive_s
        self._heard_s = asyncio.get_running_loop().time()
        self._ended = False

    async def read(self, n: int = -1) -> bytes:
        """The next ``n`` bytes; fewer at the end."""
        if n > PACKET_BYTES_MAX or n < 0 or self._is_silent():
            self._ended = True
        if self._ended:
            return b""
        while (left_s := self._turn.stand_back_s()) > 0:
            await asyncio.sleep(min(left_s, STAND_BACK_STEP_S))
        taken, self._first = self._first[:n], self._first[n:]
        if len(taken) < n:
            try:
                taken += await self._stream.readexactly(n - len(taken))
            except (asyncio.IncompleteReadError, OSError):
                self._ended = True
                return b""
        self._heard_s = asyncio.get_running_loop().time()
        return taken

    def feed_eof(self) -> None:
        """End the stream."""
        self._ended = True

    def _is_silent(self) -> bool:
        # amqtt gives up each read after one keepalive and reads again.
        silent_s = asyncio.get_running_loop().time() - self._heard_s
        return 0 < self._silence_s_max <= silent_s


async def admitted(
    stream: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    may_enter: Callable[[Login], bool],
    turn: Turn,
) -> BoundedReader | None:
    """A reader of the whole connection if its client may enter; else None, and it is closed.

    Parameters
    ----------
    stream, writer
        The connection.
    may_enter
        Judges the login.
    turn
        Whose turn it is to write at this station.
    """
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            raw = await _first_packet(stream)
            login = await _login(raw) if raw else None
    except (TimeoutError, asyncio.IncompleteReadError, OSError):
        login, raw = None, b""
    if login is not None and may_enter(login):
        return BoundedReader(raw, stream, login.keepalive_s, turn)
    if login is not None:
        writer.write(_REFUSED)
    writer.close()
    return None


async def _first_packet(stream: asyncio.StreamReader) -> bytes:
    """The bytes of the first packet; empty if it is not a CONNECT of a sane size."""
    head = await stream.readexactly(1)
    length = 0
    for i in range(_LENGTH_BYTES_MAX):
        byte = await stream.readexactly(1)
        head += byte
        length += (byte[0] & 0x7F) << (7 * i)
        if not byte[0] & 0x80:
            break
    if head[0] != _CONNECT or head[-1] & 0x80 or length > CONNECT_BYTES_MAX:
        return b""
    return head + await stream.readexactly(length)


async def _login(raw: bytes) -> Login | None:
    try:
        packet = await ConnectPacket.from_stream(BufferReader(raw))
    except (AMQTTError, ValueError, TypeError):
        return None  # malformed: the client gets no answer, as MQTT 3.1.1 section 3.1 has it
    return Login(
        client_id=packet.client_id or "",
        user=packet.username or "",
        password=packet.password or "",
        will_topic=packet.will_topic if packet.will_flag else None,
        will_retained=bool(packet.will_flag and packet.will_retain_flag),
        keepalive_s=packet.keep_alive,
    )
