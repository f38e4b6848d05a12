"""When a line falls due, and how much on each day.

The crop decides: due dates are counted back from the product's due date and moved to
working days where the product says so, so a moratorium or a late drawdown never makes
them jump. They are civil dates in the product's zone. A plan is whole numbers: interest is
rounded once, over all of it, and the last payment leaves exactly nothing.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from core.errors import PriceError
from core.lending.accrual import Meter
from core.lending.facts import Fact, FactKind
from core.lending.terms import (
    InterestKind,
    MoratoriumInterest,
    RepaymentTerms,
    ScheduleKind,
)
from core.lending.workdays import rolled
from core.units import allocate, floor_to_unit, share_ppm

DUES_MAX = 600


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be paid on a day [minor units].

    Interest that was capitalised before is part of the principal.
    """

    on: date
    principal_minor: int
    interest_minor: int
    fee_minor: int = 0

    @property
    def total_minor(self) -> int:
        """All that is due on the day [minor units]."""
        return self.principal_minor + self.interest_minor + self.fee_minor


def plan(
    terms: RepaymentTerms, amount_minor: int, drawn_on: date, fee_minor: int = 0
) -> tuple[Due, ...]:
    """What is due when for one drawdown; also for what is left, from the day it is planned anew.

    Raises
    ------
    PriceError
        If the due date is not after the day, nothing is drawn, or there would be more than
        ``DUES_MAX`` due dates.
    """
    days = due_days(terms, drawn_on)
    if amount_minor <= 0 or not days:
        raise PriceError(
            f"expected an amount and a day before the due date {terms.due_on}, "
            f"got {amount_minor} on {drawn_on}"
        )
    course = _Course(terms, amount_minor, drawn_on, days, capitalising_days(terms, drawn_on))
    if terms.schedule.kind is ScheduleKind.EQUAL_INSTALMENTS:
        dues = _walked(course, _level(course, _level_minor(course)))
    else:
        dues = _walked(course, _parts(course))
    asked = [due for due in dues if due.total_minor]
    first = asked[0]
    return (Due(first.on, first.principal_minor, first.interest_minor, fee_minor), *asked[1:])


def merged(plans: Sequence[Sequence[Due]]) -> tuple[Due, ...]:
    """The plans of several drawdowns as one, day by day."""
    found: dict[date, Due] = {}
    for due in (each for one in plans for each in one):
        sofar = found.get(due.on, Due(due.on, 0, 0))
        found[due.on] = Due(
            due.on,
            sofar.principal_minor + due.principal_minor,
            sofar.interest_minor + due.interest_minor,
            sofar.fee_minor + due.fee_minor,
        )
    return tuple(found[on] for on in sorted(found))


def due_days(terms: RepaymentTerms, drawn_on: date) -> tuple[date, ...]:
    """The working days after a drawdown on which something may be due; the last ends it."""
    schedule = terms.schedule
    nominal = _series(terms.due_on, schedule.every_months, drawn_on)
    if schedule.kind is ScheduleKind.BULLET:
        nominal = [terms.due_on]
    elif schedule.kind is ScheduleKind.CASH_MONTHS:
        months = {each.month for each in schedule.cash}
        nominal = [day for day in _series(terms.due_on, 1, drawn_on) if day.month in months]
    days = sorted({rolled(day, terms.calendar) for day in nominal})
    return tuple(day for day in days if day > drawn_on)


def capitalising_days(terms: RepaymentTerms, drawn_on: date) -> frozenset[date]:
    """The days at whose end unpaid interest becomes principal.

    Relief moves the last due date and none of them: they go on in the same steps.
    """
    schedule, found = terms.schedule, set[date]()
    if terms.put_off is not None and terms.due_on == terms.put_off[1]:
        until = terms.put_off[0]
        found.update(capitalising_days(replace(terms, due_on=until, put_off=None), drawn_on))
        if schedule.interest is InterestKind.CAPITALISING:
            found.update(_onwards(until, schedule.capitalise_months, terms.due_on))
        return frozenset(day for day in found if day > drawn_on)
    if schedule.interest is InterestKind.CAPITALISING:
        found.update(_series(terms.due_on, schedule.capitalise_months, drawn_on))
    if schedule.moratorium_interest is MoratoriumInterest.CAPITALISED:
        free = [day for day in due_days(terms, drawn_on) if is_free(terms, drawn_on, day)]
        found.update(free[-1:])
    return frozenset(found - {terms.due_on})


def capitalising_of(terms: RepaymentTerms, facts: Sequence[Fact]) -> frozenset[date]:
    """The days at whose end a line's unpaid interest becomes principal, by all of its plans."""
    drawn = [fact.on for fact in facts if fact.kind is FactKind.DRAWDOWN]
    if not drawn:
        return frozenset()
    if not terms.restructured:
        return capitalising_days(terms, min(drawn))
    anew = date.fromisoformat(terms.restructured[-1].on)
    before = capitalising_of(terms.before_last(), facts)
    return frozenset(day for day in before if day <= anew) | capitalising_days(terms, anew)


def is_free(terms: RepaymentTerms, drawn_on: date, on: date) -> bool:
    """Whether no principal is due on a day because the moratorium lasts."""
    months, last = terms.schedule.moratorium_months, rolled(terms.due_on, terms.calendar)
    return months > 0 and on <= months_from(drawn_on, months) and on < last


def months_from(on: date, months: int) -> date:
    """The same day of the month so many months on or back; a short month's last if need be."""
    year, month = divmod(12 * on.year + on.month - 1 + months, 12)
    return date(year, month + 1, min(on.day, calendar.monthrange(year, month + 1)[1]))


def _onwards(first: date, every_months: int, last: date) -> list[date]:
    """A day and those every so many months after it, before the last."""
    found, count = list[date](), 0
    while every_months and (day := months_from(first, every_months * count)) < last:
        found.append(day)
        count += 1
    return found


def _series(last: date, every_months: int, after: date) -> list[date]:
    """Days counted back from the last, each from the last itself so that none drifts."""
    days = [last] if last > after else []
    while every_months and (day := months_from(last, -every_months * len(days))) > after:
        if len(days) >= DUES_MAX:
            raise PriceError(f"expected at most {DUES_MAX} due dates from {after} to {last}")
        days.append(day)
    return days[::-1]


@dataclass(frozen=True, slots=True)
class _Course:
    """One drawdown and its days [minor units]."""

    terms: RepaymentTerms
    amount_minor: int
    drawn_on: date
    days: tuple[date, ...]
    capitalising: frozenset[date]

    @property
    def balloon_minor(self) -> int:
        """What is left to the last day [minor units]."""
        schedule = self.terms.schedule
        return floor_to_unit(
            share_ppm(self.amount_minor, schedule.balloon_ppm), schedule.rounding_minor
        )

    @property
    def payable(self) -> tuple[date, ...]:
        """The days on which principal may be due."""
        return tuple(d for d in self.days if not is_free(self.terms, self.drawn_on, d))


# What is asked on a day, of the principal and the interest that are then owed.
_Rule = Callable[[date, int, int], tuple[int, int]]


def _walked(course: _Course, rule: _Rule) -> list[Due]:
    """The dues that a rule asks for, interest running between them."""
    terms, owed_minor, since = course.terms, course.amount_minor, course.drawn_on
    meter = Meter(terms.rate_ppm, terms.day_count)
    dues, asking = [], frozenset(course.days)
    for day in sorted(asking | course.capitalising):
        meter.run(owed_minor, since, day)
        since = day
        if day in asking:
            last = day == course.days[-1]
            asked = (owed_minor, meter.owed_minor) if last else rule(
                day, owed_minor, meter.owed_minor
            )  # fmt: skip
            dues.append(Due(day, *asked))
            owed_minor -= asked[0]
            meter.taken_minor += asked[1]
        if day in course.capitalising and day < course.days[-1]:
            owed_minor += meter.owed_minor
            meter.taken_minor = meter.earned_minor
    return dues


def _free_interest(course: _Course, interest_minor: int) -> int:
    """The interest that is due on a day of the moratorium [minor units]."""
    paid = course.terms.schedule.moratorium_interest is MoratoriumInterest.PAID
    return interest_minor if paid else 0


def _parts(course: _Course) -> _Rule:
    """All interest, and the principal in parts that are known beforehand."""
    weights = _weights(course)
    shares: dict[date, int] = {}

    def rule(day: date, owed_minor: int, interest_minor: int) -> tuple[int, int]:
        if day not in weights:
            return 0, _free_interest(course, interest_minor)
        if not shares:  # now, because a moratorium may have added to the principal
            unit = course.terms.schedule.rounding_minor
            whole = max(0, owed_minor - course.balloon_minor) // unit
            parts = allocate(whole, list(weights.values()))
            shares.update(zip(weights, (part * unit for part in parts), strict=True))
        return min(owed_minor, shares[day]), interest_minor

    return rule


def _weights(course: _Course) -> Mapping[date, int]:
    """The weight of each payable day in what is repaid of the principal."""
    schedule, days = course.terms.schedule, course.payable
    if schedule.kind is ScheduleKind.EQUAL_PRINCIPAL:
        return dict.fromkeys(days, 1)
    if schedule.kind is ScheduleKind.CASH_MONTHS:
        by_month = {each.month: each.weight for each in schedule.cash}
        nominal = [
            day
            for day in _series(course.terms.due_on, 1, course.drawn_on)
            if day.month in by_month and rolled(day, course.terms.calendar) in days
        ]
        return {rolled(day, course.terms.calendar): by_month[day.month] for day in nominal}
    return {day: int(day == days[-1]) for day in days}


def _level(course: _Course, level_minor: int) -> _Rule:
    """The same amount each time: interest first, the rest principal."""
    payable, balloon_minor = set(course.payable), course.balloon_minor

    def rule(day: date, owed_minor: int, interest_minor: int) -> tuple[int, int]:
        if day not in payable:
            return 0, _free_interest(course, interest_minor)
        interest = min(level_minor, interest_minor)
        return min(max(0, owed_minor - balloon_minor), level_minor - interest), interest

    return rule


def _level_minor(course: _Course) -> int:
    """The least level at which the last instalment, its balloon aside, is not above it.

    Found by halving on whole plans, so no rounding of a formula is left over.
    """
    unit = course.terms.schedule.rounding_minor

    def is_enough(units: int) -> bool:
        last = _walked(course, _level(course, units * unit))[-1]
        return last.total_minor - course.balloon_minor <= units * unit

    low, high = 0, 1
    while not is_enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high * unit
