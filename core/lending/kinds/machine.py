"""A machine's line: what its work earns, as far as three counters agree on it."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import ProductError
from core.lending.kind_terms import MachineTerms
from core.lending.kinds.terms import M2_PER_HA, Terms, capacity_minor
from core.lending.product import Product
from core.lending.views import Household, MachineView
from core.units import PPM

S_PER_H = 3_600


def machine_terms(
    product: Product, machines: Sequence[MachineView], household: Household
) -> Terms | None:
    """The terms for a machine's line; None while a machine reported too thinly.

    R is what the hire of the worked area leaves after its costs, with nothing carried on
    beyond the window: the coming season is taken to earn what the last one did. S is the
    working capital of that area, C the machine's value × loan-to-value.

    Raises
    ------
    ProductError
        If the product has no machine terms.
    """
    terms = product.machine
    if terms is None:
        raise ProductError(f"{product.product_id}: a machine limit needs [machine], got none")
    if not machines or any(each.coverage_ppm < terms.coverage_ppm_min for each in machines):
        return None
    area_m2 = sum(proven_area_m2(terms, each) for each in machines)
    income = area_m2 * terms.hire_minor_per_ha * (PPM - terms.cost_ppm) // (M2_PER_HA * PPM)
    return Terms(
        collateral_minor=len(machines) * terms.value_minor_per_machine * terms.ltv_ppm // PPM,
        stage_cost_minor=area_m2 * terms.scale_minor_per_ha // M2_PER_HA,
        capacity_minor=capacity_minor(product, household, income),
        cap_minor=product.credit.limit_max_minor,
        harvest_value_minor=income,
    )


def proven_area_m2(terms: MachineTerms, machine: MachineView) -> int:
    """The area that all three counters carry: a counter that runs alone adds nothing [m²]."""
    by_hours = machine.engine_s * terms.area_m2_per_h_max // S_PER_H
    by_fuel = machine.fuel_ml * M2_PER_HA // terms.fuel_ml_per_ha_min
    return min(machine.area_m2, by_hours, by_fuel)
