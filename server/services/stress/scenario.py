"""A scenario: shocks to harvests, prices, rates and herds, one or several at once, as TOML.

Each shock names the crops and villages that it meets; none named is all. Where two of a
kind meet one line they are joined as losses of what the other left. Every number has a
unit in its name, and ``source`` says where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import HarvestlineError, ShapeError
from core.shape import decode
from core.units import PPM, civil_date

SHOCKS_MAX = 100
HORIZON_DAYS_MAX = 1_000


class ScenarioError(HarvestlineError):
    """A scenario lacks a field, or holds what cannot be."""

    code = "HL-SRV-015"


@dataclass(frozen=True, slots=True)
class Drought:
    """Less rain: so much of each harvest, and of a pasture's forage, is lost [ppm]."""

    yield_loss_ppm: int
    forage_loss_ppm: int = 0
    crops: tuple[str, ...] = ()
    villages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PriceFall:
    """What is sold brings less: crops at harvest, animals at the market [ppm]."""

    fall_ppm: int
    crops: tuple[str, ...] = ()
    villages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RateRise:
    """Interest on what is owed rises by so much a year [ppm]."""

    rise_ppm: int
    crops: tuple[str, ...] = ()
    villages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HerdDisease:
    """So many animals of each herd die or are culled [ppm]."""

    heads_lost_ppm: int
    villages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Funds:
    """What the lender could pay out, and how much of what may be drawn is asked for.

    ``draw_ppm`` of all that farmers may still draw is drawn within ``horizon_days``;
    what falls due in that time comes back as far as loans do not fail.
    """

    currency: str
    cash_minor: int
    draw_ppm: int = PPM
    horizon_days: int = 90


@dataclass(frozen=True, slots=True)
class Scenario:
    """Shocks at once on one day's book; ``as_of`` is that day, today if it is absent."""

    name: str
    title: str
    source: str
    as_of: str | None = None
    drought: tuple[Drought, ...] = ()
    price_fall: tuple[PriceFall, ...] = ()
    rate_rise: tuple[RateRise, ...] = ()
    herd_disease: tuple[HerdDisease, ...] = ()
    funds: tuple[Funds, ...] = ()

    def on(self, crop: str, village: str) -> Shock:
        """What all shocks together do to a line [ppm]."""

        def meets(shock: Drought | PriceFall | RateRise) -> bool:
            return _meets(shock.crops, crop) and _meets(shock.villages, village)

        droughts = [each for each in self.drought if meets(each)]
        ill = [each for each in self.herd_disease if _meets(each.villages, village)]

        return Shock(
            yield_loss_ppm=_joined(each.yield_loss_ppm for each in droughts),
            forage_loss_ppm=_joined(each.forage_loss_ppm for each in droughts),
            price_fall_ppm=_joined(each.fall_ppm for each in self.price_fall if meets(each)),
            rate_rise_ppm=sum(each.rise_ppm for each in self.rate_rise if meets(each)),
            heads_lost_ppm=_joined(each.heads_lost_ppm for each in ill),
        )


@dataclass(frozen=True, slots=True)
class Shock:
    """What one line meets [ppm]."""

    yield_loss_ppm: int = 0
    forage_loss_ppm: int = 0
    price_fall_ppm: int = 0
    rate_rise_ppm: int = 0
    heads_lost_ppm: int = 0


def parse_scenario(table: Mapping[str, Any]) -> Scenario:
    """Read a scenario from a parsed TOML table and hold it against itself.

    Raises
    ------
    ScenarioError
        If a field is missing or cannot be; all faults are named at once.
    """
    known = set(Scenario.__dataclass_fields__)
    faults = [f"{name} is not known" for name in table if name not in known]
    try:
        found = decode(Scenario, dict(table))
    except ShapeError as error:
        raise ScenarioError(f"scenario: {error}") from error
    faults += _faults(found)
    if faults:
        raise ScenarioError(f"scenario {found.name}: " + "; ".join(faults))
    return found


def _faults(found: Scenario) -> list[str]:
    losses = [("drought.yield_loss_ppm", each.yield_loss_ppm) for each in found.drought]
    losses += [("drought.forage_loss_ppm", each.forage_loss_ppm) for each in found.drought]
    losses += [("price_fall.fall_ppm", each.fall_ppm) for each in found.price_fall]
    losses += [("rate_rise.rise_ppm", each.rise_ppm) for each in found.rate_rise]
    losses += [("herd_disease.heads_lost_ppm", each.heads_lost_ppm) for each in found.herd_disease]
    losses += [("funds.draw_ppm", each.draw_ppm) for each in found.funds]
    faults = [f"{name} must be 0 to 1,000,000 ppm, got {ppm}" for name, ppm in losses
              if not 0 <= ppm <= PPM]  # fmt: skip
    shocks = (*found.drought, *found.price_fall, *found.rate_rise, *found.herd_disease)
    if not 1 <= len(shocks) <= SHOCKS_MAX:
        faults.append(f"expected 1 to {SHOCKS_MAX} shocks, got {len(shocks)}")
    if found.as_of is not None and civil_date(found.as_of) is None:
        faults.append(f"as_of must be a date, got {found.as_of!r}")
    if not (found.name and found.title and found.source):
        faults.append("name, title and source must say something")
    faults += [
        f"funds in {each.currency}: expected cash and 1 to {HORIZON_DAYS_MAX} days"
        for each in found.funds
        if not 0 < each.horizon_days <= HORIZON_DAYS_MAX or each.cash_minor < 0
    ]
    if len({each.currency for each in found.funds}) != len(found.funds):
        faults.append("funds must name each currency once")
    return faults


def _meets(named: tuple[str, ...], value: str) -> bool:
    return not named or value in named


def _joined(losses: Iterable[int]) -> int:
    """Losses one after the other, each of what the others left [ppm], rounded down."""
    left = PPM
    for loss in losses:
        left = left * (PPM - loss) // PPM
    return PPM - left
