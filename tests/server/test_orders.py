"""An order from the offer to the sale that repays it, and whoever tries to cheat on the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.units import civil_day
from core.wire.orders import Answer
from server.services.audit.run import audit
from server.services.orders.delivering import refund_order
from server.services.orders.officers import divert_order, release_order
from server.services.orders.registering import close_partner
from server.services.standing import owed, standing
from server.services.verifying import verify
from server.store import leases, ledger, lines, orders
from tests.support.centre_kit import TESTER, Kit
from tests.support.kiosk_kit import flags
from tests.support.orders_kit import BUYER, OTHER, SUPPLIER, Trade, item, open_trade

CAME, WRONG = Answer.RECEIVED, Answer.WRONG


@pytest.fixture
def trade(kit: Kit) -> Trade:
    return open_trade(kit)


def problem(answer: Any) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, str(body["type"]).rpartition(":")[2]


def state(trade: Trade, order_id: str) -> str:
    return str(trade.call(SUPPLIER, "GET", f"/orders/{order_id}").json()["state"])


def balance(trade: Trade, account: str) -> int:
    return int(trade.kit.read(ledger.account_balance, account, "KES"))


def test_an_order_is_offered_consented_paid_delivered_sold_and_repaid(trade: Trade) -> None:
    kit = trade.kit
    placed = trade.place()
    assert placed.status_code == 201
    offer = placed.json()["offer"]
    assert placed.json()["state"] == "offered"
    assert offer["amount_minor"] == 450_000
    assert offer["total_minor"] == 450_000 + offer["fee_minor"] + offer["interest_minor"]
    assert offer["apr_ppm"] > offer["nominal_rate_ppm"]
    assert balance(trade, f"loan/principal/{trade.line_id}") == 0  # nothing is owed yet
    order_id = placed.json()["order_id"]

    trade.consent(order_id)
    assert flags(kit) == []
    assert state(trade, order_id) == "paid"
    assert balance(trade, f"payable/supplier/{SUPPLIER}") == -450_000

    kit.clock.add_days(5)
    assert trade.report(order_id).status_code == 201
    trade.answer(order_id, 1, CAME)
    assert flags(kit) == []
    assert state(trade, order_id) == "delivered"

    kit.clock.add_days(140)
    sold = trade.sell()
    assert sold.status_code == 201
    line = kit.read(lines.get, trade.line_id)
    debt = kit.read(owed, line, civil_day(kit.clock.at_ms)).total_minor
    assert sold.json()["to_line_minor"] == debt  # 70 % of 800,000 is more than is owed
    assert sold.json()["to_farmer_minor"] == 800_000 - debt
    path = f"/sales/{sold.json()['sale_id']}/receipt"
    day = {"received_on": civil_day(kit.clock.at_ms).isoformat()}
    assert trade.call("cashier", "POST", path, day).json()["surplus_minor"] == 0
    assert kit.read(owed, line, civil_day(kit.clock.at_ms)).total_minor == 0
    assert state(trade, order_id) == "settled"
    events = [each.event.value for each in kit.read(orders.life, order_id)]
    assert events == [
        "place", "agree", "pay", "report_delivery", "receive_all", "settle",
    ]  # fmt: skip
    assert verify(kit.centre).faults == ()
    assert audit(kit.centre).first is None
