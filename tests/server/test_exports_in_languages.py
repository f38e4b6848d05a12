"""Every list that leaves the console as XLSX or PDF speaks its reader's language; CSV does not."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from io import BytesIO

import httpx
import openpyxl
import pytest
from pypdf import PdfReader
from starlette.applications import Starlette

from core.wire.evidence import Flag
from server.app import create_app
from server.console.list_words import FILTERS, HEADINGS, TITLES
from server.console.reader_lists import Listed, reader_list, word
from server.console.sheet import write_sheet
from server.console.speaking import LANGUAGE_COOKIE
from server.services.evidence import accept_evidence
from server.services.reports.table import CellKind as Kind
from server.services.reports.table import Report, columns, count, minor, ppm, text
from server.store import leases, lines, people, reports
from server.words import LANGUAGES, PSEUDO, say, speaking
from tests.support.cash_book import seed_cash
from tests.support.centre import Served
from tests.support.console_book import FAMILY, GIVEN, PASSWORD, Book, build_book, flagged_evidence

SEPTEMBER = datetime(2026, 9, 15)  # noqa: DTZ001 - a spreadsheet has no zones
SHOCKS = "harvest=33&forage=20&price=20&rate=3&herd=10"
FONTS = {
    "en": "Libertinus", "sw": "Libertinus", "mn": "Libertinus", "hi": "NotoSansDevanagari",
    "zh": "DroidSansFallback",
}  # fmt: skip
# What is the same in every language, and why.
_DATA = (
    r"KES|UTC|SHA|PD|LGD|HHI|NDVI|kg/ha|ppm|\bms\b",  # units and signs of the trade
    r"[0-9a-f]{8,}\S*|[a-z]+(-[a-z0-9]+)+|0196\S+|\S*\d+\S*",  # ids, hashes, versions
    r"\b(root|test|supervisor|lender|auditor|centre|cashier|counter|satellite|chen|maria)\b",
    "|".join((*GIVEN, *FAMILY)),
    r"[Kk]ijani|Farmer \w+|[’']s fields?|\bfields?\b|Lower|pasture|[Aa]kinyi|[Jj]uma|[Ww]anjiru",
)
# In the trail stand, as they were written down, what lists were had and by which filter.
_TRAIL = (
    r"\b(xlsx|pdf|csv|known|open|all|application|outcome|lines)\b",
    rf"\b({'|'.join(word for name in (*FILTERS, *TITLES) for word in name.split())})\b",
)
DATA = re.compile("|".join(_DATA))
TRAIL_DATA = re.compile("|".join((*_DATA, *_TRAIL)))
MONTHS = re.compile(r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b")
LATIN = re.compile(r"[A-Za-z]{3,}")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    found = build_book(tmp_path_factory.mktemp("book"), farmers=6, every_days=10)
    seed_cash(found.centre)
    facts = {"declared_ha": "1.20", "cropped_ha_at_most": "0.80", "judged_percent": "70"}
    flags = (
        Flag("boundary_exaggerated", "2026-07-10", 386_000, 1_800, facts),
        Flag("staged_loss", "2026-07-10", 6_500, 1_800, {"what": "fell alone"}),
    )
    accept_evidence(found.centre, flagged_evidence(found, 1, date(2026, 7, 12), flags))
    yield found
    found.centre.store.close()


@pytest.fixture(scope="module")
def come(book: Book) -> Iterator[Callable[[str], httpx.Client]]:
    served = Served(create_app(book.centre))
    known: dict[str, httpx.Client] = {}

    def enter(language: str) -> httpx.Client:
        if language in known:
            return known[language]
        cookies = {LANGUAGE_COOKIE: language}
        client = httpx.Client(base_url=f"{served.url}/console", cookies=cookies, timeout=60)
        token = re.search(r'name="token" value="([^"]+)"', client.get("/login").text)
        assert token
        form = {"name": "supervisor", "password": PASSWORD, "next": "", "token": token[1]}
        assert client.post("/login", data=form).status_code == 303
        return known.setdefault(language, client)

    yield enter
    for client in known.values():
        client.close()
    served.close()


def addresses(book: Book) -> dict[str, str]:
    """An address of every list, by the pattern of its route."""
    with book.centre.store.reading() as tx:
        drawn = leases.every_draw(tx)[0]
    return {
        **{f"/{name}/export.{{form}}": f"/{name}/export.{{form}}" for name in (
            "portfolio", "applications", "map", "queue", "audit", "users", "visits", "stations",
            "cash",
        )},
        "/plots/{subject_id}/export.{form}": "/plots/plot-002/export.{form}",
        "/lines/{line_id}/statement/export.{form}": f"/lines/{drawn.line_id}/statement/export."
        "{form}",
        "/health/{key}/export.{form}": "/health/par/export.{form}",
        "/stress/export.{form}": f"/stress/export.{{form}}?{SHOCKS}",
    }  # fmt: skip


def all_of(book: Book) -> list[str]:
    more = (f"/health/{key}/export.{{form}}" for key in ("ageing", "vintages", "provisioning",
                                                         "spread"))  # fmt: skip
    return [*addresses(book).values(), *more]


def sheet_texts(data: bytes) -> list[str]:
    book = openpyxl.load_workbook(BytesIO(data))
    cells = (cell.value for sheet in book for row in sheet.iter_rows() for cell in row)
    return [*book.sheetnames, *(cell for cell in cells if isinstance(cell, str))]


def pdf_text(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages)


def bare(text: str) -> str:
    """A text without what lies in brackets of the language that nobody speaks."""
    while (again := re.sub(r"⟦[^⟦⟧]*⟧", " ", text)) != text:
        text = again
    return re.sub(r"⟦[^⟧]*$", " ", text)  # a sheet's name has but so many letters


def left(address: str, texts: list[str], *, months: bool = False) -> set[str]:
    """Texts of a file with words that are no data."""
    data = TRAIL_DATA if address.startswith("/audit") else DATA
    found = set()
    for each in texts:
        without = data.sub(" ", bare(each))
        if LATIN.search(MONTHS.sub(" ", without) if months else without):
            found.add(each)
    return found


def test_every_list_of_the_console_is_walked(book: Book):
    [mount] = [each for each in create_app(book.centre).routes if "/console" in str(each)]
    console = vars(mount)["app"]
    while not isinstance(console, Starlette):
        console = next(inner for inner in vars(console).values() if callable(inner))
    paths = {str(vars(each).get("path")) for each in console.routes}
    assert {each for each in paths if "export." in each} == set(addresses(book))


def test_every_word_of_every_sheet_goes_through_a_catalogue(come, book: Book):
    client, found, full = come(PSEUDO), {}, set()
    for address in all_of(book):
        answer = client.get(address.format(form="xlsx"))
        assert answer.status_code == 200, (address, answer.text)
        texts = sheet_texts(answer.content)
        if len(texts) > 20:
            full.add(address)
        if rest := left(address, texts, months=True):
            found[address] = sorted(rest)[:12]
    assert found == {}
    assert len(full) >= 10, "hardly anything stands in the lists"


@pytest.mark.parametrize("language", ["hi", "zh", "mn"])
def test_no_english_is_left_in_any_file_for_a_reader(language: str, come, book: Book):
    client, found = come(language), {}
    for address in all_of(book):
        sheet = client.get(address.format(form="xlsx"))
        assert sheet.status_code == 200, address
        paper = client.get(address.format(form="pdf"))
        assert paper.status_code == 200, address
        words = re.split(r"\s+", pdf_text(paper.content))
        if rest := left(address, [*sheet_texts(sheet.content), *words]):
            found[address] = sorted(rest)[:12]
    assert found == {}


def test_swahili_says_none_of_the_sentences_that_it_has_words_for(come, book: Book):
    client, english, found = come("sw"), come("en"), {}
    with speaking("sw"):
        same = {each for each in HEADINGS.values() if say(each) == each}
    for address in all_of(book):
        told = set(sheet_texts(client.get(address.format(form="xlsx")).content))
        plain = set(sheet_texts(english.get(address.format(form="xlsx")).content))
        rest = {each for each in left(address, list(told & plain)) if each not in same}
        if rest:
            found[address] = sorted(rest)[:12]
    assert found == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pdf_carries_the_letters_of_its_language(language: str, come):
    client = come(language)
    for address in ("/portfolio/export.pdf", f"/stress/report.pdf?{SHOCKS}"):
        pages = PdfReader(BytesIO(client.get(address).content)).pages
        fonts = {
            str(each.get_object()["/BaseFont"])
            for page in pages
            for each in page["/Resources"].get("/Font", {}).values()
        }
        assert any(FONTS[language] in each for each in fonts), (address, fonts)
        ours = ("Libertinus", "NotoSansDevanagari", "DroidSansFallback", "DejaVuSansMono")
        assert all(any(name in each for name in ours) for each in fonts), "of the machine: no"


@pytest.mark.parametrize("language", ["hi", "zh", "mn"])
def test_the_stress_report_is_in_the_language_pictures_too(language: str, come):
    text = pdf_text(come(language).get(f"/stress/report.pdf?{SHOCKS}").content)
    assert left("/stress", re.split(r"\s+", text)) == set()
    with speaking(language):
        crop = say("maize")
    letters = re.sub(r"\s", "", text)
    assert (
        letters.count(re.sub(r"\s", "", crop)) >= 2 or language == "hi"
    )  # its marks are reordered


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_program_reads_the_same_csv_whoever_asks(language: str, come):
    rows = list(csv.reader(io.StringIO(come(language).get("/portfolio/export.csv").text)))
    assert rows[0][0].startswith("# Lines: filter: open lines; by supervisor; ")
    assert rows[1][:5] == ["line", "farmer", "product", "station", "currency"]
    assert rows[1][-2:] == ["reason", "own_months"]
    english = list(csv.reader(io.StringIO(come("en").get("/portfolio/export.csv").text)))
    assert rows[1:] == english[1:]


def small(currency: str = "KES") -> Listed:
    named = (
        *text("farmer", "currency"), *minor("limit_minor"), *columns(("due_on", Kind.DAY)),
        *ppm("pd_ppm"), *count("loans"), *text("movement"),
    )  # fmt: skip
    rows = [
        ("held", currency, 123_456_789, "2026-09-15", 123_400, 1_234_567, "held"),
        ("=1+1", currency, -5, "", 0, 0, "no such code"),
    ]
    return Listed(Report("lines", "Lines", "2026-05-20", named, rows), {"movement": "held"})


@pytest.mark.parametrize(
    ("language", "limit", "day", "share", "loans", "moved"),
    [
        ("en", "1,234,567.89", "15 Sep 2026", "12.3 %", "1,234,567", "held"),
        ("sw", "1,234,567.89", "15 Septemba 2026", "12.3%", "1,234,567", "imeshikiliwa"),
        ("hi", "12,34,567.89", "15 सितंबर 2026", "12.3%", "12,34,567", "स्थिर"),
        ("zh", "1,234,567.89", "2026年9月15日", "12.3%", "1,234,567", "维持"),
        ("mn", "1,234,567.89", "2026\u202fоны 9-р сарын 15", "12.3%", "1,234,567", "барьсан"),
    ],
)
def test_figures_are_spelt_as_the_language_spells_them(
    language: str, limit: str, day: str, share: str, loans: str, moved: str
):
    with speaking(language):
        shown = reader_list(small(), "anna", "now")
        first, second = list(shown.rows)
        told = [word(shown, first, place) for place in range(len(first))]
        assert told[:6] == ["held", "KES", limit, day, share, loans]
        assert told[6] == moved
        assert word(shown, second, 6) == "no such code"
        assert say(TITLES["lines"]) == shown.title


def test_a_sheet_holds_exact_money_and_days_and_runs_nothing(tmp_path):
    with speaking("hi"):
        assert write_sheet(reader_list(small(), "anna", "now"), tmp_path / "a.xlsx") == 2
        assert write_sheet(reader_list(small("JPY"), "anna", "now"), tmp_path / "b.xlsx") == 2
    first, second = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0].iter_rows(min_row=2)
    assert [cell.value for cell in first][:6] == [
        "held", "KES", 1_234_567.89, SEPTEMBER, 0.1234, 1_234_567,
    ]  # fmt: skip
    assert "##\\,##\\,##0.00" in first[2].number_format
    assert first[3].number_format == "[$-439]d mmmm yyyy"
    assert (second[0].value, second[0].data_type) == ("=1+1", "s")
    assert second[2].value == -0.05
    yen = next(openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0].iter_rows(min_row=2))
    assert yen[2].value == 123_456_789


@pytest.mark.parametrize("form", ["html", "pdf"])
def test_a_line_gives_its_sheet_of_key_facts_in_the_farmer_s_language(form: str, come, book: Book):
    client = come("en")
    with book.centre.store.reading() as tx:
        line = next(iter(lines.every(tx, open_only=True)))
        [card, *_] = reports.every_decision(tx)
    for path in (f"/lines/{line.line_id}", f"/applications/{card.application_id}"):
        assert f"{path}/key-facts.{form}" in client.get(path).text
        asked = {"amount": "5000", "on": "2026-04-10", "language": "hi"}
        answer = client.get(f"{path}/key-facts.{form}", params=asked)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-disposition"].startswith("attachment")
        if form == "html":
            assert "5,000.00" in answer.text
            assert "Sheet Devanagari" in answer.text
        else:
            assert "5,000.00" in pdf_text(answer.content)
        with book.centre.store.reading() as tx:
            [told, *_] = people.find_in_trail(tx, people.Wanted(action="key_facts_given"), 1)
        assert told.object_id == path.split("/")[-1]
        assert told.detail["form"] == form
        assert told.detail["amount_minor"] == 500_000


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"amount": ""}, 422, "expected an amount in KES above 0"),
        ({"amount": "-5"}, 422, "expected an amount in KES above 0"),
        ({"amount": "1.001"}, 422, "expected an amount in KES above 0"),
        ({"amount": "nan"}, 422, "expected an amount in KES above 0"),
        ({"amount": "9e999999"}, 422, "expected an amount in KES above 0"),
        ({"amount": "5000", "on": "soon"}, 422, "expected a day as YYYY-MM-DD"),
        ({"amount": "5000", "language": "xx"}, 422, "expected a language among"),
        ({"amount": "5000", "on": "2026-10-01"}, 422, "due"),
    ],
)
def test_a_sheet_that_cannot_be_says_why(asked, status: int, words: str, come, book: Book):
    with book.centre.store.reading() as tx:
        line = next(iter(lines.every(tx, open_only=True)))
    answer = come("en").get(f"/lines/{line.line_id}/key-facts.pdf", params=asked)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text[-1500:]
