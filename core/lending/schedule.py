"""When a line falls due.

The crop decides: a bullet after harvest, moved to the next working day where the
product says so. Due dates are civil dates in the product's zone.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta

from core.errors import ProductError

SHIFT_DAYS_MAX = 31


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be paid on a day [minor units]."""

    on: date
    principal_minor: int
    interest_minor: int
    fee_minor: int = 0

    @property
    def total_minor(self) -> int:
        """All that is due on the day [minor units]."""
        return self.principal_minor + self.interest_minor + self.fee_minor


def next_working_day(
    on: date, rest_weekdays: AbstractSet[int], holidays: AbstractSet[date]
) -> date:
    """The same day, or the next that is neither a rest day nor a holiday.

    Parameters
    ----------
    rest_weekdays
        Weekdays without business, 0 is Monday.

    Raises
    ------
    ProductError
        If there is no working day within ``SHIFT_DAYS_MAX`` days.
    """
    for days in range(SHIFT_DAYS_MAX + 1):
        day = on + timedelta(days=days)
        if day.weekday() not in rest_weekdays and day not in holidays:
            return day
    raise ProductError(f"expected a working day within {SHIFT_DAYS_MAX} days of {on}, got none")


def bullet(on: date, principal_minor: int, interest_minor: int, fee_minor: int = 0) -> Due:
    """Everything once, after harvest."""
    return Due(on, principal_minor, interest_minor, fee_minor)
