"""The embedded broker's doorway over TLS.

Each connection is taken by hand, so that a handshake that fails is told by name (wrong
certificate, revoked, expired, none), and so that new certificates and revocations count
from the next connection on, without a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from edge_node.authority import Authority
from edge_node.config import Settings
from edge_node.intake.broker.access import CONNECTIONS_MAX
from edge_node.intake.broker.gate import CONNECT_S_MAX, Login
from edge_node.intake.events import OnEvent

BACKLOG = 128
_WORD_CHARACTERS_MAX = 120
_ACCEPT_PAUSE_S = 0.2  # after the system refused a connection's descriptor

OnConnected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class SecureDoorway:
    """Listens over TLS and hands connections on whose handshake was good.

    Parameters
    ----------
    settings
        ``broker_host``, ``broker_tls``, ``broker_tls_port``.
    authority
        The station's certificates.
    on_event
        Told of every handshake that failed, in OpenSSL's own words.
    """

    def __init__(self, settings: Settings, authority: Authority, on_event: OnEvent) -> None:
        self._settings = settings
        self._authority = authority
        self._on_event = on_event
        self._context: ssl.SSLContext | None = None
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewals_count = 0
        self.port = 0

    def open(self, revoked: tuple[tuple[str, int], ...], on_connected: OnConnected) -> None:
        """Listen from now on, on the running loop."""
        self.renew(revoked)
        address = (self._settings.broker_host, self._settings.broker_tls_port)
        self._listener = socket.create_server(address, backlog=BACKLOG)
        self._listener.settimeout(0)
        self.port = self._listener.getsockname()[1]
        self._begin(self._accept(self._listener, on_connected))

    @property
    def is_stale(self) -> bool:
        """Whether the station has a newer certificate than the one that is shown."""
        return self._renewals_count != self._authority.renewals_count

    def renew(self, revoked: tuple[tuple[str, int], ...]) -> None:
        """Take up the certificates and revocations as they are now."""
        self._renewals_count = self._authority.renewals_count
        self._authority.write_revoked(revoked)
        mutual = self._settings.broker_tls == "mutual"
        self._context = self._authority.server_context(mutual=mutual)

    async def close(self) -> None:
        """Stop listening; connections that stand are the broker's to end."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    async def _accept(self, listener: socket.socket, on_connected: OnConnected) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError:
                # Out of descriptors, or the client has gone already; the next may do.
                await asyncio.sleep(_ACCEPT_PAUSE_S)
                continue
            if len(self._tasks) > CONNECTIONS_MAX:
                connection.close()
                continue
            self._begin(self._serve(connection, on_connected))

    async def _serve(self, connection: socket.socket, on_connected: OnConnected) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=self._context, ssl_handshake_timeout=CONNECT_S_MAX
            )
        except OSError as error:
            connection.close()
            self._on_event("tls_refused", {"reason": _word(error)})
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        await on_connected(reader, writer)

    def _begin(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            error = task.exception()
            if isinstance(error, OSError):
                self._on_event("tls_connection_lost", {"reason": _word(error)})
            elif error is not None:
                raise error


def shows_own_certificate(writer: asyncio.StreamWriter, login: Login) -> bool:
    """Whether a client that showed a certificate showed its own; without one, it did not lie."""
    shown = writer.get_extra_info("peercert")
    if not shown:
        return True
    names = [value for part in shown["subject"] for name, value in part if name == "commonName"]
    return names == [login.user]


def _word(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message[:_WORD_CHARACTERS_MAX]
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()[:_WORD_CHARACTERS_MAX]
    return type(error).__name__
