"""A gateway's message on its way in: topic, format, mapping, metrics, and who may say it. Pure.

What comes out is a :class:`ForeignHeard` for the committer, or the first reason to
refuse. Devices which nobody has mapped are passed over, and a bad advert in a list does
not take the others with it: a phone hears the neighbours' sensors too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from core.canonical import sha256_hex
from core.errors import ShapeError
from core.wire.registry import Device
from core.wire.telemetry import MESSAGE_BYTES_MAX, require_name
from edge_node.intake.adapters import bthome, chirpstack, ear_tags, senml
from edge_node.intake.adapters.mapping import ForeignDevice, ForeignDevices
from edge_node.intake.adapters.reading import (
    ForeignMessageError,
    ForeignReading,
    Sighting,
    exact_int,
    parse_json,
)
from edge_node.intake.broker.access import FOREIGN_PREFIX as PREFIX
from edge_node.intake.broker.access import FORMATS
from edge_node.keys import StationSigner, open_ccm
from edge_node.store.devices import UnknownDeviceError
from edge_node.store.foreign import Grade
from edge_node.store.quarantine import Refusal, Refused

_PARTS = 4


@dataclass(frozen=True, slots=True)
class ForeignSample:
    """One foreign reading in the station's own terms, not yet numbered."""

    device: str
    foreign_id: str
    key: str
    window_ms: int
    at_ms: int | None
    error_ms: int
    values: Mapping[str, int]
    grade: Grade
    sightings: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class ForeignHeard:
    """A gateway's message that can be stored.

    ``unmapped_count`` readings were passed over; ``fault`` is the first of those that a
    mapped device said and that cannot be used.
    """

    gateway: str
    format: str
    samples: tuple[ForeignSample, ...]
    unmapped_count: int
    fault: str
    sha256: str
    raw: bytes


class _RefusedError(Exception):
    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def is_foreign_topic(topic: str) -> bool:
    """Whether a topic is a gateway's."""
    return topic.startswith(f"{PREFIX}/")


@dataclass(frozen=True, slots=True)
class Adapters:
    """All adapters of a station under one signature.

    Parameters
    ----------
    site
        The station's site.
    mapping
        The foreign devices.
    signer
        The adapters' own key; devices that are registered with it are foreign.
    """

    site: str
    mapping: ForeignDevices
    signer: StationSigner

    def read(
        self, topic: str, payload: bytes, device_of: Callable[[str], Device]
    ) -> ForeignHeard | Refused:
        """A gateway's message in the station's own terms, or the first reason to refuse it.

        Parameters
        ----------
        topic, payload
            As the broker delivered them.
        device_of
            Finds a registered device by its id, or raises UnknownDeviceError.
        """
        try:
            gateway, kind = self._gateway(topic)
            if len(payload) > MESSAGE_BYTES_MAX:
                detail = f"expected at most {MESSAGE_BYTES_MAX} bytes, got {len(payload)}"
                raise _RefusedError(Refusal.OVERSIZED, detail)
            readings = self._readings(kind, payload)
            mapped = [(self.mapping[kind].get(one.foreign_id), one) for one in readings]
            faults = [one.fault for _, one in mapped if one.fault]
            samples = tuple(
                self._sample(gateway, foreign, reading, device_of)
                for foreign, reading in mapped
                if foreign is not None and not reading.fault
            )
        except ForeignMessageError as error:
            return Refused(Refusal.MALFORMED, topic, payload, str(error))
        except UnknownDeviceError as error:
            return Refused(Refusal.UNKNOWN_DEVICE, topic, payload, str(error))
        except _RefusedError as error:
            return Refused(error.reason, topic, payload, str(error))
        passed = len(readings) - len(samples) - len(faults)
        if not samples and faults:
            return Refused(Refusal.MALFORMED, topic, payload, faults[0])
        if not samples:
            detail = f"no device of {readings[0].foreign_id} in the mapping: add it"
            return Refused(Refusal.UNKNOWN_DEVICE, topic, payload, detail)
        fault = faults[0] if faults else ""
        return ForeignHeard(gateway, kind, samples, passed, fault, sha256_hex(payload), payload)

    def _gateway(self, topic: str) -> tuple[str, str]:
        parts = topic.split("/")
        if len(parts) != _PARTS or parts[1] != self.site or parts[3] not in FORMATS:
            detail = f"expected {PREFIX}/{self.site}/<gateway>/{{{','.join(FORMATS)}}}"
            raise _RefusedError(Refusal.TOPIC, detail)
        try:
            return require_name(parts[2], "gateway"), parts[3]
        except ShapeError as error:
            raise _RefusedError(Refusal.TOPIC, str(error)) from error

    def _readings(self, kind: str, payload: bytes) -> tuple[ForeignReading, ...]:
        body, devices = parse_json(payload), self.mapping[kind]
        if kind == chirpstack.FORMAT:
            return (chirpstack.read_uplink(body, devices),)
        if kind == bthome.FORMAT:
            return bthome.read_adverts(body, devices, open_ccm)
        if kind == ear_tags.FORMAT:
            return ear_tags.read_reads(body, devices)
        return senml.read_pack(body)

    def _sample(
        self,
        gateway: str,
        foreign: ForeignDevice,
        reading: ForeignReading,
        device_of: Callable[[str], Device],
    ) -> ForeignSample:
        if foreign.gateways and gateway not in foreign.gateways:
            detail = f"{gateway} may not speak for {foreign.foreign_id}"
            raise _RefusedError(Refusal.OTHER_DEVICE, detail)
        device = device_of(foreign.device)
        if device.public_key != self.signer.public_key.hex():
            detail = f"{foreign.device} signs for itself: no gateway may speak for it"
            raise _RefusedError(Refusal.OTHER_DEVICE, detail)
        return ForeignSample(
            device=device.device_id,
            foreign_id=reading.foreign_id,
            key=reading.key,
            window_ms=reading.window_ms,
            at_ms=reading.at_ms,
            error_ms=reading.error_ms,
            values=_values(foreign, reading.quantities),
            grade=Grade.SEALED if reading.sealed else Grade.RELAYED,
            sightings=reading.sightings,
        )


def _values(foreign: ForeignDevice, quantities: Mapping[str, Decimal]) -> dict[str, int]:
    values = {
        rule.metric: exact_int(quantities[rule.quantity] * rule.scale + rule.offset)
        for rule in foreign.rules
        if rule.quantity in quantities
    }
    if not values:
        wanted = [rule.quantity for rule in foreign.rules]
        raise ForeignMessageError(
            f"expected one of {wanted} from {foreign.foreign_id}, got {sorted(quantities)[:8]}"
        )
    return values
