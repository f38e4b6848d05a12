"""The annual percentage rate of the European Union: the price with every fee, before consent.

The effective annual rate X at which ``Σ amount / (1 + X)^years = 0`` over all flows
(Directive 2008/48/EC, Annex I; Directive (EU) 2023/2225, Annex III, keeps the formula).
:mod:`core.lending.near` encloses it where money turns once; :mod:`core.lending.roots` solves
everything else; :mod:`core.lending.regz` asks the same solver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from core.errors import PriceError
from core.lending.near import whole_ppm
from core.lending.roots import CONTEXT, Worth, Worths, only_rate, rounded
from core.units import PPM

FLOWS_MAX = 2_000
YEARS_MAX = 100


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
    SeveralRatesError
        If more than one does.
    """
    if len(flows) <= FLOWS_MAX:
        netted: dict[int, int] = {}
        for flow in flows:
            netted[flow.days] = netted.get(flow.days, 0) + flow.amount_minor
        if (enclosed := whole_ppm(netted, days_in_year)) is not None:
            return enclosed
    with localcontext(CONTEXT):  # else the caller's precision would move the rate
        timed = [(Decimal(f.days) / Decimal(days_in_year), Decimal(f.amount_minor)) for f in flows]
        return int(rounded(effective_rate(timed), 6) * PPM)


def effective_rate(flows: Sequence[tuple[Decimal, Decimal]]) -> Decimal:
    """The yearly rate at which flows (years since the first, amount) sum to zero.

    Raises
    ------
    PriceError, SeveralRatesError
        As in :func:`apr_ppm`; also if there are more than ``FLOWS_MAX`` flows, or they
        span more than ``YEARS_MAX`` years.
    """
    require_both_sides([amount for _, amount in flows])
    years = [at for at, _ in flows]
    if max(years) - min(years) > YEARS_MAX:
        raise PriceError(
            f"expected flows within {YEARS_MAX} years, got {min(years)} to {max(years)}"
        )
    with localcontext(CONTEXT):
        netted: dict[Decimal, Decimal] = {}
        for at, amount in flows:
            netted[at] = netted.get(at, Decimal(0)) + amount
        timed = [(at, netted[at]) for at in sorted(netted)]
        return only_rate(_worths(timed), [amount for _, amount in timed])


def require_both_sides(amounts: Sequence[Decimal]) -> None:
    """Refuse flows that no rate can explain.

    Raises
    ------
    PriceError
        If nothing is paid out or nothing paid back, or there are too many.
    """
    if not amounts or min(amounts) >= 0 or max(amounts) <= 0:
        raise PriceError("expected money paid out and money paid back, got one side only")
    if len(amounts) > FLOWS_MAX:
        raise PriceError(f"expected at most {FLOWS_MAX} flows, got {len(amounts)}")


def _worths(timed: Sequence[tuple[Decimal, Decimal]]) -> Worths:
    """What flows in order of time are worth at a rate, seen from the first.

    The gaps between payments are few and repeat, so one power a gap is enough.
    """
    first = timed[0][0]
    steps = [
        (at - before, at - first, amount)
        for (before, _), (at, amount) in zip([timed[0], *timed], timed, strict=False)
    ]
    gaps = {gap for gap, _, _ in steps}

    def worth(rate: Decimal) -> Worth:
        log_growth = (1 + rate).ln()
        shrink = {gap: (-log_growth * gap).exp() for gap in gaps}
        sides = [[Decimal(0), Decimal(0)], [Decimal(0), Decimal(0)]]
        share = Decimal(1)
        for gap, at, amount in steps:
            share *= shrink[gap]
            side, part = sides[amount < 0], abs(amount) * share
            side[0] += part
            side[1] += part * at
        (out, out_years), (back, back_years) = sides
        return Worth(out, back, out_years / (1 + rate), back_years / (1 + rate))

    return worth
