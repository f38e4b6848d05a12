"""The kinds of adversaries, as a plan file names them.

Each ``[[adversary]]`` table has a ``kind`` and the fields of its class, for example
``kind = "spoof"``, ``device = "soil-03"``, ``victim = "soil-04"``, ``way = "topic"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from core.shape import decode
from core.units import PPM
from firmware_sim.config import SettingError

HOURS_A_DAY_MAX = 24
MESSAGES_AGO_MAX = 1_000


class SpoofWay(Enum):
    """How somebody publishes as another."""

    TOPIC = "topic"  # from the own login, on the victim's topic
    BODY = "body"  # on the own topic, in the victim's name
    LOGIN = "login"  # under the victim's name, with the own password
    PASSWORD = "password"  # with the victim's stolen password, but not its key  # noqa: S105


class ReplayWay(Enum):
    """What is said again."""

    SAME = "same"  # the very bytes of an earlier message
    ALTERED = "altered"  # an earlier message's numbers with other values, signed by the device


@dataclass(frozen=True, slots=True)
class Spoof:
    """The holder of ``device`` publishes as ``victim``."""

    device: str
    victim: str
    way: SpoofWay = SpoofWay.TOPIC


@dataclass(frozen=True, slots=True)
class Replay:
    """Every batch of ``device`` is followed by one of ``messages_ago`` batches before."""

    device: str
    way: ReplayWay = ReplayWay.SAME
    messages_ago: int = 1

    def __post_init__(self) -> None:
        _require("messages_ago", self.messages_ago, 1, MESSAGES_AGO_MAX)


@dataclass(frozen=True, slots=True)
class Clone:
    """A second device with the key and password of ``device`` measures where ``stands_at`` does.

    With ``copies_flash`` it has the epoch and the numbers too; else an epoch of its own.
    """

    device: str
    stands_at: str
    copies_flash: bool = False


@dataclass(frozen=True, slots=True)
class IdleTractor:
    """From a day on the engine of ``device`` runs for hours a day, and no field is worked."""

    device: str
    hours_a_day: int = 6
    from_day: int = 0

    def __post_init__(self) -> None:
        _require("hours_a_day", self.hours_a_day, 1, HOURS_A_DAY_MAX)
        _require("from_day", self.from_day, 0, PPM)


@dataclass(frozen=True, slots=True)
class Bucket:
    """From a day on the probe of ``device`` stands in a bucket of wet earth at the door."""

    device: str
    moisture_ppm: int = 380_000
    from_day: int = 0

    def __post_init__(self) -> None:
        _require("moisture_ppm", self.moisture_ppm, 0, PPM)
        _require("from_day", self.from_day, 0, PPM)


@dataclass(frozen=True, slots=True)
class Rerun:
    """From a day on ``device`` says again, as new, what it said ``days_ago`` days before."""

    device: str
    from_day: int
    days_ago: int

    def __post_init__(self) -> None:
        _require("days_ago", self.days_ago, 1, PPM)
        _require("from_day", self.from_day, self.days_ago, PPM)


Adversary = Spoof | Replay | Clone | IdleTractor | Bucket | Rerun
KINDS: Mapping[str, type[Adversary]] = {
    "spoof": Spoof,
    "replay": Replay,
    "clone": Clone,
    "idle_tractor": IdleTractor,
    "bucket": Bucket,
    "rerun": Rerun,
}


def adversary_of(table: Mapping[str, Any]) -> Adversary:
    """The adversary that a plan's table describes.

    Raises
    ------
    SettingError
        If its kind is not known, or a field is.
    ShapeError
        If a field is missing or of another type.
    """
    fields = dict(table)
    kind = fields.pop("kind", None)
    if kind not in KINDS:
        raise SettingError(f"expected an adversary of kind {sorted(KINDS)}, got {kind!r}")
    known = KINDS[kind].__slots__
    unknown = sorted(set(fields) - set(known))
    if unknown:
        raise SettingError(f"expected for {kind} the fields {sorted(known)}, got {unknown[0]!r}")
    return decode(KINDS[kind], fields, f"$.adversary.{kind}")


def _require(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise SettingError(f"expected {name} from {low} to {high}, got {value}")
