"""What is made of orders and sales: features that are missing where not known, and questions."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.units import civil_day
from core.wire.evidence import Stage
from core.wire.orders import Answer
from server.console.views.trade import read_trade_flags
from server.services.evidence import accept_evidence
from server.services.orders.fulfilment import SELL_DAYS, fulfilment_of
from server.services.sales_questions import trade_flags
from tests.support.centre_kit import Kit
from tests.support.orders_kit import Trade, open_trade

HARVESTED_ON = date(2026, 8, 1)


@pytest.fixture
def engine_name() -> str:
    return "sqlite"


@pytest.fixture
def trade(kit: Kit) -> Trade:
    return open_trade(kit)


def look(trade: Trade, on: date, stage: Stage, p10: int | None = None) -> None:
    trade.kit.clock.set_day(on)
    seen = trade.kit.evidence("plot-b1", on, stage, p10, season_id="2026-long-rains")
    accept_evidence(trade.kit.centre, seen)


def harvest(trade: Trade) -> None:
    """1.6 ha of which at least 2,000 kg a hectare could be relied on: 3,200 kg."""
    look(trade, HARVESTED_ON - timedelta(days=10), Stage.RIPENING, 2_000)
    look(trade, HARVESTED_ON, Stage.HARVESTED)


def features(trade: Trade) -> dict[str, int]:
    found = trade.kit.read(fulfilment_of, "farmer-b", civil_day(trade.kit.clock.at_ms))
    return {each.name: each.value for each in found}


def flags(trade: Trade) -> dict[str, dict[str, str]]:
    found = trade.kit.read(trade_flags, trade.kit.clock.at_ms)
    return {each.code: dict(each.facts) for each in found}


def test_nothing_is_known_before_somebody_said_what_came(trade: Trade) -> None:
    assert features(trade) == {}
    order_id = trade.bought()
    assert features(trade) == {}
    trade.kit.clock.add_days(13)
    trade.report(order_id)
    assert features(trade) == {}  # the supplier's word alone counts for nothing
    trade.answer(order_id, 1, Answer.RECEIVED)
    assert features(trade) == {"orders_received_ppm": 1_000_000, "orders_late_days": 3}


def test_a_harvest_counts_once_there_was_time_to_sell_it(trade: Trade) -> None:
    trade.bought()
    harvest(trade)
    assert "harvest_sold_ppm" not in features(trade)
    trade.sell(sold_kg=2_400)
    trade.kit.clock.add_days(SELL_DAYS)
    assert features(trade)["harvest_sold_ppm"] == 750_000


def test_a_harvest_that_went_elsewhere_is_a_question_with_its_numbers(trade: Trade) -> None:
    trade.bought()
    harvest(trade)
    assert flags(trade) == {}
    trade.sell(sold_kg=800, proceeds_minor=100_000)
    trade.kit.clock.add_days(SELL_DAYS)
    found = flags(trade)["sold_elsewhere"]
    assert (found["expected_kg"], found["sold_to_buyers_kg"]) == ("3200", "800")
    assert (found["sold_percent"], found["seen_ha"]) == ("25", "1.60")
    line = trade.call("integrator", "GET", f"/lines/{trade.line_id}").json()
    assert found["owed_minor"] == str(line["owed"]["fee_minor"] + line["owed"]["interest_minor"]
                                      + line["owed"]["principal_minor"])  # fmt: skip
    assert (line["frozen"], line["state"]) == (False, "active")  # asked, not punished
    assert features(trade)["harvest_sold_ppm"] == 250_000


def test_who_owes_nothing_is_asked_nothing(trade: Trade) -> None:
    harvest(trade)
    trade.kit.clock.add_days(SELL_DAYS)
    assert "sold_elsewhere" not in flags(trade)


def test_a_buyer_who_does_not_pay_or_reports_too_little_is_asked_too(trade: Trade) -> None:
    trade.bought()
    trade.kit.clock.set_day(HARVESTED_ON)
    trade.sell(sold_kg=1_000, proceeds_minor=1_000_000)  # 10.00 a kilogram, where 42.00 is paid
    found = flags(trade)["sale_underpriced"]
    assert (found["proceeds_minor"], found["usual_minor"]) == ("1000000", "4200000")
    trade.kit.clock.add_days(15)
    assert flags(trade)["sale_unpaid"]["days"] == "15"


def test_the_console_says_it_in_words(trade: Trade) -> None:
    trade.bought()
    trade.kit.clock.set_day(HARVESTED_ON)
    trade.sell(sold_kg=1_000, proceeds_minor=1_000_000)
    [row] = trade.kit.read(read_trade_flags, trade.kit.clock.at_ms)
    assert row.farmer == "Name B"
    assert row.words == "A buyer reports far less than the product's price."
    assert dict(row.facts)["reported"] == "KES 10,000.00"
