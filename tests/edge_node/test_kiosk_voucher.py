"""A voucher at the kiosk: goods from the product's supplier, never cash."""

from __future__ import annotations

import re

import pytest

from core.lending.limit import Movement
from core.wire.records import Down
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import CARDS, Station, lease, maize, status


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


@pytest.fixture
def client(station):
    with visiting(station, Elapsed()) as client:
        yield client


def fields_of(text):
    """The hidden fields of the page's last form."""
    form = re.findall(
        r"<form method=\"post\" action=\"/(?:draw|payout)/.*?</form>", text, re.DOTALL
    )
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[-1]))


TERMS = {"suppliers": ["agrovet", "farm-shop"], "buyers": ["miller"], "deliver_days_max": 21}
GOODS = [
    {"goods": each, "minor_per_ha": 2_000_000, "source": "test"} for each in ("seed", "fertiliser")
]


def lent_for_goods(client, station):
    voucher = {**TERMS, "goods": GOODS, "sale_repay_ppm": 700_000}
    product = maize(version=2, kind="voucher", voucher=voucher)
    station.centre.say(Down.PRODUCT, product, station.at_ms)
    station.centre.say(Down.LINE, status("line-1", 2_000_000, Movement.OPENED), station.at_ms)
    station.centre.say_lease(lease("le-1", "line-1", 1_000_000))
    station.take_down()
    client.post("/identify", data={"card": CARDS["f-1"]})
    chosen = {"amount": 350_000, "supplier": "agrovet", "goods": "seed"}
    return fields_of(client.get("/draw/line-1/price", params=chosen).text)


@pytest.mark.parametrize("other", [{"goods": "fertiliser"}, {"supplier": "farm-shop"}])
def test_a_consent_to_some_goods_of_a_shop_is_none_to_others(client, station, other):
    """Whoever changes the form after the farmer agreed, on its way to the station."""
    form = lent_for_goods(client, station)
    refused = client.post("/draw/line-1", data={**form, **other})
    assert "/payout/" not in refused.url.path
    assert station.db.execute("SELECT count(*) FROM draws").fetchone() == (0,)
    agreed = client.post("/draw/line-1", data=form)
    assert "/payout/" in agreed.url.path


def test_a_vouchers_draw_names_its_supplier_and_shows_no_cash(client, station):
    terms = {"suppliers": ["agrovet"], "buyers": ["miller"], "deliver_days_max": 21}
    goods = [{"goods": "seed", "minor_per_ha": 2_000_000, "source": "test"}]
    voucher = {**terms, "goods": goods, "sale_repay_ppm": 700_000}
    product = maize(version=2, kind="voucher", voucher=voucher)
    station.centre.say(Down.PRODUCT, product, station.at_ms)
    station.centre.say(Down.LINE, status("line-1", 2_000_000, Movement.OPENED), station.at_ms)
    station.centre.say_lease(lease("le-1", "line-1", 1_000_000))
    station.take_down()
    client.post("/identify", data={"card": CARDS["f-1"]})
    price = client.get("/draw/line-1/price", params={"amount": 350_000})
    payout = client.post("/draw/line-1", data=fields_of(price.text))
    assert "Shall agrovet be paid now?" in payout.text
    assert "Shall the till pay you now?" not in payout.text
    form = fields_of(payout.text)
    receipt = client.post(payout.url.path, data={**form, "confirmed": "yes"})
    assert "Receipt for goods: show it to agrovet" in receipt.text
