"""What can happen to a device; times as in :mod:`firmware_sim.device.machine`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.wire.telemetry import Watermark


@dataclass(frozen=True, slots=True)
class PowerOn:
    """The switch is turned on, or the battery put in."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class PowerCut:
    """The switch is turned off, without warning."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Wake:
    """True time has come to ``at_ms`` under a mean sun of ``sun_w_per_m2`` [W/m²]."""

    at_ms: int
    sun_w_per_m2: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """The sensors have been read; a sensor that is out is absent."""

    at_ms: int
    values: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TimeHeard:
    """Somebody (satellites, the station's time service) told the time [ms UTC, give or take]."""

    at_ms: int
    heard_ms: int
    error_ms: int


@dataclass(frozen=True, slots=True)
class FactoryReset:
    """All memory is wiped; ``epoch`` is the new one's id."""

    at_ms: int
    epoch: str


@dataclass(frozen=True, slots=True)
class Connected:
    """The link to the station is up and the device hears acknowledgements."""

    steady_ms: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The link is gone, and with it whatever was on its way."""


@dataclass(frozen=True, slots=True)
class Transmit:
    """The radio may send: new samples, and old ones whose acknowledgement is overdue."""

    steady_ms: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A watermark of the station arrived and its signature holds."""

    steady_ms: int
    watermark: Watermark


Event = (
    PowerOn
    | PowerCut
    | Wake
    | Measured
    | TimeHeard
    | FactoryReset
    | Connected
    | Disconnected
    | Transmit
    | Acknowledged
)
