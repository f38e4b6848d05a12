"""The console's catalogues: whole, with the same parameters, compiled; and Babel's own formats."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import cache

import pytest
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

from core.units import minor_digits
from server import words
from tools import console_words

SPOKEN = [language for language in words.LANGUAGES if language != "en"]
found = cache(console_words.found)  # for who reads this file's tests without running them
AMOUNTS = (0, 1, 99, 12_345, 800_000, 123_456_750, 98_765_432_100)


def _texts(told) -> tuple[str, ...]:
    return tuple(told) if isinstance(told, (tuple, list)) else (told,)


def _parameters(text: str) -> set[str]:
    return set(re.findall(r"{\w+}", text))


def test_the_languages_are_those_of_the_menu():
    assert set(SPOKEN) == set(console_words.LANGUAGES) == set(words.CLDR)


@pytest.mark.parametrize("language", SPOKEN)
def test_every_sentence_has_its_words_and_none_is_doubtful(language: str):
    catalogue = console_words.read(language)
    held = {tuple(e.id) if isinstance(e.id, (tuple, list)) else e.id for e in catalogue if e.id}
    assert {each for each in found() if each not in held} == set(), "run make words, then translate"
    assert held - set(found()) == set(), "run make words: sentences that nothing says any more"
    assert console_words.lacking(catalogue) == []


def test_a_doubtful_translation_is_refused():
    catalogue = console_words.read("sw")
    doubtful = next(each for each in catalogue if each.id)
    doubtful.flags.add("fuzzy")
    assert f"{doubtful.id}" in console_words.lacking(catalogue)


@pytest.mark.parametrize("language", SPOKEN)
def test_a_translation_keeps_its_parameters_and_is_compiled(language: str):
    catalogue, source = console_words.read(language), console_words.path_of(language)
    lost = [
        (each.id, text)
        for each in catalogue
        if each.id
        for text in _texts(each.string)
        # A language may leave out the number where its form says that it is one.
        if not _parameters(_texts(each.id)[0]) <= _parameters(text) <= _all(each.id)
    ]
    assert lost == []
    assert source.with_suffix(".mo").read_bytes() == console_words.compiled(catalogue)
    assert source.read_bytes() == console_words.written(catalogue)
    text = source.read_text(encoding="utf-8")
    assert text == unicodedata.normalize("NFC", text)
    assert console_words.UNREAD in text.splitlines()[0]


def _all(message_id: object) -> set[str]:
    return set().union(*(_parameters(text) for text in _texts(message_id)))


@pytest.mark.parametrize(
    ("language", "script"), [("zh", "CJK"), ("hi", "DEVANAGARI"), ("mn", "CYRILLIC")]
)
def test_a_sentence_is_in_its_script(language: str, script: str):
    for each in console_words.read(language):
        bare = re.sub(r"{\w+}", "", " ".join(_texts(each.id)))
        if len(re.findall("[A-Za-z]{3,}", bare)) > 2:
            text = " ".join(_texts(each.string))
            assert any(script in unicodedata.name(c, "") for c in text), (each.id, text)


@pytest.mark.parametrize("language", SPOKEN)
def test_numbers_money_and_days_are_babel_s(language: str):
    name = words.CLDR[language]
    with words.speaking(language):
        for amount in AMOUNTS:
            for currency in ("KES", "INR", "MNT"):
                told = format_currency(amount / 10 ** minor_digits(currency), currency, locale=name)
                wanted = re.sub(r"(?<=[^\W\d_])(?=\d)", "\u00a0", told)
                assert words.money(amount, currency) == wanted
        assert words.number(1_234_567) == format_decimal(1_234_567, locale=name)
        assert words.percent(180_000, 0) == format_percent(0.18, locale=name)
        day = date(2026, 6, 12)
        spelt = "medium" if language == "mn" else "long"  # whose long days spell the month out
        assert words.long_day("2026-06-12") == format_date(day, spelt, locale=name)


def test_english_keeps_the_console_s_own_ways():
    assert words.money(123_456_750, "KES") == "KES 1,234,567.50"
    assert words.figure(500_000, "KES") == "5,000"
    assert words.long_day("2026-05-20") == "20 May 2026"
    assert words.percent(123_456) == "12.3 %"
    assert words.number(-1_234) == "−1,234"


def test_a_number_of_things_takes_the_language_s_form():
    assert words.say_count("{count} line", "{count} lines", 1) == "1 line"
    assert words.say_count("{count} line", "{count} lines", 1200) == "1,200 lines"
    with words.speaking("zh"):
        assert words.say_count("{count} line", "{count} lines", 2) == "2 笔额度"


def test_a_parameter_is_escaped_where_it_is_no_markup():
    told = words.shown("Password of {username}", username="<b>")
    assert told == "Password of &lt;b&gt;"


def test_what_nobody_speaks_keeps_parameters_and_is_longer():
    with words.speaking(words.PSEUDO):
        told = words.say("Password of {username}", username="root")
    assert told.startswith("⟦Pássw")
    assert " root" in told
    assert told.endswith("~⟧")
