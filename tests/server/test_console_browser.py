"""The console in a real browser: accessible, fit for its screen, and useful without scripts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from core.canonical import sha256_hex
from core.wire.evidence import Flag
from server.services.blobs import keep_blob
from server.services.evidence import accept_evidence
from server.store import lines, reports
from tests.support.cash_book import seed_cash
from tests.support.chromium import narrowest_daily
from tests.support.console_book import Book, build_book, flagged_evidence
from tests.support.console_visits import WIDTHS
from tests.support.drawn_map import middle_of_a_shape
from tests.support.pictures import claim_of

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    found = build_book(tmp_path_factory.mktemp("book"), farmers=14, every_days=20)
    show_a_flag(found)
    seed_cash(found.centre)
    yield found
    found.centre.store.close()


def show_a_flag(book: Book) -> None:
    """The first plot is flagged, with a picture wider than a phone."""
    out = io.BytesIO()
    Image.new("RGB", (800, 420), "white").save(out, format="PNG")
    shown = out.getvalue()
    facts = {"declared_ha": "0.95", "cropped_ha_at_most": "0.77", "border_inside_m": "9.8"}
    flag = Flag("boundary_exaggerated", "2026-07-10", 386_000, 1_800, facts, sha256_hex(shown))
    accept_evidence(book.centre, flagged_evidence(book, 1, date(2026, 7, 12), (flag,)))
    assert keep_blob(book.centre, claim_of(shown, "image/png"), "satellite", shown)


def addresses(book: Book) -> dict[str, str]:
    with book.centre.store.reading() as tx:
        crop = next(line for line in lines.every(tx) if line.product_id == "crop-season")
        card = next(d for d in reports.every_decision(tx) if d.verdict == "decline")
    return {
        "today": "/",
        "queue": "/queue",
        "portfolio": "/portfolio",
        "health": "/health",
        "map": "/map",
        "plot": "/plots/plot-002",
        "pasture": "/plots/pasture-1",
        "line": f"/lines/{crop.line_id}",
        "applications": "/applications",
        "application": f"/applications/{card.application_id}",
        "stations": "/stations",
        "visits": "/visits",
        "cash": "/cash",
        "models": "/models",
        "policies": "/policies",
    }


def faults(page: Page) -> list[str]:
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    return [
        f"{fault['id']}: {node['html'][:120]}"
        for fault in found.response["violations"]
        for node in fault["nodes"]
    ]


def opened(page: Page, book: Book, url: str) -> Iterator[str]:
    """Every page in its turn; its name when it stands there."""
    for name, address in addresses(book).items():
        page.goto(url + address)
        if name == "map":
            page.wait_for_selector("#map[data-drawn]")
        yield name


@pytest.mark.parametrize("size", WIDTHS)
def test_every_page_fits(size: str, visit, book: Book, url: str):
    page = visit(size=size)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    found = {name: page.evaluate(wide) for name in opened(page, book, url)}
    assert found == dict.fromkeys(found, 0)


# Colours differ by theme: the pages with pictures at every change, all of them at night.
@pytest.mark.parametrize(
    ("theme", "shown"),
    [
        ("dark", ("today", "health", "line")),
        ("sun", ("today", "health", "line")),
        pytest.param("dark", (), marks=pytest.mark.nightly),
        pytest.param("sun", (), marks=pytest.mark.nightly),
    ],
)
def test_every_theme_is_accessible(theme: str, shown: tuple[str, ...], visit, book: Book, url: str):
    page = visit(size="phone")
    page.click(".themes summary")
    page.click(f"[data-theme-choice={theme}]")
    known = addresses(book)
    found = {}
    for name in shown or known:
        page.goto(url + known[name])
        assert page.get_attribute("html", "data-theme") == theme
        found[name] = faults(page)
    assert found == {name: [] for name in found}


@pytest.mark.parametrize("size", narrowest_daily(WIDTHS))
def test_every_page_is_accessible(size: str, visit, book: Book, url: str):
    page = visit(size=size)
    found = {name: faults(page) for name in opened(page, book, url)}
    assert found == {name: [] for name in found}


def test_door_is_accessible(browser: Browser, url: str):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{url}/login")
    found = faults(page)
    context.close()
    assert found == []


def test_filter_swaps_the_table_and_keeps_the_address(visit, book: Book, url: str):
    page = visit()
    page.goto(f"{url}/portfolio")
    with book.centre.store.reading() as tx:
        herds = sum(line.product_id == "livestock" for line in lines.every(tx))
    rows = page.locator("table.portfolio tbody tr")
    expect(page.locator("table.portfolio")).to_be_visible()
    assert rows.count() > herds > 0
    page.select_option("#product", "livestock")
    expect(rows).to_have_count(herds)
    page.wait_for_url("**product=livestock**")
    assert page.locator("#product").input_value() == "livestock"


def test_map_draws_every_plot_and_leads_to_it(visit, url: str):
    page = visit(size="tablet")
    page.goto(f"{url}/map")
    page.wait_for_selector("#map[data-drawn='15']")
    assert page.locator("#map canvas").count() == 1
    box = page.locator("#map canvas").bounding_box()
    assert box is not None
    where = middle_of_a_shape(page, 12)  # farther than a name is high
    page.mouse.move(*where)
    expect(page.locator("#map .leaflet-tooltip")).to_contain_text("Maize", timeout=60_000)
    page.mouse.click(*where)
    page.wait_for_url("**/plots/**")


def test_replay_answers_in_place(visit, book: Book, url: str):
    page = visit("auditor")
    page.goto(url + addresses(book)["application"])
    page.click("text=Replay now")
    page.wait_for_selector("#replay .notice.good")
    assert page.url.endswith(addresses(book)["application"])


def test_essentials_work_without_scripts(visit, book: Book, url: str):
    page = visit(scripts=False)
    page.goto(f"{url}/portfolio")
    page.select_option("#product", "livestock")
    page.click("text=Show")
    assert "product=livestock" in page.url
    page.goto(url + addresses(book)["application"])
    page.click("text=Replay now")
    assert page.locator("#replay .notice.good").count() == 1
    page.goto(f"{url}/map")
    assert page.locator("table.records tbody tr").count() == 15
