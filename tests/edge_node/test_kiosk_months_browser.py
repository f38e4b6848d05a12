"""A farmer tells at the kiosk in which months money comes in, and every price follows them.

In a real Chromium, without a link: one question a screen, months as large buttons, what does
not fit is said in words, and the station decides, prices and asks back by the months.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.lending.terms import CashMonth
from core.wire.envelope import LogClass
from core.wire.fieldwork import shown_with_cash
from core.wire.records import Down, Up
from edge_node.store import decisions, logs
from tests.support.centre import Served
from tests.support.chromium import chromium, complaints_to, narrowest_daily
from tests.support.kiosk import Elapsed, kiosk_of
from tests.support.kiosk_screen import RULES, SIZES, SMALL_TARGETS, TARGET_PX_MIN
from tests.support.lending_station import CARDS, Station, maize, onboarding
from tests.support.tablet import teller_of

DRIVER = "the browser's driver is not installed: it is no part of a station"
api = pytest.importorskip("playwright.sync_api", reason=DRIVER)
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=DRIVER)

pytestmark = pytest.mark.browser

OWN = {"months_max": 3, "share_ppm_min": 100_000, "early_months_max": 1}
AUTOPLAY = "--autoplay-policy=no-user-gesture-required"
QUESTION = "/apply/crop-season/months?amount=200000"
EQUAL = (CashMonth(5, 1), CashMonth(6, 1), CashMonth(8, 1))


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    found = Station(tmp_path)
    found.populate()
    found.centre.say(Down.PRODUCT, maize(version=2, own_cash=OWN), found.at_ms)
    found.take_down()
    yield found
    found.close()


@pytest.fixture
def url(station: Station) -> Iterator[str]:
    served = Served(kiosk_of(station, Elapsed()))
    yield served.url
    served.close()


def entered(browser: Any, url: str, language: str = "en", size: str = "tablet") -> Any:
    width, height = SIZES[size]
    page = browser.new_context(viewport={"width": width, "height": height}, base_url=url).new_page()
    page.set_default_timeout(60_000)
    page.goto("/")
    page.fill("#card", CARDS["f-3"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/home")
    if language != "en":
        page.click("details.tongues summary")
        page.click(f"button[name=language][value={language}]")
        page.wait_for_selector(f"html[lang^={language}]")
    return page


def chosen(page: Any) -> list[int]:
    pressed = page.locator(".months button[aria-pressed=true]")
    return [int(each.get_attribute("value")) for each in pressed.all()]


def touch(page: Any, month: int) -> None:
    before = page.evaluate("performance.timeOrigin")
    page.click(f".months button[value='{month}']")
    page.wait_for_function("t => performance.timeOrigin !== t", arg=before)


def records(station: Station, kind: Up) -> list[dict[str, Any]]:
    run = logs.read_run(station.db, LogClass.MONEY, 0, 1_000, 10**9)
    return [each.body for each in run if each.kind == kind.value]


def rows(page: Any) -> list[tuple[str, ...]]:
    """What stands in the plan of payments, by day."""
    plan = page.locator(".dues + dl.price > div")
    return [tuple(each.inner_text().split("\n")) for each in plan.all()]


def choose_three(page: Any) -> None:
    """May, June and August, after touches that the product does not take."""
    touch(page, 12)  # after September, when all has to be paid back
    assert "That month comes too late: all has to be paid back by" in page.inner_text("main")
    assert chosen(page) == []
    touch(page, 6)
    assert "The last money has to come in August or later." in page.inner_text("main")
    assert page.locator('a[href*="/consent"]').count() == 0
    assert page.locator("#voice").get_attribute("data-complete") == "yes"
    for month in (7, 8, 5):
        touch(page, month)
    assert chosen(page) == [6, 7, 8]
    assert "At most 3 months. Touch one again" in page.inner_text(".notice.warning")
    touch(page, 7)  # once more takes it away
    touch(page, 5)
    assert chosen(page) == [5, 6, 8]
    assert page.locator(".notice.warning").count() == 0


def test_months_are_touched_within_bounds_and_each_price_names_every_date(station, url):
    errors: list[str] = []
    with chromium(AUTOPLAY) as browser:
        page = entered(browser, url)
        page.on("console", complaints_to(errors))
        page.click('a[href^="/apply/"]')
        page.click(".note-button >> nth=2")
        page.click('a[href*="/months"]')
        page.wait_for_selector(".months button >> nth=11")
        assert page.locator("#voice").get_attribute("data-complete") == "yes"
        choose_three(page)
        page.click('a[href*="/consent"]')
        page.wait_for_selector("input[name=purpose]")
        assert page.locator(".days li").all_inner_texts() == [
            "15 May 2026", "15 June 2026", "15 August 2026",
        ]  # fmt: skip
        assert page.locator("#voice").get_attribute("data-complete") == "yes"
        for box in page.locator("input[name=purpose]").all():
            box.check()
        page.click("button.primary[data-undo]")
        page.wait_for_url("**/decision/**")
        api.expect(page.get_by_text("Your credit line is open")).to_be_visible()
        assert [day for day, _ in rows(page)] == ["15 May 2026", "15 June 2026", "15 August 2026"]
        page.click('a[href^="/draw/"]')
        page.click(".note-button >> nth=0")
        page.click('a[href*="/price"]')
        page.wait_for_selector(".dues")
        told = rows(page)
        assert [day for day, _ in told] == ["15 May 2026", "15 June 2026", "15 August 2026"]
        assert page.locator("dt", has_text="Due on").count() == 0
        page.click("button.primary")
        page.wait_for_url("**/payout/**")
        api.expect(page.locator("dt", has_text="All paid by")).to_be_visible()
        page.click("button.primary[data-undo]")
        page.wait_for_url("**/receipt/**")
        assert rows(page) == told, "the receipt names what was agreed to"
    assert errors == []
    [asked] = records(station, Up.APPLICATION)
    assert asked["cash"] == [{"month": each.month, "weight": 1} for each in EQUAL]
    card = decisions.card_of_application(station.db, asked["application_id"]).card
    assert card.inputs.application.cash == EQUAL
    words = teller_of(station).consent_sha256("crop-season", "en")
    assert records(station, Up.CONSENT)[0]["shown_sha256"] == shown_with_cash(words, EQUAL)
    [opened] = records(station, Up.LINE_OPENED)
    assert opened["cash"] == asked["cash"]


def test_who_chooses_no_month_is_repaid_by_the_lenders_plan(station, url):
    with chromium() as browser:
        page = entered(browser, url)
        page.goto(QUESTION)
        page.click('a[href*="/consent"]')
        page.wait_for_selector("input[name=purpose]")
        assert page.locator(".days").count() == 0
        for box in page.locator("input[name=purpose]").all():
            box.check()
        page.click("button.primary[data-undo]")
        page.wait_for_url("**/decision/**")
    [asked] = records(station, Up.APPLICATION)
    assert "cash" not in asked


def test_months_that_fit_no_more_lead_back_to_the_question_and_nothing_is_asked_for(station, url):
    with chromium() as browser:
        page = entered(browser, url)
        page.goto("/apply/crop-season/consent?amount=200000&cash=5&cash=8")
        page.wait_for_selector("input[name=purpose]")
        page.locator("input[name=purpose]").first.check()
        stricter = maize(version=3, own_cash={**OWN, "early_months_max": 0})
        station.centre.say(Down.PRODUCT, stricter, station.at_ms)
        station.take_down()
        page.click("button.primary[data-undo]")
        page.wait_for_url("**/months**")
        api.expect(page.locator(".notice.warning")).to_have_text(
            "The last money has to come in September or later."
        )
        assert chosen(page) == [5, 8]
        page.goto("/apply/crop-season/consent?amount=200000&cash=5")
        page.wait_for_url("**/months**")
        page.goto("/apply/crop-season/consent?amount=200000&cash=13")
        api.expect(page.get_by_text("HL-EDGE-011")).to_be_visible()
    assert records(station, Up.APPLICATION) == []


def test_a_product_without_the_leave_never_asks_for_months(station, url):
    station.centre.say(Down.PRODUCT, maize(version=3), station.at_ms)
    station.centre.say_lease(onboarding("on-2"))
    station.take_down()
    with chromium() as browser:
        page = entered(browser, url)
        page.goto("/apply/crop-season?amount=200000")
        assert page.locator('a[href*="/months"]').count() == 0
        page.goto(QUESTION)
        page.wait_for_url("**/consent**")


@pytest.mark.parametrize("size", narrowest_daily(SIZES))
def test_the_months_can_be_touched_and_read_at_every_size(station, url, size, tmp_path):
    with chromium() as browser:
        for language in ("en", "hi", "mn", "sw", "zh"):
            page = entered(browser, url, language, size)
            for name, path in (
                ("months", QUESTION + "&cash=6&cash=8"), ("refused", QUESTION + "&cash=6"),
                ("consent", "/apply/crop-season/consent?amount=200000&cash=6&cash=8"),
            ):  # fmt: skip
                page.goto(path)
                page.screenshot(path=str(tmp_path / f"{name}-{size}-{language}.png"))
                found = axe.Axe().run(page, options=RULES)
                assert found.violations_count == 0, found.generate_report()
                assert page.evaluate(SMALL_TARGETS, TARGET_PX_MIN) == []
                over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert over <= 0 or language == "mn", f"{name}: {over} px wider than the screen"
            page.context.close()
