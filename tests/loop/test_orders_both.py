"""An order from the supplier's call to the repaid line: a real station and a real centre."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.reasons import Reason, ReasonCode
from core.units import civil_day
from core.wire.orders import Answer, OrderAnswer
from edge_node.decide import orders
from edge_node.decide.draws import Receipt
from edge_node.store.village import UnknownRecordError
from server.services.audit.run import audit
from server.services.standing import owed, standing
from server.services.verifying import verify
from server.store import lines, logs
from tests.support.centre_kit import STATION
from tests.support.linked_station import Linked, linked_station
from tests.support.orders_at_station import agree, pass_days
from tests.support.orders_kit import SUPPLIER, Trade, open_trade


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[Linked]:
    with linked_station(tmp_path) as found:
        yield found


def say(linked: Linked, order_id: str, answer: Answer) -> None:
    station = linked.station
    said = OrderAnswer(order_id, 1, answer)
    orders.say(station.db, station.desk, said, station.clock)


def test_an_order_goes_all_the_way(linked: Linked) -> None:
    trade: Trade = open_trade(linked.kit, pulls=False)
    client, kit = linked.client(), linked.kit
    linked.station.sync(client)
    placed = trade.place()
    order_id = placed.json()["order_id"]
    assert agree_is_unknown(linked, order_id)
    linked.station.sync(client)

    drawn = agree(linked, order_id, "draw-1")  # without a link: the station has all that it needs
    assert isinstance(drawn, Receipt), drawn
    assert drawn.price.total_minor == placed.json()["offer"]["total_minor"]
    again = agree(linked, order_id, "draw-2")
    assert isinstance(again, Reason)
    assert again.code is ReasonCode.ORDER_OVER
    assert trade.call(SUPPLIER, "GET", f"/orders/{order_id}").json()["state"] == "offered"

    linked.station.sync(client)
    assert [record.flag for _, record in kit.read(logs.flagged)] == []
    assert trade.call(SUPPLIER, "GET", f"/orders/{order_id}").json()["state"] == "paid"
    payouts = trade.call("integrator", "GET", "/payouts").json()["items"]
    assert [(each["payee_id"], each["amount_minor"]) for each in payouts] == [(SUPPLIER, 450_000)]

    pass_days(linked, 6)
    assert trade.report(order_id).status_code == 201
    linked.station.sync(client)
    say(linked, order_id, Answer.RECEIVED)
    linked.station.sync(client)
    assert trade.call(SUPPLIER, "GET", f"/orders/{order_id}").json()["state"] == "delivered"

    pass_days(linked, 130)
    sale = trade.sell().json()
    day = {"received_on": civil_day(kit.clock.at_ms).isoformat()}
    path = f"/sales/{sale['sale_id']}/receipt"
    assert trade.call("cashier", "POST", path, day).status_code == 200
    line = kit.read(lines.get, trade.line_id)
    assert kit.read(owed, line, civil_day(kit.clock.at_ms)).total_minor == 0
    linked.station.sync(client)
    assert trade.call(SUPPLIER, "GET", f"/orders/{order_id}").json()["state"] == "settled"
    assert verify(kit.centre).faults == ()
    assert audit(kit.centre).first is None
    linked.require_all_once()


def agree_is_unknown(linked: Linked, order_id: str) -> bool:
    """Whether the station, which has not heard of an order yet, says so."""
    with pytest.raises(UnknownRecordError, match="expected an order that is known here"):
        agree(linked, order_id, "draw-0")
    return True


def test_orders_and_cash_together_never_pass_the_limit(linked: Linked) -> None:
    """A dark station draws what orders kept room for; the orders are then refused there."""
    trade = open_trade(linked.kit, pulls=False)
    client, kit, station = linked.client(), linked.kit, linked.station
    station.sync(client)
    fertiliser = {"items": [{"code": "CAN", "name": "CAN", "goods": "fertiliser", "quantity": 3,
                             "unit": "bag", "unit_price_minor": 100_000}],
                  "total_minor": 300_000}  # fmt: skip
    placed = [trade.place(f"o-{n}", **fertiliser) for n in range(6)]
    kept = [each.json()["order_id"] for each in placed if each.status_code == 201]
    assert kept
    station.sync(client)
    found = [agree(linked, order_id, f"draw-{n}") for n, order_id in enumerate(kept)]
    assert any(isinstance(each, Receipt) for each in found)
    station.sync(client)
    line = kit.read(lines.get, trade.line_id)
    stands = kit.read(standing, line, civil_day(kit.clock.at_ms))
    assert stands.outstanding_minor + stands.leased_minor <= line.limit_minor
    assert line.station == STATION
    assert audit(kit.centre).first is None
