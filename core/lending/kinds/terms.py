"""The terms of a limit, whatever a product lends on, and what a season can repay."""

from __future__ import annotations

from dataclasses import dataclass

from core.lending.product import Product
from core.lending.views import Household
from core.units import PPM, floor_to_unit

M2_PER_HA = 10_000
DAYS_IN_YEAR = 365


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of the rule, each on the record [minor units]; absent ones did not bind.

    What covers and debts elsewhere put into them stands beside: ``insured_minor`` is in the
    harvest's value, ``guaranteed_minor`` under the collateral, ``dues_minor`` out of the
    capacity and ``liens_minor`` out of the value; absent where there are none. A voucher's
    ``ordered_minor`` is what was ordered so far: all that S is once goods went elsewhere.
    """

    collateral_minor: int
    stage_cost_minor: int
    capacity_minor: int
    cap_minor: int
    harvest_value_minor: int
    insured_minor: int | None = None
    guaranteed_minor: int | None = None
    dues_minor: int | None = None
    liens_minor: int | None = None
    ordered_minor: int | None = None

    @property
    def binding(self) -> str:
        """Which term set the limit."""
        named = {
            "collateral": self.collateral_minor,
            "stage_cost": self.stage_cost_minor,
            "capacity": self.capacity_minor,
            "cap": self.cap_minor,
        }
        return min(named, key=lambda name: named[name])

    def limit(self, unit_minor: int, margin_ppm: int = 0) -> int:
        """The limit, rounded down to the product's unit [minor units].

        ``margin_ppm`` of what is estimated (collateral and capacity) is left unlent.
        """
        estimated = max(min(self.collateral_minor, self.capacity_minor), 0)
        kept = estimated * (PPM - margin_ppm) // PPM
        return floor_to_unit(max(min(kept, self.stage_cost_minor, self.cap_minor), 0), unit_minor)


def capacity_minor(product: Product, household: Household, value_minor: int) -> int:
    """What a season that brings ``value_minor`` repays, its own interest included [minor units]."""
    living = household.size * product.capacity.living_cost_minor_per_person
    cash = value_minor + household.other_cash_minor - living - household.dues_elsewhere_minor
    credit = product.credit
    # (1 + fee + rate × days/365), all in ppm × days; the division floors.
    all_in = (PPM + credit.fee_ppm) * DAYS_IN_YEAR + credit.rate_ppm * credit.term_days
    return max(cash, 0) * PPM * DAYS_IN_YEAR // all_in
