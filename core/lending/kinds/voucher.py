"""Vouchers: a crop's line that pays suppliers for goods, never cash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.errors import ProductError
from core.lending.kind_terms import VoucherTerms
from core.lending.kinds.crop import seen_crop_terms
from core.lending.kinds.terms import M2_PER_HA, Terms
from core.lending.product import Product
from core.lending.views import Household, OrderState, OrderView, PlotView, Seen
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
    ordered = sum(order.amount_minor for order in orders) if orders else None
    if is_broken(terms, orders):
        goods = ordered or 0
    cost = min(found.stage_cost_minor, goods)
    return replace(found, stage_cost_minor=cost, ordered_minor=ordered)


def is_broken(terms: VoucherTerms, orders: Sequence[OrderView]) -> bool:
    """Whether goods or their sale went elsewhere, or were paid for and never delivered."""
    return any(
        order.state is OrderState.DIVERTED
        or (order.state is OrderState.PAID and order.age_days > terms.deliver_days_max)
        for order in orders
    )


def trade_waits(product: Product, seen: Seen) -> ReasonCode | None:
    """Why nothing rises by what became of orders and sales; None if it may, or knows no orders."""
    if product.voucher is None:
        return None
    if is_broken(product.voucher, seen.orders):
        return ReasonCode.LIMIT_ORDER_BROKEN
    elsewhere = any(each.sold_elsewhere for each in seen.trade)
    return ReasonCode.LIMIT_SOLD_ELSEWHERE if elsewhere else None


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
