"""Interest from dated facts, computed on read.

Nothing is accrued overnight: interest up to a day follows from the days on which
the principal moved. The *cumulative* amount is rounded, once, so that daily views
never drift from the sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum

from core.units import PPM, divide_half_even


class DayCount(Enum):
    """How days become a share of a year."""

    ACT_365F = "act/365f"
    ACT_360 = "act/360"
    THIRTY_E_360 = "30e/360"  # every month has 30 days (ISDA 2006 Definitions, 4.16 (g))

    @property
    def days_in_year(self) -> int:
        """The denominator [days]."""
        return 365 if self is DayCount.ACT_365F else 360

    def ordinal(self, on: date) -> int:
        """The number of a day; the difference of two is the days between them [days].

        Numbering the days makes interest additive: from a to b and from b to c there are
        as many days as from a to c, in this convention as in the others.
        """
        if self is DayCount.THIRTY_E_360:
            return 360 * on.year + 30 * on.month + min(on.day, 30)
        return on.toordinal()


@dataclass(frozen=True, slots=True)
class PrincipalChange:
    """The principal rose (drawdown) or fell (repayment) by an amount on a day."""

    on: date
    change_minor: int


def simple_interest(
    changes: Iterable[PrincipalChange], rate_ppm: int, until: date, day_count: DayCount
) -> int:
    """Simple interest earned up to and not including ``until`` [minor units].

    Parameters
    ----------
    changes
        Dated changes of principal, in any order; those from ``until`` on count nothing.
    rate_ppm
        Yearly rate [ppm].

    Returns
    -------
    int
        The cumulative interest, rounded half to even once.
    """
    last = day_count.ordinal(until)
    weighted = sum(
        c.change_minor * (last - day_count.ordinal(c.on)) for c in changes if c.on < until
    )
    return divide_half_even(weighted * rate_ppm, PPM * day_count.days_in_year)


@dataclass(slots=True)
class Meter:
    """Interest as it runs on a sum that changes: exact within, rounded when it is read.

    ``taken_minor`` is what was paid or capitalised of it; what is left is the rounded
    *cumulative* amount less that, so that parts always sum to the whole.
    """

    rate_ppm: int
    day_count: DayCount
    weighted: int = 0
    taken_minor: int = 0

    def run(self, sum_minor: int, since: date, until: date) -> None:
        """Let interest run on a sum from a day up to and not including another."""
        days = self.day_count.ordinal(until) - self.day_count.ordinal(since)
        self.weighted += sum_minor * days

    @property
    def earned_minor(self) -> int:
        """All of it so far, rounded half to even [minor units]."""
        return divide_half_even(self.weighted * self.rate_ppm, PPM * self.day_count.days_in_year)

    @property
    def owed_minor(self) -> int:
        """What was earned and not taken [minor units]."""
        return self.earned_minor - self.taken_minor
