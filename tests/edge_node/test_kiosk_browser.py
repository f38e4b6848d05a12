"""The kiosk in a real Chromium: sizes, contrast, keyboard, idle, the whole way to a receipt."""

from __future__ import annotations

import pytest

from core.lending.limit import Movement
from core.reasons import Reason, ReasonCode
from core.units import MS_PER_DAY
from core.wire.records import Down
from edge_node.faces.kiosk.visits import GRACE_MS, IDLE_MS_MAX
from edge_node.store.notices import begin
from tests.support.centre import Served
from tests.support.chromium import chromium, complaints_to, narrowest_daily
from tests.support.kiosk import Elapsed, kiosk_of
from tests.support.kiosk_screen import RULES, SMALL_TARGETS, TARGET_PX_MIN
from tests.support.lending_station import CARDS, Station, evidence, lease, monthly, status

DRIVER = "the browser's driver is not installed: it is no part of a station"
api = pytest.importorskip("playwright.sync_api", reason=DRIVER)
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=DRIVER)

pytestmark = pytest.mark.browser

SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1366, 768)}
KEPT = """async () => [
  ...Object.entries({ ...localStorage }).flat(), ...Object.entries({ ...sessionStorage }).flat(),
  ...(window.caches ? await caches.keys() : []),
  ...(await indexedDB.databases()).map(e => e.name)]"""
NOTICED = {
    "dry_soil": {"name": "Shamba la juu", "days": "9"},
    "fever_like": {"name": "Mifugo ya Amina", "percent": "41"},
    "damp_grain": {"name": "Ghala", "moisture": "14.6", "safe": "13.5"},
    "probe_disagrees": {"name": "Shamba la juu", "device": "soil-1"},
}


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    station = Station(tmp_path_factory.mktemp("kiosk"))
    station.populate()
    say = station.centre.say
    line_id = station.opened_line(1)
    station.draw(line_id, 300_000)
    station.at_ms += 50 * MS_PER_DAY
    say(Down.EVIDENCE, evidence(1, 1_500), station.at_ms)
    for as_of, limit, movement in (
        ("2026-04-25", 1_250_000, Movement.RAISED),
        ("2026-05-10", 1_750_000, Movement.RAISED),
        ("2026-05-20", 1_400_000, Movement.CUT),
    ):
        reasons = (Reason(ReasonCode.LIMIT_HARVEST_LOWER, {"kg_per_ha": "1500"}),)
        told = status(
            line_id, limit, movement, as_of=as_of, reasons=reasons, principal_minor=300_000,
            counted_seq=99, facts=monthly(("d-1", "2026-04-02", 300_000)),
        )  # fmt: skip
        say(Down.LINE, told, station.at_ms)
    ends_ms = station.at_ms + 60 * MS_PER_DAY
    station.centre.say_lease(
        lease("le-1", line_id, 900_000, signed_at_ms=station.at_ms, expires_at_ms=ends_ms,
              limit_minor=1_400_000)
    )  # fmt: skip
    station.take_down()
    with station.db.atomic():
        for kind, told in NOTICED.items():
            params = {**told, "subject": "plot-1"}
            begin(station.db, (kind, "plot-1"), ("2026-05-18", "2026-05-20"), (params, ("row",)), 1)
    yield station
    station.close()


@pytest.fixture(scope="module")
def url(station):
    served = Served(kiosk_of(station, Elapsed()))
    yield served.url
    served.close()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page_of(browser, url):
    contexts = []

    def page_of(size="phone"):
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, base_url=url)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        return page

    yield page_of
    for context in contexts:
        context.close()


def enter(page, farmer="f-1"):
    page.goto("/")
    page.fill("#card", CARDS[farmer])
    page.keyboard.press("Enter")
    page.wait_for_url("**/home")


def check(page):
    """What every page must be: accessible, large enough, within the screen."""
    found = axe.Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate(SMALL_TARGETS, TARGET_PX_MIN) == []
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, f"the page is {overflow} px wider than the screen"


@pytest.mark.parametrize("size", narrowest_daily(SIZES))
def test_every_page_on_the_way_is_accessible(page_of, size):
    page = page_of(size)
    errors = []
    page.on("console", complaints_to(errors))
    page.goto("/")
    check(page)
    enter(page)
    check(page)
    page.click("text=Draw money")
    with page.expect_navigation():  # axe looks at one page, not at one that goes
        page.locator(".note-button").first.click()
    check(page)
    with page.expect_navigation():
        page.click("text=Go on")
    check(page)
    page.click("text=No, go back")
    enter(page, "f-3")
    page.click("text=Ask for a credit line")
    page.locator(".note-button").last.click()
    with page.expect_navigation():
        page.click("text=Go on")
    check(page)
    page.goto("/agreements")
    check(page)
    page.goto("/station")
    check(page)
    assert errors == []


def test_a_farmer_sees_alerts_with_advice_and_no_flags(page_of):
    page = page_of("phone")
    enter(page)
    alerts = page.locator(".alert")
    api.expect(alerts).to_have_count(3)
    assert "Without rain the crop suffers in about 9 days." in alerts.nth(2).inner_text()
    assert "soil-1" not in page.content()
    page.click(".tongues summary")
    page.click("text=Kiswahili")
    page.wait_for_selector("text=Shughulikia haya sasa")
    assert "mwite mhudumu wa mifugo" in page.locator(".alerts").inner_text()
    check(page)
    page.click(".tongues summary")  # it is remembered, and others come after
    page.click("text=English")
    page.wait_for_selector("text=Without rain the crop suffers")


def test_a_farmer_draws_with_the_keyboard_alone(page_of):
    page = page_of("desktop")
    page.goto("/")
    page.keyboard.type(CARDS["f-1"])  # as a card reader does
    page.keyboard.press("Enter")
    page.wait_for_url("**/home")
    for selector in (
        "text=Draw money", ".note-button", "text=Go on", "text=Yes, I agree to this price",
        "text=Yes, pay me",
    ):  # fmt: skip
        target = page.locator(selector).first
        for _ in range(40):
            if target.evaluate("e => (e.closest('a, button') || e) === document.activeElement"):
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_load_state()
    api.expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    check(page)


def test_an_idle_kiosk_asks_and_then_forgets(page_of):
    page = page_of("tablet")
    page.clock.install()
    enter(page)
    page.clock.run_for(IDLE_MS_MAX + 1_000)
    api.expect(page.get_by_text("Are you still there?")).to_be_visible()
    page.get_by_role("button", name="Yes, I am here").click()
    api.expect(page.get_by_text("Are you still there?")).to_be_hidden()
    page.clock.run_for(IDLE_MS_MAX + GRACE_MS + 2_000)
    page.wait_for_url(lambda url: url.endswith("/"))
    api.expect(page.get_by_text("Farmer 1")).to_have_count(0)


def test_nothing_of_a_person_stays_in_the_browser(page_of):
    page = page_of("phone")
    enter(page)
    page.goto("/agreements")
    page.goto("/season/plot-1")
    page.click("#farewell button")
    page.wait_for_url(lambda url: url.endswith("/"))
    assert page.context.cookies() == []
    assert page.evaluate(KEPT) == []
    for _ in range(3):  # the back button
        page.go_back()
        page.wait_for_load_state()
        assert "Farmer 1" not in page.content()
        assert "Field 1" not in page.content()


def test_a_decision_is_shown_with_its_reasons_and_price(page_of):
    page = page_of("phone")
    enter(page, "f-2")
    page.click("text=Ask for a credit line")
    page.locator(".note-button").last.click()
    page.click("text=Go on")
    page.wait_for_selector("input[name=purpose]")
    for box in page.locator("input[name=purpose]").all():
        box.check()
    page.click("text=Ask now")
    page.wait_for_url("**/decision/**")
    api.expect(page.get_by_text("Your credit line is open")).to_be_visible()
    check(page)
