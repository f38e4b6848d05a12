"""Recorded devices as members of a fleet, with keys of their own and a registry fragment.

A replayed device says what the recording says, at the recording's instants, through
the same state machine, outbox and signatures as any other. Its battery never fails
and its clock is the recording's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from core.shape import encode
from core.wire.registry import Device as RegisteredDevice
from core.wire.registry import Registry, Subject
from firmware_sim.device import machine
from firmware_sim.device.clock import ClockMemory, ClockSpec
from firmware_sim.device.machine import Device, DeviceSpec, Phase
from firmware_sim.device.power import PowerSpec
from firmware_sim.fleet.member import Member
from firmware_sim.fleet.secrets import Secret, Secrets
from firmware_sim.keys import DeviceSigner
from firmware_sim.replay.mapping import DeviceMap, ReplayFileError, ReplayMap
from firmware_sim.replay.recording import Moment

FIRMWARE = "replay-1.0.0"
NO_CURRENCY = "XXX"  # ISO 4217 for "none involved": a recording owes nobody anything
OUTBOX_SAMPLES_MAX = 20_000
LEAD_MS = 600_000  # replayed devices are switched on so long before their first reading
_NEVER_MS = 10**15
_MAINS = PowerSpec(
    capacity_uj=10**12,
    empty_mv=3_000,
    full_mv=4_200,
    cutoff_ppm=0,
    restart_ppm=0,
    panel_mm2=0,
    panel_efficiency_ppm=0,
    supply_uw=10**9,
    sleep_uw=0,
    sample_uj=0,
    send_nj_per_byte=0,
)


class RecordedReadings:
    """Plays one device's moments, each once, in order.

    Parameters
    ----------
    moments
        In order of time.
    shift_ms
        Added to every instant [ms], to play an old recording in the present.
    """

    def __init__(self, moments: Sequence[Moment], shift_ms: int) -> None:
        self._moments = moments
        self._shift_ms = shift_ms
        self._next = 0

    @property
    def next_ms(self) -> int | None:
        """When the next moment is due [ms UTC]; None after the last."""
        if self._next >= len(self._moments):
            return None
        return self._moments[self._next].at_ms + self._shift_ms

    def due_ms(self, spec: DeviceSpec, device: Device) -> int | None:
        """When something next happens: it boots by itself, then follows the recording."""
        if device.phase is Phase.SLEEP:
            return self.next_ms
        return machine.due_at_ms(spec, device)

    def sun_w_per_m2(self, _at_ms: int) -> int:
        """No sun is needed on the mains."""
        return 0

    def read(self, device: Device, at_ms: int) -> dict[str, int] | None:
        """What was recorded for this instant."""
        if device.phase is not Phase.SLEEP or self.next_ms is None or self.next_ms > at_ms:
            return None
        self._next += 1
        return dict(self._moments[self._next - 1].values)


def replay_members(
    mapping: ReplayMap,
    moments: Mapping[str, Sequence[Moment]],
    secrets: Secrets,
    shift_ms: int = 0,
) -> tuple[Member, ...]:
    """The devices that have anything to say, ready for a fleet.

    Raises
    ------
    ReplayFileError
        If a device of the MAP has no secret.
    """
    missing = [device.id for device in mapping.device if device.id not in secrets.of]
    if missing:
        raise ReplayFileError(f"expected a secret for each device, got none for {missing}")
    return tuple(
        Member(
            spec=_spec(device),
            signer=DeviceSigner(secrets.of[device.id].key_seed),
            password=secrets.of[device.id].password,
            readings=RecordedReadings(moments[device.id], shift_ms),
            time_error_ms=mapping.file.error_ms,
        )
        for device in mapping.device
        if device.id in moments
    )


def _spec(device: DeviceMap) -> DeviceSpec:
    return DeviceSpec(
        device=device.id,
        kind=device.kind,
        firmware=FIRMWARE,
        metrics=tuple(dict.fromkeys(reading.metric for reading in device.reading)),
        sample_ms=_NEVER_MS,
        outbox_samples_max=OUTBOX_SAMPLES_MAX,
        clock=ClockSpec(0, 0, ClockMemory.CHIP),
        power=_MAINS,
    )


def new_secrets(mapping: ReplayMap, site: str, new_secret: Callable[[], bytes]) -> dict[str, Any]:
    """Fresh keys and passwords for all devices of a MAP, as ``replay-devices.json`` holds them."""
    return {
        "site": site,
        "devices": [
            {
                "device_id": device.id,
                "kind": device.kind.value,
                "subject_id": device.subject,
                "key_seed": new_secret().hex(),
                "password": new_secret().hex(),
            }
            for device in mapping.device
        ],
    }


def registry_fragment(mapping: ReplayMap, secrets: Secrets, name: str) -> dict[str, Any]:
    """What a lender registers so that a station accepts these devices."""
    registry = Registry(
        site=secrets.site,
        name=name,
        utc_offset_minutes=mapping.file.utc_offset_minutes,
        currency=NO_CURRENCY,
        farmers=(),
        subjects=tuple(
            Subject(
                s.id, s.kind, s.farmer_id, s.name, crop=s.crop, area_m2=s.area_m2, heads=s.heads
            )
            for s in mapping.subject
        ),
        devices=tuple(
            _registered(device, secrets.of[device.id], secrets.site) for device in mapping.device
        ),
        dossiers=(),
    )
    body: dict[str, Any] = encode(registry)
    return body


def _registered(device: DeviceMap, secret: Secret, station: str) -> RegisteredDevice:
    return RegisteredDevice(
        device_id=device.id,
        kind=device.kind,
        subject_id=device.subject,
        station=station,
        public_key=DeviceSigner(secret.key_seed).public_key.hex(),
        password_sha256=sha256(secret.password.encode()).hexdigest(),
    )
