"""Words for officers: the English sentence is the message id, gettext catalogues hold the rest.

The language of a request is set once, by :class:`server.console.speaking.Speaking`, and is the
same in its worker thread; whatever puts words into a page asks :func:`say` for them. Words that
stand in a table of the module are marked by :func:`message` and said where they are shown.
Numbers, money and days are Babel's; English keeps the console's own ways.
"""

from __future__ import annotations

import gettext
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal, format_percent
from markupsafe import Markup, escape

from core.lending.terms import CashMonth
from core.reasons import SENTENCES, Reason
from core.units import PPM, format_money, minor_digits
from server.known_words import KNOWN

LOCALES = Path(__file__).parent / "console" / "locale"
DOMAIN = "console"
# Each by its own name, for an officer to find it.
LANGUAGES: Mapping[str, str] = {
    "en": "English",
    "sw": "Kiswahili",
    "hi": "हिन्दी",
    "zh": "中文",
    "mn": "Монгол",
}
# A language that nobody speaks: what stands outside its brackets cannot be translated.
PSEUDO = "en-XA"
# What a browser is told of a language (BCP 47).
TAGS: Mapping[str, str] = {
    **{code: code for code in LANGUAGES},
    "zh": "zh-Hans",
    "mn": "mn-Cyrl",
    PSEUDO: PSEUDO,
}
# The locale of CLDR that a language's numbers, money and days come from.
CLDR: Mapping[str, str] = {"sw": "sw_KE", "hi": "hi_IN", "zh": "zh_Hans_CN", "mn": "mn_MN"}
_ACCENTS = str.maketrans("aceinouyACEINOUY", "áçéíñöüýÁÇÉÍÑÖÜÝ")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Its long days spell the number of the month out: three lines of a column on a phone.
_LONG = {"mn": "medium"}
_LETTER_AND_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)")
_language: ContextVar[str] = ContextVar("console_language", default="en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """What is said inside is said in this language; in English if it is not one of ours."""
    before = _language.set(language if language in TAGS else "en")
    try:
        yield
    finally:
        _language.reset(before)


def language() -> str:
    """The language that is spoken now."""
    return _language.get()


def message(text: str) -> str:
    """Mark words of a table for the catalogues; :func:`say` says them where they are shown."""
    return text


def say(text: str, **params: object) -> str:
    """A sentence with its parameters filled in; whole numbers among them by locale."""
    return _catalogue(language()).gettext(text).format(**_told(params))


def say_count(one: str, many: str, count: int, **params: object) -> str:
    """A sentence about a number of things, which may name it as ``{count}``."""
    text = _catalogue(language()).ngettext(one, many, count)
    return text.format(**_told({"count": count, **params}))


def shown(text: str, **params: object) -> Markup:
    """:func:`say` for a template; a parameter that is markup stays so, all else is escaped."""
    return escape(_catalogue(language()).gettext(text)).format(**_told(params))


def shown_count(one: str, many: str, count: int, **params: object) -> Markup:
    """:func:`say_count` for a template, escaped as :func:`shown`."""
    text = escape(_catalogue(language()).ngettext(one, many, count))
    return text.format(**_told({"count": count, **params}))


def known(text: str) -> str:
    """Words that may be data: what the catalogues have, in the language; all else as it is."""
    return say(text) if text in KNOWN else text


def code(name: str) -> str:
    """A code of the records, such as ``model_training``, in words."""
    return known(name.replace("_", " "))


def known_code(text: str) -> str:
    """A code, or a sentence of ours, in words; all else as it is, underscores too."""
    spaced = text.replace("_", " ")
    return say(spaced) if spaced in KNOWN else text


def fact(value: object) -> str:
    """A fact of the records: yes or no, a code in words, and all else as JSON has it."""
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    return known_code(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def reason(why: Reason) -> str:
    """The sentence of a reason."""
    return say(SENTENCES[why.code], **{name: code(value) for name, value in why.params.items()})


def number(value: int) -> str:
    """A whole number with separators."""
    if _plain():
        return f"{value:,}".replace("-", "−")
    return format_decimal(value, locale=_cldr())


def fraction(value: float, digits: int) -> str:
    """A number with so many decimals."""
    if _plain():
        return f"{value:,.{digits}f}".replace("-", "−")
    return format_decimal(round(value, digits), _pattern(digits), locale=_cldr())


def money(amount_minor: int, currency: str) -> str:
    """An amount with its currency."""
    if _plain():
        return format_money(amount_minor, currency)
    value = Decimal(amount_minor).scaleb(-minor_digits(currency))
    told = format_currency(value, currency, locale=_cldr())
    # CLDR sets a code of letters apart from its number; Babel does not do so yet.
    return _LETTER_AND_DIGIT.sub("\u00a0", told)


def figure(amount_minor: int, currency: str) -> str:
    """An amount without its currency and, if they are nought, without cents."""
    digits = minor_digits(currency)
    whole = amount_minor % 10**digits == 0
    if _plain():
        text = format_money(amount_minor, currency).removeprefix(f"{currency} ")
        return text.removesuffix("." + "0" * digits) if digits else text
    value = Decimal(amount_minor).scaleb(-digits)
    return format_decimal(value, _pattern(0 if whole else digits), locale=_cldr())


def percent(ppm: int, digits: int = 1) -> str:
    """Parts per million as a percentage."""
    if _plain():
        return f"{100 * ppm / PPM:.{digits}f} %"
    pattern = Locale.parse(_cldr()).percent_formats[None].pattern
    tail = f".{'0' * digits}" if digits else ""
    return format_percent(ppm / PPM, pattern.replace("0%", f"0{tail}%"), locale=_cldr())


def long_day(day: str) -> str:
    """``2026-05-20`` as people write it: ``20 May 2026``."""
    if _plain():
        return f"{short_day(day)} {day[:4]}"
    return format_date(date.fromisoformat(day), _LONG.get(language(), "long"), locale=_cldr())


def short_day(day: str) -> str:
    """``2026-05-20`` without its year: ``20 May``."""
    found = date.fromisoformat(day)
    if _plain():
        return f"{found.day} {_MONTHS[found.month - 1]}"
    return format_skeleton("MMMd", found, locale=_cldr())


def short_month(month: int) -> str:
    """A month's short name, by its number."""
    if _plain():
        return _MONTHS[month - 1]
    return format_date(date(2026, month, 1), "MMM", locale=_cldr())


def cash_months(cash: Sequence[CashMonth]) -> str:
    """A farmer's own months with money, and the share of what is repaid that falls in each."""
    whole = sum(each.weight for each in cash)
    return ", ".join(
        f"{short_month(each.month)} {percent((each.weight * PPM + whole // 2) // whole, 0)}"
        for each in cash
    )


def pseudo(text: str) -> str:
    """A sentence in the language that nobody speaks; its parameters stay."""
    parts = text.replace("{", "\0{").replace("}", "}\0").split("\0")
    told = "".join(part if part[:1] == "{" else part.translate(_ACCENTS) for part in parts)
    return f"⟦{told}{'~' * (len(text) * 2 // 5)}⟧"


def _told(params: Mapping[str, object]) -> dict[str, object]:
    return {
        name: number(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in params.items()
    }


def _plain() -> bool:
    return language() not in CLDR


def _cldr() -> str:
    return CLDR[language()]


def _pattern(digits: int) -> str:
    grouped = Locale.parse(_cldr()).decimal_formats[None].pattern.split(".")[0]
    return f"{grouped}.{'0' * digits}" if digits else grouped


class _Pseudo(gettext.NullTranslations):
    """Every sentence in the language that nobody speaks."""

    def gettext(self, message: str) -> str:
        """A sentence in it."""
        return pseudo(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """A sentence about a number in it."""
        return pseudo(msgid1 if n == 1 else msgid2)


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == PSEUDO:
        return _Pseudo()
    if language == "en":
        return gettext.NullTranslations()
    with (LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
        return gettext.GNUTranslations(file)
