"""The rule that sets a limit: open, in integers, every term on the record; one door by kind.

``limit = floor(min(C, S, R, cap))`` where C is what the security can carry, S what its
stage costs, R what the season's cash can repay; what each is depends on the kind of product
and stands in :mod:`core.lending.kinds`. How a limit then moves is
:mod:`core.lending.movement`'s: a raise needs fresh evidence more than once; a cut is
immediate and takes only what is undrawn; what cannot be seen holds its last limit, then
freezes. Nothing else moves a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from core.lending.cover import with_guarantees, with_insurance
from core.lending.elsewhere import with_dues, with_told_dues
from core.lending.kind_terms import ProductKind
from core.lending.kinds.crop import crop_terms, seen_crop_terms, sowing_terms
from core.lending.kinds.herd import herd_terms
from core.lending.kinds.machine import machine_terms
from core.lending.kinds.receipt import receipt_terms
from core.lending.kinds.revolving import revolving_terms
from core.lending.kinds.terms import Terms
from core.lending.kinds.voucher import voucher_terms
from core.lending.movement import Movement, Review, Standing, estimate, has_worsened, review
from core.lending.product import Product
from core.lending.risk_price import dearest_ppm
from core.lending.views import (
    CoverKind,
    CoverView,
    DuesView,
    HerdView,
    Household,
    PlotView,
    Seen,
)

__all__ = [
    "CoverKind",
    "CoverView",
    "DuesView",
    "HerdView",
    "Household",
    "Movement",
    "PlotView",
    "Review",
    "Seen",
    "Standing",
    "Terms",
    "crop_terms",
    "estimate",
    "has_worsened",
    "herd_terms",
    "limit_terms",
    "review",
    "sowing_terms",
]


def limit_terms(product: Product, seen: Seen, household: Household, on: date) -> Terms | None:
    """The terms of the rule on a day, by the product's kind; None while too little is known.

    Raises
    ------
    ProductError
        If the product lacks what its kind needs.
    """
    offered = product.on(on)
    if offered.price is None and product.price is not None:
        return None  # the price list has ended: what it is worth is not known
    dearest = dearest_ppm(offered.risk_prices, on, offered.credit.rate_ppm)
    offered = offered.at_rate(dearest)  # a season must repay the line's dearest price
    home = with_dues(offered, seen, with_insurance(offered, seen, household, on), on)
    found = _RULES[product.kind](offered, seen, home, on)
    if found is None:
        return None
    return with_told_dues(offered, seen, with_guarantees(offered, seen, found, on), home)


_RULES: Mapping[ProductKind, Callable[[Product, Seen, Household, date], Terms | None]] = {
    ProductKind.CROP: lambda product, seen, home, _: seen_crop_terms(product, seen.plots, home),
    ProductKind.LIVESTOCK: lambda product, seen, _, __: herd_terms(product, seen.herds),
    ProductKind.REVOLVING: lambda product, seen, _, on: revolving_terms(
        product, seen.plots, seen.assets, on
    ),
    ProductKind.MACHINERY: lambda product, seen, home, _: machine_terms(
        product, seen.machines, home
    ),
    ProductKind.VOUCHER: lambda product, seen, home, _: voucher_terms(
        product, seen.plots, seen.orders, home
    ),
    ProductKind.RECEIPT: lambda product, seen, _, __: receipt_terms(product, seen.stores),
}
