"""A farmer who is not at the kiosk says by a code that the goods came: station and centre, real."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.wire.delivery_codes import (
    CODE_CONTEXT,
    CODE_DAYS_MAX,
    WRONG_MAX,
    delivery_code,
    grouped,
)
from core.wire.orders import Answer, OrderAnswer
from edge_node.decide import orders
from edge_node.store import orders as kept
from server.services.audit.run import audit
from server.services.orders.receiving import WRONG_ACTION
from server.store import logs, people
from server.store import orders as centre_orders
from tests.support.linked_station import Linked, linked_station
from tests.support.orders_at_station import agree, pass_days
from tests.support.orders_kit import OTHER, SUPPLIER, open_trade


class Told:
    """An order to which the farmer agreed, both sides knowing it."""

    def __init__(self, linked: Linked) -> None:
        self.linked, self.trade = linked, open_trade(linked.kit, pulls=False)
        self.client = linked.client()
        self.sync()
        self.order_id = str(self.trade.place().json()["order_id"])
        self.sync()
        agree(linked, self.order_id, "draw-1")

    def sync(self) -> None:
        self.linked.station.sync(self.client)

    @property
    def number(self) -> int:
        station = self.linked.station
        offer = kept.order(station.db, self.order_id)
        return orders.awaited_delivery(station.db, station.desk, offer, station.clock)

    def code(self, number: int = 1) -> str:
        """As the station reckons it."""
        return delivery_code(
            self.linked.station.ends.shared_secret(CODE_CONTEXT), self.order_id, number
        )

    def wrong(self, number: int = 1) -> str:
        return f"{(int(self.code(number)) + 1) % 10**8:08d}"

    def bring(self, code: str, who: str = SUPPLIER) -> Any:
        return self.trade.call(who, "POST", f"/orders/{self.order_id}/receipt", {"code": code})

    def steps(self) -> Any:
        return self.linked.kit.read(centre_orders.life, self.order_id)

    def tried(self) -> list[str]:
        found = self.linked.kit.read(people.trail_of, "order", self.order_id)
        return [each.actor for each in found if each.action == WRONG_ACTION]


def say(linked: Linked, order_id: str, answer: Answer, delivery_no: int = 1) -> None:
    """The farmer's own word at the kiosk."""
    station = linked.station
    said = OrderAnswer(order_id, delivery_no, answer)
    orders.say(station.db, station.desk, said, station.clock)


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    with linked_station(tmp_path) as linked:
        yield Told(linked)


def test_the_code_from_a_dark_station_says_that_all_came(told: Told) -> None:
    assert told.number == 1  # the station has not spoken with the centre since the farmer's yes
    code = told.code()
    early = told.bring(code)
    assert (early.status_code, early.json()["type"].split(":")[-1]) == (409, "HL-CORE-018")
    told.sync()
    paid = told.bring(code)  # but nothing is reported yet
    assert paid.json()["type"].split(":")[-1] == "HL-CORE-018"
    assert told.trade.report(told.order_id).status_code == 201
    done = told.bring(grouped(code))
    assert (done.status_code, done.json()["state"]) == (200, "delivered"), done.text
    last = done.json()["steps"][-1]
    assert (last["event"], last["party"]) == ("receive_all", "farmer")
    assert told.steps()[-1].detail["by"] == "code"
    assert told.bring(code).json() == done.json()
    assert told.bring(told.wrong()).status_code == 409
    told.sync()
    assert told.number == 0
    assert [record.flag for _, record in told.linked.kit.read(logs.flagged)] == []
    assert audit(told.linked.kit.centre).first is None


def test_a_supplier_alone_cannot_say_so(told: Told) -> None:
    told.sync()
    told.trade.report(told.order_id)
    for left in reversed(range(WRONG_MAX)):
        refused = told.bring(told.wrong())
        assert (refused.status_code, refused.json()["type"].split(":")[-1]) == (409, "HL-SRV-016")
        assert f"{left} tries are left" in refused.json()["detail"]
    locked = told.bring(told.code())
    assert locked.status_code == 409
    assert "the farmer says it at the kiosk" in locked.json()["detail"]
    assert len(told.tried()) == WRONG_MAX  # what comes after the last is not counted on
    assert told.steps()[-1].state.value == "delivering"
    for text in ("", "1234", "abcdefgh", "12345678901234567890123"):
        assert told.bring(text).status_code == 422
    assert told.bring(told.code(), OTHER).status_code == 404
    assert told.bring(told.code(), "integrator").status_code == 403
    told.sync()
    say(told.linked, told.order_id, Answer.DAMAGED)
    told.sync()
    # Another delivery has another code, and tries of its own.
    first = told.code()
    assert told.number == 2
    told.trade.report(told.order_id, "d-2", units=[{"code": "DK-8031", "quantity": 4}])
    assert "less is reported" in told.bring(told.code(2)).json()["detail"]
    told.sync()
    say(told.linked, told.order_id, Answer.RECEIVED, delivery_no=2)
    told.sync()
    told.trade.report(told.order_id, "d-3", units=[{"code": "DK-8031", "quantity": 5}])
    assert told.number == 3
    assert "code for delivery 3" in told.bring(first).json()["detail"]  # of refused goods
    assert len(told.tried()) == WRONG_MAX + 1
    assert not any("by" in step.detail for step in told.steps())
    pass_days(told.linked, 10 + CODE_DAYS_MAX + 1)
    assert told.number == 0
    late = told.bring(told.code(3))
    assert late.json()["type"].split(":")[-1] == "HL-SRV-016"
    assert re.search(r"expected its code until \d{4}-\d\d-\d\d", late.json()["detail"])
    assert told.steps()[-1].state.value == "delivering"
