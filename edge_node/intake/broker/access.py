"""Who may do what at the broker, and how the station itself logs in.

The rules are the same for every broker: a device publishes only on its own three
topics and hears only its own acknowledgements; the station hears all of these and
publishes acknowledgements.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from core.wire.registry import Device
from core.wire.telemetry import topic

PACKET_BYTES_MAX = 256 * 1024  # a larger packet ends the connection
CONNECTIONS_MAX = 1_024
DEVICE_LEAVES = ("t", "b", "d")
ACK_LEAF = "ack"


class BrokerError(HarvestlineError):
    """The broker cannot be started or reached."""

    code = "HL-EDGE-004"


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """Where a broker listens and how the station logs in."""

    host: str
    port: int
    user: str
    password: str
    client_id: str


class Broker(Protocol):
    """Something that carries messages between devices and the intake."""

    def start(self) -> BrokerAccess:
        """Begin to listen; where, and the station's login.

        Raises
        ------
        BrokerError
            If it cannot.
        """
        ...

    def stop(self) -> None:
        """Stop listening; safe to call twice."""
        ...


def station_user(station: str) -> str:
    """The station's user name; no device id can begin with ``@``."""
    return f"@{station}"


def is_password_of(device: Device, password: str) -> bool:
    """Whether a password is the one whose hash is registered."""
    return hmac.compare_digest(sha256_hex(password.encode()), device.password_sha256)


def publish_topics(site: str, device: str) -> tuple[str, ...]:
    """What a device may publish."""
    return tuple(topic(site, device, leaf) for leaf in DEVICE_LEAVES)


def ack_topic(site: str, device: str) -> str:
    """What a device may hear."""
    return topic(site, device, ACK_LEAF)


def missing(wanted: Iterable[str], found: Iterable[str]) -> tuple[str, ...]:
    """Names that are wanted and not found, in order."""
    return tuple(sorted(set(wanted) - set(found)))
