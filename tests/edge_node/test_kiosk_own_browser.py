"""The farmer's own pages in a real Chromium, in both languages and on three sizes."""

from __future__ import annotations

import pytest

from core.lending.limit import Movement
from core.wire.consents import Access, Accesses, KnownConsent
from core.wire.records import Down
from tests.support.centre import Served
from tests.support.chromium import chromium, narrowest_daily
from tests.support.kiosk import Elapsed, kiosk_of
from tests.support.kiosk_screen import RULES, SIZES, SMALL_TARGETS, TARGET_PX_MIN
from tests.support.lending_station import CARDS, Station, consent, lease, maize, status

DRIVER = "the browser's driver is not installed: it is no part of a station"
pytest.importorskip("playwright.sync_api", reason=DRIVER)
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=DRIVER)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    station = Station(tmp_path_factory.mktemp("own"))
    station.populate()
    cools = {"agreement": {"cooling_off_days": 14, "withdrawn_repay_days": 30}}
    say = station.centre.say
    say(Down.PRODUCT, maize(version=2, **cools), station.at_ms)
    for n in (1, 2):
        told = status(f"line-{n}", 2_000_000, Movement.OPENED, farmer_id=f"f-{n}",
                      subject_ids=(f"plot-{n}",))  # fmt: skip
        say(Down.LINE, told, station.at_ms)
    names = ("automated_decision", "device_readings", "satellite_images")
    paper = KnownConsent(consent("p-1", "f-1", "form", names), "centre", station.at_ms, 0)
    say(Down.CONSENT, paper, station.at_ms)
    looks = (
        Access("2026-04-02", "lender", "servicing", ("decisions", "identity", "money"), 2),
        Access("2026-04-01", "centre", "decision", ("imagery", "telemetry"), 1),
    )
    say(Down.ACCESSES, Accesses("f-1", "2026-04-02", looks), station.at_ms)
    station.centre.say_lease(lease("le-1", "line-1", 1_000_000))
    station.take_down()
    station.draw("line-1", 400_000)
    served = Served(kiosk_of(station, Elapsed()))
    yield served.url
    served.close()
    station.close()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


def enter(page, farmer):
    page.goto("/")
    page.fill("#card", CARDS[farmer])
    page.keyboard.press("Enter")
    page.wait_for_url("**/home")


def check(page, seen, name):
    found = axe.Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate(SMALL_TARGETS, TARGET_PX_MIN) == []
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, f"the page is {overflow} px wider than the screen"
    if seen is not None:
        page.screenshot(path=str(seen / f"{name}.png"), full_page=True)


@pytest.mark.parametrize("language", ["en", "sw"])
@pytest.mark.parametrize("size", narrowest_daily(SIZES))
def test_the_farmer_s_own_pages_are_accessible(browser, url, size, language, tmp_path):
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=url)
    page = context.new_page()
    page.set_default_timeout(60_000)
    seen, named = tmp_path, f"{size}-{language}"
    enter(page, "f-1")
    page.click(".tongues summary")  # the choice of the test before is remembered
    page.click(f".tongues button[value={language}]")
    page.wait_for_selector(f"html[lang={language}]")
    check(page, seen, f"home-{named}")
    page.goto("/agreements")
    page.locator("details summary").first.click()
    check(page, seen, f"data-{named}")
    page.goto("/leave/line-1")
    check(page, seen, f"leave-{named}")
    if (size, language) == ("desktop", "sw"):  # last of all: only once
        page.locator("form[action='/leave/line-1'] button").click()
        page.wait_for_url("**/left/line-1")
        check(page, seen, f"left-{named}")
        enter(page, "f-2")
        page.click("text=I do not want this line")
        check(page, seen, f"abandon-{named}")
        page.locator("form[action='/leave/line-2'] button").click()
        page.wait_for_url("**/left/line-2")
        check(page, seen, f"abandoned-{named}")
    context.close()
