"""The broker that devices talk to: in process, Mosquitto as a child, or someone else's.

Whichever it is, it is a carrier only. Its PUBACK is not durability; see the intake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_node.config import Settings
from edge_node.intake.broker.access import Broker, station_user
from edge_node.intake.events import OnEvent
from edge_node.store.devices import DeviceRegistry

if TYPE_CHECKING:
    from edge_node.authority import Authority

__all__ = ["Broker", "make_broker", "station_user"]


def make_broker(
    settings: Settings,
    registry: DeviceRegistry,
    station_password: str,
    on_event: OnEvent,
    authority: Authority | None = None,
) -> Broker:
    """The broker that the settings ask for, not started.

    Parameters
    ----------
    settings
        ``broker`` and what belongs to it.
    registry
        The devices that may connect.
    station_password
        The station's own login, random at each start; not used by an external broker.
    on_event
        Told of starts and reloads.
    authority
        The station's certificates; needed if ``broker_tls`` is not ``off``.
    """
    # One broker is needed, and amqtt or X.509 alone take ten megabytes of memory.
    if settings.broker == "mosquitto":
        from edge_node.intake.broker.mosquitto import MosquittoBroker  # noqa: PLC0415

        return MosquittoBroker(settings, registry, station_password, on_event, authority)
    if settings.broker == "external":
        from edge_node.intake.broker.external import ExternalBroker  # noqa: PLC0415

        return ExternalBroker(settings)
    from edge_node.intake.broker.embedded import EmbeddedBroker  # noqa: PLC0415

    return EmbeddedBroker(settings, registry, station_password, on_event, authority)
