"""The console speaks the language that its officer chose, on every page, and nothing else in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from server.app import create_app
from server.console.speaking import LANGUAGE_COOKIE
from server.store import lines, reports
from server.words import LANGUAGES, PSEUDO, TAGS, say, speaking
from tests.support.cash_book import seed_cash
from tests.support.centre import Served
from tests.support.console_book import PASSWORD, Book, build_book
from tests.support.console_pseudo import unsaid

# Names, ids, units and the like: what is the same in every language.
DATA = re.compile(
    r"Harvestline|KES|UTC|NDVI|EVI|XLSX|CSV|PDF|HTML|GeoJSON|kg/ha|kijani|Kijani|root|supervisor|"
    r"lender|auditor|centre|satellite|\btest\b|[a-z]+(-[a-z0-9]+)+|[0-9a-f]{8,}…?|"
    r"Farmer \w+|HL-[A-Z]+-\d+|ACT|SHA|"
    # Languages by their own names, months of the days of English, names of the demonstration.
    r"English|Kiswahili|\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b|\w+ (Otieno|Wanjiru)|"
    r"\w+’s field|Maize|Grazing cattle|long rains|Lower pasture|Akinyi|akinyi|Juma|juma|chen|maria|"
    r"cashier|not signed by the card of|crop-season|livestock|wanjiru|regional|registered|dossier:"
)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    found = build_book(tmp_path_factory.mktemp("book"), farmers=6, every_days=30)
    seed_cash(found.centre)
    yield found
    found.centre.store.close()


@pytest.fixture(scope="module")
def come(book: Book) -> Iterator[Callable[..., httpx.Client]]:
    served = Served(create_app(book.centre))
    clients: list[httpx.Client] = []

    def enter(language: str = "", wish: str = "", name: str = "supervisor") -> httpx.Client:
        """Somebody at the console with a choice of language, or their browser's wish."""
        cookies = {LANGUAGE_COOKIE: language} if language else {}
        headers = {"accept-language": wish} if wish else {}
        client = httpx.Client(base_url=served.url, cookies=cookies, headers=headers)
        clients.append(client)
        page = client.get("/console/login").text
        token = re.search(r'name="token" value="([^"]+)"', page)
        assert token
        form = {"name": name, "password": PASSWORD, "next": "", "token": token[1]}
        assert client.post("/console/login", data=form).status_code == 303
        return client

    yield enter
    for client in clients:
        client.close()
    served.close()


def addresses(book: Book) -> list[str]:
    with book.centre.store.reading() as tx:
        line = next(iter(lines.every(tx)))
        card = next(iter(reports.every_decision(tx)))
    return [
        "/", "/portfolio", "/queue", "/applications", "/map", "/visits", "/stations", "/health",
        "/stress", "/cash", "/models", "/policies", "/users", "/authority", "/me", "/appeals",
        "/plots/plot-002", "/plots/pasture-1", f"/lines/{line.line_id}",
        f"/lines/{line.line_id}/statement", f"/applications/{card.application_id}", "/nowhere",
        "/stress?harvest=33&forage=20&price=20&rate=3&herd=10", "/audit",
    ]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_chosen_language_is_spoken_and_named(language: str, come):
    page = come(language).get("/console/portfolio").text
    with speaking(language):
        assert f"<h1>{say('Portfolio')}</h1>" in page
    assert f'<html lang="{TAGS[language]}">' in page


def test_a_plot_s_crop_is_said_in_the_language(come):
    client = come("sw")
    page = client.get("/console/plots/plot-002").text
    assert "Mahindi · " in page
    assert ": mahindi, " in page  # where it was last seen clearly
    assert client.get("/console/map/plots.json").json()["crops"] == ["mahindi", ""]


def test_the_letters_of_hindi_come_with_the_console(come):
    client = come("hi")
    page = client.get("/console/")
    assert "font-src 'self'" in page.headers["content-security-policy"]
    sheet = client.get("/console/static/console.css").text
    found = re.findall(r'url\("(shared/vendor/noto-sans-devanagari[^"]+)"\)', sheet)
    assert len(found) == 2
    for each in found:
        assert client.get(f"/console/static/{each}").content.startswith(b"wOF2")


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        ("", "en"),
        ("sw-KE,sw;q=0.9", "sw"),
        ("fr-FR, hi;q=0.3, zh-TW;q=0.8", "zh"),
        ("xx;q=none, mn;q=0", "en"),
        ("," * 400, "en"),
    ],
)
def test_the_browser_s_wish_counts_until_somebody_chooses(wish: str, language: str, come):
    client = come(wish=wish)
    assert f'<html lang="{TAGS[language]}">' in client.get("/console/").text
    sent = {"language": "hi", "next": "/console/queue?kind=raise"}
    answer = client.post("/console/language", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, sent["next"])
    assert '<html lang="hi">' in client.get("/console/").text


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/console\\x", ""])
def test_a_choice_leads_nowhere_but_into_the_console(wanted: str, come):
    answer = come().post("/console/language", data={"language": "en-XA", "next": wanted})
    assert answer.headers["location"] == "/console/"
    assert "set-cookie" not in answer.headers


def test_every_word_of_every_page_goes_through_a_catalogue(come, book: Book):
    client, found = come(PSEUDO), {}
    for address in addresses(book):
        page = client.get(f"/console{address}").text
        assert "⟦" in page, address
        left = sorted(set(unsaid(page, DATA)))
        if left:
            found[address] = left
    assert found == {}
