"""A rising limit by scale of finance, as India's Kisan Credit Card writes it.

RBI, FIDD.CO.FSD.BC.No.7/05.05.010/2017-18, Revised KCC Scheme: year 1 is the crops' cost
and shares of it for household and upkeep; each later year a tenth more; investments apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from core.errors import ProductError
from core.lending.kind_terms import RevolvingTerms
from core.lending.kinds.terms import M2_PER_HA, Terms
from core.lending.product import Product
from core.lending.views import AssetView, PlotView
from core.units import PPM, divide_half_even


def revolving_terms(
    product: Product, plots: Sequence[PlotView], assets: Sequence[AssetView], on: date
) -> Terms | None:
    """The terms of a revolving line on a day; None once its years are over.

    S is the year's limit and what invoices of investments carry; the harvest does not bind,
    because the scheme lends on the land's pattern, not on a season.

    Raises
    ------
    ProductError
        If the product has no revolving terms.
    """
    terms = _of(product)
    year = year_on(terms, on)
    if year is None:
        return None
    area_m2 = sum(plot.area_m2 for plot in plots)
    cap = product.credit.limit_max_minor
    return Terms(
        collateral_minor=cap,
        stage_cost_minor=year_limits(terms, area_m2)[year] + term_limit(terms, assets),
        capacity_minor=cap,
        cap_minor=cap,
        harvest_value_minor=0,
    )


def year_limits(terms: RevolvingTerms, area_m2: int) -> tuple[int, ...]:
    """The limit of each year, without investments [minor units]."""
    cost = sum(crop.scale_minor_per_ha * crop.area_ppm for crop in terms.crops) * area_m2
    with_shares = cost * (PPM + terms.household_ppm + terms.upkeep_ppm)
    unit = terms.rounding_minor
    limits = [divide_half_even(with_shares, M2_PER_HA * PPM * PPM * unit) * unit]
    while len(limits) < terms.years:
        limits.append(divide_half_even(limits[-1] * (PPM + terms.rise_ppm), PPM * unit) * unit)
    return tuple(limits)


def term_limit(terms: RevolvingTerms, assets: Sequence[AssetView]) -> int:
    """What is lent on investments [minor units]."""
    cost = sum(asset.cost_minor for asset in assets)
    return min(cost * terms.term_ppm // PPM, terms.term_minor_max)


def highest_limit(
    terms: RevolvingTerms, area_m2: int, assets: Sequence[AssetView], unit_minor: int
) -> int:
    """The most that the line may ever reach: the last year's limit, rounded, and investments."""
    last = year_limits(terms, area_m2)[-1]
    return divide_half_even(last, unit_minor) * unit_minor + term_limit(terms, assets)


def year_on(terms: RevolvingTerms, on: date) -> int | None:
    """Which year of the line a day is in, from 0; None after the last."""
    first = date.fromisoformat(terms.first_year_on)
    passed = on.year - first.year - ((on.month, on.day) < (first.month, first.day))
    return None if passed >= terms.years else max(0, passed)


def _of(product: Product) -> RevolvingTerms:
    if product.revolving is None:
        raise ProductError(f"{product.product_id}: a revolving limit needs [revolving], got none")
    return product.revolving
