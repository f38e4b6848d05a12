"""The agent's tablet pays out without a network, in a real Chromium against a real station."""

from __future__ import annotations

import json

import pytest

from core.decision.quote import quote
from core.lending.lease import DrawState
from core.units import civil_day
from core.wire.slips import Vouch
from edge_node.decide.draws import quote_sha256
from edge_node.decide.receipts import check
from edge_node.keys import KeyRing
from edge_node.store import leases, subleases
from tests.support.centre import Served
from tests.support.chromium import chromium, complaints_to
from tests.support.flaky_link import FlakyLink
from tests.support.kiosk import Elapsed
from tests.support.lending_station import lent_station, maize
from tests.support.tablet import door_of, tablet_pages
from tests.support.tablet_page import as_held, go, rows, sync, until, until_kept, until_rows

api = pytest.importorskip("playwright.sync_api", reason="no browser's driver on a station")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe on a station")

pytestmark = pytest.mark.browser
WAIT_MS = 30_000
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
AMOUNT = 250_000  # KES 2,500


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    made = lent_station(tmp_path_factory.mktemp("paying") / "lent")
    yield made
    made.close()


@pytest.fixture(scope="module")
def link(station):
    served = Served(tablet_pages(station, Elapsed()))
    link = FlakyLink(served.url)
    yield link
    link.close()
    served.close()


@pytest.fixture(scope="module")
def page(link, station):
    with chromium() as browser:
        context = browser.new_context(**as_held(link.url, (390, 844), (37.0, 0.0), 5))
        context.set_default_timeout(WAIT_MS)
        code, _ = door_of(station).invite("tab-pay", ("agent-1", "Juma Otieno"), (), 14)
        page = context.new_page()
        page.goto(f"/tablet/#enrol={code}&key={station.keys.signer.key_id}")
        page.click("#enrol")
        page.wait_for_selector("#tasks")
        yield page


def in_hand(page):
    return int(page.get_attribute("#hand [data-left]", "data-left"))


def agree(page):
    for name in ("read", "yes"):
        page.check(f"input[value={name}]")


def test_money_taken_along_is_paid_out_offline_once_and_booked_with_the_price_shown(
    page, station, link
):
    said = []
    page.on("console", complaints_to(said))
    page.on("pageerror", lambda error: said.append(str(error)))
    sync(page)
    until_kept(page)
    # In contact: take KES 4,000 along.
    go(page, "#/pay/f-1")
    page.wait_for_selector("#why")
    page.click("#room")
    for note in (100_000,) * 4:
        page.click(f"[data-note='{note}']")
    page.click("#take")
    page.wait_for_selector("#hand [data-left='400000']")
    # Offline: choose, price, read, agree, count out.
    link.cut()
    for note in (100_000, 100_000, 50_000):
        page.click(f"form [data-note='{note}']")
    today = civil_day(station.at_ms, station.desk.utc_offset_ms)
    price = quote(maize(), AMOUNT, today)
    page.wait_for_selector("#price")
    assert f"KES {price.total_minor // 100:,}" in page.inner_text("#price")
    assert page.is_disabled("#paid")  # nobody has agreed yet
    agree(page)
    assert axe.Axe().run(page, options=RULES).response["violations"] == []
    # Two touches within one turn of the page: one payment.
    page.evaluate("() => { const b = document.querySelector('#paid'); b.click(); b.click(); }")
    page.wait_for_selector("#receipt")
    assert rows(page) == [["draw", "tablet"]]
    page.wait_for_selector("#code path")
    text = page.get_attribute("#code", "data-text")
    # The receipt is true at the station although it has not heard of the draw yet.
    own = Vouch(station.desk.station, station.keys.identity.public_key)
    keys = (KeyRing.of_hex(station.centre.identity.public_key), own)
    slip = check(station.db, text, keys).slip
    assert (slip.amount_minor, slip.total_minor) == (AMOUNT, price.total_minor)
    # Killed and opened again without a network: what is left is what it was.
    page.reload()
    page.wait_for_selector("#receipt")
    go(page, "#/pay/f-1")
    page.wait_for_selector("#hand [data-left='150000']")
    link.mend()
    until_rows(page, [["draw", "station"]])
    kept = leases.draw(station.db, slip.id)
    assert kept is not None
    assert kept.drawdown.state is DrawState.POSTED
    assert kept.drawdown.amount_minor == AMOUNT
    assert kept.drawdown.apr_ppm == price.apr_ppm
    (consent,) = station.db.execute(
        "SELECT body FROM consents WHERE consent_id = ?", [kept.drawdown.consent_id]
    ).fetchall()
    assert json.loads(consent[0])["shown_sha256"] == quote_sha256(price)
    assert check(station.db, text, keys).state == "posted"
    assert [one for one in said if "ERR_" not in one] == []  # the cut link is no surprise


def test_it_is_wiped_only_when_no_money_is_in_hand_and_its_chain_is_acknowledged(
    page, station, link
):
    go(page, "#/tablet")
    page.click("#wipe")
    page.wait_for_selector("text=give back the money in hand first")
    link.cut()
    page.click("#money")
    page.click("[data-back]")
    page.wait_for_selector("text=No money is in hand")
    go(page, "#/tablet")
    page.wait_for_selector("text=1 operations")
    page.click("#wipe")
    page.wait_for_selector("text=Bring it to the station first")
    link.mend()
    until_rows(page, [["draw", "station"], ["sublease_end", "station"]])
    assert subleases.open_of_tablet(station.db, "tab-pay") == ()
    until(
        page,
        "async () => !(await (await import('/tablet/outbox.js')).unsafe()).operations",
    )
    go(page, "#/pay/f-1")
    page.wait_for_selector("#why")
    assert in_hand(page) == 0


def test_what_the_station_has_ended_is_paid_out_no_more(page, station, link):
    go(page, "#/pay/f-1")
    page.click("#room")
    page.click("[data-note='100000']")
    page.click("#take")
    page.wait_for_selector("#hand [data-left='100000']")
    (held,) = subleases.open_of_tablet(station.db, "tab-pay")
    with station.db.atomic():
        subleases.end_of_lease(station.db, held.lease.lease_id)  # by the centre's word
    sync(page)
    page.wait_for_selector("#why")
    assert in_hand(page) == 0
    go(page, "#/money")
    page.wait_for_selector("text=No money is in hand")
