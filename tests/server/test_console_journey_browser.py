"""A lender's day in a real browser: today, the queue, a second person, a statement, a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from server.services.enrolment import add_user
from server.store import people
from server.store.people import Actor, Role
from server.store.scoping import Scope
from tests.support.chromium import narrowest_daily
from tests.support.console_book import PASSWORD, Book, build_book
from tests.support.console_visits import WIDTHS
from tests.support.officers import authority_set, invited, known

pytestmark = pytest.mark.browser
ROOT = Actor("root", "operator")
FIRST, SECOND = Actor("supervisor", "supervisor"), Actor("barasa", "supervisor")
PAGES = ("/", "/queue", "/audit", "/users", "/authority", "/me", "/appeals", "/cash")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    """A lender who may offer little alone, and a supervisor who may offer more."""
    found = build_book(tmp_path_factory.mktemp("book"), farmers=14, every_days=20)
    add_user(found.centre, "wanjiru", PASSWORD, Role.LENDER, ROOT)
    known(found.centre, SECOND)
    authority_set(found.centre, "role:lender", (1_000, "KES"), (FIRST, SECOND))
    here = Scope("olive", villages=frozenset({"kijani"}))
    invited(found.centre, "olive", Role.LENDER, here, (FIRST, SECOND))
    yield found
    found.centre.store.close()


def test_a_lender_s_day(visit: Callable[..., Page], url: str, book: Book, tmp_path: Path):
    page = visit("wanjiru")
    page.click("#need-applications")
    expect(page.locator("h1")).to_have_text("Queue")
    page.wait_for_load_state()  # the keys are there once its script has run
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#picked")).to_have_text("1 picked")
    farmer = page.locator(".waits li").first.locator("strong").inner_text()
    page.fill("#reason", "met at the field")
    page.click("button[value=approve]")
    expect(page.locator("h1")).to_have_text("Your password once more")
    page.fill("#step-up", PASSWORD)
    page.click("main button[type=submit]")
    expect(page.locator("#done-title")).to_have_text("1 of 1 answered")
    expect(page.locator("section[role=status]")).to_contain_text("waits for another person")
    mine = page.locator(".waits li", has_text=farmer)
    expect(mine).to_contain_text("You made this: another person answers it.")
    expect(mine.locator("input[name=pick]")).to_have_count(0)

    other = visit("supervisor")
    other.goto(f"{url}/queue?kind=application")
    waits = other.locator(".waits li", has_text=farmer)
    expect(waits).to_contain_text("wanjiru proposes")
    waits.locator("input[name=pick]").check()
    other.fill("#reason", "her second look")
    other.click("button[value=approve]")
    other.fill("#step-up", PASSWORD)
    other.click("main button[type=submit]")
    expect(other.locator("section[role=status]")).to_contain_text("is open")

    other.goto(f"{url}/portfolio?q={farmer.split()[0]}&sort=-due")
    other.click(".results tbody th a >> nth=0")
    other.click("text=Statement as of any day")
    expect(other.locator("h1")).to_contain_text("Statement of")
    with other.expect_download() as loading:
        other.click(".exports a:has-text('CSV')")
    file = tmp_path / "statement.csv"
    loading.value.save_as(file)
    assert file.read_text(encoding="utf-8").startswith('"# Statement of line')

    other.click("nav >> text=Audit")
    other.select_option("#action", "review_approved")
    other.click("main form.filters button")
    expect(other.locator("table")).to_contain_text("her second look")
    with book.centre.store.reading() as tx:
        told = [row.actor for row in people.trail(tx, 0, 5_000) if row.action == "review_approved"]
    assert told == ["wanjiru", "supervisor"]


@pytest.mark.parametrize("size", WIDTHS)
def test_pages_of_decisions_fit(visit: Callable[..., Page], url: str, size: str):
    page = visit("supervisor", size)
    wide = {}
    for path in PAGES:
        page.goto(url + path)
        wide[path] = page.evaluate(WIDE)
    assert not {path for path, pixels in wide.items() if pixels > 0}


@pytest.mark.parametrize("size", narrowest_daily(WIDTHS))
def test_pages_of_decisions_are_accessible(visit: Callable[..., Page], url: str, size: str):
    page = visit("supervisor", size)
    found = {}
    for path in PAGES:
        page.goto(url + path)
        run = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
        found[path] = [
            f"{fault['id']}: {node['html'][:120]}"
            for fault in run.response["violations"]
            for node in fault["nodes"]
        ]
    assert found == {path: [] for path in found}
