"""A store's line: an advance on what lies there dry, released as it is sold."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import ProductError
from core.lending.kind_terms import ReceiptTerms
from core.lending.kinds.terms import Terms
from core.lending.product import Product
from core.lending.views import StoreView
from core.units import PPM


def receipt_terms(product: Product, stores: Sequence[StoreView]) -> Terms | None:
    """The terms for a store's line; None while a store reported too thinly, or has no price.

    C is the stock × price less its haircuts × the advance. Neither a stage nor a season's
    cash binds: the goods are there.

    Raises
    ------
    ProductError
        If the product has no receipt terms.
    """
    terms, price = product.receipt, product.price
    if terms is None:
        raise ProductError(f"{product.product_id}: a store's limit needs [receipt], got none")
    thin = any(store.coverage_ppm < terms.coverage_ppm_min for store in stores)
    if price is None or thin or not stores:
        return None
    kg_ppm = sum(stock_kg_ppm(terms, store) for store in stores)
    net = price.price_minor_per_kg * (PPM - price.price_haircut_ppm)
    net *= PPM - price.post_harvest_loss_ppm
    cap = product.credit.limit_max_minor
    return Terms(
        collateral_minor=kg_ppm * net * terms.advance_ppm // PPM**4,
        stage_cost_minor=cap,
        capacity_minor=cap,
        cap_minor=cap,
        harvest_value_minor=kg_ppm * net // PPM**3,
    )


def stock_kg_ppm(terms: ReceiptTerms, store: StoreView) -> int:
    """What of a stock counts [kg × ppm]: the lesser of receipts and level, less what is damp."""
    stock_kg = min(store.receipts_kg, store.level_kg)
    span = terms.humidity_ppm_max - terms.humidity_ppm_safe
    dry = min(max(terms.humidity_ppm_max - store.humidity_ppm, 0), span)
    return max(stock_kg, 0) * (dry * PPM // span)
