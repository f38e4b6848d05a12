"""Who and what a lender has registered: farmers, plots, herds, machines, devices.

These are the bodies of ``farmer``, ``subject``, ``device`` and ``dossier`` records
on the way down to a station, and the members of a registry file, by which a lender
loads a village (``harvestline-server import``). Statements R1–R5 of docs/wire.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from core.errors import ShapeError
from core.shape import decode
from core.signing import DocumentType
from core.units import require_date
from core.wire.telemetry import DeviceKind

REGISTRY = DocumentType("registry", 1)
IDENTITY_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Identity:
    """The public half of a node's key file: what its peers must know.

    ``public_key`` verifies its signatures (Ed25519), ``seal_key`` seals to it
    (X25519); both in hexadecimal. Who only signs, as a maker of evidence does, has no
    ``seal_key``.
    """

    name: str
    public_key: str
    seal_key: str = ""


def read_identity(data: bytes) -> Identity:
    """A peer's identity file, in any spelling of JSON: people may have formatted it.

    Raises
    ------
    ShapeError
        If it is not JSON, too large, or lacks a name or a key.
    """
    if len(data) > IDENTITY_BYTES_MAX:
        raise ShapeError(f"expected an identity of at most {IDENTITY_BYTES_MAX} bytes")
    try:
        body = json.loads(data)
    except ValueError as error:
        raise ShapeError(f"expected an identity file (NAME.pub.json): {error}") from error
    return decode(Identity, body)


OUTLINE_POINTS_MIN, OUTLINE_POINTS_MAX = 3, 64
LON_E7_MAX, LAT_E7_MAX = 1_800_000_000, 900_000_000


class SubjectKind(Enum):
    """What a device measures, a picture shows, or a line is lent against."""

    PLOT = "plot"
    PASTURE = "pasture"
    HERD = "herd"
    MACHINE = "machine"
    STORE = "store"
    VILLAGE = "village"


@dataclass(frozen=True, slots=True)
class Farmer:
    """A person who may borrow; their home station is the one they may join at.

    ``card_sha256`` is the hash of the random token on the farmer's card (60 bits or
    more); the centre mints it, so it is empty in a registry file.
    """

    farmer_id: str
    name: str
    language: str
    home_station: str
    household_size: int
    card_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A plot, pasture, herd, machine or store.

    ``area_m2`` belongs to plots and pastures, ``heads`` (declared animals) to
    herds, ``pasture_id`` to the herd that grazes there. ``polygon_sha256`` is the
    hash of the canonical CRS84 ring in nanodegrees, the same that evidence cites.
    ``outline_e7`` is that ring as it is drawn, longitude and latitude [degrees × 10⁷],
    without its closing point and with at most ``OUTLINE_POINTS_MAX``. ``area_low_m2`` is the
    tenth percentile of an area that was walked and accepted [m²].
    """

    subject_id: str
    kind: SubjectKind
    farmer_id: str
    name: str
    crop: str = ""
    season_id: str = ""
    sown_on: str = ""
    area_m2: int = 0
    heads: int = 0
    pasture_id: str = ""
    polygon_sha256: str = ""
    outline_e7: tuple[tuple[int, int], ...] | None = None
    area_low_m2: int | None = None

    @property
    def lent_m2(self) -> int:
        """The area that a limit may rest on: its lower bound where it was walked [m²]."""
        low_m2 = self.area_m2 if self.area_low_m2 is None else self.area_low_m2
        return min(self.area_m2, max(1, low_m2)) if self.area_m2 else 0

    def __post_init__(self) -> None:
        if self.outline_e7 is not None:
            require_outline(self.outline_e7, self.subject_id)
        if self.kind in (SubjectKind.PLOT, SubjectKind.PASTURE) and self.area_m2 <= 0:
            raise ShapeError(f"expected a positive area_m2 for {self.subject_id}")
        if self.kind is SubjectKind.HERD and self.heads <= 0:
            raise ShapeError(f"expected a positive number of heads for {self.subject_id}")
        require_date(self.sown_on or None, "sown_on")


@dataclass(frozen=True, slots=True)
class Device:
    """A device that a station accepts.

    ``public_key`` is Ed25519 in hexadecimal; ``password_sha256`` the hash of the
    random MQTT password (32 bytes or more, so a fast hash is enough).
    """

    device_id: str
    kind: DeviceKind
    subject_id: str
    station: str
    public_key: str
    password_sha256: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """What the centre knows of a farmer for scoring: feature name to integer.

    A feature that is not known is absent, never zero.
    """

    farmer_id: str
    as_of: str
    features: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Registry:
    """A village as its lender registers it."""

    site: str
    name: str
    utc_offset_minutes: int
    currency: str
    farmers: tuple[Farmer, ...]
    subjects: tuple[Subject, ...]
    devices: tuple[Device, ...]
    dossiers: tuple[Dossier, ...]


def require_outline(outline_e7: Sequence[tuple[int, int]], subject_id: str) -> None:
    """Refuse what is no outline on the globe.

    Raises
    ------
    ShapeError
        If it has too few or too many points, or one lies nowhere.
    """
    if not OUTLINE_POINTS_MIN <= len(outline_e7) <= OUTLINE_POINTS_MAX:
        raise ShapeError(
            f"expected {OUTLINE_POINTS_MIN} to {OUTLINE_POINTS_MAX} points in the outline of "
            f"{subject_id}, got {len(outline_e7)}"
        )
    for lon, lat in outline_e7:
        if abs(lon) > LON_E7_MAX or abs(lat) > LAT_E7_MAX:
            raise ShapeError(f"expected an outline of {subject_id} on the globe, got {lon}, {lat}")


def outline_of(ring: Sequence[tuple[float, float]]) -> tuple[tuple[int, int], ...] | None:
    """A polygon's outer ring as it is drawn, thinned evenly; None if it is no area.

    Parameters
    ----------
    ring
        Longitude and latitude [degrees] of each vertex, in order, closed or not.
    """
    points = list(dict.fromkeys((round(lon * 1e7), round(lat * 1e7)) for lon, lat in ring))
    if len(points) < OUTLINE_POINTS_MIN:
        return None
    kept = min(len(points), OUTLINE_POINTS_MAX)
    return tuple(points[n * len(points) // kept] for n in range(kept))


def ring_sha256_input(ring: list[tuple[float, float]]) -> list[list[int]]:
    """A polygon's outer ring as integers [nanodegrees], fit for hashing.

    Parameters
    ----------
    ring
        Longitude and latitude [degrees] of each vertex, in order.
    """
    return [[round(lon * 1e9), round(lat * 1e9)] for lon, lat in ring]
