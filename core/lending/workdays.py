"""Working days as data: which days are for rest, and where a due date goes that falls on one.

A region's calendar stands in the product. Interest runs to the day on which the payment
is then due, not to the day that it left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from core.errors import ProductError
from core.units import civil_date

SHIFT_DAYS_MAX = 31


class Roll(Enum):
    """Where a due date goes that is no working day (ISDA 2006 Definitions, 4.12)."""

    STAY = "stay"
    FOLLOWING = "following"
    MODIFIED_FOLLOWING = "modified_following"
    PRECEDING = "preceding"


@dataclass(frozen=True, slots=True)
class CalendarTerms:
    """A region's rest days and holidays.

    ``rest_weekdays`` counts from 0, Monday; ``holidays`` are dates; ``source`` says who
    published them.
    """

    roll: Roll
    rest_weekdays: tuple[int, ...]
    holidays: tuple[str, ...] = ()
    source: str = ""

    def faults(self) -> list[str]:
        """What cannot be, in words; nothing if all can."""
        found = []
        if not all(0 <= day <= 6 for day in self.rest_weekdays) or set(self.rest_weekdays) == {
            *range(7)
        }:
            found.append("calendar.rest_weekdays must be 0 (Monday) to 6, and not all of them")
        found += [
            f"calendar.holidays must be dates such as 2026-12-25, got {text[:40]!r}"
            for text in self.holidays
            if civil_date(text) is None
        ]
        return found

    def is_working(self, on: date) -> bool:
        """Whether business is done on a day."""
        return on.weekday() not in self.rest_weekdays and on.isoformat() not in self.holidays


def rolled(on: date, calendar: CalendarTerms | None) -> date:
    """The day on which a payment is due that would fall on ``on``.

    Raises
    ------
    ProductError
        If there is no working day within ``SHIFT_DAYS_MAX`` days.
    """
    if calendar is None or calendar.roll is Roll.STAY:
        return on
    if calendar.roll is Roll.PRECEDING:
        return _nearest(on, calendar, -1)
    after = _nearest(on, calendar, 1)
    if calendar.roll is Roll.MODIFIED_FOLLOWING and after.month != on.month:
        return _nearest(on, calendar, -1)
    return after


def _nearest(on: date, calendar: CalendarTerms, direction: int) -> date:
    for days in range(SHIFT_DAYS_MAX + 1):
        day = on + timedelta(days=direction * days)
        if calendar.is_working(day):
            return day
    raise ProductError(f"expected a working day within {SHIFT_DAYS_MAX} days of {on}, got none")
