"""Numbers, money, days and rates as the words that a voice says one after another.

A voice has a clip for every word that stands here, so that any amount is spoken by
putting clips in a row. Which words a language needs, and in which order they come, is
data; nothing here knows of sound. A word's name is the same in every language where the
word means the same (``w-100`` is *hundred*, *mia*, *सौ*, *百*).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from core.errors import UnitError
from core.units import Money, minor_digits

NUMBER_MAX = 10**12 - 1
CURRENCIES = ("KES", "TZS", "UGX", "INR", "CNY", "MNT")
_TENTH_PPM = 1_000  # of a percent


@dataclass(frozen=True, slots=True)
class Rate:
    """A share or yearly rate [parts per million], spoken as a percentage with one decimal."""

    ppm: int


@dataclass(frozen=True, slots=True)
class NextDay:
    """A day whose year goes without saying: the next of its name."""

    day: date


@dataclass(frozen=True, slots=True)
class Month:
    """A month by its name, 1 to 12."""

    number: int


Value = int | date | Money | Rate | NextDay | Month
Spoken = Value | str


def spoken_words(locale: str, value: Value) -> tuple[str, ...]:
    """The words of a value, in the order in which the language says them.

    Raises
    ------
    UnitError
        If the language has no words here, or the number is not within ±(10^12 - 1).
    """
    if locale not in NUMBERS:
        raise UnitError(f"expected a language with number words {sorted(NUMBERS)}, got {locale!r}")
    if isinstance(value, Money):
        return _money(locale, value)
    if isinstance(value, Rate):
        return _rate(locale, value)
    if isinstance(value, NextDay):
        return _next_day(locale, value.day)
    if isinstance(value, date):
        return _day(locale, value)
    if isinstance(value, Month):
        return (f"month-{value.number}",)
    return _signed(locale, value)


def _signed(locale: str, number: int) -> tuple[str, ...]:
    if abs(number) > NUMBER_MAX:
        raise UnitError(f"expected a number within ±{NUMBER_MAX}, got {number}")
    words = NUMBERS[locale](abs(number))
    return ("minus", *words) if number < 0 else words


def _money(locale: str, money: Money) -> tuple[str, ...]:
    whole, part = divmod(abs(money.amount_minor), 10 ** minor_digits(money.currency))
    number = _signed(locale, -whole if money.amount_minor < 0 else whole)
    unit, small = money.currency, f"{money.currency}-minor"
    if locale == "sw":
        tail = ("and", small, *NUMBERS[locale](part)) if part else ()
        return (unit, *number, *tail)
    tail = (*NUMBERS[locale](part), small) if part else ()
    return (*number, unit, *tail)


def _rate(locale: str, rate: Rate) -> tuple[str, ...]:
    tenths = (rate.ppm + _TENTH_PPM // 2) // _TENTH_PPM
    whole, tenth = divmod(tenths, 10)
    number = _signed(locale, whole)
    if tenth:
        number = (*number, "point", str(tenth))
    return ("percent", *number) if locale in ("sw", "zh") else (*number, "percent")


def _day(locale: str, day: date) -> tuple[str, ...]:
    if locale == "mn":
        return (*NUMBERS[locale](day.year), "year", *_next_day(locale, day))
    if locale == "zh":
        return (*str(day.year), "year", *_next_day(locale, day))
    lead = ("day",) if locale == "sw" else ()  # within a sentence; a next day stands by itself
    return (*lead, *_next_day(locale, day), *NUMBERS[locale](day.year))


def _next_day(locale: str, day: date) -> tuple[str, ...]:
    month, number = f"month-{day.month}", NUMBERS[locale](day.day)
    if locale == "mn":
        return (month, *number)
    if locale == "zh":
        return (month, *number, "day")
    return (*number, month)


def word_names(locale: str) -> tuple[str, ...]:
    """Every word that a language's numbers, money, rates and days are made of, in order."""
    numbers = [*range(100), *(n * 100 for n in range(1, 10)), 1_002, 1_120, 20_000, 200_020]
    numbers += [10**power for power in range(2, 12)]
    samples: list[Value] = [*numbers, -1, Rate(181_000)]
    samples += [Money(currency, 150) for currency in CURRENCIES]
    samples += [date(2026, month, 1) for month in range(1, 13)]
    found = dict.fromkeys(word for one in samples for word in spoken_words(locale, one))
    return tuple(found)


def _english(number: int) -> tuple[str, ...]:
    if number < 100:
        tens, rest = divmod(number, 10)
        if number <= 20 or not rest:
            return (str(number),)
        return (str(tens * 10), str(rest))
    for size in (10**9, 10**6, 1000, 100):
        if number >= size:
            rest = number % size
            return (*_english(number // size), str(size), *(_english(rest) if rest else ()))
    raise UnitError(f"expected a number of at least 0, got {number}")


def _swahili(number: int) -> tuple[str, ...]:
    if number < 100:
        tens, rest = divmod(number, 10)
        if number <= 10 or not rest:
            return (str(number),)
        return (str(tens * 10), "and", str(rest))
    for size in (10**9, 10**6, 10**5, 1000, 100):
        if number >= size:
            rest = number % size
            joined = ("and",) if 0 < rest <= 20 or rest in (30, 40, 50, 60, 70, 80, 90) else ()
            tail = (*joined, *_swahili(rest)) if rest else ()
            return (str(size), *_swahili(number // size), *tail)
    raise UnitError(f"expected a number of at least 0, got {number}")


def _mongolian(number: int) -> tuple[str, ...]:
    """As in English, but with words of their own for the tens, and no *one* before hundred."""
    if number < 100:
        tens, rest = divmod(number, 10)
        if not tens or not rest:
            return (str(number),)
        return (f"{tens * 10}-and", str(rest))
    for size in (10**9, 10**6, 1000, 100):
        if number >= size:
            head, rest = divmod(number, size)
            lead = () if head == 1 and size == 100 else _mongolian(head)
            return (*lead, str(size), *(_mongolian(rest) if rest else ()))
    raise UnitError(f"expected a number of at least 0, got {number}")


def _hindi(number: int) -> tuple[str, ...]:
    if number < 100:
        return (str(number),)
    for size in (10**7, 10**5, 1000, 100):
        if number >= size:
            rest = number % size
            return (*_hindi(number // size), str(size), *(_hindi(rest) if rest else ()))
    raise UnitError(f"expected a number of at least 0, got {number}")


def _chinese(number: int) -> tuple[str, ...]:
    if number < 10_000:
        return _chinese_below_myriad(number, leads=True)
    size = 10**8 if number >= 10**8 else 10**4
    head, rest = divmod(number, size)
    lead = ("2-pair",) if head == 2 else _chinese(head)
    if not rest:
        return (*lead, str(size))
    gap = ("0",) if rest < size // 10 else ()
    tail = _chinese(rest) if rest >= 10_000 else _chinese_below_myriad(rest, leads=False)
    return (*lead, str(size), *gap, *tail)


def _chinese_below_myriad(number: int, *, leads: bool) -> tuple[str, ...]:
    """Up to 9999; 10–19 are said without a leading one where they lead the number."""
    if number < 10:
        return (str(number),)
    if number < 20 and leads:
        return ("10", str(number - 10)) if number > 10 else ("10",)
    size = next(size for size in (1000, 100, 10) if number >= size)
    head, rest = divmod(number, size)
    digit = "2-pair" if head == 2 and size > 10 else str(head)
    if not rest:
        return (digit, str(size))
    gap = ("0",) if rest < size // 10 else ()
    return (digit, str(size), *gap, *_chinese_below_myriad(rest, leads=False))


NUMBERS: Mapping[str, Callable[[int], tuple[str, ...]]] = {
    "en": _english,
    "sw": _swahili,
    "hi": _hindi,
    "zh": _chinese,
    "mn": _mongolian,
}
