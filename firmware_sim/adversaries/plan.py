"""A plan file: how a fleet's devices are set up, what befalls them, and who cheats.

TOML. ``[firmware]`` says how devices are set up, ``[faults] rates`` how often sensors
fail, ``[[event]]`` what happens on a day of the season, ``[[adversary]]`` who cheats.
All of it may be left out. An example with every key is in ``firmware_sim/data``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from core.errors import HarvestlineError
from core.shape import decode
from firmware_sim.adversaries.kinds import Adversary, adversary_of
from firmware_sim.config import SettingError
from firmware_sim.fleet.flash import FlashPages
from firmware_sim.fleet.fleet import Fleet
from firmware_sim.fleet.member import DutyCycle
from firmware_sim.fleet.village import Habits
from firmware_sim.sensors.faults import NO_FAULTS, FaultRates
from firmware_sim.sensors.observed import GREENHOUSE

PLAN_BYTES_MAX = 256 * 1024
EVENTS_MAX = 10_000
EVERY_DEVICE = "*"
MS_PER_MINUTE = 60_000
_RATES: Mapping[str, FaultRates] = {
    "none": NO_FAULTS,
    "visited": FaultRates(),
    "greenhouse": GREENHOUSE,
}


class Happening(Enum):
    """What may befall a device."""

    POWER_CUT = "power_cut"
    POWER_ON = "power_on"
    TORN_PAGE = "torn_page"  # power goes in the middle of a write; it stays off
    FACTORY_RESET = "factory_reset"


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """Something that befalls a device, or every one (``*``), at an hour of a day [h]."""

    day: int
    device: str
    what: Happening
    hour: int = 12

    def __post_init__(self) -> None:
        if self.day < 0 or not 0 <= self.hour < 24:
            raise SettingError(f"expected a day from 0 and an hour below 24, got {self}")

    @property
    def at_hours(self) -> int:
        """When [h since the season began]."""
        return self.day * 24 + self.hour


@dataclass(frozen=True, slots=True)
class Firmware:
    """How devices are set up; see :class:`firmware_sim.fleet.village.Habits`.

    ``flash_slots`` is how many pages are written in turns; 0 for flash that never tears.
    """

    sample_minutes: int = 0
    outbox_samples_max: int = 20_000
    page_samples: int = 1
    report_minutes: int = 0
    listen_s: int = 30
    flash_slots: int = 0

    def __post_init__(self) -> None:
        least = {"outbox_samples_max": 1, "page_samples": 1, "listen_s": 1}
        for name in self.__slots__:
            if getattr(self, name) < least.get(name, 0):
                raise SettingError(f"expected {name} from {least.get(name, 0)} in [firmware]")


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What a plan file says."""

    firmware: Firmware = field(default_factory=Firmware)
    faults: FaultRates = field(default_factory=FaultRates)
    events: tuple[PlannedEvent, ...] = ()
    adversaries: tuple[Adversary, ...] = ()

    def habits(self, sample_minutes: int, ack_wait_ms: int) -> Habits:
        """How the village's devices are set up; ``sample_minutes`` if the plan is silent."""
        firmware = self.firmware
        return Habits(
            sample_ms=(firmware.sample_minutes or sample_minutes) * MS_PER_MINUTE,
            outbox_samples_max=firmware.outbox_samples_max,
            faults=self.faults,
            page_samples=firmware.page_samples,
            duty=DutyCycle(firmware.report_minutes * MS_PER_MINUTE, firmware.listen_s * 1000),
            ack_wait_ms=ack_wait_ms,
        )


def read_plan(path: Path) -> FleetPlan:
    """The plan in a file.

    Raises
    ------
    SettingError
        If it cannot be read, is not TOML, or says something that cannot be.
    """
    try:
        with path.open("rb") as file:
            data = file.read(PLAN_BYTES_MAX + 1)
        if len(data) > PLAN_BYTES_MAX:
            raise SettingError(f"expected at most {PLAN_BYTES_MAX} bytes in {path}")
        return plan_of(tomllib.loads(data.decode()))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, HarvestlineError) as error:
        raise SettingError(f"expected a plan file at {path}: {error}") from error


def plan_of(found: Mapping[str, Any]) -> FleetPlan:
    """The plan that parsed TOML describes.

    Raises
    ------
    SettingError
        If a table, a key or a value is not known.
    ShapeError
        If a key is missing or of another type.
    """
    _require_known(found, ("firmware", "faults", "event", "adversary"), "the plan")
    firmware, faults = found.get("firmware", {}), found.get("faults", {})
    events = found.get("event", ())
    _require_known(firmware, Firmware.__slots__, "[firmware]")
    _require_known(faults, ("rates",), "[faults]")
    for table in events:
        _require_known(table, PlannedEvent.__slots__, "[[event]]")
    rates = faults.get("rates", "visited")
    if rates not in _RATES:
        raise SettingError(f"expected [faults] rates among {sorted(_RATES)}, got {rates!r}")
    if len(events) > EVENTS_MAX:
        raise SettingError(f"expected at most {EVENTS_MAX} events, got {len(events)}")
    return FleetPlan(
        firmware=decode(Firmware, firmware, "$.firmware"),
        faults=_RATES[rates],
        events=tuple(decode(PlannedEvent, table, "$.event") for table in events),
        adversaries=tuple(adversary_of(table) for table in found.get("adversary", ())),
    )


def befall(fleet: Fleet, event: PlannedEvent, pages: FlashPages | None) -> None:
    """Let an event happen.

    Raises
    ------
    SettingError
        If it names no device of the fleet, or a page shall tear where flash has none.
    """
    names = fleet.names if event.device == EVERY_DEVICE else (event.device,)
    for name in names:
        if event.what is Happening.POWER_CUT:
            fleet.kill(name)
        elif event.what is Happening.POWER_ON:
            fleet.restart(name)
        elif event.what is Happening.FACTORY_RESET:
            fleet.factory_reset(name)
        elif pages is None:
            raise SettingError("expected flash_slots from 1 in [firmware] for a torn page")
        else:
            fleet.tear(name, pages)


def _require_known(found: object, known: tuple[str, ...], where: str) -> None:
    if not isinstance(found, Mapping):
        raise SettingError(f"expected a table for {where}, got {type(found).__name__}")
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise SettingError(f"expected in {where} only {sorted(known)}, got {unknown[0]!r}")
