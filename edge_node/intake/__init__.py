"""From the broker into the store: nothing is acknowledged before it is durable.

Compose as: ``registry = DeviceRegistry(path, station)``; ``broker = make_broker(settings,
registry, password, on_event)``; ``intake = Intake(settings, path, registry, signer, now_ms,
on_event)``; ``intake.start(broker.start())``; later ``intake.stop()``, ``broker.stop()``,
``registry.close()``. ``on_event`` is called from several threads.
"""

from __future__ import annotations

from edge_node.intake.broker import Broker, make_broker
from edge_node.intake.events import OnEvent
from edge_node.intake.intake import Intake, IntakeState

__all__ = ["Broker", "Intake", "IntakeState", "OnEvent", "make_broker"]
