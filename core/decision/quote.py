"""The whole price of a drawdown, told before consent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.lending.product import Product
from core.lending.whole_price import whole_price


@dataclass(frozen=True, slots=True)
class Quote:
    """What a drawdown costs if it is repaid as planned, by its last due date [minor units].

    ``rate_ppm`` is the yearly rate where the product is priced by risk.
    """

    amount_minor: int
    fee_minor: int
    interest_minor: int
    total_minor: int
    currency: str
    drawn_on: str
    due_on: str
    apr_ppm: int
    rate_ppm: int | None = None


def quote(product: Product, amount_minor: int, drawn_on: date) -> Quote:
    """The price of drawing an amount on a day and repaying it as the product plans.

    Raises
    ------
    PriceError
        If the due date is not after the day.
    """
    told = whole_price(product, amount_minor, drawn_on)
    return Quote(
        amount_minor=amount_minor,
        fee_minor=told.fee_minor,
        interest_minor=told.interest_minor,
        total_minor=told.total_minor,
        currency=product.currency,
        drawn_on=drawn_on.isoformat(),
        due_on=told.payments[-1].on.isoformat(),
        apr_ppm=told.apr_ppm,
        rate_ppm=told.nominal_rate_ppm if product.risk_prices else None,
    )
