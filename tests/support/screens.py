"""Key screens of the three faces as small grey pictures, and how far two pictures are apart.

A village, a station and a clock that are the same every time, so that only the faces' own
code, and the browser, change a picture.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops

from server.app import create_app
from tests.support.centre import Served
from tests.support.console_book import PASSWORD, build_book
from tests.support.kiosk import Elapsed, kiosk_of
from tests.support.lending_station import CARDS, lent_station
from tests.support.tablet import door_of, tablet_pages
from tests.support.tablet_page import as_held, go, sync, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

KEPT = Path(__file__).resolve().parents[1] / "nightly" / "screens"
MADE_WITH = KEPT / "made_with.txt"  # Chromium's major version
WIDTH_PX = 200
GREYS = 16
# A point is otherwise when it is more than two of the greys apart; so may be one in 500.
APART_MAX = 2 * 256 // GREYS
OTHERWISE_PPM_MAX = 2_000
HAND = (390, 844)
COUNTER = (820, 1180)
Takes = Iterator[tuple[str, bytes]]
Plant = Callable[["Page"], None]


def small(png: bytes) -> Image.Image:
    """A screen as it is kept: 200 px wide, in 16 greys."""
    with Image.open(io.BytesIO(png)) as full:
        height = round(full.height * WIDTH_PX / full.width)
        grey = full.convert("L").resize((WIDTH_PX, height), Image.Resampling.BOX)
    return grey.point([value // GREYS * (256 // GREYS) for value in range(256)])


def otherwise_ppm(one: Image.Image, other: Image.Image) -> int:
    """The share of points that are apart [ppm]; all of them if the sizes are."""
    if one.size != other.size:
        return 1_000_000
    counts = ImageChops.difference(one, other).histogram()
    return sum(counts[APART_MAX + 1 :]) * 1_000_000 // (one.width * one.height)


@contextmanager
def _opened(browser: Browser, at_ms: int, **held: Any) -> Iterator[Page]:
    """A page whose clock stands, in the light theme, without motion."""
    context = browser.new_context(
        color_scheme="light", reduced_motion="reduce", timezone_id="UTC", locale="en-GB", **held
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.clock.set_fixed_time(at_ms)
    yield page
    context.close()


def _taken(page: Page) -> bytes:
    page.evaluate("document.fonts.ready")
    page.evaluate("document.activeElement?.blur()")  # no caret that blinks
    return page.screenshot(animations="disabled", caret="hide")


def _as_it_is(_: Page) -> None:
    """Nothing is planted."""


def kiosk(browser: Browser, folder: Path, plant: Plant = _as_it_is) -> Takes:
    """The kiosk idle, a farmer's page, and the price before money is drawn."""
    station = lent_station(folder / "lent")
    served = Served(kiosk_of(station, Elapsed()))
    size = {"width": HAND[0], "height": HAND[1]}
    try:
        with _opened(browser, station.at_ms, viewport=size, base_url=served.url) as page:
            page.goto("/?lang=en")
            plant(page)
            yield "kiosk-idle", _taken(page)
            page.fill("#card", CARDS["f-1"])
            page.press("#card", "Enter")
            page.wait_for_url("**/home")
            plant(page)
            yield "kiosk-home", _taken(page)
            page.click("text=Draw money")
            with page.expect_navigation():
                page.locator(".note-button").first.click()
            with page.expect_navigation():
                page.click("text=Go on")
            plant(page)
            yield "kiosk-price", _taken(page)
    finally:
        served.close()
        station.close()


def tablet(browser: Browser, folder: Path) -> Takes:
    """The agent's day, and a price with money in hand."""
    station = lent_station(folder / "lent")
    served = Served(tablet_pages(station, Elapsed()))
    held = as_held(served.url, HAND, (37.0, 0.0), 5)
    try:
        with _opened(browser, station.at_ms, **held) as page:
            code, _ = door_of(station).invite("tab-1", ("agent-1", "Juma Otieno"), (), 14)
            page.goto(f"/tablet/#enrol={code}&key={station.keys.signer.key_id}")
            page.click("#enrol")
            page.wait_for_selector("#tasks")
            sync(page)
            yield "tablet-day", _taken(page)
            go(page, "#/pay/f-1")
            page.wait_for_selector("#why")
            page.click("#room")
            for _ in range(4):
                page.click("[data-note='100000']")
            page.click("#take")
            page.wait_for_selector("#hand [data-left='400000']")
            page.click("form [data-note='100000']")
            page.wait_for_selector("#price")
            until(page, "() => !document.querySelector('#room')?.disabled")
            page.evaluate("scrollTo(0, 0)")
            yield "tablet-pay", _taken(page)
    finally:
        served.close()
        station.close()


def console(browser: Browser, folder: Path) -> Takes:
    """The lender's first page, the queue and a plot."""
    book = build_book(folder, farmers=6, every_days=30)
    served = Served(create_app(book.centre))
    size = {"width": COUNTER[0], "height": COUNTER[1]}
    try:
        with _opened(browser, book.at_ms[0], viewport=size, base_url=served.url) as page:
            page.goto("/console/login")
            page.fill("#name", "supervisor")
            page.fill("#password", PASSWORD)
            page.click("button[type=submit]")
            page.wait_for_url("**/console/")
            for name, path in (("today", "/"), ("queue", "/queue"), ("plot", "/plots/plot-002")):
                page.goto(f"/console{path}")
                page.wait_for_load_state("networkidle")
                yield f"console-{name}", _taken(page)
    finally:
        served.close()
        book.centre.store.close()


FACES: dict[str, Callable[[Browser, Path], Takes]] = {
    "kiosk": kiosk, "tablet": tablet, "console": console,
}  # fmt: skip


def major_of(browser: Browser) -> str:
    """The browser's major version."""
    return browser.version.partition(".")[0]
