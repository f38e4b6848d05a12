"""Numbers, money, days and rates as a language writes them.

The patterns are CLDR's, exported by ``python -m tools.formats`` to ``formats.json``, which
the tablet's JavaScript reads too: a station carries no Babel, and Chromium's ``Intl``
knows no traditional Mongolian. Numerals are those that CLDR names as each language's
usual ones; today that is 0–9 for all five.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources

from core.shape import decode
from core.units import minor_digits

FILE = "formats.json"
_FIELD = re.compile(r"MMMM|[dMy]")
_TENTH_PPM = 1_000  # of a percent


@dataclass(frozen=True, slots=True)
class Formats:
    """How one language writes.

    Parameters
    ----------
    decimal, group, minus
        Its signs.
    group_digits, groups_digits
        How many digits the last group has, and the ones before it.
    digits
        Its ten numerals.
    money
        Where the currency's sign and the number stand: ``{symbol}``, ``{number}``.
    percent
        Where the number of a percentage stands: ``{number}``.
    day
        Where day, month (its number, or its name) and year stand: ``d``, ``M``, ``MMMM``, ``y``.
    symbols
        Signs of currencies; one that is missing is written by its code.
    """

    decimal: str
    group: str
    minus: str
    group_digits: int
    groups_digits: int
    digits: str
    money: str
    percent: str
    day: str
    symbols: Mapping[str, str]

    def number(self, value: int) -> str:
        """A whole number with its groups."""
        sign = self.minus if value < 0 else ""
        return sign + self._native(self._grouped(str(abs(value))))

    def figure(self, amount_minor: int, currency: str) -> str:
        """An amount without its currency; empty decimals are left out."""
        whole, part = divmod(abs(amount_minor), 10 ** minor_digits(currency))
        tail = f"{part:0{minor_digits(currency)}d}" if part else ""
        sign = self.minus if amount_minor < 0 else ""
        return sign + self._native(
            self._grouped(str(whole)) + (self.decimal + tail if tail else "")
        )

    def money_of(self, amount_minor: int, currency: str) -> str:
        """An amount with its currency, e.g. ``KES 8,000``, ``₹ 1,00,000``."""
        figure = self.figure(abs(amount_minor), currency)
        symbol = self.symbols.get(currency, currency)
        joined = self.money if not symbol[-1:].isalpha() else self.money.replace("}{", "} {")
        text = joined.format(symbol=symbol, number=figure)
        return self.minus + text if amount_minor < 0 else text

    def percent_of(self, ppm: int) -> str:
        """A rate with one decimal."""
        tenths = (abs(ppm) + _TENTH_PPM // 2) // _TENTH_PPM
        text = f"{self._grouped(str(tenths // 10))}{self.decimal}{tenths % 10}"
        sign = self.minus if ppm < 0 and tenths else ""
        return sign + self.percent.format(number=self._native(text))

    def day_of(self, day: date, month: Callable[[int], str]) -> str:
        """A civil date; ``month`` names the month of a number."""
        fields = {"d": str(day.day), "M": str(day.month), "y": str(day.year)}
        return _FIELD.sub(
            lambda found: (
                self._native(fields[found[0]]) if found[0] in fields else month(day.month)
            ),
            self.day,
        )

    def _grouped(self, digits: str) -> str:
        head, tail = digits[: -self.group_digits], digits[-self.group_digits :]
        found = [tail]
        while head:
            found.insert(0, head[-self.groups_digits :])
            head = head[: -self.groups_digits]
        return self.group.join(found)

    def _native(self, text: str) -> str:
        return text.translate({ord("0") + n: digit for n, digit in enumerate(self.digits)})


@cache
def formats_of(language: str) -> Formats:
    """How a language writes; English if it is not one of ours."""
    found = _all()
    return found.get(language, found["en"])


@cache
def _all() -> Mapping[str, Formats]:
    text = (resources.files("edge_node.faces") / FILE).read_text(encoding="utf-8")
    return {language: decode(Formats, told) for language, told in json.loads(text).items()}
