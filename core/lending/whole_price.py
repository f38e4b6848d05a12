"""The whole price of a drawdown: what a key-facts sheet tells before consent.

Nominal rate, annual percentage rate with every fee, the cost in money, and each payment
with its date. A price assumes that everything is paid on its day; what being late costs
and what paying promptly gives back stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core.lending.account import account
from core.lending.facts import Fact, FactKind
from core.lending.price import Flow, apr_ppm
from core.lending.product import Product
from core.lending.schedule import Due, plan
from core.lending.terms import RepaymentTerms
from core.units import share_ppm


@dataclass(frozen=True, slots=True)
class WholePrice:
    """What a drawdown costs if it is repaid as planned [minor units, ppm a year].

    ``rebate_minor`` comes back after the last payment if none was late; the rate is told
    without it.
    """

    amount_minor: int
    currency: str
    drawn_on: date
    nominal_rate_ppm: int
    apr_ppm: int
    fee_minor: int
    interest_minor: int
    payments: tuple[Due, ...]
    rebate_minor: int
    penalty_rate_ppm: int
    grace_days: int

    @property
    def total_minor(self) -> int:
        """All that is paid back [minor units]."""
        return sum(due.total_minor for due in self.payments)

    @property
    def cost_minor(self) -> int:
        """What the money costs: fees and interest [minor units]."""
        return self.total_minor - self.amount_minor


def whole_price(product: Product, amount_minor: int, drawn_on: date) -> WholePrice:
    """The whole price of drawing an amount on a day.

    Raises
    ------
    PriceError
        If nothing is drawn, or the due date is not after the day.
    """
    terms = product.repayment()
    fee_minor = share_ppm(amount_minor, product.credit.fee_ppm)
    dues = plan(terms, amount_minor, drawn_on, fee_minor)
    back = [Flow((due.on - drawn_on).days, -due.total_minor) for due in dues]
    return WholePrice(
        amount_minor=amount_minor,
        currency=product.currency,
        drawn_on=drawn_on,
        nominal_rate_ppm=terms.rate_ppm,
        apr_ppm=apr_ppm([Flow(0, amount_minor), *back]),
        fee_minor=fee_minor,
        interest_minor=sum(due.total_minor for due in dues) - amount_minor - fee_minor,
        payments=dues,
        rebate_minor=_rebate_minor(terms, amount_minor, drawn_on, dues),
        penalty_rate_ppm=terms.arrears.penalty_rate_ppm,
        grace_days=terms.arrears.grace_days,
    )


def as_planned(dues: Sequence[Due], amount_minor: int, drawn_on: date) -> tuple[Fact, ...]:
    """The facts of a drawdown that is repaid exactly as planned."""
    fee_minor = sum(due.fee_minor for due in dues)
    facts = [Fact("drawn", FactKind.DRAWDOWN, drawn_on, amount_minor)]
    if fee_minor:
        facts.append(Fact("fee", FactKind.FEE, drawn_on, fee_minor))
    paid = (
        Fact(f"paid-{number:04d}", FactKind.REPAYMENT, due.on, due.total_minor)
        for number, due in enumerate(dues)
    )
    return (*facts, *paid)


def _rebate_minor(
    terms: RepaymentTerms, amount_minor: int, drawn_on: date, dues: Sequence[Due]
) -> int:
    if terms.rebate.rate_ppm == 0:
        return 0
    facts = as_planned(dues, amount_minor, drawn_on)
    return account(terms, facts, dues[-1].on, dues).rebate_minor
