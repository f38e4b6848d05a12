"""What the signed metadata of updates say of a target, and what the targets hold.

The metadata and their signatures are The Update Framework's (TUF 1.0); what stands in
a target's ``custom`` field, in the packs, and who may ask for them is Harvestline's.
A station reads a note of a schema that it does not know as one that is not for it.
Statements U1–U8 of docs/wire.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from core.canonical import sha256_hex
from core.errors import ShapeError
from core.scoring.points import PointsTable, pd_ppm, score
from core.signing import DocumentType
from core.units import PPM
from core.wire.modelfile import Model
from core.wire.telemetry import require_name

UPDATE_REQUEST = DocumentType("update-request", 1)
REQUEST_HEADER = "harvestline-update-request"
NOTE_SCHEMA = 1
GOLDEN_VECTORS_MAX = 256
MESSAGES_MAX = 5_000
STATIONS_MAX = 1_000  # named ones; more go by share
PACK_BYTES_MAX = 1024 * 1024
BASEMAP_BYTES_MAX = 512 * 1024 * 1024
METADATA_FOLDER, TARGETS_FOLDER = "metadata", "targets"
_SLOT = re.compile(r"model|basemap|product/[a-z0-9][a-z0-9_-]{0,63}|prompts/[a-z]{2,3}")
_PATH = re.compile(r"[a-z0-9][a-zA-Z0-9._-]{0,159}(/[a-z0-9][a-zA-Z0-9._-]{0,159}){0,3}")


class UpdateKind(Enum):
    """What can be updated."""

    MODEL = "model"
    PRODUCT = "product"
    PROMPTS = "prompts"
    BASEMAP = "basemap"

    @property
    def ending(self) -> str:
        """How a target's file ends."""
        return "pmtiles" if self is UpdateKind.BASEMAP else "json"

    @property
    def bytes_max(self) -> int:
        """The largest target of the kind [bytes]."""
        return BASEMAP_BYTES_MAX if self is UpdateKind.BASEMAP else PACK_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Slot:
    """A place of which one version is in use: the model, the basemap, a product, a language."""

    text: str

    def __post_init__(self) -> None:
        if not _SLOT.fullmatch(self.text):
            raise ShapeError(
                f"expected model, basemap, product/ID or prompts/LANGUAGE, got {self.text[:80]!r}"
            )

    @property
    def kind(self) -> UpdateKind:
        """What stands in it."""
        return UpdateKind(self.text.partition("/")[0])

    @property
    def name(self) -> str:
        """The product's id or the language; empty for the model and the basemap."""
        return self.text.partition("/")[2]

    def path(self, version: int) -> str:
        """Where a version lies among the targets."""
        return f"{self.text}/{version}.{self.kind.ending}"


@dataclass(frozen=True, slots=True)
class Rollout:
    """Which stations a version is for: named canaries, and a share of all [ppm]."""

    stations: tuple[str, ...] = ()
    share_ppm: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share_ppm <= PPM or len(self.stations) > STATIONS_MAX:
            raise ShapeError(f"expected a share of 0 to {PPM} ppm and {STATIONS_MAX} stations")

    def takes(self, station: str, salt: str) -> bool:
        """Whether a station is among them; whoever is in at a share stays in at a larger one.

        Parameters
        ----------
        salt
            The target's path, so that it is not always the same stations that go first.
        """
        return station in self.stations or place_ppm(station, salt) < self.share_ppm


def place_ppm(station: str, salt: str) -> int:
    """A station's place in a roll-out, always the same [0–999,999 ppm]."""
    return int(sha256_hex(f"{salt}\n{station}".encode())[:15], 16) % PPM


@dataclass(frozen=True, slots=True)
class TargetNote:
    """What the signed ``custom`` field says of a target.

    ``bounds_e7`` are a basemap's west, south, east and north [degrees × 10⁷].
    """

    slot: str
    version: int
    rollout: Rollout
    schema: int = NOTE_SCHEMA
    withdrawn: bool = False
    bounds_e7: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        Slot(self.slot)
        if self.version < 1:
            raise ShapeError(f"expected a version of at least 1, got {self.version}")

    @property
    def place(self) -> Slot:
        """The slot that it is for."""
        return Slot(self.slot)

    @property
    def path(self) -> str:
        """Where the target lies."""
        return self.place.path(self.version)


@dataclass(frozen=True, slots=True)
class GoldenVector:
    """Inputs of a model, and the score and probability that every runtime must give."""

    inputs: Mapping[str, int]
    points: int
    pd_ppm: int


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A signed model document with vectors that prove a runtime's arithmetic."""

    model: Any
    golden: tuple[GoldenVector, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.golden) <= GOLDEN_VECTORS_MAX:
            raise ShapeError(f"expected 1 to {GOLDEN_VECTORS_MAX} vectors, got {len(self.golden)}")


@dataclass(frozen=True, slots=True)
class ProductPack:
    """A product's table, and the policy version that it must come to."""

    product: Any
    policy_version: str


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence's id (its English) and what it is in the language."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class PromptsPack:
    """A language's sentences; ``name`` is what the language is called in itself."""

    language: str
    name: str
    messages: tuple[Message, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if not 1 <= len(self.messages) <= MESSAGES_MAX or not 1 <= len(self.name) <= 40:
            raise ShapeError(f"expected a name and 1 to {MESSAGES_MAX} messages")

    def texts(self) -> dict[str, str]:
        """The sentences by their id."""
        return {message.id: message.text for message in self.messages}


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """A station asks for a file of updates by its path; ``at_ms`` is its clock [ms UTC]."""

    station: str
    path: str
    at_ms: int

    def __post_init__(self) -> None:
        require_name(self.station, "station")
        require_path(self.path)


class UpdateAct(Enum):
    """What became of a version at a station."""

    ACTIVATED = "activated"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class UpdateEvent:
    """A station put a version to use, or took it back, and why.

    ``in_use_version`` is what stands in the slot afterwards; 0 if what the release or the
    log brought does.
    """

    slot: str
    version: int
    sha256: str
    act: UpdateAct
    in_use_version: int
    code: str
    reason: str


def require_path(path: str) -> str:
    """The same path, if it names a file below the folder of updates and nothing else.

    Raises
    ------
    ShapeError
        If it does not.
    """
    folder = path.partition("/")[0]
    if not _PATH.fullmatch(path) or folder not in (METADATA_FOLDER, TARGETS_FOLDER):
        raise ShapeError(f"expected a path below metadata or targets, got {path[:80]!r}")
    return path


def golden_vectors(model: Model) -> tuple[GoldenVector, ...]:
    """Vectors by which a runtime shows that it reckons as we do.

    In them every input is met at both ends of each of its bins, and missing, as far as
    ``GOLDEN_VECTORS_MAX`` rows go. Of a pair's cells they meet some, not all.
    """
    ends = {one.name: _ends(model.table, one.name, one.low, one.high) for one in model.features}
    rows: list[dict[str, int]] = [{}]
    longest = max((len(values) for values in ends.values()), default=0)
    for turn in range(min(longest, GOLDEN_VECTORS_MAX - 1)):
        # Each feature walks its own ends, and is missing once on its way.
        row = {name: _turn(values, turn) for name, values in ends.items()}
        rows.append({name: value for name, value in row.items() if value is not None})
    return tuple(_vector(model, row) for row in rows)


def _ends(table: PointsTable, name: str, low: int, high: int) -> tuple[int | None, ...]:
    edges: set[int] = set()
    for one in table.features:
        edges |= set(one.edges) if one.feature == name else set()
    for two in table.pairs:
        edges |= set(two.first_edges) if two.first == name else set()
        edges |= set(two.second_edges) if two.second == name else set()
    found = {low, high, *edges, *(edge - 1 for edge in edges)}
    return (*sorted(value for value in found if low <= value <= high), None)


def _turn(values: tuple[int | None, ...], turn: int) -> int | None:
    return values[turn % len(values)]


def _vector(model: Model, inputs: Mapping[str, int]) -> GoldenVector:
    points = score(model.table, inputs)
    return GoldenVector(inputs, points, pd_ppm(model.table, points))


def vectors_that_differ(model: Model, golden: Iterable[GoldenVector]) -> tuple[int, ...]:
    """Which of the vectors do not come out here as they were written, by position."""
    return tuple(
        position
        for position, vector in enumerate(golden)
        if _vector(model, vector.inputs) != vector
    )
