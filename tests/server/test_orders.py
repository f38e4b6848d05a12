"""An order from the offer to the sale that repays it, and whoever tries to cheat on the way."""

from __future__ import annotations

from typing import Any

import pytest

from core.units import civil_day
from core.wire.orders import Answer
from server.services.audit.run import audit
from server.services.orders.delivering import refund_order
from server.services.standing import owed, standing
from server.services.verifying import verify
from server.store import leases, ledger, lines, orders
from tests.support.centre_kit import TESTER, Kit
from tests.support.kiosk_kit import flags
from tests.support.orders_kit import BUYER, SUPPLIER, Trade, item, open_trade

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


def test_orders_never_keep_more_room_than_the_line_has(trade: Trade) -> None:
    """Orders that wait share one lease until it is full; what is beyond it is refused."""
    kit = trade.kit
    limit = kit.read(lines.get, trade.line_id).limit_minor
    kept = 0
    for number in range(9):
        fertiliser = [item("CAN", "fertiliser", 3, 100_000)]
        answer = trade.place(f"o-{number}", items=fertiliser, total_minor=300_000)
        kept += 300_000 if answer.status_code == 201 else 0
    assert 0 < kept <= limit
    stands = kit.read(standing, kit.read(lines.get, trade.line_id), civil_day(kit.clock.at_ms))
    assert stands.leased_minor + stands.outstanding_minor <= limit
    assert verify(kit.centre).faults == ()
    assert audit(kit.centre).first is None


def test_a_dark_stations_consent_counts_although_the_offer_has_lapsed_since(trade: Trade) -> None:
    order_id = trade.place().json()["order_id"]
    offer = trade.offers()[order_id]
    kit, shown = trade.kit, trade.shown(offer)
    given_on = kit.clock.at_ms
    kit.clock.add_days(11)
    trade.place("o-2")
    assert state(trade, order_id) == "lapsed"
    later = kit.clock.at_ms
    kit.clock.at_ms = given_on  # the station wrote this in time, and was dark
    trade.consent(order_id, shown=shown)
    kit.clock.at_ms = later
    assert state(trade, order_id) == "paid"


def test_an_order_becomes_debt_once(trade: Trade) -> None:
    order_id = trade.bought()
    trade.consent(order_id, draw_id="draw-again")
    assert any("another draw has met it" in flag for flag in flags(trade.kit))
    drawn = trade.kit.read(leases.draws_of_line, trade.line_id)
    assert len(drawn) == 2  # booked as the station says it was, and flagged
    payouts = trade.call("integrator", "GET", f"/payouts?line_id={trade.line_id}").json()["items"]
    assert len(payouts) == 2


def test_a_delivery_counts_once_and_comes_in_parts(trade: Trade) -> None:
    kit, order_id = trade.kit, trade.bought()
    part = {"units": [{"code": "DK-8031", "quantity": 4}]}
    assert trade.report(order_id, **part).status_code == 201
    assert trade.report(order_id, **part).status_code == 200
    more = {"units": [{"code": "DK-8031", "quantity": 5}]}
    assert problem(trade.report(order_id, **more)) == (409, "HL-SRV-005")
    trade.answer(order_id, 1, CAME)
    assert state(trade, order_id) == "short"
    for units in ([{"code": "DK-8031", "quantity": 6}], [{"code": "other", "quantity": 1}],
                  [{"code": "DK-8031", "quantity": 0}]):  # fmt: skip
        assert problem(trade.report(order_id, "d-2", units=units)) == (422, "HL-CORE-003")
    kit.clock.add_days(12)
    assert trade.report(order_id, "d-2", **more).status_code == 201
    trade.answer(order_id, 2, CAME)
    assert (flags(kit), state(trade, order_id)) == ([], "delivered")
    last = kit.read(orders.life, order_id)[-1]
    assert last.detail["days_late"] == 2


def test_goods_that_never_came_are_refunded(trade: Trade) -> None:
    kit, order_id = trade.kit, trade.bought()
    trade.answer(order_id, 0, Answer.NOT_COME)
    assert state(trade, order_id) == "disputed"
    body = {
        "repayment_id": "back-1", "line_id": trade.line_id, "amount_minor": 450_000,
        "currency": "KES", "effective_on": civil_day(kit.clock.at_ms).isoformat(),
    }  # fmt: skip
    assert trade.call("cashier", "POST", "/repayments", body).status_code == 200
    refund_order(kit.centre, order_id, "back-1", TESTER)
    assert state(trade, order_id) == "refunded"
    assert audit(kit.centre).first is None


def test_a_buyer_reports_a_sale_once_and_no_more_than_is_owed_goes_to_the_line(
    trade: Trade,
) -> None:
    trade.bought()
    kit = trade.kit
    kit.clock.add_days(150)
    first = trade.sell(proceeds_minor=300_000)
    assert first.json()["to_line_minor"] == 210_000  # 70 %
    assert trade.sell(proceeds_minor=300_000).status_code == 200
    assert problem(trade.sell(proceeds_minor=200_000)) == (409, "HL-SRV-005")
    line = kit.read(lines.get, trade.line_id)
    debt = kit.read(owed, line, civil_day(kit.clock.at_ms)).total_minor
    second = trade.sell("s-2", proceeds_minor=900_000)
    assert second.json()["to_line_minor"] == debt - 210_000  # what the first is to bring counts
    assert trade.sell("s-3").json()["to_line_minor"] == 0
    assert problem(trade.sell("s-4", currency="USD")) == (422, "HL-SRV-011")
    assert problem(trade.sell("s-4", sold_kg=0)) == (422, "HL-SRV-011")
    assert problem(trade.sell("s-4", sold_on="2020-01-01")) == (422, "HL-SRV-011")
    assert problem(trade.sell("s-4", who=SUPPLIER)) == (403, "HL-SRV-007")
    assert problem(trade.sell("s-4", line_id="nowhere")) == (404, "HL-SRV-004")
    sale_id = first.json()["sale_id"]
    day = {"received_on": civil_day(kit.clock.at_ms).isoformat()}
    for _ in range(2):
        paid = trade.call("cashier", "POST", f"/sales/{sale_id}/receipt", day)
        assert paid.status_code == 200
    assert problem(trade.call(BUYER, "POST", f"/sales/{sale_id}/receipt", day)) == (
        403, "HL-SRV-007",
    )  # fmt: skip
    assert len(kit.read(ledger.repayments_of, trade.line_id)) == 1
    assert audit(kit.centre).first is None
