"""On the tablet a draw that is paid back in parts names each payment, as the station reckons it."""

from __future__ import annotations

import pytest

from core.lending.limit import Movement
from core.lending.whole_price import whole_price
from core.units import civil_day
from core.wire.records import Down
from edge_node.decide.debt import priced
from edge_node.faces.formats import formats_of
from edge_node.store import lines, village
from tests.support.centre import Served
from tests.support.chromium import chromium
from tests.support.kiosk import Elapsed
from tests.support.lending_station import Station, lease, monthly, status
from tests.support.tablet import door_of, tablet_pages
from tests.support.tablet_page import as_held, go, sync

pytest.importorskip("playwright.sync_api", reason="no browser's driver on a station")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe on a station")

pytestmark = pytest.mark.browser
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
AMOUNT = 200_000


@pytest.fixture
def station(tmp_path):
    made = Station(tmp_path)
    made.populate()
    told = status("line-1", 2_000_000, Movement.OPENED, facts=monthly())
    made.centre.say(Down.LINE, told, made.at_ms)
    made.centre.say_lease(lease("le-1", "line-1", 1_000_000))
    made.take_down()
    yield made
    made.close()


@pytest.fixture
def page(station):
    served = Served(tablet_pages(station, Elapsed()))
    code, _ = door_of(station).invite("tab-parts", ("agent-1", "Juma Otieno"), (), 14)
    with chromium() as browser:
        context = browser.new_context(**as_held(served.url, (390, 844), (37.0, 0.0), 5))
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.goto(f"/tablet/#enrol={code}&key={station.keys.signer.key_id}")
        page.click("#enrol")
        page.wait_for_selector("#tasks")
        sync(page)
        yield page
    served.close()


def payments_of(station):
    """Each payment as the station's own rule has it, written as it stands on a screen."""
    line = lines.line(station.db, "line-1")
    product = priced(line, village.product(station.db, line.product_id))
    today = civil_day(station.at_ms, station.desk.utc_offset_ms)
    money = formats_of("en").money_of
    due = whole_price(product, AMOUNT, today).payments
    return [
        (f"{one.on.day} {one.on:%B %Y}", money(one.total_minor, product.currency)) for one in due
    ]


def rows(page, within):
    names = page.locator(f"{within} dl.facts dt").all_inner_texts()
    values = page.locator(f"{within} dl.facts dd").all_inner_texts()
    told = zip(names, values, strict=True)
    return [(name.removeprefix("Due on "), value) for name, value in told if "Due on" in name]


def test_each_payment_is_shown_read_aloud_and_on_the_receipt(page, station):
    expected = payments_of(station)
    assert len(expected) > 3, "a plan of several months"
    go(page, "#/pay/f-1")
    page.wait_for_selector("#why")
    page.click("#room")
    for _ in range(2):
        page.click("[data-note='100000']")
    page.click("#take")
    page.wait_for_selector("#hand [data-left='200000']")
    for _ in range(2):
        page.click("form [data-note='100000']")
    page.wait_for_selector("#price")
    assert rows(page, "#price") == expected
    said = page.inner_text("#aloud")
    assert [f"{day}: {amount}" in said for day, amount in expected] == [True] * len(expected)
    for name in ("read", "yes"):
        page.check(f"input[value={name}]")
    assert axe.Axe().run(page, options=RULES).response["violations"] == []
    page.click("#paid")
    page.wait_for_selector("#receipt")
    assert rows(page, "#receipt") == expected
