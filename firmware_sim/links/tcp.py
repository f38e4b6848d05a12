"""A real TCP link between two processes that can be cut, mended, slowed and broken.

It listens on 127.0.0.1 and carries every connection to its target. Cut means what a
dead network means: new connections are refused and existing ones are reset; silent
means a half-open line, on which nothing moves and nobody is told. The event loop
runs in one thread of its own; every method may be called from any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self, TypeVar

import numpy as np

from core.errors import HarvestlineError
from firmware_sim.config import SettingError

Result = TypeVar("Result")
HOST = "127.0.0.1"
CHUNK_BYTES = 16 * 1024
CHUNKS_UNDER_WAY_MAX = 1024
CONTROL_S_MAX = 10
MS_PER_S = 1000
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class LinkError(HarvestlineError):
    """The link's listening port could not be used."""

    code = "HL-SIM-006"


class LinkState(Enum):
    """What a link does with connections."""

    OPEN = "open"
    CUT = "cut"  # refuses new connections and resets existing ones
    SILENT = "silent"  # accepts, carries nothing, tells nobody


@dataclass(frozen=True, slots=True)
class LinkShape:
    """How well an open link carries.

    Parameters
    ----------
    delay_ms
        What every chunk takes in each direction, one after the other [ms].
    latency_ms
        What every byte takes in each direction, many under way at once, as on a radio
        link; a new connection takes a round trip more [ms].
    bytes_per_s
        Greatest rate of one connection in each direction [bytes/s]; 0 for no limit.
    drop_after_bytes_mean
        Mean number of bytes after which a connection breaks, by chance [bytes]; 0 for never.
    """

    delay_ms: int = 0
    bytes_per_s: int = 0
    drop_after_bytes_mean: int = 0
    latency_ms: int = 0

    def __post_init__(self) -> None:
        numbers = (self.delay_ms, self.bytes_per_s, self.drop_after_bytes_mean, self.latency_ms)
        if min(numbers) < 0:
            raise SettingError(f"expected a link's numbers from 0, got {self}")


@dataclass(slots=True)
class LinkCounts:
    """What a link has done so far."""

    connections: int = 0
    dropped: int = 0
    carried_bytes: int = 0


class TcpLink:
    """A proxy in front of ``target_host:target_port``.

    Parameters
    ----------
    target_host, target_port
        Where connections are carried to.
    rng
        Chance, for connections that break.
    shape
        How well it carries at first.
    port
        Where it listens; 0 for any free port.
    """

    def __init__(
        self,
        target_host: str,
        target_port: int,
        rng: np.random.Generator,
        shape: LinkShape | None = None,
        port: int = 0,
    ) -> None:
        self.counts = LinkCounts()
        self.port = port
        self._target = (target_host, target_port)
        self._rng = rng
        self._shape = shape or LinkShape()
        self._state = LinkState.OPEN
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._reservation: socket.socket | None = None
        self._carrying: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def state(self) -> LinkState:
        """What the link does with connections now."""
        return self._state

    def start(self) -> int:
        """Begin to listen; returns the port.

        Raises
        ------
        LinkError
            If the port is taken.
        """
        self._reservation = _bound(self.port)
        self.port = self._reservation.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-link", daemon=True)
        self._thread.start()
        self._call(self._become(LinkState.OPEN))
        return self.port

    def stop(self) -> None:
        """Drop everything and end the thread; stopping twice does nothing."""
        if self._loop is None or self._thread is None:
            return
        self._call(self._become(LinkState.CUT))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CONTROL_S_MAX)
        self._loop.close()
        self._loop = None
        if self._reservation is not None:
            self._reservation.close()

    def cut(self) -> None:
        """Refuse new connections and reset those that exist."""
        self._call(self._become(LinkState.CUT))

    def silence(self) -> None:
        """Keep connections, but carry nothing: a half-open line."""
        self._call(self._become(LinkState.SILENT))

    def mend(self) -> None:
        """Carry again."""
        self._call(self._become(LinkState.OPEN))

    def reshape(self, shape: LinkShape) -> None:
        """Carry better or worse from the next chunk on."""
        self._shape = shape

    def drop_connections(self) -> None:
        """Reset the connections that exist, and go on accepting."""
        self._call(self._drop())

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        if self._loop is None:
            work.close()
            raise SettingError("expected a running link: call start() first")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CONTROL_S_MAX)

    async def _become(self, state: LinkState) -> None:
        self._state = state
        if state is LinkState.OPEN:
            self._flowing.set()
        else:
            self._flowing.clear()
        if state is LinkState.CUT:
            if self._server is not None:
                self._server.close()
                self._server = None
            await self._drop()
        elif self._server is None:
            listening = _bound(self.port)
            self._server = await asyncio.start_server(self._accepted, sock=listening)

    async def _drop(self) -> None:
        for task in self._carrying:
            task.cancel()
        if self._carrying:
            await asyncio.wait(self._carrying)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:  # asyncio.start_server always runs this in a task
            return
        self.counts.connections += 1
        self._carrying.add(task)
        try:
            await self._carry(reader, writer)
        except asyncio.CancelledError:
            self.counts.dropped += 1
        finally:
            self._carrying.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry both ways until both ends are done, or reset both when anything breaks."""
        with contextlib.ExitStack() as ends:
            ends.callback(_reset, writer)
            await self._flowing.wait()
            await asyncio.sleep(2 * self._shape.latency_ms / MS_PER_S)
            try:
                far_reader, far_writer = await asyncio.open_connection(*self._target)
            except OSError:
                return  # the near end learns by the reset that nobody is there
            ends.callback(_reset, far_writer)
            left = _Budget(self._bytes_until_drop())
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pump(reader, far_writer, left))
                    both.create_task(self._pump(far_reader, writer, left))
            except* (_BrokenError, OSError):
                self.counts.dropped += 1
            else:
                ends.pop_all()
                writer.close()
                far_writer.close()

    def _bytes_until_drop(self) -> int:
        mean = self._shape.drop_after_bytes_mean
        return 1 + int(self._rng.exponential(mean)) if mean else 0

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: _Budget
    ) -> None:
        """Carry one way: what has been read waits under way until its time has come."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_UNDER_WAY_MAX)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._take_in(reader, under_way))
            both.create_task(self._hand_out(under_way, writer, left))

    async def _take_in(
        self, reader: asyncio.StreamReader, under_way: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        loop, data = asyncio.get_running_loop(), b"."
        while data:
            data = await reader.read(self._chunk_bytes())
            await self._pace(len(data))
            await under_way.put((loop.time() + self._shape.latency_ms / MS_PER_S, data))

    async def _hand_out(
        self,
        under_way: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
        left: _Budget,
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s, data = await under_way.get()
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            await self._flowing.wait()
            if not data:
                break
            taken = left.take(data)
            writer.write(taken)
            await writer.drain()
            self.counts.carried_bytes += len(taken)
            if left.is_spent:
                raise _BrokenError
        writer.write_eof()

    def _chunk_bytes(self) -> int:
        """A tenth of a second's worth on a slow line, so that it trickles and does not gulp."""
        rate = self._shape.bytes_per_s
        return max(1, min(CHUNK_BYTES, rate // 10)) if rate else CHUNK_BYTES

    async def _pace(self, count_bytes: int) -> None:
        shape = self._shape
        pause_s = shape.delay_ms / MS_PER_S
        if shape.bytes_per_s:
            pause_s += count_bytes / shape.bytes_per_s
        if pause_s:
            await asyncio.sleep(pause_s)


class _BrokenError(Exception):
    """A connection has come to the end that chance gave it."""


class _Budget:
    """How many bytes a connection may still carry; 0 at the start for no bound."""

    def __init__(self, count_bytes: int) -> None:
        self._is_bounded = count_bytes > 0
        self._left = count_bytes

    @property
    def is_spent(self) -> bool:
        return self._is_bounded and self._left <= 0

    def take(self, data: bytes) -> bytes:
        if not self._is_bounded:
            return data
        taken = data[: self._left]
        self._left -= len(taken)
        return taken


def _bound(port: int) -> socket.socket:
    """A socket bound to a port on the loopback.

    While the link is cut only the first of them remains. It never listens, so
    connections are refused, and nobody else can take the port meanwhile.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        made.bind((HOST, port))
    except OSError as error:
        made.close()
        raise LinkError(f"expected port {port} on {HOST} to be free: {error}") from error
    return made


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection at once; what was not yet delivered is lost, as on a cut wire."""
    end: socket.socket | None = writer.get_extra_info("socket")
    if end is not None and end.fileno() >= 0:
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
