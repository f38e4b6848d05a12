"""What amqtt had sent and nobody acknowledged, when a link ends: it is sent again.

amqtt forgets a message as soon as its receiver's link drops or five seconds have passed.
Harvestline's own devices ask again from their outbox; a foreign gateway cannot.
"""

from __future__ import annotations

from typing import Any

from amqtt.broker import Broker as Amqtt
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.puback import PubackPacket
from amqtt.session import OUTGOING

from edge_node.intake.broker.access import FOREIGN_PREFIX


class RedeliveringHandler(BrokerProtocolHandler):  # type: ignore[misc]  # the library is untyped here
    """One client's connection, which hands back what it could not deliver.

    Parameters
    ----------
    broker
        Takes back what its receiver has not acknowledged when the connection ends.
    """

    def __init__(self, broker: Amqtt) -> None:
        super().__init__(broker.plugins_manager, loop=broker._loop)
        self._broker = broker
        self._held: dict[int, Any] = {}

    async def stop(self) -> None:
        """End the connection; what was not acknowledged goes round once more."""
        await super().stop()
        held, self._held = self._held, {}
        for message in held.values():
            await self._broker.internal_message_broadcast(message.topic, message.data)

    async def handle_puback(self, puback: PubackPacket) -> None:
        """Forget what the client acknowledged, however late."""
        self._held.pop(puback.packet_id, None)
        await super().handle_puback(puback)

    async def _handle_qos1_message_flow(self, app_message: Any) -> None:
        foreign = app_message.topic.startswith(f"{FOREIGN_PREFIX}/")
        if foreign and app_message.direction == OUTGOING:
            self._held[app_message.packet_id] = app_message
        await super()._handle_qos1_message_flow(app_message)
