"""A product that pays to the farmer's own account: the kiosk never speaks of a till."""

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


def hidden(text: str) -> dict[str, str]:
    """The hidden fields of the page's last form that moves money."""
    form = re.findall(
        r"<form method=\"post\" action=\"/(?:draw|payout)/.*?</form>", text, re.DOTALL
    )
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[-1]))


def test_a_draw_to_an_account_promises_no_cash(station):
    station.centre.say(Down.PRODUCT, maize(version=2, to_account=True), station.at_ms)
    station.centre.say(Down.LINE, status("line-1", 2_000_000, Movement.OPENED), station.at_ms)
    station.centre.say_lease(lease("le-1", "line-1", 1_000_000))
    station.take_down()
    with visiting(station, Elapsed()) as client:
        client.post("/identify", data={"card": CARDS["f-1"]})
        price = client.get("/draw/line-1/price", params={"amount": 350_000})
        payout = client.post("/draw/line-1", data=hidden(price.text))
        assert "Shall your account be paid now?" in payout.text
        assert "the lender sends the money to your account" in payout.text
        answer = {**hidden(payout.text), "confirmed": "yes"}
        receipt = client.post(payout.url.path, data=answer)
    assert "Receipt: the lender sends the money to your account" in receipt.text
    for page in (payout.text, receipt.text):
        assert not re.search(r"\btill\b(?!-)", page.replace("still", ""))
