"""The key facts of a drawdown: all that must be told before consent, as one document.

Nothing is offered above the cap in force on its day; what is refused says by how much.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.canonical import canonical_hash
from core.errors import PriceError
from core.lending.dated import row_on
from core.lending.product import Product
from core.lending.risk_price import risk_price_on
from core.lending.terms import InterestKind, Part
from core.lending.whole_price import WholePrice, whole_price
from core.shape import encode
from core.units import PPM


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """What is paid on a day [minor units]."""

    on: str
    principal_minor: int
    interest_minor: int
    fee_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a farmer is told of a drawdown [minor units, ppm a year, days].

    ``cap_ppm`` is the highest annual percentage rate that may be charged on that day and
    ``cap_source`` who says so; ``waterfall`` the order in which a repayment is used;
    ``cooling_off_days`` and ``withdrawn_repay_days`` are nought where nobody may leave.
    ``lenders`` are those who lend together, the one that the farmer deals with first;
    ``rate_min_ppm`` and ``rate_max_ppm`` between which new money is priced by risk.
    """

    product_id: str
    product_name: str
    policy_version: str
    currency: str
    amount_minor: int
    drawn_on: str
    nominal_rate_ppm: int
    apr_ppm: int
    cap_ppm: int
    cap_source: str
    fee_minor: int
    interest_minor: int
    cost_minor: int
    total_minor: int
    day_count: str
    interest: InterestKind
    payments: tuple[PaymentFact, ...]
    grace_days: int
    penalty_rate_ppm: int
    rebate_minor: int
    waterfall: tuple[Part, ...]
    cooling_off_days: int
    withdrawn_repay_days: int
    lenders: tuple[str, ...] | None = None
    rate_min_ppm: int | None = None
    rate_max_ppm: int | None = None

    def sha256(self) -> str:
        """The fingerprint of these facts, by which a printed sheet is known again."""
        return canonical_hash(encode(self))


def key_facts(product: Product, amount_minor: int, drawn_on: date) -> KeyFacts:
    """The key facts of drawing an amount on a day.

    Raises
    ------
    PriceError
        If nothing is drawn, the due date is not after the day, or the annual percentage
        rate is above the cap in force on that day; the message says by how much.
    """
    told = whole_price(product, amount_minor, drawn_on)
    require_under_cap(product, told.apr_ppm, drawn_on)
    terms, agreement = product.repayment(), product.agreement
    band = risk_price_on(product.risk_prices, drawn_on)
    return KeyFacts(
        product_id=product.product_id,
        product_name=product.name,
        policy_version=product.policy_version(),
        currency=product.currency,
        amount_minor=amount_minor,
        drawn_on=drawn_on.isoformat(),
        nominal_rate_ppm=told.nominal_rate_ppm,
        apr_ppm=told.apr_ppm,
        cap_ppm=product.apr_cap_ppm_on(drawn_on),
        cap_source=_cap_source(product, drawn_on),
        fee_minor=told.fee_minor,
        interest_minor=told.interest_minor,
        cost_minor=told.cost_minor,
        total_minor=told.total_minor,
        day_count=terms.day_count.value,
        interest=terms.schedule.interest,
        payments=_payments(told),
        grace_days=told.grace_days,
        penalty_rate_ppm=told.penalty_rate_ppm,
        rebate_minor=told.rebate_minor,
        waterfall=terms.waterfall,
        cooling_off_days=agreement.cooling_off_days if agreement else 0,
        withdrawn_repay_days=agreement.withdrawn_repay_days if agreement else 0,
        lenders=product.lenders,
        rate_min_ppm=band.rate_min_ppm if band else None,
        rate_max_ppm=band.rate_max_ppm if band else None,
    )


def require_under_cap(product: Product, apr_ppm: int, on: date) -> None:
    """Refuse a price above the cap in force on a day.

    Raises
    ------
    PriceError
        If it is; the message says the rate, the cap, and by how much.
    """
    cap_ppm = product.apr_cap_ppm_on(on)
    if apr_ppm > cap_ppm:
        raise PriceError(
            f"{product.product_id} on {on}: expected an annual percentage rate of at most "
            f"{percent(cap_ppm)}, got {percent(apr_ppm)}, {percent(apr_ppm - cap_ppm)} above: "
            "lower the fee or the rate, or lend for longer"
        )


def percent(rate_ppm: int) -> str:
    """A rate to two decimals, rounded half up, for people: 182,500 ppm is 18.25 %."""
    hundredths = (rate_ppm * 10_000 + PPM // 2) // PPM
    whole, part = divmod(abs(hundredths), 100)
    return f"{'-' if hundredths < 0 else ''}{whole}.{part:02d} %"


def _cap_source(product: Product, on: date) -> str:
    held = row_on(product.apr_caps or (), on)
    if held is not None and held.apr_cap_ppm <= product.credit.apr_cap_ppm:
        return held.source
    return "the lender's own"


def _payments(told: WholePrice) -> tuple[PaymentFact, ...]:
    return tuple(
        PaymentFact(
            due.on.isoformat(), due.principal_minor, due.interest_minor, due.fee_minor,
            due.total_minor,
        )
        for due in told.payments
    )  # fmt: skip
