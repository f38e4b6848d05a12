"""Pages of people at the kiosk at three sizes: accessible, large enough, within the screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.lending.limit import Movement
from core.wire.records import Down, EvidenceDigest, GrowthPoint
from edge_node.faces.kiosk.words import LANGUAGES
from tests.support.centre import Served
from tests.support.chromium import chromium, complaints_to
from tests.support.kiosk import Elapsed, kiosk_of
from tests.support.kiosk_screen import RULES, SIZES, SMALL_TARGETS, TARGET_PX_MIN
from tests.support.lending_station import CARDS, Station, lease, status

DRIVER = "the browser's driver is not installed: it is no part of a station"
api = pytest.importorskip("playwright.sync_api", reason=DRIVER)
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=DRIVER)

pytestmark = pytest.mark.browser
LINE = "line-1"
PAGES = (
    *("/home", "/code", "/helped", "/helpers", "/helpers/new", "/season/plot-1", "/ask"),
    *("/ask?kind=complaint", "/ask?kind=person", "/with-agent", "/verify", f"/draw/{LINE}"),
    *("/helpers/new?relation=child", "/helpers/new?relation=child&name=Juma"),
    f"/draw/{LINE}/price?amount=100000",
)
OVER = "document.documentElement.scrollWidth - innerWidth"
DOWN_OVER = "document.documentElement.scrollHeight - innerHeight"
BURST = """[...document.querySelectorAll('button, .button')]
  .filter(e => e.offsetParent !== null && e.scrollWidth > e.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 120))"""
LONGER = """() => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const text = node.data.trim();
    if (text.length > 2) node.data += ' ' + text.slice(0, Math.ceil(text.length * 0.4));
  } }"""


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    station = Station(tmp_path_factory.mktemp("people"))
    station.populate()
    curve = (GrowthPoint("2026-04-01", 2_000), GrowthPoint("2026-04-20", 3_000))
    seen = EvidenceDigest(
        "ev-1", "ab" * 32, "plot-1", "2026-04-20", "vegetative", {"ndvi_anomaly_ppm": -200_000},
        curve=curve,
    )  # fmt: skip
    station.centre.say(Down.EVIDENCE, seen, station.at_ms)
    station.centre.say(Down.LINE, status(LINE, 2_000_000, Movement.OPENED), station.at_ms)
    station.centre.say_lease(lease("le-1", LINE, 1_000_000))
    station.take_down()
    served = Served(kiosk_of(station, Elapsed()))
    yield served.url
    served.close()
    station.close()


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.mark.parametrize("size", SIZES)
def test_every_page_of_people_fits_its_screen_and_its_reader(browser, url, size) -> None:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=url)
    page, errors = context.new_page(), []
    page.set_default_timeout(60_000)
    page.on("console", complaints_to(errors))
    page.goto("/")
    page.fill("#card", CARDS["f-1"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/home")
    for path in PAGES:
        page.goto(path)
        assert page.evaluate(SMALL_TARGETS, TARGET_PX_MIN) == [], path
        assert page.evaluate(OVER) <= 0, path
        if size == "phone":
            found = axe.Axe().run(page, options=RULES)
            assert found.violations_count == 0, (path, found.generate_report())
        page.evaluate(LONGER)
        assert page.evaluate(OVER) <= 0, f"{path} with words that are 40 % longer"
        assert page.evaluate(BURST) == [], f"{path} with words that are 40 % longer"
    context.close()
    assert errors == []


@pytest.mark.nightly
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_screen_is_large_enough_in_every_language(browser, url, language) -> None:
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto("/")
    page.fill("#card", CARDS["f-1"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/home")
    page.click("details.tongues summary")
    page.click(f"button[name=language][value={language}]")
    page.wait_for_selector(f"html[lang^={language}]")
    across = OVER if language != "mn" else DOWN_OVER  # its lines run from top to bottom
    ends = (f"/station?lang={language}", f"/?lang={language}", f"/?lang={language}&unknown=1")
    for path in (*PAGES, "/agreements", f"/leave/{LINE}", *ends):
        page.goto(path)
        for width, height in (*SIZES.values(), (1280, 800)):
            page.set_viewport_size({"width": width, "height": height})
            where = f"{path} at {width}×{height}"
            assert page.evaluate(SMALL_TARGETS, TARGET_PX_MIN) == [], where
            assert page.evaluate(across) <= 0, where
    context.close()
