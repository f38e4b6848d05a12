"""The tablet in every language and theme by axe, and by the keyboard alone."""

from __future__ import annotations

import pytest

from edge_node.faces.kiosk.words import LANGUAGES
from tests.support.centre import Served
from tests.support.chromium import chromium, complaints_to
from tests.support.kiosk import Elapsed
from tests.support.lending_station import lent_station
from tests.support.tablet import door_of, tablet_pages
from tests.support.tablet_page import as_held, go, held_so, rows, sync, until_rows

DRIVER = "the browser's driver is not installed: it is no part of a station"
api = pytest.importorskip("playwright.sync_api", reason=DRIVER)
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=DRIVER)

pytestmark = pytest.mark.browser

HAND = (390, 844)
THEMES = ("light", "dark", "sun")
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
# Each screen of the agent's way, and what says that it stands there.
SCREENS = {
    "#/": "#search", "#/farmer/f-1": ".acts", "#/visit/f-1?": "#note", "#/apply/f-2?": "#more",
    "#/correct/f-1": "main h1", "#/walk/plot-1": "#begin", "#/pay/f-1": "#why",
    "#/money": "main h1", "#/outbox": "#sync", "#/tablet": "#wipe",
}  # fmt: skip
OVER = "document.documentElement.scrollWidth - innerWidth"
TABS_MAX = 80


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    made = lent_station(tmp_path_factory.mktemp("looks") / "lent")
    yield made
    made.close()


@pytest.fixture(scope="module")
def page(station):
    served = Served(tablet_pages(station, Elapsed()))
    code, _ = door_of(station).invite("tab-looks", ("agent-1", "Juma Otieno"), (), 14)
    with chromium() as browser:
        context = browser.new_context(**as_held(served.url, HAND, (37.0, 0.0), 5))
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(f"/tablet/#enrol={code}&key={station.keys.signer.key_id}")
        page.click("#enrol")
        page.wait_for_selector("#tasks")
        sync(page)
        yield page
        context.close()
    served.close()


def judged(page, screens):
    """What axe finds on screens, and by how much one is wider than the tablet."""
    found = {}
    for path, shown in screens.items():
        go(page, path)
        page.wait_for_selector(shown)
        faults = [
            f"{fault['id']}: {node['html'][:120]}"
            for fault in axe.Axe().run(page, options=RULES).response["violations"]
            for node in fault["nodes"]
        ]
        over = page.evaluate(OVER)
        found[path] = faults + ([f"{over} px too wide"] if over > 0 else [])
    return {path: faults for path, faults in found.items() if faults}


@pytest.mark.nightly
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_screen_is_accessible_in_every_language_and_theme(page, language, theme):
    said: list[str] = []
    page.on("console", complaints_to(said))
    held_so(page, theme, language)
    assert page.get_attribute("html", "data-theme") == theme
    assert judged(page, SCREENS) == {}
    assert said == []


def pressed(page, selector, key="Enter"):
    """Walk there by Tab, as one without a pointer does, and press a key on it."""
    page.wait_for_selector(selector)
    target = page.locator(selector).first
    for _ in range(TABS_MAX):
        if target.evaluate("e => (e.closest('a, button') ?? e) === document.activeElement"):
            page.keyboard.press(key)
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"expected the focus to come to {selector}")


def test_a_visit_is_written_with_the_keyboard_alone(page, station):
    held_so(page, "light", "en")
    go(page, "#/")
    pressed(page, "#search", "ArrowRight")
    page.keyboard.type("farmer 2")
    pressed(page, "#results a")
    pressed(page, ".acts a:has-text('Visit')")
    pressed(page, "input[name=purpose]:checked", "ArrowDown")
    pressed(page, "#note", "End")
    page.keyboard.type("An even stand.")
    pressed(page, "#finish")
    until_rows(page, [["visit", "station"]])
    assert rows(page) == [["visit", "station"]]
    (kept,) = station.db.execute("SELECT body FROM field_visits").fetchall()
    assert "An even stand." in kept[0]
