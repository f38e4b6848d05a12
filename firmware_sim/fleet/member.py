"""One device of a fleet: what it is, what it reads, and its life between two instants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.signing import Signer
from firmware_sim.device import machine
from firmware_sim.device.events import Measured, Wake
from firmware_sim.device.machine import Device, DeviceSpec, Message

TIME_ERROR_MS = 500
WAKES_MAX = 2_000_000  # between two instants: fifty years at a quarter of an hour


class Readings(Protocol):
    """Where a device's readings come from: a simulated field, or a recorded file."""

    def due_ms(self, spec: DeviceSpec, device: Device) -> int | None:
        """The true instant [ms UTC] at which something next happens to the device."""
        ...

    def sun_w_per_m2(self, at_ms: int) -> int:
        """The sun on its panel [W/m²]."""
        ...

    def read(self, device: Device, at_ms: int) -> dict[str, int] | None:
        """What the sensors say; None if the device does not ask now."""
        ...


class Mischief(Protocol):
    """What somebody who holds a device publishes beside its honest messages."""

    def beside(self, message: Message, topic: str, payload: bytes) -> Sequence[tuple[str, bytes]]:
        """Topics and payloads that follow an honest message."""
        ...


@dataclass(frozen=True, slots=True)
class DutyCycle:
    """When a device's radio is on.

    Parameters
    ----------
    report_ms
        How often it wakes [ms, true time]; 0 for a radio that is always on.
    listen_ms
        How long it waits for its acknowledgements before it sleeps again [ms, steady].
    """

    report_ms: int = 0
    listen_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class Member:
    """A device that belongs to a fleet, with its own key and password.

    Parameters
    ----------
    spec, signer, password, readings
        What it is, its key, its login, and what its sensors meet.
    time_error_ms
        How far off the time may be that it hears over its link [ms].
    place
        Tells two members apart that claim to be one device; empty for the true one.
    twin
        The member whose flash was copied, and with it the epoch; empty for none.
    mischief
        What is published beside its messages; None for an honest device.
    duty
        When its radio is on.
    """

    spec: DeviceSpec
    signer: Signer
    password: str
    readings: Readings
    time_error_ms: int = TIME_ERROR_MS
    place: str = ""
    twin: str = ""
    mischief: Mischief | None = None
    duty: DutyCycle = DutyCycle()  # frozen

    @property
    def name(self) -> str:
        """What the fleet calls it: its device id, and its place if it is not the true one."""
        return f"{self.spec.device}@{self.place}" if self.place else self.spec.device


def lived(member: Member, device: Device, to_ms: int) -> Device:
    """The device after it has woken and measured at all due instants up to ``to_ms`` [ms UTC]."""
    spec, readings = member.spec, member.readings
    for _ in range(WAKES_MAX):
        due_ms = readings.due_ms(spec, device)
        if due_ms is None or due_ms > to_ms:
            break
        device, _said = machine.step(spec, device, Wake(due_ms, readings.sun_w_per_m2(due_ms)))
        values = readings.read(device, due_ms)
        if values is not None:
            device, _said = machine.step(spec, device, Measured(due_ms, values))
    return device
