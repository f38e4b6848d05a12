"""A plain door on the loopback that goes on over TLS: for clients that speak none."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
CHUNK_BYTES = 64 * 1024


class TlsDoor:
    """Takes connections on ``port`` and opens one over TLS for each.

    Parameters
    ----------
    to_port
        Where TLS is spoken on the loopback.
    context
        What the other side's certificate is held against.
    """

    def __init__(self, to_port: int, context: ssl.SSLContext) -> None:
        self._to_port, self._context = to_port, context
        self._loop = asyncio.new_event_loop()
        self._open = threading.Event()
        self.port = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, daemon=True).start()
        assert self._open.wait(30)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._carry, HOST, 0))
        self.port = server.sockets[0].getsockname()[1]
        self._open.set()
        self._loop.run_forever()

    async def _carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            far, forth = await asyncio.open_connection(HOST, self._to_port, ssl=self._context)
            await asyncio.gather(_pump(near, forth), _pump(far, back))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await source.read(CHUNK_BYTES):
            sink.write(data)
            await sink.drain()
    sink.close()
