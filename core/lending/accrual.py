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

    @property
    def days_in_year(self) -> int:
        """The denominator [days]."""
        return 365 if self is DayCount.ACT_365F else 360


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
    weighted = sum(c.change_minor * (until - c.on).days for c in changes if c.on < until)
    return divide_half_even(weighted * rate_ppm, PPM * day_count.days_in_year)
