"""A station that is dark quotes the rate that the centre signed, draw by draw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.decision.quote import Quote, quote
from core.lending.limit import Movement
from core.shape import encode
from core.wire.envelope import LogClass
from core.wire.records import Down
from edge_node.decide.debt import debt
from edge_node.decide.draws import quote_draw, receipt
from edge_node.decide.room import uncounted_draws
from edge_node.store import leases, lines, logs, village
from tests.support.bands import BAND
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import APRIL_1, CARDS, Station, lease, maize, status

LINE = "line-1"


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    made = Station(tmp_path)
    made.populate()
    made.centre.say(Down.PRODUCT, maize(version=2, risk_prices=[BAND]), APRIL_1 + 1)
    made.take_down()
    yield made
    made.close()


def leased(station: Station, *signed: tuple[str, int, int]) -> None:
    """A line with leases: id, amount, rate."""
    station.centre.say(Down.LINE, status(LINE, 2_000_000, Movement.OPENED), APRIL_1 + 2)
    for lease_id, amount, rate_ppm in signed:
        station.centre.say_lease(lease(lease_id, LINE, amount, rate_ppm=rate_ppm))
    station.take_down()


def price(station: Station, amount: int) -> Quote:
    found = quote_draw(station.db, station.desk, LINE, amount, station.clock)
    assert isinstance(found, Quote), found
    return found


def test_a_quote_has_the_rate_of_its_lease(station: Station):
    leased(station, ("le-1", 500_000, 130_000))
    product = village.product(station.db, "crop-season")
    told = price(station, 100_000)
    today = station.desk.today(station.clock)
    assert told == quote(product.at_rate(130_000), 100_000, today)
    assert told.rate_ppm == 130_000
    assert told.apr_ppm != quote(product, 100_000, today).apr_ppm


def test_two_draws_under_two_leases_keep_their_own_rates(station: Station):
    leased(station, ("le-1", 500_000, 120_000))
    first = station.draw(LINE, 500_000)
    leased(station, ("le-2", 300_000, 180_000))
    second = station.draw(LINE, 300_000)
    assert (first.drawdown.rate_ppm, second.drawdown.rate_ppm) == (120_000, 180_000)
    assert receipt(station.db, first.drawdown) == first
    line = lines.line(station.db, LINE)
    product = village.product(station.db, "crop-season")
    kept = uncounted_draws(station.db, line)
    on = station.desk.today(station.clock)
    owes = debt(line, kept, product, on.replace(month=7))
    days = (on.replace(month=7) - on).days
    exact = (500_000 * 120_000 + 300_000 * 180_000) * days / 365_000_000
    assert abs(owes.owed.interest_minor - exact) <= 0.5


def test_the_page_of_the_price_says_the_rate_and_who_lends(station: Station):
    lenders = ["The Bank", "The Cooperative"]
    station.centre.say(
        Down.PRODUCT, maize(version=3, risk_prices=[BAND], lenders=lenders), APRIL_1 + 3
    )
    leased(station, ("le-1", 500_000, 130_000))
    with visiting(station, Elapsed()) as client:
        client.post("/identify", data={"card": CARDS["f-1"]})
        page = client.get(f"/draw/{LINE}/price?amount=100000")
    assert page.status_code == 200
    assert "13.0%" in page.text
    assert "The Bank + The Cooperative lend this money together" in page.text


def test_a_draw_is_reported_with_its_rate(station: Station):
    leased(station, ("le-1", 500_000, 120_000))
    made = station.draw(LINE, 500_000)
    written = [
        record.body
        for record in logs.read_run(station.db, LogClass.MONEY, 0, 100, 10**6)
        if record.kind == "drawdown"
    ]
    assert [body["rate_ppm"] for body in written] == [120_000, 120_000]
    kept = leases.draw(station.db, made.drawdown.draw_id)
    assert kept is not None
    assert encode(kept.drawdown)["rate_ppm"] == 120_000


def test_a_line_opened_in_the_dark_has_the_price_of_its_card(station: Station):
    line_id = station.opened_line()
    told = quote_draw(station.db, station.desk, line_id, 100_000, station.clock)
    assert isinstance(told, Quote)
    assert told.rate_ppm in (120_000, 180_000)
    made = station.draw(line_id, 100_000)
    assert made.drawdown.rate_ppm == told.rate_ppm


def test_a_product_without_bands_says_no_rate(tmp_path: Path):
    plain = Station(tmp_path / "plain")
    plain.populate()
    line_id = plain.opened_line()
    made = plain.draw(line_id, 100_000)
    assert made.drawdown.rate_ppm is None
    assert "rate_ppm" not in encode(made.drawdown)
    plain.close()
