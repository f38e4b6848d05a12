"""How amqtt hands a message round, for a thousand subscribers instead of a few.

amqtt holds every message against every subscription. Each device has one of its own, so
with a thousand devices that is a thousand comparisons a message. All filters but the
station's own few are exact, so one look into the dictionary does for them.

It also sends a subscriber everything at once and gives up, for good, what is not
acknowledged within 5 s. A thousand devices that speak at the same minute would lose what
the station cannot commit in that time; so only so many messages are on their way at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from typing import Any

from amqtt.broker import Broker as Amqtt
from amqtt.contexts import Action, BrokerConfig
from amqtt.session import Session

Subscribers = list[tuple[Session, int]]
IN_FLIGHT_MAX = 500  # to one subscriber: what the station commits as one batch
_CONNECTED = "connected"


class SteadySubscriptions(dict[str, Subscribers]):
    """Subscriptions that may change while a message is handed round.

    amqtt walks them with an await in between; a device that connects meanwhile would
    end that walk with an error, and the message with it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._wild: set[str] = set()

    def __setitem__(self, name: str, subscribers: Subscribers) -> None:
        super().__setitem__(name, subscribers)
        if "+" in name or "#" in name:
            self._wild.add(name)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._wild.discard(name)

    def items(self) -> Any:
        """The subscriptions as they are now."""
        return [(name, list(sessions)) for name, sessions in super().items()]

    def __iter__(self) -> Iterator[str]:
        return iter(list(super().keys()))

    def candidates(self, topic: str) -> list[str]:
        """The filters that a topic may match: its own name, and those with wildcards."""
        exact = [topic] if topic in self else []
        return exact + sorted(self._wild)


class FanOutBroker(Amqtt):  # type: ignore[misc]  # the library is untyped here
    """amqtt with :class:`SteadySubscriptions`, looked up instead of searched."""

    _subscriptions: SteadySubscriptions

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__(config)
        self._subscriptions = SteadySubscriptions()
        self._turns: dict[str, asyncio.Semaphore] = {}  # by client id: as many as devices

    async def _run_broadcast(self, running_tasks: deque[asyncio.Task[Any]]) -> None:
        broadcast = await self._broadcast_queue.get()
        topic = broadcast["topic"]
        for name in self._subscriptions.candidates(topic):
            if self._matches(topic, name):
                for session, subscribed_qos in list(self._subscriptions.get(name, ())):
                    qos = broadcast.get("qos", subscribed_qos)
                    await self._handed_on(broadcast, session, qos, running_tasks)

    async def _handed_on(
        self,
        broadcast: dict[str, Any],
        session: Session,
        qos: int,
        running_tasks: deque[asyncio.Task[Any]],
    ) -> None:
        """Give a message to one subscriber, or keep it for one that is away (MQTT 3.1.2.4)."""
        topic = broadcast["topic"]
        if not await self._topic_filtering(session, topic=topic, action=Action.RECEIVE):
            return
        if session.transitions.state != _CONNECTED:
            if not session.clean_session and qos:
                await self._retain_broadcast_message(broadcast, qos, session)
            return
        handler = self._get_handler(session)
        if handler:
            turn = self._turns.setdefault(session.client_id or "", asyncio.Semaphore(IN_FLIGHT_MAX))
            sending = _in_turn(turn, handler, broadcast, qos)
            running_tasks.append(asyncio.ensure_future(sending))


async def _in_turn(
    turn: asyncio.Semaphore, handler: Any, broadcast: dict[str, Any], qos: int
) -> None:
    """Send a message when there is room on the way; its 5 s begin then.

    Nothing hangs on one that is given up: devices send again what no watermark covers,
    and the station tells its watermark again.
    """
    async with turn:
        with contextlib.suppress(TimeoutError):
            await handler.mqtt_publish(broadcast["topic"], broadcast["data"], qos, retain=False)
