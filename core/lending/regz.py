"""The annual percentage rate of the United States' Regulation Z, Appendix J.

The actuarial method (12 CFR 1026, Appendix J): ``Σ A / ((1 + e·i)(1 + i)^q) = Σ P /
((1 + f·i)(1 + i)^t)``, paragraph (b)(8), where q and t are full unit-periods since the term
began and e and f the fractions left over; the rate is i times the unit-periods in a year.
How dates become unit-periods is paragraph (b)(5); months are equal, and a fraction of one is
counted in thirtieths. The references are to the paragraphs of Appendix J.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from enum import Enum
from fractions import Fraction

from core.errors import PriceError
from core.lending.price import require_both_sides
from core.lending.roots import CONTEXT, Worth, Worths, only_rate

_DAYS_A_YEAR, _WEEKS_A_YEAR, _MONTHS_A_YEAR = 365, 52, 12
_LAST_DAY = 31  # of a series that falls on each month's last day


class UnitKind(Enum):
    """What a unit-period is a multiple of."""

    DAY = "day"
    WEEK = "week"
    SEMIMONTH = "semimonth"
    MONTH = "month"
    YEAR = "year"
    TERM = "term"  # one advance, one payment: the term itself


@dataclass(frozen=True, slots=True)
class UnitPeriod:
    """A unit-period: so many weeks or months, or one of the others."""

    kind: UnitKind
    multiple: int = 1

    def __post_init__(self) -> None:
        most = {UnitKind.WEEK: _WEEKS_A_YEAR, UnitKind.MONTH: _MONTHS_A_YEAR - 1}
        if not 1 <= self.multiple <= most.get(self.kind, 1):
            raise PriceError(
                "expected a unit-period of a day, 1 to 52 weeks, a semimonth, 1 to 11 months, a "
                f"year or the term, got {self.multiple} of {self.kind.value}"
            )

    @property
    def per_year(self) -> Fraction:
        """Unit-periods in a year, (b)(5)(ii) to (v)."""
        whole = {
            UnitKind.DAY: _DAYS_A_YEAR,
            UnitKind.WEEK: _WEEKS_A_YEAR,
            UnitKind.SEMIMONTH: 2 * _MONTHS_A_YEAR,
            UnitKind.MONTH: _MONTHS_A_YEAR,
            UnitKind.YEAR: 1,
            UnitKind.TERM: 1,
        }
        return Fraction(whole[self.kind], self.multiple)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money that changes hands on a day; paid out is positive, paid back negative."""

    on: date
    amount: Decimal


def apr(transfers: Sequence[Transfer], unit: UnitPeriod, begins_on: date) -> Decimal:
    """The nominal annual rate as a share; :func:`core.lending.roots.rounded` rounds it.

    Parameters
    ----------
    begins_on
        The day on which the finance charge begins to be earned, (b)(2).

    Raises
    ------
    PriceError
        If a side is missing, money moves before the term begins, the unit-period does not
        fit, or no rate explains the transfers.
    SeveralRatesError
        If more than one does.
    """
    require_both_sides([each.amount for each in transfers])
    if min(each.on for each in transfers) < begins_on:
        raise PriceError(f"expected transfers from {begins_on} on, got one before it")
    unit, per_year = _resolved(transfers, unit, begins_on)
    anchor = _series_day([each.on for each in transfers if each.amount < 0])
    with localcontext(CONTEXT):
        netted: dict[tuple[int, Fraction], Decimal] = {}
        for each in transfers:
            at = unit_periods(begins_on, each.on, unit, anchor)
            netted[at] = netted.get(at, Decimal(0)) + each.amount
        timed = [(*at, netted[at]) for at in sorted(netted)]
        rate = only_rate(_worths(timed), [amount for *_, amount in timed])
        return rate * per_year.numerator / per_year.denominator


def unit_periods(
    first: date, last: date, unit: UnitPeriod, series_day: int | None = None
) -> tuple[int, Fraction]:
    """Full unit-periods between two days, and the fraction that is left over, (b)(5).

    Parameters
    ----------
    series_day
        The day of the month on which a series falls, 31 for each month's last, (b)(3)(iv);
        absent, that of ``last``.
    """
    days = (last - first).days
    if unit.kind in (UnitKind.DAY, UnitKind.WEEK):  # (b)(5)(iv)
        return _split(days, 1 if unit.kind is UnitKind.DAY else 7 * unit.multiple)
    if unit.kind is UnitKind.TERM:  # (b)(5)(vi) and (vii)
        return (1, Fraction(0)) if days else (0, Fraction(0))
    months = _months_back(first, last, series_day)
    left = (_back(last, months, series_day) - first).days
    if unit.kind is UnitKind.YEAR:  # (b)(5)(v)
        years, odd_months = divmod(months, _MONTHS_A_YEAR)
        if left == 0:
            return years, Fraction(odd_months, _MONTHS_A_YEAR)
        begun = _back(last, years * _MONTHS_A_YEAR, series_day)
        return years, Fraction((begun - first).days, _DAYS_A_YEAR)
    if unit.kind is UnitKind.MONTH and unit.multiple == 1:  # (b)(5)(ii)
        return months, Fraction(left, 30)
    length = 15 if unit.kind is UnitKind.SEMIMONTH else 30 * unit.multiple  # (b)(5)(iii)
    return _split(30 * months + left, length)


def _split(days: int, length: int) -> tuple[int, Fraction]:
    full, left = divmod(days, length)
    return full, Fraction(left, length)


def _resolved(
    transfers: Sequence[Transfer], unit: UnitPeriod, begins_on: date
) -> tuple[UnitPeriod, Fraction]:
    """The unit-period and how many make a year; a term of up to a year is one, (b)(5)(vi, vii)."""
    if unit.kind is not UnitKind.TERM:
        return unit, unit.per_year
    days = sorted({each.on for each in transfers})
    if len(days) != 2 or days[0] != begins_on:
        raise PriceError("expected one advance and one payment where the term is the unit-period")
    months = _months_back(days[0], days[1], None)
    whole_months = months > 0 and _back(days[1], months, None) == days[0]
    if months >= _MONTHS_A_YEAR:
        return UnitPeriod(UnitKind.YEAR), Fraction(1)
    if whole_months:
        return unit, Fraction(_MONTHS_A_YEAR, months)
    return unit, Fraction(_DAYS_A_YEAR, (days[1] - days[0]).days)


def _series_day(payments: Sequence[date]) -> int | None:
    """The day of the month that a series keeps, which February may hide, (b)(3)(iv)."""
    if len(payments) < 2:
        return None
    if all(_is_last(day) for day in payments):
        return _LAST_DAY
    return max(day.day for day in payments)


def _months_back(first: date, last: date, series_day: int | None) -> int:
    """Full months, measured back from the later day."""
    months = _MONTHS_A_YEAR * (last.year - first.year) + last.month - first.month
    return months if _back(last, months, series_day) >= first else months - 1


def _back(last: date, months: int, series_day: int | None) -> date:
    """The same day of the month, so many months earlier; a short month's last day if need be."""
    hidden = series_day is not None and _is_last(last) and series_day > last.day
    wanted = series_day if hidden and series_day is not None else last.day
    index = _MONTHS_A_YEAR * last.year + last.month - 1 - months
    year, month = divmod(index, _MONTHS_A_YEAR)
    return date(year, month + 1, min(wanted, calendar.monthrange(year, month + 1)[1]))


def _is_last(day: date) -> bool:
    return day.day == calendar.monthrange(day.year, day.month)[1]


def _worths(timed: Sequence[tuple[int, Fraction, Decimal]]) -> Worths:
    """What transfers in order of time are worth at a rate a unit-period, (b)(8)."""
    steps = [
        (periods, Decimal(left.numerator) / Decimal(left.denominator), amount)
        for periods, left, amount in timed
    ]

    def worth(rate: Decimal) -> Worth:
        shrink = 1 / (1 + rate)
        sides = [[Decimal(0), Decimal(0)], [Decimal(0), Decimal(0)]]
        share, so_far = Decimal(1), 0
        for periods, left, amount in steps:
            share *= shrink ** (periods - so_far)
            so_far = periods
            simple = 1 + left * rate
            side, part = sides[amount < 0], abs(amount) * share / simple
            side[0] += part
            side[1] += part * (left / simple + periods * shrink)
        (out, out_fall), (back, back_fall) = sides
        return Worth(out, back, out_fall, back_fall)

    return worth
