"""The console in every language and theme: accessible by axe, and no page wider than a phone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from server.console.speaking import LANGUAGE_COOKIE
from server.store import lines, reports
from server.words import LANGUAGES, TAGS
from tests.support.cash_book import seed_cash
from tests.support.console_book import Book, build_book

pytestmark = pytest.mark.browser

THEMES = ("light", "dark", "sun")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OVER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
EVERY = [(language, theme) for language in LANGUAGES for theme in THEMES]
DAY = time.gmtime().tm_yday  # which look and which pages are judged at every change of this day
PAGES_A_DAY = 3


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    found = build_book(tmp_path_factory.mktemp("book"), farmers=6, every_days=30)
    seed_cash(found.centre)
    yield found
    found.centre.store.close()


def addresses(book: Book) -> list[str]:
    with book.centre.store.reading() as tx:
        line = next(iter(lines.every(tx)))
        card = next(iter(reports.every_decision(tx)))
    return [
        "/", "/portfolio", "/queue", "/applications", "/map", "/visits", "/stations", "/health",
        "/stress", "/cash", "/models", "/policies", "/users", "/audit", "/plots/plot-002",
        f"/lines/{line.line_id}", f"/applications/{card.application_id}",
    ]  # fmt: skip


def judged(page: Page, url: str, look: tuple[str, str], wanted: list[str]) -> dict[str, list[str]]:
    """What axe finds on pages in a look, and by how much a page is wider than the screen."""
    language, theme = look
    page.context.add_cookies([{"name": LANGUAGE_COOKIE, "value": language, "url": url}])
    page.evaluate("theme => localStorage.setItem('harvestline-theme', theme)", theme)
    found = {}
    for address in wanted:
        page.goto(url + address)
        assert page.get_attribute("html", "lang") == TAGS[language]
        assert page.get_attribute("html", "data-theme") == theme
        told = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
        faults = [
            f"{fault['id']}: {node['html'][:120]}"
            for fault in told.response["violations"]
            for node in fault["nodes"]
        ]
        over = page.evaluate(OVER)
        found[address] = faults + ([f"{over} px too wide"] if over > 0 else [])
    return {address: faults for address, faults in found.items() if faults}


def test_a_look_of_the_day_is_accessible_on_a_phone(visit, book: Book, url: str):
    every, first = addresses(book), DAY * PAGES_A_DAY
    wanted = [every[(first + n) % len(every)] for n in range(PAGES_A_DAY)]
    assert judged(visit(size="phone"), url, EVERY[DAY % len(EVERY)], wanted) == {}


@pytest.mark.nightly
@pytest.mark.parametrize(("language", "theme"), EVERY)
def test_every_look_is_accessible_on_a_phone(language, theme, visit, book: Book, url: str):
    assert judged(visit(size="phone"), url, (language, theme), addresses(book)) == {}
