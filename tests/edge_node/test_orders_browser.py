"""The pages of orders in a real Chromium: what is touched is large, nothing runs off the screen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.lending.limit import Movement
from core.lending.ordering import OrderStatus
from core.wire.orders import OrderItem, OrderOffer, Received
from core.wire.records import Down
from tests.support.centre import Served
from tests.support.chromium import chromium
from tests.support.kiosk import Elapsed, kiosk_of
from tests.support.kiosk_screen import SIZES, SMALL_TARGETS, TARGET_PX_MIN
from tests.support.lending_station import CARDS, Station, lease, maize, status

pytest.importorskip("playwright.sync_api", reason="the browser's driver is not installed")
pytestmark = pytest.mark.browser

PICTURES = "HARVESTLINE_PICTURES"  # a folder for pictures to look at
WIDER = "() => document.documentElement.scrollWidth - window.innerWidth"
VOUCHER = {
    "suppliers": ["agrovet", "kisii-agrovet"], "buyers": ["miller"], "deliver_days_max": 21,
    "goods": [{"goods": goods, "minor_per_ha": 2_000_000, "source": "test"}
              for goods in ("seed", "fertiliser", "protection")],
    "sale_repay_ppm": 700_000,
}  # fmt: skip
ITEMS = (
    OrderItem("DAP-50", "Diammonium phosphate, 50 kg", "fertiliser", 2, "bags", 123_450),
    OrderItem("DK-8031", "Maize seed DK 8031, 2 kg", "seed", 4, "bags", 56_700),
)


def order(order_id: str, state: OrderStatus, came: tuple[Received, ...] = ()) -> OrderOffer:
    return OrderOffer(
        order_id, "line-1", "f-1", "agrovet", "Agrovet of Kijani", "KES", 473_700, ITEMS,
        "2026-04-20", "2026-04-15", state, len(came and (1,)), came or None,
    )  # fmt: skip


def test_the_pages_of_orders_can_be_read_and_touched(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    station = Station(tmp_path)
    station.populate()
    say = station.centre.say
    say(Down.PRODUCT, maize(version=2, kind="voucher", voucher=VOUCHER), station.at_ms)
    say(Down.LINE, status("line-1", 2_000_000, Movement.OPENED), station.at_ms)
    station.centre.say_lease(lease("le-1", "line-1", 1_000_000))
    say(Down.ORDER, order("o-1", OrderStatus.OFFERED), station.at_ms)
    came = order("o-2", OrderStatus.DELIVERING, (Received("DAP-50", 2), Received("DK-8031", 4)))
    say(Down.ORDER, came, station.at_ms)
    station.take_down()
    served = Served(kiosk_of(station, Elapsed()))
    try:
        with chromium() as browser:
            for size, (width, height) in SIZES.items():
                page = browser.new_page(viewport={"width": width, "height": height})
                page.goto(served.url)
                page.fill("input[name=card]", CARDS["f-1"])
                page.keyboard.press("Enter")
                page.wait_for_url("**/home")
                for path in ("home", "order/o-1", "order/o-2", "draw/line-1/price?amount=350000"):
                    with subtests.test(f"{size} {path}"):
                        page.goto(f"{served.url}/{path}")
                        _look(page, f"{size}-{path.replace('/', '-').partition('?')[0]}")
                page.close()
    finally:
        served.close()
        station.close()


def _look(page, name: str) -> None:
    if folder := os.environ.get(PICTURES):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
    assert page.evaluate(WIDER) <= 0
    assert page.evaluate(SMALL_TARGETS, TARGET_PX_MIN) == []
