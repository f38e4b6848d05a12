"""The whole price of a drawdown, told before consent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.errors import PriceError
from core.lending.accrual import PrincipalChange, simple_interest
from core.lending.price import Flow, apr_ppm
from core.lending.product import Product
from core.units import share_ppm


@dataclass(frozen=True, slots=True)
class Quote:
    """What a drawdown costs if it is repaid on its due date [minor units]."""

    amount_minor: int
    fee_minor: int
    interest_minor: int
    total_minor: int
    currency: str
    drawn_on: str
    due_on: str
    apr_ppm: int


def quote(product: Product, amount_minor: int, drawn_on: date) -> Quote:
    """The price of drawing an amount on a day and repaying it all on the due date.

    Raises
    ------
    PriceError
        If the due date is not after the day.
    """
    due = date.fromisoformat(product.due_on)
    days = (due - drawn_on).days
    if days <= 0 or amount_minor <= 0:
        raise PriceError(
            f"expected an amount and a day before the due date {due}, "
            f"got {amount_minor} on {drawn_on}"
        )
    credit = product.credit
    fee = share_ppm(amount_minor, credit.fee_ppm)
    drawn = [PrincipalChange(drawn_on, amount_minor)]
    interest = simple_interest(drawn, credit.rate_ppm, due, credit.day_count)
    total = amount_minor + fee + interest
    return Quote(
        amount_minor=amount_minor,
        fee_minor=fee,
        interest_minor=interest,
        total_minor=total,
        currency=product.currency,
        drawn_on=drawn_on.isoformat(),
        due_on=due.isoformat(),
        apr_ppm=apr_ppm([Flow(0, amount_minor), Flow(days, -total)]),
    )
