"""The whole price: the annual percentage rate, with every fee, before consent.

The effective annual rate X of the European Union's APRC: the X at which
``Σ amount / (1 + X)^years = 0`` over all flows (Directive 2008/48/EC, Annex I).
Computed in fixed-precision decimals, so that a card replays on any processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from core.errors import PriceError
from core.units import PPM

_CONTEXT = Context(prec=34, rounding=ROUND_HALF_EVEN)
_LOW, _HIGH = Decimal("-0.99"), Decimal(1000)  # searched range of the yearly rate
_STEPS_MAX = 140


@dataclass(frozen=True, slots=True)
class Flow:
    """Money that changes hands ``days`` after the first drawdown [days].

    Paid out to the farmer is positive, paid back negative [minor units].
    """

    days: int
    amount_minor: int


def apr_ppm(flows: Sequence[Flow], days_in_year: int = 365) -> int:
    """The effective annual percentage rate of dated flows [ppm], rounded half to even.

    Raises
    ------
    PriceError
        If the flows do not both pay out and pay back, or no rate in the searched
        range explains them.
    """
    timed = [(Decimal(f.days) / Decimal(days_in_year), Decimal(f.amount_minor)) for f in flows]
    rate = effective_rate(timed)
    return int((rate * PPM).to_integral_value(ROUND_HALF_EVEN))


def effective_rate(flows: Sequence[tuple[Decimal, Decimal]]) -> Decimal:
    """The yearly rate at which flows (years since the first, amount) sum to zero.

    Raises
    ------
    PriceError
        As in :func:`apr_ppm`.
    """
    amounts = [amount for _, amount in flows]
    if not amounts or min(amounts) >= 0 or max(amounts) <= 0:
        raise PriceError("expected money paid out and money paid back, got one side only")
    with localcontext(_CONTEXT):
        low, high = _LOW, _HIGH
        value_low = _present_value(flows, low)
        if value_low * _present_value(flows, high) > 0:
            raise PriceError("expected a yearly rate between -99 % and 100,000 %, found none")
        for _ in range(_STEPS_MAX):
            middle = (low + high) / 2
            value = _present_value(flows, middle)
            if (value > 0) == (value_low > 0):
                low, value_low = middle, value
            else:
                high = middle
        return (low + high) / 2


def _present_value(flows: Sequence[tuple[Decimal, Decimal]], rate: Decimal) -> Decimal:
    log_growth = (1 + rate).ln()
    return sum((amount * (-log_growth * years).exp() for years, amount in flows), Decimal(0))
