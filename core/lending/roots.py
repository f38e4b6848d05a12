"""The one solver behind every annual percentage rate.

What is paid out and what is paid back are each worth less the higher the rate, and so
is the speed at which they fall. So both can be enclosed over a whole range of rates from
the range's two ends, and the search knows, not guesses, whether a range holds no rate,
one, or several. All in fixed-precision decimals: a card replays on any processor.

How the printed digits are exact: a rate is returned only after the flows' value has
changed its sign between ``ENCLOSED`` below and ``ENCLOSED`` above it, at 40 digits. Every
digit down to the 18th decimal is therefore the true one; :func:`rounded` rounds from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from itertools import pairwise

from core.errors import PriceError, SeveralRatesError

CONTEXT = Context(prec=40, rounding=ROUND_HALF_EVEN)
LOW, HIGH = Decimal("-0.99"), Decimal(1000)  # searched range of a rate
ENCLOSED = Decimal("1e-20")
_KEPT = Decimal("1e-18")
_STEPS_MAX = 400
_WORK_MAX = 500_000  # flows times ranges that are looked at; a second or two
_WIDTH_MIN = Decimal("1e-12")  # rates closer than this cannot be told apart
_NAMED_MAX = 4  # rates that a refusal names


@dataclass(frozen=True, slots=True)
class Worth:
    """What both sides are worth at a rate, and how fast each falls as the rate rises.

    All four are positive and fall as the rate rises [money, money per unit of rate].
    """

    out: Decimal
    back: Decimal
    out_fall: Decimal
    back_fall: Decimal

    @property
    def value(self) -> Decimal:
        """Paid out less paid back; zero at the rate that is sought."""
        return self.out - self.back

    @property
    def slope(self) -> Decimal:
        """How fast the value rises with the rate."""
        return self.back_fall - self.out_fall


Worths = Callable[[Decimal], Worth]


@dataclass(frozen=True, slots=True)
class _Range:
    """Rates from ``low`` to ``high`` with the flows' worth at both ends."""

    low: Decimal
    high: Decimal
    at_low: Worth
    at_high: Worth

    @property
    def crosses(self) -> bool:
        """Whether the value has opposite signs at the ends."""
        return (self.at_low.value > 0) != (self.at_high.value > 0)

    @property
    def is_empty(self) -> bool:
        """Whether no rate within can be the one: the value cannot reach zero."""
        least = self.at_high.out - self.at_low.back
        most = self.at_low.out - self.at_high.back
        return least > 0 or most < 0

    @property
    def is_monotone(self) -> bool:
        """Whether the value only rises or only falls within."""
        least = self.at_high.back_fall - self.at_low.out_fall
        most = self.at_low.back_fall - self.at_high.out_fall
        return least > 0 or most < 0


def turns(amounts: Iterable[Decimal]) -> int:
    """How often money turns from paid out to paid back or the other way, in order of time."""
    signs = [amount > 0 for amount in amounts if amount]
    return sum(a != b for a, b in pairwise(signs))


def only_rate(worth: Worths, amounts: Sequence[Decimal]) -> Decimal:
    """The one rate at which both sides are worth the same.

    Money that turns once has at most one rate (Descartes' rule of signs, which holds for
    real exponents too), above zero if the credit costs something and below if it earns.
    Money that turns more often is searched for every rate that there is.

    Parameters
    ----------
    amounts
        What changes hands, in order of time; paid out is positive.

    Raises
    ------
    PriceError
        If there is none between -99 % and 100,000 %.
    SeveralRatesError
        If there are several, or some that cannot be told apart.
    """
    with localcontext(CONTEXT):
        money_turns = turns(amounts)
        whole = _Range(LOW, HIGH, worth(LOW), worth(HIGH))
        found = [whole] if money_turns == 1 and whole.crosses else []
        if money_turns > 1:
            found = _isolated(worth, whole, _WORK_MAX // len(amounts))
        if not found:
            raise PriceError("expected a rate between -99 % and 100,000 %, found none")
        rates = [_refined(worth, each) for each in found[:_NAMED_MAX]]
        if len(found) > 1:
            named = " and ".join(f"{rate * 100:.2f} %" for rate in sorted(rates))
            raise SeveralRatesError(
                f"expected one rate that explains the flows, found {len(found)}: {named}; price "
                "each drawdown with its own repayments"
            )
        return rates[0]


def rounded(rate: Decimal, decimals: int) -> Decimal:
    """A solved rate rounded half to even; within 10^-18 of a tie it is the tie."""
    with localcontext(CONTEXT):
        kept = rate.quantize(_KEPT)
        return kept.quantize(Decimal(1).scaleb(-decimals))


def _isolated(worth: Worths, whole: _Range, ranges_max: int) -> list[_Range]:
    """Ranges that hold exactly one rate each, and all of them."""
    found: list[_Range] = []
    left = [whole]
    for _ in range(ranges_max):
        if not left:
            return found
        span = left.pop()
        if span.is_empty:
            continue
        if span.is_monotone:
            if span.crosses:
                found.append(span)
            continue
        if span.high - span.low < _WIDTH_MIN:
            raise SeveralRatesError(
                "expected rates that can be told apart, found some within 10^-12 of each other; "
                "price each drawdown with its own repayments"
            )
        left.extend(_halves(worth, span))
    raise SeveralRatesError(
        f"expected flows whose rates can be told apart in {ranges_max} ranges, found that they "
        "turn too often; price each drawdown with its own repayments"
    )


def _halves(worth: Worths, span: _Range) -> tuple[_Range, _Range]:
    """The range cut where growth is halved, or near there if the rate itself lies there."""
    middle = ((1 + span.low) * (1 + span.high)).sqrt() - 1
    there = worth(middle)
    if there.value == 0:
        middle = (middle + span.high) / 2
        there = worth(middle)
    return (
        _Range(span.low, middle, span.at_low, there),
        _Range(middle, span.high, there, span.at_high),
    )


def _refined(worth: Worths, span: _Range) -> Decimal:
    """The rate within, by Newton's steps held inside the range; proven by a change of sign."""
    low, high, rising = span.low, span.high, span.at_low.value < 0
    rate = Decimal(0) if low <= 0 <= high else (low + high) / 2
    for _ in range(_STEPS_MAX):
        here = worth(rate)
        if here.value == 0:
            return rate
        if (here.value < 0) == rising:
            low = rate
        else:
            high = rate
        wanted = rate - here.value / here.slope if here.slope else low
        following = wanted if low < wanted < high else (low + high) / 2
        near = ENCLOSED * (1 + abs(following))
        if abs(following - rate) <= near / 100 and _is_enclosed(worth, following, near):
            return following
        if high - low <= near / 100:
            return following
        rate = following
    raise AssertionError("a range that is halved or better narrows to nothing")


def _is_enclosed(worth: Worths, rate: Decimal, near: Decimal) -> bool:
    return (worth(rate - near).value > 0) != (worth(rate + near).value > 0)
