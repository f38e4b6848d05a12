"""A farmer's own cash months on the agent's tablet, without a link, and at the station after it."""

from __future__ import annotations

import pytest

from core.lending.terms import CashMonth
from core.wire.records import Down
from edge_node.store import decisions
from tests.support.centre import Served
from tests.support.chromium import chromium, complaints_to
from tests.support.flaky_link import FlakyLink
from tests.support.kiosk import Elapsed
from tests.support.lending_station import Station, maize
from tests.support.tablet import door_of, tablet_pages
from tests.support.tablet_page import as_held, go, sync, until_kept, until_rows

DRIVER = "the browser's driver is not installed: it is no part of a station"
pytest.importorskip("playwright.sync_api", reason=DRIVER)
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=DRIVER)

pytestmark = pytest.mark.browser

OWN = {"months_max": 3, "share_ppm_min": 100_000, "early_months_max": 1}
PHONE = (390, 844)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate(2)
    station.centre.say(Down.PRODUCT, maize(version=2, own_cash=OWN), station.at_ms)
    station.take_down()
    yield station
    station.close()


@pytest.fixture
def link(station):
    served = Served(tablet_pages(station, Elapsed()))
    link = FlakyLink(served.url)
    yield link
    link.close()
    served.close()


@pytest.fixture
def page(station, link):
    with chromium() as browser:
        context = browser.new_context(**as_held(link.url, PHONE, (37.0, 0.0), 5))
        code, _ = door_of(station).invite("tab-months", ("agent-1", "Juma Otieno"), (), 14)
        page = context.new_page()
        page.goto(f"/tablet/#enrol={code}&key={station.keys.signer.key_id}")
        page.click("#enrol")
        page.wait_for_selector("#search")
        yield page


def told(page):
    return page.locator("#cash .told").all_inner_texts()


def shares(page):
    return [each.split() for each in page.locator("#cash .share output").all_inner_texts()]


def test_months_are_chosen_within_bounds_and_the_line_is_opened_with_them(page, station, link):
    said = []
    page.on("console", complaints_to(said))
    page.on("pageerror", lambda error: said.append(str(error)))
    sync(page)
    until_kept(page)
    link.cut()
    go(page, "#/apply/f-2?")
    page.wait_for_selector("#cash")
    offered = page.locator("#cash input[name=cash]")
    months = [int(each.get_attribute("value")) for each in offered.all()]
    assert months == [4, 5, 6, 7, 8, 9], "from the second of April up to the due date in September"

    page.check("#cash input[value='6']")
    assert told(page) == ["The last money has to come in August or later."]
    page.check("#cash input[value='8']")
    assert told(page) == []
    assert shares(page) == [["50", "%"], ["50", "%"]]
    page.check("#cash input[value='5']")
    assert page.locator("#cash input:disabled").count() == 3, "three months at most"
    more = page.locator("#cash .share[data-month='8'] .more")
    for _ in range(8):
        more.click()
    assert told(page) == ["Each month has to bring at least 10 percent."]
    page.click("#more")
    for box in page.locator("input[name=purpose]").all():
        box.check()
    page.click("#finish")  # what does not fit is not written down
    assert told(page) == ["Each month has to bring at least 10 percent."]
    page.uncheck("#cash input[value='5']")
    for _ in range(7):
        page.locator("#cash .share[data-month='8'] button").first.click()
    assert shares(page) == [["33", "%"], ["67", "%"]]
    found = axe.Axe().run(page, options=RULES).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []

    page.reload()  # a draft at every touch
    page.wait_for_selector("#cash")
    assert shares(page) == [["33", "%"], ["67", "%"]]
    page.click("#finish")
    page.wait_for_selector("text=On this tablet")
    link.mend()
    until_rows(page, [["application", "station"]])
    (row,) = station.db.execute(
        "SELECT application_id FROM decision_cards WHERE farmer_id = 'f-2'"
    ).fetchall()
    card = decisions.card_of_application(station.db, row[0]).card
    assert card.inputs.application.cash == (CashMonth(6, 1), CashMonth(8, 2))
    assert card.outcome.quote.due_on == "2026-08-15"
    assert [one for one in said if "ERR_" not in one] == []


def test_months_that_fit_no_more_need_the_agent_and_say_so(page, station, link):
    sync(page)
    until_kept(page)
    link.cut()
    go(page, "#/apply/f-1?")
    page.check("#cash input[value='8']")
    page.click("#more")
    for box in page.locator("input[name=purpose]").all():
        box.check()
    page.click("#finish")
    page.wait_for_selector("text=On this tablet")
    station.centre.say(
        Down.PRODUCT, maize(version=3, own_cash={**OWN, "early_months_max": 0}), station.at_ms
    )
    station.take_down()
    link.mend()
    until_rows(page, [["application", "needs_you"]])
    go(page, "#/outbox")
    page.wait_for_selector("text=The months with money do not fit any more")
    assert not station.db.execute("SELECT 1 FROM decision_cards").fetchall()
