"""The languages of the faces: whole catalogues, Babel's own formats, letters for every word."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import date

import pytest
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent
from fontTools.ttLib import TTFont

from core.units import minor_digits
from edge_node.faces.formats import formats_of
from edge_node.faces.kiosk.words import LANGUAGES, MONTHS, words_in
from tests.support.tree import REPOSITORY
from tools import fonts, formats
from tools.catalogues import FACES, catalogues, compiled, entries
from tools.mongolian import traditional

TRANSLATED = [language for language in LANGUAGES if language != "en"]
SOURCES = {path: entries(path.read_text(encoding="utf-8")) for path in catalogues()}
DOMAINS = sorted({(path.parents[3].name, path.stem) for path in SOURCES})
CLDR = {language: name for language, name in formats.LOCALES.items() if language != "mn"}
AMOUNTS = (0, 1, 99, 100, 12_345, 800_000, 123_456_750, 98_765_432_100, -4_200_050)


def _path(face: str, domain: str, language: str):
    return FACES / face / "locale" / language / "LC_MESSAGES" / f"{domain}.po"


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize(("face", "domain"), DOMAINS)
def test_every_language_has_every_sentence(face: str, domain: str, language: str):
    wanted = {key for (path, told) in SOURCES.items() if path.stem == domain for key in told}
    told = SOURCES.get(_path(face, domain, language), {})
    assert {key for key in wanted if key and not told.get(key)} == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.stem}-{path.parents[1].name}")
def test_a_translation_keeps_its_parameters_and_is_compiled(path):
    told = SOURCES[path]
    kept = {
        source: text
        for source, text in told.items()
        if set(re.findall(r"{\w+}", source)) != set(re.findall(r"{\w+}", text))
    }
    assert kept == {}
    assert path.with_suffix(".mo").read_bytes() == compiled(told)
    assert [text for text in told.values() if text != unicodedata.normalize("NFC", text)] == []


@pytest.mark.parametrize(("language", "script"), [("zh", "CJK"), ("hi", "DEVANAGARI")])
def test_a_translation_is_in_its_script(language: str, script: str):
    for path in catalogues(language):
        for source, text in SOURCES[path].items():
            if source and re.search("[a-z]{4}", re.sub(r"{\w+}", "", source)):
                assert any(script in unicodedata.name(c, "") for c in text), (source, text)


def test_mongolian_is_in_the_traditional_script_and_nothing_else():
    for path in catalogues("mn"):
        for source, text in SOURCES[path].items():
            if not source:
                continue
            bare = re.sub(r"{\w+}|APR|devices quarantine|m²", "", text)
            letters = [c for c in bare if c.isalpha()]
            assert letters == [c for c in letters if "\u1820" <= c <= "\u1842"], (source, text)
            assert letters or not re.search("[a-z]", source), source
            assert "\u180e" not in re.sub("[\u1820-\u1842]\u180e[\u1820\u1821]", "", text), text


def test_latin_letters_become_the_traditional_script():
    assert traditional("jegeli-yin kemjiy_e") == "ᠵᠡᠭᠡᠯᠢ\u202fᠶᠢᠨ ᠬᠡᠮᠵᠢᠶ\u180eᠡ"
    assert traditional("{day} 30 <APR> mongol.") == "{day} 30 APR ᠮᠣᠩᠣᠯ᠃".replace("ᠩᠣ", "ᠨᠭᠣ")
    with pytest.raises(ValueError, match="expected a letter"):
        traditional("ş")


def test_the_formats_are_what_babel_exports():
    assert formats.TARGET.read_text(encoding="utf-8") == formats.text()
    assert formats.TABLET.read_text(encoding="utf-8") == formats.script()


def _spaced(text: str) -> str:
    """As the screens write it: spaces that do not break are plain."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize("currency", formats.CURRENCIES)
@pytest.mark.parametrize("language", CLDR)
def test_money_is_written_as_babel_writes_it(language: str, currency: str):
    told, unit = formats_of(language), 10 ** minor_digits(currency)
    symbols = Locale.parse(CLDR[language]).currency_symbols
    for amount in AMOUNTS:
        pattern = (
            None
            if amount % unit
            else Locale.parse(CLDR[language])
            .currency_formats["standard"]
            .pattern.replace(".00", "")
        )
        wanted = format_currency(
            amount / unit, currency, format=pattern, locale=CLDR[language],
            currency_digits=bool(amount % unit),
        )  # fmt: skip
        # CLDR sets a code of letters apart from its number; Babel does not do so yet.
        if symbols.get(currency, currency)[-1].isalpha():
            wanted = re.sub(r"([A-Za-z])(\d)", r"\1 \2", wanted)
        assert told.money_of(amount, currency) == _spaced(wanted)


@pytest.mark.parametrize("language", CLDR)
def test_numbers_rates_and_days_are_written_as_babel_writes_them(language: str):
    told, name = formats_of(language), CLDR[language]
    for number in (0, 7, 1000, 99_999, 100_000, 12_345_678, -1_234_567):
        assert told.number(number) == _spaced(format_decimal(number, locale=name))
    for ppm in (0, 181_400, 999_000, 12_345_000):
        wanted = format_percent(
            ppm / 1e6, locale=name,
            format=Locale.parse(name).percent_formats[None].pattern.replace("0%", "0.0%"),
        )  # fmt: skip
        assert told.percent_of(ppm) == _spaced(wanted)
    words = words_in(language)
    for day in (date(2026, 1, 1), date(2026, 6, 12), date(2027, 12, 31)):
        found = told.day_of(day, lambda month: words.say(MONTHS[month - 1]))
        wanted = format_date(day, "long", locale=name)
        # In Chinese a date's month is a figure, in the table above it is a word.
        assert found == wanted


def test_the_chinese_font_has_every_character_of_the_sentences():
    font = TTFont(fonts.TARGET)
    held = set(font.getBestCmap())
    assert [c for c in fonts.characters() if ord(c) not in held] == []


def test_the_tablets_words_are_the_catalogues():
    folder = FACES / "tablet" / "static" / "words"
    for path in catalogues():
        if path.stem == "tablet":
            told = json.loads((folder / f"{path.parents[1].name}.json").read_text("utf-8"))
            assert told == {k: v for k, v in SOURCES[path].items() if k and v}


def test_a_speaker_is_asked_to_read_what_nobody_has_read():
    for language in ("zh", "hi", "mn"):
        for path in catalogues(language):
            assert "Not yet read by people who grew up with it" in path.read_text("utf-8")
    told = (REPOSITORY / "docs" / "languages.md").read_text(encoding="utf-8")
    assert "not yet been read" in told
