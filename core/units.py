"""Integers with a unit: money, parts per million, civil days.

Money is integer minor units with an ISO 4217 code; a rate is integer parts per
million; every division states its rounding. Nothing here is a float.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from core.errors import UnitError

PPM = 1_000_000
CALENDAR_FIRST_MS = -62_135_596_800_000  # 0001-01-01T00:00:00Z
CALENDAR_LAST_MS = 253_402_300_799_000  # 9999-12-31T23:59:59Z
SAFE_INTEGER_MAX = 2**53 - 1  # the largest integer that every JSON reader keeps exact
MS_PER_HOUR = 3_600_000
MS_PER_DAY = 24 * MS_PER_HOUR

# ISO 4217 currencies whose minor unit is not a hundredth.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_MINOR_DIGITS = {
    **dict.fromkeys(_NO_DECIMALS.split(), 0),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
}


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in a currency's minor unit [minor units].

    Raises
    ------
    UnitError
        If the amount is not a safe integer or the code is not three capitals;
        also when two currencies meet in a sum.
    """

    currency: str
    amount_minor: int

    def __post_init__(self) -> None:
        require_safe_integer(self.amount_minor, "amount_minor")
        if not (len(self.currency) == 3 and self.currency.isascii() and self.currency.isupper()):
            raise UnitError(f"currency must be an ISO 4217 code such as KES, got {self.currency!r}")

    def __add__(self, other: Money) -> Money:
        return Money(self.currency, self.amount_minor + self._same(other))

    def __sub__(self, other: Money) -> Money:
        return Money(self.currency, self.amount_minor - self._same(other))

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise UnitError(f"cannot add {other.currency} to {self.currency}: convert first")
        return other.amount_minor


def minor_digits(currency: str) -> int:
    """How many decimal digits the currency's minor unit has (ISO 4217)."""
    return _MINOR_DIGITS.get(currency, 2)


def format_money(amount_minor: int, currency: str) -> str:
    """The amount as people write it, e.g. ``KES 1,234.50``."""
    digits = minor_digits(currency)
    whole, part = divmod(abs(amount_minor), 10**digits)
    sign = "-" if amount_minor < 0 else ""
    tail = f".{part:0{digits}d}" if digits else ""
    return f"{currency} {sign}{whole:,}{tail}"


def require_safe_integer(value: object, name: str) -> int:
    """Return ``value`` if it is an integer of at most 53 bits.

    Raises
    ------
    UnitError
        If it is a bool, a float, or too large to survive JSON readers.
    """
    if type(value) is not int or abs(value) > SAFE_INTEGER_MAX:
        raise UnitError(f"{name} must be an integer within ±(2^53 - 1), got {value!r}")
    return value


def divide_half_even(numerator: int, denominator: int) -> int:
    """Divide and round to nearest, ties to even."""
    if denominator <= 0:
        raise UnitError(f"denominator must be positive, got {denominator}")
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient


def share_ppm(amount: int, ppm: int) -> int:
    """``amount × ppm / 10^6``, rounded half to even, in the unit of ``amount``."""
    return divide_half_even(amount * ppm, PPM)


def floor_to_unit(amount: int, unit: int) -> int:
    """The largest multiple of ``unit`` that is not above ``amount``."""
    if unit <= 0:
        raise UnitError(f"rounding unit must be positive, got {unit}")
    return amount // unit * unit


def allocate(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split an amount by weights so that the parts sum to it exactly.

    Largest remainder; equal remainders go to the earlier part. 100,001 at 70:30
    gives 70,001 and 30,000; 100 at 1:1:1 gives 34, 33, 33.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise UnitError(f"weights must be non-negative with a positive sum, got {list(weights)}")
    parts = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), i))
    for i in by_remainder[: amount - sum(parts)]:
        parts[i] += 1
    return tuple(parts)


def within_calendar(at_ms: int) -> int:
    """An instant that has a civil date [ms UTC]: of one before or after all, the nearest.

    What a record says of its own time is any integer; it must not keep a log from going on.
    """
    return min(max(at_ms, CALENDAR_FIRST_MS), CALENDAR_LAST_MS)


def civil_day(at_ms: int, offset_ms: int = 0) -> date:
    """The civil date at an instant [ms UTC] in a zone with the given offset [ms].

    Of an instant beyond the years 1 to 9999 it is the first or the last day of these.
    """
    return datetime.fromtimestamp(within_calendar(at_ms + offset_ms) / 1000, UTC).date()


def civil_date(text: str) -> date | None:
    """The date in its one spelling, as 2026-09-15; nothing if it is another's or none.

    A week, a day of the year or a date without its hyphens is a date too for Python 3.11,
    but is not equal to one, and sorts elsewhere, where days are compared as texts.
    """
    try:
        on = date.fromisoformat(text)
    except ValueError:
        return None
    return on if on.isoformat() == text else None


def require_date(text: str | None, name: str) -> None:
    """Refuse a text that is no date in its one spelling; what is absent has not happened.

    Raises
    ------
    UnitError
        If it is another text.
    """
    if text is not None and civil_date(text) is None:
        raise UnitError(f"{name} must be a date such as 2026-09-15, got {text[:40]!r}")


def day_start_ms(day: date, offset_ms: int = 0) -> int:
    """The instant [ms UTC] at which a civil date begins in a zone with that offset [ms]."""
    return (day.toordinal() - date(1970, 1, 1).toordinal()) * MS_PER_DAY - offset_ms
