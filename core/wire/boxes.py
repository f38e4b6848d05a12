"""A station's box is replaced: what the new one asks, what the centre says to both.

A station keeps its name and key for life; the devices know it by that key. Each box that a
backup is put back on makes link keys of its own, asks under the station's key to be the
station's box from now on, and writes nothing until the centre has said so. From then on
the centre hears and answers those link keys alone. Statements B1–B8 of docs/wire.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.errors import ShapeError
from core.signing import DocumentType
from core.wire.envelope import LogClass

BOX_REQUEST = DocumentType("box-request", 1)
REPLACED = DocumentType("box-replaced", 1)


@dataclass(frozen=True, slots=True)
class LogEnd:
    """How far a box has one of the station's logs: number and hash of the last record."""

    log: LogClass
    seq: int
    head: str


@dataclass(frozen=True, slots=True)
class BoxRequest:
    """A box that holds a backup asks to be the station's from now on.

    ``public_key`` and ``seal_key`` are its own link keys. ``generation`` is that of the box
    that the backup is of; ``handed_over`` says that this box signed its last record in the
    money log before the backup was made, so that its leases are whole in the backup.
    """

    station: str
    public_key: str
    seal_key: str
    generation: int
    handed_over: bool
    logs: tuple[LogEnd, ...]
    at_ms: int

    def __post_init__(self) -> None:
        if self.generation < 1 or len({end.log for end in self.logs}) != len(self.logs):
            raise ShapeError("expected a generation of at least 1 and each log once")


@dataclass(frozen=True, slots=True)
class Replaced:
    """The centre's word to a box that asks although another one was confirmed."""

    station: str
    generation: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Own:
    """A record of the station's own log, given back to a box that does not have it.

    ``head`` is its hash. Money and daily features are given back whole, of the raw log only
    the last record: the box has no use for the readings before it.
    """

    log: LogClass
    seq: int
    kind: str
    at_ms: int
    error_ms: int
    head: str
    body: Any


@dataclass(frozen=True, slots=True)
class Box:
    """A box is confirmed: its link key's id, its generation, and the leases that are held.

    ``held_leases`` may have been drawn on by a box before this one; this one never does.
    """

    generation: int
    key_id: str
    held_leases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeasesReleased:
    """What the boxes before this one drew is known and booked: nothing is held any more."""

    lease_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BoxRetired:
    """The last record of a box that was handed over; its generation."""

    generation: int
