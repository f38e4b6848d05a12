"""A plot's pictures at the kiosk in a real Chromium: seen, named, and fitting every screen."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from core.units import MS_PER_DAY
from edge_node.sync.metering import Allowance
from tests.support.centre import Served
from tests.support.chromium import chromium, complaints_to
from tests.support.kiosk_screen import RULES
from tests.support.linked_station import linked_station
from tests.support.pictured_station import (
    CARD,
    deliver,
    draw_chips,
    kiosk_over,
    open_lines_with_cards,
    see,
)

pytestmark = pytest.mark.browser

SIZES = {"phone": (390, 844), "tablet": (820, 1180), "kiosk": (1280, 800)}
SHOTS = os.environ.get("HARVESTLINE_SCREENSHOTS", "")  # a folder, to look at the pages
SEEN = date(2026, 4, 15)
DRAWN = "images => images.map(i => [i.complete, i.naturalWidth, i.getBoundingClientRect().width])"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    chips = {
        kind: data for (day, kind), data in draw_chips(folder).items() if day == SEEN.isoformat()
    }
    with linked_station(folder) as linked:
        linked.kit.clock.at_ms += 40 * MS_PER_DAY
        linked.station.at_ms = linked.kit.clock.at_ms
        open_lines_with_cards(linked.kit)
        see(linked.kit, "plot-a1", SEEN, chips)
        deliver(linked.kit, chips)
        for _ in range(4):
            linked.station.sync(linked.client(), Allowance(picture_bytes_a_day_max=200_000))
        served = Served(kiosk_over(linked.station))
        yield served.url
        served.close()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("size", SIZES)
def test_pictures_are_seen_and_named_on_every_screen(browser, url, size):
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=url)
    page, errors = context.new_page(), []
    page.on("console", complaints_to(errors))
    page.goto("/")
    page.fill("#card", CARD.format("farmer-a"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/home")
    page.click(".tongues summary")  # the choice of the test before is remembered
    page.click(".tongues button[value=en]")
    page.wait_for_selector("html[lang=en]")
    expect(page.get_by_role("img", name="how green each part is")).to_be_visible()
    expect(page.get_by_role("img", name="in false colours")).to_be_visible()
    expect(page.get_by_text("There is no picture from space here yet.")).to_be_visible()
    for complete, natural_px, shown_px in page.locator(".view img").evaluate_all(DRAWN):
        assert complete
        assert natural_px == 240
        assert shown_px >= natural_px * 0.9
    for language in ("en", "sw"):
        if language == "sw":
            page.click(".tongues summary")
            page.click("text=Kiswahili")
            page.wait_for_selector("html[lang=sw]")
            expect(page.get_by_role("img", name="ukijani wa kila sehemu")).to_be_visible()
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"kiosk-{size}-{language}.png", full_page=True)
    assert errors == []
    context.close()
