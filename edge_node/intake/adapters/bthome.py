"""BTHome v2: what cheap Bluetooth sensors shout, decoded exactly (https://bthome.io/format).

A message is one advert, or a list of them as a herder's phone or a gateway has heard
them: ``{"adverts": [{"mac", "data", "at_ms", "error_ms"}, …]}``, ``data`` being the
service data of UUID 0xFCD2 in hexadecimal. An advert is shouted many times and heard
by many: the same bytes of one device within :data:`REPEAT_MS` are one reading.

Objects come in rising order of their number; the first number that is not known ends
the reading of an advert, as the format prescribes, for its length is not known either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.canonical import sha256_hex
from core.errors import SignatureError
from edge_node.intake.adapters.mapping import ForeignDevice
from edge_node.intake.adapters.reading import (
    READINGS_MAX,
    ForeignMessageError,
    ForeignReading,
    text_of,
    whole_of,
)

FORMAT = "bthome"
REPEAT_MS = 120_000
RELAY_ERROR_MS = 60_000  # a phone's clock, unless it says otherwise
ADVERT_BYTES_MAX = 255
ENCRYPTED, WITH_MAC, VERSION_SHIFT, VERSION = 0x01, 0x02, 5, 2
_MAC_BYTES = 6
_COUNTER_BYTES, _TAG_BYTES = 4, 4
_UUID = bytes.fromhex("d2fc")  # as it stands in the advert
_TEXT, _RAW = 0x53, 0x54
_AT_MS_MAX = 2**53 - 1

# number: (name, bytes, signed, factor); names and units as the format has them.
_OBJECTS: Mapping[int, tuple[str, int, bool, str]] = {
    0x00: ("packet_id", 1, False, "1"),
    0x01: ("battery_percent", 1, False, "1"),
    0x02: ("temperature_c", 2, True, "0.01"),
    0x03: ("humidity_percent", 2, False, "0.01"),
    0x04: ("pressure_hpa", 3, False, "0.01"),
    0x05: ("illuminance_lux", 3, False, "0.01"),
    0x06: ("mass_kg", 2, False, "0.01"),
    0x07: ("mass_lb", 2, False, "0.01"),
    0x08: ("dewpoint_c", 2, True, "0.01"),
    0x09: ("count", 1, False, "1"),
    0x0A: ("energy_kwh", 3, False, "0.001"),
    0x0B: ("power_w", 3, False, "0.01"),
    0x0C: ("voltage_v", 2, False, "0.001"),
    0x0D: ("pm2_5_ug_per_m3", 2, False, "1"),
    0x0E: ("pm10_ug_per_m3", 2, False, "1"),
    0x12: ("co2_ppm", 2, False, "1"),
    0x13: ("tvoc_ug_per_m3", 2, False, "1"),
    0x14: ("moisture_percent", 2, False, "0.01"),
    0x2E: ("humidity_percent", 1, False, "1"),
    0x2F: ("moisture_percent", 1, False, "1"),
    0x3A: ("button", 1, False, "1"),
    0x3C: ("dimmer", 2, False, "1"),
    0x3D: ("count", 2, False, "1"),
    0x3E: ("count", 4, False, "1"),
    0x3F: ("rotation_degree", 2, True, "0.1"),
    0x40: ("distance_mm", 2, False, "1"),
    0x41: ("distance_m", 2, False, "0.1"),
    0x42: ("duration_s", 3, False, "0.001"),
    0x43: ("current_a", 2, False, "0.001"),
    0x44: ("speed_m_per_s", 2, False, "0.01"),
    0x45: ("temperature_c", 2, True, "0.1"),
    0x46: ("uv_index", 1, False, "0.1"),
    0x47: ("volume_l", 2, False, "0.1"),
    0x48: ("volume_ml", 2, False, "1"),
    0x49: ("flow_m3_per_h", 2, False, "0.001"),
    0x4A: ("voltage_v", 2, False, "0.1"),
    0x4B: ("gas_m3", 3, False, "0.001"),
    0x4C: ("gas_m3", 4, False, "0.001"),
    0x4D: ("energy_kwh", 4, False, "0.001"),
    0x4E: ("volume_l", 4, False, "0.001"),
    0x4F: ("water_l", 4, False, "0.001"),
    0x50: ("timestamp_s", 4, False, "1"),
    0x51: ("acceleration_m_per_s2", 2, False, "0.001"),
    0x52: ("gyroscope_degree_per_s", 2, False, "0.001"),
    0x55: ("volume_storage_l", 4, False, "0.001"),
    0x56: ("conductivity_us_per_cm", 2, False, "1"),
    0x57: ("temperature_c", 1, True, "1"),
    0x58: ("temperature_c", 1, True, "0.35"),
    0x59: ("count", 1, True, "1"),
    0x5A: ("count", 2, True, "1"),
    0x5B: ("count", 4, True, "1"),
    0x5C: ("power_w", 4, True, "0.01"),
    0x5D: ("current_a", 2, True, "0.001"),
    0x5E: ("direction_degree", 2, False, "0.01"),
    0x5F: ("precipitation_mm", 2, False, "0.1"),
    0x60: ("channel", 1, False, "1"),
    0x61: ("rotational_speed_rpm", 2, False, "1"),
    0x62: ("speed_m_per_s", 4, True, "0.000001"),
    0x63: ("acceleration_m_per_s2", 4, True, "0.000001"),
    0xF0: ("device_type", 2, False, "1"),
    0xF1: ("firmware", 4, False, "1"),
    0xF2: ("firmware", 3, False, "1"),
    **{number: (f"binary_{number:02x}", 1, False, "1") for number in (0x0F, 0x10, 0x11)},
    **{number: (f"binary_{number:02x}", 1, False, "1") for number in range(0x15, 0x2E)},
}

# (key, nonce, ciphertext with its tag) to plaintext, or SignatureError.
OpenAdvert = Callable[[bytes, bytes, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Advert:
    """One decoded advert; of several values of one name the first stands under the bare name.

    The following ones are ``name_2``, ``name_3`` …, in the order of the advert.
    """

    mac: str
    quantities: Mapping[str, Decimal]
    sealed: bool
    counter: int | None


def read_adverts(
    body: Any, device_of: Mapping[str, ForeignDevice], opened: OpenAdvert
) -> tuple[ForeignReading, ...]:
    """The readings in a message of adverts.

    Parameters
    ----------
    body
        The parsed message.
    device_of
        The mapped devices by MAC; a device with a bind key must seal its adverts.
    opened
        Opens AES-CCM.

    Raises
    ------
    ForeignMessageError
        If it holds no adverts, too many, or one without a MAC or bytes.
    """
    adverts = body.get("adverts") if isinstance(body, dict) else None
    adverts = [body] if adverts is None and isinstance(body, dict) else adverts
    if not isinstance(adverts, list) or not 1 <= len(adverts) <= READINGS_MAX:
        raise ForeignMessageError(f"expected 1 to {READINGS_MAX} adverts")
    return tuple(_reading(each, device_of, opened) for each in adverts)


def _reading(
    body: Any, device_of: Mapping[str, ForeignDevice], opened: OpenAdvert
) -> ForeignReading:
    if not isinstance(body, dict):
        raise ForeignMessageError("expected an advert as an object with mac and data")
    data = _hex(text_of(body, "data", 2 * ADVERT_BYTES_MAX))
    mac = text_of(body, "mac", 17).upper().replace("-", ":")
    device = device_of.get(mac)
    if device is None:  # a neighbour's: not ours to decode, sealed or not
        return ForeignReading(mac, "", 0, None, 0, {})
    try:
        advert = decode_advert(data, mac, device.bind_key, opened)
    except ForeignMessageError as error:
        # One bad advert does not take the others of a phone's list with it.
        return ForeignReading(mac, "", 0, None, 0, {}, fault=str(error))
    at_ms = whole_of(body, "at_ms", _AT_MS_MAX) if "at_ms" in body else None
    return ForeignReading(
        foreign_id=mac,
        # A sealed advert's counter never comes again; an open one may say the same later.
        key=f"sealed/{advert.counter}" if advert.sealed else sha256_hex(data)[:32],
        window_ms=0 if advert.sealed else REPEAT_MS,
        at_ms=at_ms,
        error_ms=whole_of(body, "error_ms", _AT_MS_MAX, RELAY_ERROR_MS),
        quantities=advert.quantities,
        sealed=advert.sealed,
    )


def decode_advert(data: bytes, mac: str, bind_key: bytes, opened: OpenAdvert) -> Advert:
    """The values of one advert's service data.

    Parameters
    ----------
    data
        What follows the UUID: device information, then objects, sealed or not.
    mac
        The sender's address, ``AA:BB:CC:DD:EE:FF``.
    bind_key
        The device's key of 16 bytes, or empty if it seals nothing.
    opened
        Opens AES-CCM.

    Raises
    ------
    ForeignMessageError
        If it is not BTHome v2, ends within an object, or is not sealed as the key demands.
    """
    if not data or data[0] >> VERSION_SHIFT != VERSION:
        raise ForeignMessageError("expected BTHome version 2 in the first byte of an advert")
    address, rest = _hex(mac.replace(":", "")), data[1:]
    if len(address) != _MAC_BYTES:
        raise ForeignMessageError(f"expected a MAC of {_MAC_BYTES} bytes, got {mac!r}")
    if data[0] & WITH_MAC:
        own, rest = rest[:_MAC_BYTES][::-1], rest[_MAC_BYTES:]
        if own != address:
            raise ForeignMessageError(f"expected the advert of {mac}, it names another sender")
    sealed = bool(data[0] & ENCRYPTED)
    if sealed != bool(bind_key):
        wanted = "sealed with its bind key" if bind_key else "open, for it has no bind key here"
        raise ForeignMessageError(f"expected an advert of {mac} {wanted}")
    counter = None
    if sealed:
        rest, counter = _unsealed(rest, address + _UUID + data[:1], bind_key, opened)
    return Advert(mac, _decode(rest), sealed, counter)


def _unsealed(
    rest: bytes, nonce_head: bytes, bind_key: bytes, opened: OpenAdvert
) -> tuple[bytes, int]:
    ciphertext, tail = rest[: -_COUNTER_BYTES - _TAG_BYTES], rest[-_COUNTER_BYTES - _TAG_BYTES :]
    if not ciphertext:
        raise ForeignMessageError("expected a sealed advert with counter and tag")
    counter, tag = tail[:_COUNTER_BYTES], tail[_COUNTER_BYTES:]
    try:
        plain = opened(bind_key, nonce_head + counter, ciphertext + tag)
    except SignatureError as error:
        raise ForeignMessageError("the advert was altered or sealed with another key") from error
    return plain, int.from_bytes(counter, "little")


def _decode(data: bytes) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    place = 0
    while place < len(data):
        number = data[place]
        if number in (_TEXT, _RAW):  # of a stated length; no quantity
            place += 2 + (data[place + 1] if place + 1 < len(data) else 0)
            continue
        if number not in _OBJECTS:
            break
        name, length, signed, factor = _OBJECTS[number]
        part = data[place + 1 : place + 1 + length]
        if len(part) < length:
            raise ForeignMessageError(f"expected {length} bytes of {name}, got {len(part)}")
        value = int.from_bytes(part, "little", signed=signed) * Decimal(factor)
        found[_fresh_name(found, name)] = value
        place += 1 + length
    return found


def _fresh_name(found: Mapping[str, Decimal], name: str) -> str:
    number = 1
    while (fresh := name if number == 1 else f"{name}_{number}") in found:
        number += 1
    return fresh


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise ForeignMessageError(f"expected hexadecimal, got {text[:40]!r}") from error
