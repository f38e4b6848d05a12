"""Vouchers: a crop's line that pays suppliers for goods, never cash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.errors import ProductError
from core.lending.kind_terms import VoucherTerms
from core.lending.kinds.crop import seen_crop_terms
from core.lending.kinds.terms import M2_PER_HA, Terms
from core.lending.product import Product
from core.lending.views import Household, OrderState, OrderView, PlotView
from core.reasons import Reason, ReasonCode


def voucher_terms(
    product: Product,
    plots: Sequence[PlotView],
    orders: Sequence[OrderView],
    household: Household,
) -> Terms | None:
    """The crop's terms, with S at most what the goods of the land cost.

    Where the loop is broken, S is what was ordered so far: nothing more is lent, and
    nothing falls due.

    Raises
    ------
    ProductError
        If the product has no voucher terms, or no price.
    """
    terms = voucher_of(product)
    found = seen_crop_terms(product, plots, household)
    if found is None:
        return None
    area_m2 = sum(plot.area_m2 for plot in plots)
    goods = sum(each.minor_per_ha for each in terms.goods) * area_m2 // M2_PER_HA
    if is_broken(terms, orders):
        goods = sum(order.amount_minor for order in orders)
    return replace(found, stage_cost_minor=min(found.stage_cost_minor, goods))


def is_broken(terms: VoucherTerms, orders: Sequence[OrderView]) -> bool:
    """Whether goods or their sale went elsewhere, or were paid for and never delivered."""
    return any(
        order.state is OrderState.DIVERTED
        or (order.state is OrderState.PAID and order.age_days > terms.deliver_days_max)
        for order in orders
    )


def order_refusal(
    product: Product, area_m2: int, orders: Sequence[OrderView], asked: OrderView
) -> Reason | None:
    """Why a voucher does not pay for an order; None if it does.

    Raises
    ------
    ProductError
        If the product has no voucher terms.
    """
    terms = voucher_of(product)
    if asked.supplier not in terms.suppliers:
        return Reason(ReasonCode.DRAW_SUPPLIER_ONLY)
    budget = next((g.minor_per_ha * area_m2 // M2_PER_HA for g in terms.goods
                   if g.goods == asked.goods), None)  # fmt: skip
    before = sum(order.amount_minor for order in orders if order.goods == asked.goods)
    if budget is None or before + asked.amount_minor > budget:
        return Reason(ReasonCode.DRAW_GOODS_ONLY, {"goods": asked.goods})
    return Reason(ReasonCode.DRAW_FROZEN) if is_broken(terms, orders) else None


def voucher_of(product: Product) -> VoucherTerms:
    """The product's voucher terms.

    Raises
    ------
    ProductError
        If it has none.
    """
    if product.voucher is None:
        raise ProductError(f"{product.product_id}: a voucher needs [voucher], got none")
    return product.voucher
