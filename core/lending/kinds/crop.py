"""A crop line: the harvest's lower quantile, what the seen stage costs, what the season repays."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import ProductError
from core.lending.kinds.terms import M2_PER_HA, Terms, capacity_minor
from core.lending.product import Product
from core.lending.views import Household, PlotView
from core.units import PPM

_SCALE = M2_PER_HA * PPM * PPM  # of a value before its one division


def crop_terms(product: Product, plots: Sequence[PlotView], household: Household) -> Terms | None:
    """The terms of the rule for a crop line; None while a yield is unknown.

    A plot on which nothing green has been seen yet is lent the sowing share on its
    plan: a picture of bare soil says nothing of its harvest, so its part of C and R
    is never below its part of S. So it is at later stages that the product lends on
    plan.

    Raises
    ------
    ProductError
        If the product has no price.
    """
    if product.price is None:
        raise ProductError(f"{product.product_id}: a crop limit needs [price], got none")
    if any(plot.yield_p10_kg_per_ha is None for plot in plots):
        return None
    fixed = household.insured_floor_minor - household.prior_liens_minor
    parts = [_part(product, plot) for plot in plots]
    value = sum(value for value, _ in parts) // _SCALE
    carried = sum(carried for _, carried in parts) // (_SCALE * PPM)
    ltv_ppm = min(product.stage_terms(plot.stage).ltv_ppm for plot in plots)
    return Terms(
        collateral_minor=carried + fixed * ltv_ppm // PPM,
        stage_cost_minor=_stage_cost(product, plots),
        capacity_minor=max(
            capacity_minor(product, household, value), _on_plan(product, plots, household)
        ),
        cap_minor=product.credit.limit_max_minor,
        harvest_value_minor=value + fixed,
    )


def seen_crop_terms(
    product: Product, plots: Sequence[PlotView], household: Household
) -> Terms | None:
    """A crop's terms; before anything of it was seen, those of its sowing."""
    first = product.stages[0].stage
    if all(plot.stage == first and plot.yield_p10_kg_per_ha is None for plot in plots):
        return sowing_terms(product, plots)
    return crop_terms(product, plots, household)


def sowing_terms(product: Product, plots: Sequence[PlotView]) -> Terms:
    """The terms before any yield can be said: the sowing share of the season's cost."""
    unseen = [
        PlotView(p.plot_id, p.area_m2, product.stages[0].stage, p.usual_stage, p.age_days)
        for p in plots
    ]
    cost, cap = _stage_cost(product, unseen), product.credit.limit_max_minor
    return Terms(
        collateral_minor=cap,
        stage_cost_minor=cost,
        capacity_minor=cap,
        cap_minor=cap,
        harvest_value_minor=0,
    )


def _on_plan(product: Product, plots: Sequence[PlotView], household: Household) -> int:
    """What the season repays when plots that are lent on plan count at their share."""
    estimated = [plot for plot in plots if not product.is_on_plan(plot.stage)]
    seen = sum(_part(product, plot)[0] for plot in estimated) // _SCALE
    unseen = [plot for plot in plots if product.is_on_plan(plot.stage)]
    return capacity_minor(product, household, seen) + _stage_cost(product, unseen)


def _part(product: Product, plot: PlotView) -> tuple[int, int]:
    """A plot's harvest value and what it carries, times _SCALE and _SCALE × 10⁶."""
    price, terms = product.price, product.stage_terms(plot.stage)
    if price is None:
        raise ProductError(f"{product.product_id}: a crop limit needs [price], got none")
    net = price.price_minor_per_kg * (PPM - price.price_haircut_ppm)
    net *= PPM - price.post_harvest_loss_ppm
    value = plot.area_m2 * max(plot.yield_p10_kg_per_ha or 0, 0) * net
    carried = value * terms.ltv_ppm
    if product.is_on_plan(plot.stage):
        carried = max(carried, _stage_cost(product, [plot]) * _SCALE * PPM)
    return value, carried


def _stage_cost(product: Product, plots: Sequence[PlotView]) -> int:
    weighted = sum(p.area_m2 * product.stage_terms(p.stage).released_ppm for p in plots)
    return weighted * product.scale_of_finance_minor_per_ha // (M2_PER_HA * PPM)
