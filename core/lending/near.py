"""A rate that is enclosed tightly enough to print, without being solved for.

Money that turns once, as in every drawdown with its repayments, has at most one rate
(Descartes' rule of signs). Over whole days the flows are a polynomial in the day's discount
factor v, and ``1 + rate = v^-days_in_year``. So a guess needs no trust: if the polynomial has
opposite signs just beside it, and both neighbours' rates round to the same parts per million,
those are the answer. The guess is a float and may differ between processors; the proof is
integer powers of decimals, which do not. Where it fails, nothing is said, and
:mod:`core.lending.roots` solves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import pairwise

from core.units import PPM

EXACT = Context(prec=28, rounding=ROUND_HALF_EVEN)
DAYS_MAX = 36_500  # as price.YEARS_MAX: beyond it the flows are refused
_STEPS_MAX = 30
_SETTLED = 1e-15  # change of the day's logarithm of growth
_BESIDE = Decimal("1e-13")  # of v, on either side of the guess
# What is left of a sum of alternating powers is told apart from nothing above this share of it:
# 28 digits lose at most some 10^-23 of it to 2,000 additions and powers of up to 36,500.
_CLEAR = Decimal("1e-20")
_SLACK_PPM = Decimal("1e-9")  # no rate this near to a tie is rounded here
_HALF = Decimal("0.499999999e-6")  # half a part per million, less that slack
_LOG_LOW, _LOG_HIGH = -4.0, 6.0  # of growth in a year: well within what roots.py searches
_SHIFT = 10**15


def whole_ppm(amounts: Mapping[int, int], days_in_year: int) -> int | None:
    """The effective yearly rate in whole ppm, half to even; None where it is not proven here.

    Parameters
    ----------
    amounts
        Net money by day [days since the first, minor units]; paid out is positive.
    """
    days = sorted(day for day in amounts if amounts[day])
    if len(days) < 2 or days[-1] - days[0] > DAYS_MAX:
        return None
    steps = [(0, amounts[days[0]])]
    steps += [(day - before, amounts[day]) for before, day in pairwise(days)]
    if len(steps) == 2:
        return _one_payment_ppm(steps[0][1], steps[1], days_in_year)
    signs = [amount > 0 for _, amount in steps]
    if sum(a is not b for a, b in pairwise(signs)) != 1:
        return None
    log_v = _guessed(days, [amount for _, amount in steps])
    if log_v is None or not _LOG_LOW < -log_v * days_in_year < _LOG_HIGH:
        return None
    guess = Decimal(round(math.exp(log_v) * _SHIFT)).scaleb(-15, EXACT)
    low, high = EXACT.subtract(guess, _BESIDE), EXACT.add(guess, _BESIDE)
    at_low, at_high = _sign(steps, low), _sign(steps, high)
    if at_low * at_high >= 0:
        return None
    rates = _ppm(high, days_in_year, -_SLACK_PPM), _ppm(low, days_in_year, _SLACK_PPM)
    return rates[0] if rates[0] == rates[1] else None


def _one_payment_ppm(first: int, payment: tuple[int, int], days_in_year: int) -> int | None:
    """The rate of money that changes hands twice, in closed form: growth^days = share^year."""
    days, second = payment
    if (first > 0) is (second > 0):
        return None
    log_growth = math.log(second / -first) * days_in_year / days if second != -first else 0.0
    if not _LOG_LOW < log_growth < _LOG_HIGH:
        return None
    ppm = round(math.expm1(log_growth) * PPM)
    wanted = EXACT.power(EXACT.divide(abs(second), abs(first)), days_in_year)
    beside = Decimal(PPM + ppm).scaleb(-6, EXACT)
    low = EXACT.power(EXACT.subtract(beside, _HALF), days)
    high = EXACT.power(EXACT.add(beside, _HALF), days)
    return ppm if low < wanted < high else None


def _guessed(days: Sequence[int], amounts: Sequence[int]) -> float | None:
    """The logarithm of a day's discount factor, about; None where Newton's steps do not settle."""
    out = [(day, amount) for day, amount in zip(days, amounts, strict=True) if amount > 0]
    back = [(day, -amount) for day, amount in zip(days, amounts, strict=True) if amount < 0]
    out_sum, back_sum = sum(a for _, a in out), sum(a for _, a in back)
    out_day = sum(d * a for d, a in out) / out_sum
    back_day = sum(d * a for d, a in back) / back_sum
    if out_day == back_day:
        return None
    log_v = math.log(out_sum / back_sum) / (back_day - out_day)
    try:
        for _ in range(_STEPS_MAX):
            now = [
                (d, a * math.exp(log_v * (d - days[0]))) for d, a in zip(days, amounts, strict=True)
            ]
            slope = sum(d * part for d, part in now)
            change = sum(part for _, part in now) / slope
            log_v -= change
            if abs(change) < _SETTLED:
                return log_v
    except (OverflowError, ZeroDivisionError):
        pass
    return None


def _sign(steps: Sequence[tuple[int, int]], v: Decimal) -> int:
    """The sign of the flows' worth at a day's discount factor; 0 too near to nothing."""
    share, out, back = Decimal(1), Decimal(0), Decimal(0)
    for gap, amount in steps:
        if gap:
            share = EXACT.multiply(share, EXACT.power(v, gap))
        if amount > 0:
            out = EXACT.fma(share, amount, out)
        else:
            back = EXACT.fma(share, -amount, back)
    left = EXACT.subtract(out, back)
    if EXACT.compare(EXACT.abs(left), EXACT.multiply(out, _CLEAR)) <= 0:
        return 0
    return 1 if left > 0 else -1


def _ppm(v: Decimal, days_in_year: int, slack: Decimal) -> int:
    growth = EXACT.divide(1, EXACT.power(v, days_in_year))
    ppm = EXACT.scaleb(EXACT.subtract(growth, 1), 6)
    return int(EXACT.to_integral_value(EXACT.add(ppm, slack)))
