"""Who may do what at the broker, and how the station itself logs in.

The rules are the same for every broker: a device publishes only on its own three
topics and hears only its own acknowledgements; the station hears all of these and
publishes acknowledgements. A gateway of foreign devices publishes on its own topics,
one for each format, and hears nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from core.wire.telemetry import topic
from edge_node.config import LOOPBACK_ADDRESS, Settings

PACKET_BYTES_MAX = 256 * 1024  # a larger packet ends the connection
CONNECTIONS_MAX = 1_024
DEVICE_LEAVES = ("t", "b", "d")
ACK_LEAF = "ack"
FOREIGN_PREFIX = "f1"
FORMATS = ("chirpstack-up", "bthome", "ear-tags", "senml")
# Passwords are 192 random bits or more; iterations guard weak ones and would only slow a reload.
_ITERATIONS = 101
_SALT_BYTES = 12


class BrokerError(HarvestlineError):
    """The broker cannot be started or reached."""

    code = "HL-EDGE-004"


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """Where a broker listens and how the station logs in; ``tls_port`` 0 without TLS."""

    host: str
    port: int
    user: str
    password: str
    client_id: str
    tls_port: int = 0


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

    @property
    def is_running(self) -> bool:
        """Whether what keeps it listening lives; of someone else's broker nobody knows."""
        ...

    def stop(self) -> None:
        """Stop listening; safe to call twice."""
        ...


def plain_host(settings: Settings) -> str:
    """Where the plain listener is: on the loopback only, once devices come over TLS."""
    return settings.broker_host if settings.broker_tls == "off" else LOOPBACK_ADDRESS


def station_user(station: str) -> str:
    """The station's user name; no device id can begin with ``@``."""
    return f"@{station}"


def is_password_among(password: str, hashes: Iterable[str]) -> bool:
    """Whether a password has one of these hashes."""
    found = sha256_hex(password.encode())
    return any(hmac.compare_digest(found, each) for each in hashes)


def publish_topics(site: str, device: str) -> tuple[str, ...]:
    """What a device may publish."""
    return tuple(topic(site, device, leaf) for leaf in DEVICE_LEAVES)


def password_hash(user: str, password: str) -> str:
    """A password as Mosquitto keeps it (format ``$7$``: PBKDF2-HMAC-SHA-512)."""
    # The salt need only differ between users, and must not change with every reload.
    salt = hashlib.sha256(f"{user}\0{password}".encode()).digest()[:_SALT_BYTES]
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    parts = (base64.b64encode(part).decode() for part in (salt, key))
    return f"$7${_ITERATIONS}${'$'.join(parts)}"


def gateway_topic(site: str, gateway: str, kind: str) -> str:
    """Where a gateway publishes messages of a format."""
    return f"{FOREIGN_PREFIX}/{site}/{gateway}/{kind}"


def gateway_topics(site: str, gateway: str) -> tuple[str, ...]:
    """What a gateway may publish."""
    return tuple(gateway_topic(site, gateway, kind) for kind in FORMATS)


def ack_topic(site: str, device: str) -> str:
    """What a device may hear."""
    return topic(site, device, ACK_LEAF)


def missing(wanted: Iterable[str], found: Iterable[str]) -> tuple[str, ...]:
    """Names that are wanted and not found, in order."""
    return tuple(sorted(set(wanted) - set(found)))
