"""The key-facts sheet: the same facts as HTML and PDF, and nothing above the cap of its day."""

from __future__ import annotations

import json
import re
import tomllib
from base64 import b64decode
from dataclasses import replace
from datetime import date
from html import unescape
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from pypdf import PdfReader

from core.errors import PriceError
from core.lending.dated import DatedCap
from core.lending.keyfacts import key_facts, percent
from core.lending.offer import AgreementTerms
from core.lending.product import Product, parse_product
from core.lending.terms import ArrearsTerms
from server.app import main
from server.console.key_facts_sheet import Lender, as_html, as_pdf
from server.words import LANGUAGES, PSEUDO

PACKS = Path(__file__).resolve().parents[2] / "server" / "products"
LENDER = Lender("Kijani <Bank> & Co", "Ring 0800 123 456")
APRIL = date(2026, 4, 10)


def pack(name: str) -> Product:
    return parse_product(tomllib.loads((PACKS / f"{name}.toml").read_text(encoding="utf-8")))


def test_facts_by_hand():
    """KES 30,000 from 10 April to 15 September: 158 days at 14 %, and a fee of 1.5 %."""
    facts = key_facts(pack("crop-season"), 3_000_000, APRIL)
    assert facts.interest_minor == round(3_000_000 * 0.14 * 158 / 365) == 181_808
    assert facts.fee_minor == 45_000
    assert facts.total_minor == 3_226_808
    assert [each.on for each in facts.payments] == ["2026-09-15"]
    # (32,268.08 / 30,000)^(365/158) - 1
    assert facts.apr_ppm == pytest.approx(((3_226_808 / 3_000_000) ** (365 / 158) - 1) * 1e6, abs=1)


@pytest.mark.parametrize("name", sorted(each.stem for each in PACKS.glob("*.toml")))
def test_both_forms_tell_the_same(name: str):
    product = pack(name)
    drawn_on = date(2026, 4, 10)
    product = replace(product, agreement=AgreementTerms(14, 30), arrears=ArrearsTerms(7, 60_000))
    facts = key_facts(product, 3_000_000, drawn_on)
    html = as_html(facts, LENDER)
    pdf = " ".join(page.extract_text() for page in PdfReader(BytesIO(as_pdf(facts, LENDER))).pages)
    for told in (
        percent(facts.apr_ppm), percent(facts.cap_ppm), "within 14 days", "within 30 days",
        "6.00 % a year on top", "after 7 days", "0800 123 456", facts.sha256()[:20],
    ):  # fmt: skip
        assert told in html
        assert _plain(told) in _plain(pdf), told
    assert "Kijani &lt;Bank&gt; &amp; Co" in html
    assert _plain("Kijani <Bank> & Co") in _plain(pdf)
    for each in facts.payments:
        assert html.count(f"{each.total_minor // 100:,}") >= 1


def _plain(text: str) -> str:
    return re.sub(r"\s", "", text)


def rich() -> Product:
    """A product whose sheet says every sentence but those of several lenders."""
    product = replace(
        pack("crop-season"), agreement=AgreementTerms(14, 30), arrears=ArrearsTerms(7, 60_000)
    )
    return replace(product, name="5")


def _shown(html: str) -> str:
    body = html[html.index("<body>") :]
    return unescape(re.sub(r"<[^>]+>", " ", body))


def test_no_word_stands_outside_the_catalogues():
    facts = key_facts(rich(), 3_000_000, APRIL)
    facts = replace(facts, policy_version="5", cap_source="5", lenders=("5", "6"))
    shown = _shown(as_html(facts, Lender("5", "5"), PSEUDO))
    assert "⟦" in shown
    bare = re.sub(r"⟦[^⟧]*⟧", " ", shown)
    # Sentences hold others' words as parameters, so that brackets may lie in brackets.
    while bare != (again := re.sub(r"⟦[^⟦⟧]*⟧", " ", bare)):
        bare = again
    data = {"KES", "Apr", "Sep", facts.sha256()}
    assert set(re.findall(r"[A-Za-z]{3,}", bare)) - data == set()


@pytest.mark.parametrize(
    ("language", "told", "font"),
    [
        ("en", "Key facts before you agree", "Libertinus"),
        ("sw", "Mambo muhimu kabla ya kukubali", "Libertinus"),
        ("hi", "सहमति", "NotoSansDevanagari"),
        ("zh", "同意之前须知的要点", "DroidSansFallback"),
        ("mn", "Зөвшөөрөхөөс өмнөх гол мэдээлэл", "Libertinus"),
    ],
)
def test_the_sheet_is_in_the_farmer_s_language_and_carries_its_letters(
    language: str, told: str, font: str
):
    facts = key_facts(rich(), 3_000_000, APRIL)
    lender = Lender("翟龘", "0800 123 456")
    html = as_html(facts, lender, language)
    assert told in html
    assert re.search(r'<html lang="([a-z]{2})', html)[1] == language
    assert ("32,268.08" in html, facts.sha256() in html) == (True, True)
    pages = PdfReader(BytesIO(as_pdf(facts, lender, language))).pages
    text = _plain(" ".join(page.extract_text() for page in pages))
    assert _plain(told) in text
    assert "翟龘" in text, "a name in Chinese is drawn in every language"
    fonts = [each.get_object() for p in pages for each in p["/Resources"]["/Font"].values()]
    assert any(font in str(each["/BaseFont"]) for each in fonts)
    if language != "en":
        english = _shown(as_html(facts, lender))
        assert not set(_sentences(english)) & set(_sentences(_shown(html)))


@pytest.mark.parametrize(("language", "carries"), [("en", False), ("hi", True), ("zh", False)])
def test_the_page_carries_devanagari_where_it_has_any_and_asks_nobody(language: str, carries: bool):
    html = as_html(key_facts(rich(), 3_000_000, APRIL), LENDER, language)
    faces = re.findall(
        r"font-weight: (400|700); src: url\(\"(data:font/woff2;base64,\S+?)\"\)", html
    )
    assert [weight for weight, _ in faces] == (["400", "700"] if carries else [])
    for _, face in faces:
        assert b64decode(face.partition(",")[2]).startswith(b"wOF2")
    assert "default-src 'none'; style-src 'unsafe-inline'; font-src data:" in html
    assert not re.search(r'(src|href)="|url\((?!"data:)', html), "it loads from nowhere else"


def _sentences(shown: str) -> list[str]:
    return re.findall(r"[A-Z][a-z]+(?: [a-z]+){2,}", shown)


@pytest.mark.parametrize(
    ("on", "refused"),
    [
        (date(2026, 4, 9), None),
        (date(2026, 4, 10), "at most 18.00 %, got 18.34 %, 0.34 % above"),
        (date(2026, 5, 1), "at most 10.00 %, got 19.02 %, 9.02 % above"),
    ],
)
def test_the_cap_of_the_day_blocks_and_says_by_how_much(on: date, refused: str | None):
    caps = (
        DatedCap("2026-01-01", 360_000, "Order 1", "2026-04-09"),
        DatedCap("2026-04-10", 180_000, "Order 2", "2026-04-30"),
        DatedCap("2026-05-01", 100_000, "Order 3"),
    )
    product = replace(pack("crop-season"), apr_caps=caps)
    if refused is None:
        facts = key_facts(product, 3_000_000, on)
        assert (facts.cap_ppm, facts.cap_source) == (360_000, "Order 1")
        return
    with pytest.raises(PriceError, match=refused):
        key_facts(product, 3_000_000, on)


def test_any_change_of_what_is_told_changes_the_fingerprint():
    product = pack("crop-season")
    facts = key_facts(product, 3_000_000, APRIL)
    assert facts.sha256() == key_facts(product, 3_000_000, APRIL).sha256()
    others = (
        key_facts(product, 3_000_100, APRIL),
        key_facts(replace(product, agreement=AgreementTerms(1, 1)), 3_000_000, APRIL),
        key_facts(product, 3_000_000, date(2026, 4, 11)),
    )
    assert len({facts.sha256(), *(each.sha256() for each in others)}) == 4


@pytest.mark.parametrize("suffix", ["html", "pdf"])
def test_the_command_writes_a_sheet(tmp_path: Path, suffix: str):
    out = tmp_path / f"sheet.{suffix}"
    words = ["key-facts", str(PACKS / "crop-season.toml"), "--amount-minor", "3000000"]
    asked = ["--on", "2026-04-10", "--lender", "Kijani", "--out", str(out), "--json"]
    found = CliRunner().invoke(main, [*words, *asked])
    assert found.exit_code == 0, found.output
    told = json.loads(found.output)
    assert told["sha256"] == key_facts(pack("crop-season"), 3_000_000, APRIL).sha256()
    assert out.read_bytes().startswith(b"%PDF" if suffix == "pdf" else b"<!doctype html>")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_command_takes_the_language(tmp_path: Path, language: str):
    out = tmp_path / "sheet.html"
    words = ["key-facts", str(PACKS / "crop-season.toml"), "--amount-minor", "3000000"]
    asked = ["--on", "2026-04-10", "--lender", "Kijani", "--out", str(out)]
    found = CliRunner().invoke(main, [*words, *asked, "--language", language])
    assert found.exit_code == 0, found.output
    wanted = as_html(
        key_facts(pack("crop-season"), 3_000_000, APRIL), Lender("Kijani", ""), language
    )
    assert _shown(out.read_text(encoding="utf-8"))[:200] == _shown(wanted)[:200]


@pytest.mark.parametrize(
    ("out", "on", "told"),
    [
        ("sheet.doc", "2026-04-10", "a name in .html or .pdf, got .doc"),
        ("none/sheet.pdf", "2026-04-10", "a file that can be written at"),
        ("sheet.pdf", "2026-09-01", "above: lower the fee or the rate"),
        ("sheet.pdf", "10 April", "expected a date such as"),
    ],
)
def test_the_command_says_what_is_wrong_and_writes_nothing(
    tmp_path: Path, out: str, on: str, told: str
):
    words = ["key-facts", str(PACKS / "crop-season.toml"), "--amount-minor", "3000000"]
    asked = ["--on", on, "--lender", "Kijani", "--out", str(tmp_path / out)]
    found = CliRunner().invoke(main, [*words, *asked])
    assert found.exit_code != 0
    said = f"{found.exception} {found.output}"
    assert told in said, said
    assert list(tmp_path.iterdir()) == []
