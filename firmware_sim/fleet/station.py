"""What a device and its station say to each other, as signed bytes on topics."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ShapeError, SignatureError
from core.shape import decode, encode
from core.signing import Signer, Verifier, open_document, sign_document
from core.wire.telemetry import (
    BATCH,
    BIRTH,
    DEATH,
    MESSAGE_BYTES_MAX,
    WATERMARK,
    Batch,
    Birth,
    Watermark,
    require_name,
    topic,
)
from firmware_sim.config import SettingError
from firmware_sim.device import machine
from firmware_sim.device.machine import Device, Message
from firmware_sim.fleet.member import Member
from firmware_sim.fleet.session import Account
from firmware_sim.keys import KeyRing


@dataclass(frozen=True, slots=True)
class Uplink:
    """Where a fleet's devices report to.

    Parameters
    ----------
    site
        The station's site, part of every topic.
    host, port
        Where its broker listens.
    station
        Knows the station's public key; whatever another key signs is ignored.
    keepalive_s
        How long the broker waits before it declares a device dead [s].
    retry_ms_min, retry_ms_max
        Pause after a connection that ended, doubled each time [ms].
    """

    site: str
    host: str
    port: int
    station: Verifier
    keepalive_s: int = 30
    retry_ms_min: int = 200
    retry_ms_max: int = 10_000


def uplink_to(site: str, broker: str, station_key: str) -> Uplink:
    """Where devices report to, as it is written on a command line.

    Parameters
    ----------
    site
        The station's site.
    broker
        ``HOST:PORT`` of its broker.
    station_key
        Its public key, 64 hexadecimal digits.

    Raises
    ------
    SettingError
        If one of them cannot be understood.
    """
    host, _, port = broker.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise SettingError(f"expected the broker as HOST:PORT, got {broker!r}")
    try:
        ring = KeyRing((bytes.fromhex(station_key),))
    except (ValueError, SignatureError) as error:
        raise SettingError(
            f"expected the station's public key as 64 hexadecimal digits, got {station_key!r}"
        ) from error
    return Uplink(require_name(site, "site"), host, int(port), ring)


def account_of(site: str, member: Member, device: Device) -> Account:
    """How the device connects; its will says which boot it was that died."""
    name = member.spec.device
    death = machine.death_of(member.spec, device)
    return Account(
        name=member.name,
        device=name,
        password=member.password,
        will_topic=topic(site, name, "d"),
        will=sign_document(DEATH, encode(death), member.signer),
        ack_topic=topic(site, name, "ack"),
    )


def signed(site: str, message: Message, signer: Signer) -> tuple[str, bytes]:
    """Topic and payload of a device's message.

    Raises
    ------
    ShapeError
        If it is larger than the wire allows.
    """
    kind, leaf = _KINDS[type(message)]
    payload = sign_document(kind, encode(message), signer)
    if len(payload) > MESSAGE_BYTES_MAX:
        raise ShapeError(f"expected at most {MESSAGE_BYTES_MAX} bytes, got {len(payload)}")
    return topic(site, message.device, leaf), payload


_KINDS = {Batch: (BATCH, "t"), Birth: (BIRTH, "b")}


def watermark_for(device: str, payload: bytes, station: Verifier) -> Watermark:
    """The station's acknowledgement to this device.

    Raises
    ------
    HarvestlineError
        If it is not a watermark, not signed by the station, or meant for another device.
    """
    document = open_document(payload, WATERMARK, station, MESSAGE_BYTES_MAX)
    watermark = decode(Watermark, document.body)
    if watermark.device != device:
        raise ShapeError(f"expected a watermark for {device}, got one for {watermark.device}")
    return watermark
