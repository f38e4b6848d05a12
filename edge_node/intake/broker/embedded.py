"""amqtt in the station's own process, on a thread with its own event loop.

Who may connect and what they may do is asked of the device registry itself, at every
step, so that a change takes effect at once. amqtt's persistence is not used: it loses
entries, and nothing here relies on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from amqtt.adapters import StreamWriterAdapter
from amqtt.contexts import Action, BrokerConfig
from amqtt.errors import AMQTTError
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from edge_node.authority import Authority, AuthorityError
from edge_node.config import Settings
from edge_node.intake.broker.access import (
    CONNECTIONS_MAX,
    DEVICE_LEAVES,
    FOREIGN_PREFIX,
    FORMATS,
    BrokerAccess,
    BrokerError,
    ack_topic,
    gateway_topics,
    is_password_among,
    plain_host,
    publish_topics,
    station_user,
)
from edge_node.intake.broker.fanout import FanOutBroker
from edge_node.intake.broker.gate import Login, admitted
from edge_node.intake.broker.redelivery import RedeliveringHandler
from edge_node.intake.broker.secure import SecureDoorway, shows_own_certificate
from edge_node.intake.events import OnEvent
from edge_node.store.database import StoreError
from edge_node.store.devices import DeviceRegistry
from edge_node.store.turns import turn_of

START_S_MAX = 10
STOP_S_MAX = 10
NAME_CHARACTERS_MAX = 48  # of a stranger's name in the log
TAKE_OVER_S_MAX = 2.0  # how long a new connection waits for the end of the old one
TAKE_OVER_STEP_S = 0.02
TEND_S = 0.25  # how soon a revocation reaches a live connection
_LISTENER = "default"


class Door:
    """The access rules, asked at every connection, publication and subscription.

    Parameters
    ----------
    site
        The site in every topic.
    registry
        The devices that may connect.
    user, password
        The station's own login.
    """

    def __init__(self, site: str, registry: DeviceRegistry, user: str, password: str) -> None:
        self._site = site
        self._registry = registry
        self._user = user
        self._password = password
        self._heard = frozenset(f"v1/{site}/+/{leaf}" for leaf in DEVICE_LEAVES)

    def may_enter(self, login: Login) -> bool:
        """Whether a client may connect: its password, its own id as client id, its own will."""
        if not self.knows(login.user, login.password):
            return False
        if login.user == self._user:
            return True
        wills = (None,) if self._registry.is_gateway(login.user) else _wills(self._site, login.user)
        own_will = login.will_topic in wills
        return login.client_id == login.user and own_will and not login.will_retained

    def knows(self, user: str, password: str) -> bool:
        """Whether the password is the user's."""
        if user == self._user:
            return hmac.compare_digest(password.encode(), self._password.encode())
        return is_password_among(password, self._registry.password_hashes(user))

    def allows(self, user: str, topic: str, action: Action) -> bool:
        """Whether a user may publish to, subscribe to, or receive from a topic."""
        if user == self._user:
            return self._allows_station(topic, action)
        if self._registry.is_gateway(user):
            return action == Action.PUBLISH and topic in gateway_topics(self._site, user)
        if self._registry.device(user) is None:
            return False
        if action == Action.PUBLISH:
            return topic in publish_topics(self._site, user)
        return topic == ack_topic(self._site, user)

    def _allows_station(self, topic: str, action: Action) -> bool:
        parts = topic.split("/")
        if parts[0] == FOREIGN_PREFIX:
            kinds = (*FORMATS, "+")
            return action != Action.PUBLISH and parts[1:2] == [self._site] and parts[-1] in kinds
        of_site = len(parts) == len(("v1", "site", "device", "leaf")) and parts[1] == self._site
        if action == Action.PUBLISH:
            return of_site and parts[3] == "ack"
        return topic in self._heard or (of_site and parts[3] in DEVICE_LEAVES)


def _wills(site: str, device: str) -> tuple[str | None, ...]:
    """Where a device's will may go: nowhere, or to its own death."""
    return (None, f"v1/{site}/{device}/d")


@dataclass
class _DoorConfig:
    """How amqtt hands the door to its plugins."""

    door: Any = None


class DoorLogin(BaseAuthPlugin):  # type: ignore[misc]  # the library is untyped here
    """Asks the door whether a client may connect."""

    Config = _DoorConfig

    async def authenticate(self, *, session: Session) -> bool:
        """Whether the session's user and password belong together."""
        return bool(self.config.door.knows(session.username or "", session.password or ""))


class DoorTopics(BaseTopicPlugin):  # type: ignore[misc]  # the library is untyped here
    """Asks the door whether a client may use a topic."""

    Config = _DoorConfig

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Any = None
    ) -> bool:
        """Whether the session's user may do this with the topic."""
        user = session.username if session is not None else None
        return bool(self.config.door.allows(user or "", topic or "", action))


class _Amqtt(FanOutBroker):
    async def _initialize_client_session(self, *connection: Any) -> tuple[Any, Session]:
        _, session = await super()._initialize_client_session(*connection)
        return RedeliveringHandler(self), session

    async def retain_message(self, *_: Any, **__: Any) -> None:
        """Retain nothing: amqtt shows retained messages to every client that reconnects."""


async def drop(writers: Collection[asyncio.StreamWriter]) -> None:
    """End connections at once, whatever they still have to send."""
    for writer in writers:
        writer.transport.abort()
    # Whoever is cancelled while he waits for a connection's end cancels the wait of all: here
    # that is an end like any other, and not this task's own.
    await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


class EmbeddedBroker:
    """A broker for a village, without a service to configure.

    Parameters
    ----------
    settings
        ``site``, ``station``, ``broker_host``, ``broker_port``.
    registry
        The devices that may connect.
    station_password
        The station's own login.
    on_event
        Told when it listens, and of logins and certificates that were refused.
    authority
        The station's certificates, if ``broker_tls`` asks for them.
    """

    def __init__(
        self,
        settings: Settings,
        registry: DeviceRegistry,
        station_password: str,
        on_event: OnEvent,
        authority: Authority | None = None,
    ) -> None:
        self._settings = settings
        self._turn = turn_of(settings.database_path)
        self._doorway = None
        if authority is not None and settings.broker_tls != "off":
            self._doorway = SecureDoorway(settings, authority, on_event)
        self._user = station_user(settings.station)
        self._password = station_password
        self._door = Door(settings.site, registry, self._user, station_password)
        self._on_event = on_event
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening = threading.Event()
        self._stop: asyncio.Event | None = None
        self._port = 0
        self._failure: OSError | AMQTTError | None = None
        self._registry = registry
        # Who is connected, and as whom: None until the login is known.
        self._connections: dict[asyncio.StreamWriter, Login | None] = {}

    def start(self) -> BrokerAccess:
        """Listen; see :class:`edge_node.intake.broker.access.Broker`."""
        # amqtt reports every connection of every device; a station's log has no room for it.
        logging.getLogger("amqtt").setLevel(logging.ERROR)
        logging.getLogger("transitions").setLevel(logging.ERROR)
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self._thread.start()
        if not self._listening.wait(START_S_MAX) or self._failure is not None:
            raise BrokerError(
                f"expected to listen on {self._settings.broker_host}:"
                f"{self._settings.broker_port}: {self._failure or 'no answer'}"
            ) from self._failure
        settings = self._settings
        self._on_event("broker_started", {"broker": "amqtt", "port": self._port})
        if self._doorway is not None:
            self._on_event("broker_secured", {"port": self._doorway.port})
        return BrokerAccess(
            host=plain_host(settings),
            port=self._port,
            user=self._user,
            password=self._password,
            client_id=f"{settings.station}-intake",
            tls_port=self._doorway.port if self._doorway is not None else 0,
        )

    @property
    def is_running(self) -> bool:
        """Whether it listens and looks after its connections."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # its loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_S_MAX)
        self._thread = None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except (OSError, AMQTTError) as error:
            self._failure = error
        finally:
            self._listening.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._amqtt = _Amqtt(self._config())
        await self._amqtt.start()
        server = await asyncio.start_server(
            self._connected, plain_host(self._settings), self._settings.broker_port
        )
        self._port = server.sockets[0].getsockname()[1]
        if self._doorway is not None:
            self._doorway.open(self._registry.revoked_certificates(), self._connected)
        self._listening.set()
        tending = asyncio.create_task(self._tend())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait((tending, stopping), return_when=asyncio.FIRST_COMPLETED)
        ended = tending.done()
        tending.cancel()
        stopping.cancel()
        await self._close(server)
        if ended:
            # Nobody would end revoked connections any more: better no broker than that one.
            tending.result()

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        if self._doorway is not None:
            await self._doorway.close()
        await self._amqtt.shutdown()
        await drop(tuple(self._connections))

    def _config(self) -> BrokerConfig:
        door = {"door": self._door}
        return BrokerConfig.from_dict(
            {
                "listeners": {_LISTENER: {"type": "external"}},
                "plugins": {
                    f"{__name__}.{DoorLogin.__name__}": door,
                    f"{__name__}.{DoorTopics.__name__}": door,
                },
            }
        )

    async def _connected(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= CONNECTIONS_MAX:
            writer.close()
            return
        self._connections[writer] = None
        try:
            reader = await admitted(
                stream, writer, lambda login: self._enters(writer, login), self._turn
            )
            if reader is not None:
                await self._take_over(writer)
                await self._amqtt.external_connected(reader, StreamWriterAdapter(writer), _LISTENER)
        finally:
            self._connections.pop(writer, None)
            writer.close()

    def _enters(self, writer: asyncio.StreamWriter, login: Login) -> bool:
        if not self._door.may_enter(login) or not shows_own_certificate(writer, login):
            self._on_event("device_refused", {"device": login.user[:NAME_CHARACTERS_MAX]})
            return False
        self._connections[writer] = login
        return True

    async def _take_over(self, writer: asyncio.StreamWriter) -> None:
        """End the connection that this client still has: amqtt would leave both, half deaf.

        After a half-open link, that is the device itself; else somebody has its password.
        MQTT 3.1.1, 3.1.4-2.
        """
        login = self._connections[writer]
        others = [
            other
            for other, known in self._connections.items()
            if other is not writer
            and login is not None
            and known is not None
            and (known.user, known.client_id) == (login.user, login.client_id)
        ]
        for other in others:
            other.transport.abort()
            self._on_event("device_taken_over", {"device": login.user if login else ""})
        for _ in range(round(TAKE_OVER_S_MAX / TAKE_OVER_STEP_S)):
            if not any(other in self._connections for other in others):
                return
            await asyncio.sleep(TAKE_OVER_STEP_S)

    async def _tend(self) -> None:
        """End connections whose login no longer counts: revoked, rotated, removed."""
        version = -1
        while True:
            await asyncio.sleep(TEND_S)
            try:
                now = self._registry.version()
                stale = self._doorway is not None and self._doorway.is_stale
                if now == version and not stale:
                    continue
                for writer, login in tuple(self._connections.items()):
                    if login is not None and not self._door.may_enter(login):
                        writer.transport.abort()
                        self._on_event("device_disconnected", {"device": login.user})
                if self._doorway is not None:
                    self._doorway.renew(self._registry.revoked_certificates())
                version = now
            except (StoreError, AuthorityError) as error:
                # The store is the intake's to complain about; look again when it is back.
                self._on_event("device_check_waits", {"code": error.code})
