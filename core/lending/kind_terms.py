"""What each kind of product adds to the terms that all share.

A rising limit by scale of finance, a machine's work, vouchers at suppliers, grain in a
store; the cycle and the cash calendar against which a product's fit is told; and within
which bounds a bank may set its own numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from core.units import PPM

YEARS_MAX = 10
ADVANCE_PPM_MAX = 800_000  # of what is stored: lenders advance 70 to 80 %


class ProductKind(Enum):
    """What the money is lent against."""

    CROP = "crop"
    LIVESTOCK = "livestock"
    REVOLVING = "revolving"
    MACHINERY = "machinery"
    VOUCHER = "voucher"
    RECEIPT = "receipt"

    @property
    def pledge(self) -> str:
        """The kind of subject that such a line rests on, as the registry names it."""
        return _PLEDGES.get(self, "plot")

    @property
    def needs_stages(self) -> bool:
        """Whether the limit follows the harvest that is seen."""
        return self in (ProductKind.CROP, ProductKind.VOUCHER)


_PLEDGES = {
    ProductKind.LIVESTOCK: "herd",
    ProductKind.MACHINERY: "machine",
    ProductKind.RECEIPT: "store",
}


@dataclass(frozen=True, slots=True)
class CropScale:
    """A crop of the year's pattern: what a hectare costs, on which share of the land.

    Land that carries two crops a year counts in both.
    """

    crop: str
    scale_minor_per_ha: int
    area_ppm: int
    source: str


@dataclass(frozen=True, slots=True)
class RevolvingTerms:
    """A limit by scale of finance that rises year by year.

    Year 1 is the pattern's cost and, of that, ``household_ppm`` for the household and the
    time after the harvest and ``upkeep_ppm`` for the farm's upkeep; each later year is the
    year before and ``rise_ppm``, each to the nearest ``rounding_minor`` (half to even).
    What is invested on top is lent to ``term_ppm`` of its invoices, at most
    ``term_minor_max``.
    """

    first_year_on: str
    years: int
    household_ppm: int
    upkeep_ppm: int
    rise_ppm: int
    rounding_minor: int
    crops: tuple[CropScale, ...]
    term_ppm: int = 0
    term_minor_max: int = 0

    def faults(self) -> list[str]:
        """What contradicts itself, in words."""
        found = []
        if not 1 <= self.years <= YEARS_MAX:
            found.append(f"revolving.years: expected 1 to {YEARS_MAX}, got {self.years}")
        if self.rounding_minor <= 0:
            found.append("revolving.rounding_minor: expected more than 0, got none: use 1")
        if not self.crops:
            found.append("revolving.crops: expected the year's crops, got none: add one")
        return found


@dataclass(frozen=True, slots=True)
class MachineTerms:
    """What a machine's work earns, and what of it must show in three counters.

    The area that counts is the least of the three that the counters carry: the area
    itself, what can be worked in the engine's hours, and what can be worked on the fuel.
    """

    value_minor_per_machine: int
    ltv_ppm: int
    hire_minor_per_ha: int
    cost_ppm: int  # of the hire: fuel, driver, spares
    scale_minor_per_ha: int  # working capital a hectare
    area_m2_per_h_max: int
    fuel_ml_per_ha_min: int
    window_days: int
    coverage_ppm_min: int
    source: str

    def faults(self) -> list[str]:
        """What cannot be, in words."""
        positive = {
            "area_m2_per_h_max": self.area_m2_per_h_max,
            "fuel_ml_per_ha_min": self.fuel_ml_per_ha_min,
            "window_days": self.window_days,
        }
        return [
            f"machine.{name}: expected more than 0, got {value}: counters would prove nothing"
            for name, value in positive.items()
            if value <= 0
        ]


@dataclass(frozen=True, slots=True)
class GoodsTerms:
    """Goods that a voucher buys, and how much of them a hectare takes [minor units]."""

    goods: str
    minor_per_ha: int
    source: str


@dataclass(frozen=True, slots=True)
class VoucherTerms:
    """A closed loop: paid to suppliers, never cash, and repaid from the sale to a buyer.

    Of a sale to a buyer ``sale_repay_ppm`` goes to the line first. An order that is not
    delivered in ``deliver_days_max``, or was diverted, stops new ones.
    """

    suppliers: tuple[str, ...]
    buyers: tuple[str, ...]
    goods: tuple[GoodsTerms, ...]
    deliver_days_max: int
    sale_repay_ppm: int

    def faults(self) -> list[str]:
        """What is missing, in words."""
        lists = {"suppliers": self.suppliers, "buyers": self.buyers, "goods": self.goods}
        found = [
            f"voucher.{name}: expected at least one, got none: without it the loop is open"
            for name, listed in lists.items()
            if not listed
        ]
        names = [each.goods for each in self.goods]
        if len(set(names)) != len(names):
            found.append("voucher.goods: expected each once, got one twice: add them up")
        return found


@dataclass(frozen=True, slots=True)
class ReceiptTerms:
    """An advance on what lies in a store, released as it is sold.

    Up to ``humidity_ppm_safe`` the stock counts whole; from there to
    ``humidity_ppm_max`` in a straight line down to nothing. Of what is sold
    ``sale_repay_ppm`` goes to the line first.
    """

    advance_ppm: int
    humidity_ppm_safe: int
    humidity_ppm_max: int
    coverage_ppm_min: int
    sale_repay_ppm: int
    source: str

    def faults(self) -> list[str]:
        """What cannot be, in words."""
        found = []
        if not 0 < self.advance_ppm <= ADVANCE_PPM_MAX:
            found.append(
                f"receipt.advance_ppm: expected 1 to {ADVANCE_PPM_MAX:,} ppm, got "
                f"{self.advance_ppm}: prices fall while grain waits"
            )
        if not self.humidity_ppm_safe < self.humidity_ppm_max <= PPM:
            found.append(
                "receipt.humidity_ppm_max: expected more than humidity_ppm_safe, got "
                f"{self.humidity_ppm_max} and {self.humidity_ppm_safe}"
            )
        return found


@dataclass(frozen=True, slots=True)
class CycleTerms:
    """How long the money is needed: from the first purchase to the cash of the sale [days]."""

    days: int
    source: str


@dataclass(frozen=True, slots=True)
class CashNeed:
    """What a unit needs on a day of the cycle [minor units].

    The unit is what the product is lent on: a hectare, a head, a machine, a tonne.
    """

    day: int
    need_minor_per_unit: int
    what: str


@dataclass(frozen=True, slots=True)
class Bound:
    """Within which numbers a bank may set a term of its own.

    ``path`` names it, such as ``credit.rate_ppm`` or ``stages.sowing.ltv_ppm``. A bound that
    is absent is the product's own number: there the bank may only move the other way.
    """

    path: str
    low: int | None = None
    high: int | None = None


# Where the last part of a name does not say it all.
_NAMED: Mapping[str, tuple[int, int]] = {
    "apr_cap_ppm": (1, 10 * PPM),
    "version": (1, 1_000_000),
    "raise_looks_min": (1, 10),
    "cut_looks_min": (1, 10),
    "raise_sources_min": (1, 5),
    "rounding_unit_minor": (1, 10**12),
    "draw_step_minor": (1, 10**12),
    "known_features_min": (0, 200),
    "onboarding_lines_max": (0, 100_000),
    "asks_max": (1, 50),
    "appeal_days": (1, 90),
}
_UNITS: tuple[tuple[str, tuple[int, int], str], ...] = (
    ("_ppm", (0, PPM), "ppm"),
    ("_ppm_min", (0, PPM), "ppm"),
    ("_ppm_max", (0, PPM), "ppm"),
    ("_ppm_safe", (0, PPM), "ppm"),
    ("_days", (0, 3_660), "days"),
    ("_days_max", (0, 3_660), "days"),
    ("_day", (0, 3_660), "days"),
    ("_minor", (0, 10**15), "minor units"),
    ("_minor_max", (0, 10**15), "minor units"),
    ("_per_ha", (0, 10**12), "a hectare"),
    ("_per_kg", (0, 10**12), "a kilogram"),
    ("_per_head", (0, 10**12), "a head"),
    ("_per_machine", (0, 10**12), "a machine"),
    ("_per_person", (0, 10**12), "a person"),
    ("_per_unit", (0, 10**12), "a unit"),
)


def range_of(name: str) -> tuple[int, int, str] | None:
    """The lowest and highest number that a field may hold, and its unit; None if it has none."""
    if name in _NAMED:
        return (*_NAMED[name], "ppm" if name.endswith("_ppm") else "")
    if name in ("day", "days"):
        return 0, 3_660, "days"
    return next(((*bounds, unit) for tail, bounds, unit in _UNITS if name.endswith(tail)), None)
