"""The farmer's plot on the district's map, in a real browser, at three sizes."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from core.wire.records import Down
from edge_node.faces.basemap import BasemapDoor
from edge_node.faces.kiosk.plot_map import HEIGHT, WIDTH
from tests.support.centre import Served
from tests.support.chromium import chromium, complaints_to
from tests.support.kiosk import Elapsed, kiosk_of
from tests.support.lending_station import CARDS, Station, plot
from tests.support.raster_map import write_raster_map

pytest.importorskip("playwright.sync_api", reason="no browser's driver at a station")
pytestmark = pytest.mark.browser

SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1366, 768)}
LOADED = """() => Promise.all([...document.querySelectorAll('.plot-map image')].map(
  one => new Promise(done => { const i = new Image(); i.onload = () => done(i.width);
    i.onerror = () => done(0); i.src = one.href.baseVal; })))"""
PLACE = (37.0512, -0.4021)
OUTLINE = tuple(
    (round((PLACE[0] + dx * 1e-5) * 1e7), round((PLACE[1] + dy * 1e-5) * 1e7))
    for dx, dy in ((-52, 31), (-8, 46), (55, 38), (61, -20), (20, -44), (-58, -30))
)


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    made = Station(tmp_path_factory.mktemp("mapped"))
    made.populate()
    made.opened_line(1)
    made.centre.say(Down.SUBJECT, replace(plot(1), outline_e7=OUTLINE), made.at_ms)
    made.take_down()
    yield made
    made.close()


@pytest.fixture(scope="module")
def district(tmp_path_factory):
    path = tmp_path_factory.mktemp("district") / "map.pmtiles"
    write_raster_map(path, PLACE, range(15, 18), 2)
    return path


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.mark.parametrize("mapped", [True, False])
def test_the_plot_is_drawn_on_the_map_or_on_plain_ground(browser, station, district, mapped):
    path = district if mapped else None
    served = Served(BasemapDoor(kiosk_of(station, Elapsed(), lambda: path), lambda: path))
    page = browser.new_page()
    said, failed = [], []
    page.on("console", complaints_to(said))
    page.on("response", lambda one: failed.append(one.url) if one.status >= 400 else None)
    try:
        page.goto(served.url)
        page.fill("input[type=password]", CARDS["f-1"])
        page.press("input[type=password]", "Enter")
        page.wait_for_selector(".plot-map")
        for name, (wide, high) in SIZES.items():
            page.set_viewport_size({"width": wide, "height": high})
            drawing = page.locator(".plot-map")
            drawing.scroll_into_view_if_needed()
            page.wait_for_load_state("networkidle")
            box = drawing.bounding_box()
            assert box["width"] <= wide
            assert box["width"] / box["height"] == pytest.approx(WIDTH / HEIGHT, abs=0.05)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            if folder := os.environ.get("HARVESTLINE_PICTURES"):
                page.screenshot(path=f"{folder}/{name}-{'map' if mapped else 'plain'}.png")
        assert bool(drawing.locator("image").count()) is mapped
        assert all(page.evaluate(LOADED)), "every picture came and could be read"
        assert "Field 1" in drawing.get_attribute("aria-label")
        assert (said, failed) == ([], []), "nothing was refused by the page's policy or missing"
    finally:
        page.close()
        served.close()
