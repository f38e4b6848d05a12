"""Who and what a simulated district holds: the fixed part, before any season.

Coordinates are metres in EPSG:32737 (UTM zone 37 south) unless they say degrees.
Arrays elsewhere are indexed by an item's position in the district's tuples.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from core.wire.telemetry import DeviceKind

Ring = tuple[tuple[float, float], ...]

EPSG = 32737
PIXEL_M = 10
GRID_PIXELS = 250  # the scene's side, a little more than the village's 2 km
LONGITUDE_DEG = 37.1
LATITUDE_DEG = -1.05


class StoreKind(Enum):
    """What stands behind an electricity meter."""

    PUMP = "pump"
    COLD_STORE = "cold_store"


@dataclass(frozen=True, slots=True)
class Soil:
    """A soil's water constants [m³ of water per m³ of soil] and its brightness [0–1].

    ``brightness`` is the dry red reflectance relative to a medium loam.
    """

    name: str
    wilting_point: float
    field_capacity: float
    saturation: float
    brightness: float
    fertility: float


@dataclass(frozen=True, slots=True)
class Person:
    """A farmer: what all may see, and the latent traits that nobody sees.

    ``skill`` and ``discipline`` are standard normal. They drive yields and repayment
    and never leave this room.
    """

    farmer_id: str
    name: str
    language: str
    household_size: int
    years_member: int
    skill: float
    discipline: float


@dataclass(frozen=True, slots=True)
class Plot:
    """A farmer's maize plot. ``ring`` is open: the first vertex is not repeated."""

    plot_id: str
    farmer_id: str
    name: str
    zone: int
    soil: Soil
    ring: Ring
    area_m2: int


@dataclass(frozen=True, slots=True)
class Pasture:
    """Grazing land; ``farmer_id`` is its custodian."""

    pasture_id: str
    farmer_id: str
    name: str
    zone: int
    soil: Soil
    ring: Ring
    area_m2: int


@dataclass(frozen=True, slots=True)
class Herd:
    """A farmer's animals on one pasture."""

    herd_id: str
    farmer_id: str
    name: str
    pasture_id: str
    heads: int


@dataclass(frozen=True, slots=True)
class Machine:
    """A tractor for hire; ``farmer_id`` is its owner."""

    machine_id: str
    farmer_id: str
    name: str
    power_kw: float


@dataclass(frozen=True, slots=True)
class Store:
    """A pump or cold store with an electricity meter."""

    store_id: str
    farmer_id: str
    name: str
    kind: StoreKind
    zone: int
    power_w: int


@dataclass(frozen=True, slots=True)
class DevicePlace:
    """Where a device stands: its subject, and the rainfall zone that it feels."""

    device_id: str
    kind: DeviceKind
    subject_id: str
    zone: int


@dataclass(frozen=True, slots=True)
class Zone:
    """A rainfall zone; ``subject_id`` is what its weather station reports on."""

    subject_id: str
    name: str


@dataclass(frozen=True, slots=True)
class District:
    """A village that follows entirely from its seed."""

    seed: int
    site: str
    name: str
    zones: tuple[Zone, ...]
    people: tuple[Person, ...]
    plots: tuple[Plot, ...]
    pastures: tuple[Pasture, ...]
    herds: tuple[Herd, ...]
    machines: tuple[Machine, ...]
    stores: tuple[Store, ...]
    devices: tuple[DevicePlace, ...]
