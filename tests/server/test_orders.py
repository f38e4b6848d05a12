"""An order from the offer to the sale that repays it, and whoever tries to cheat on the way."""

from __future__ import annotations

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
from tests.support.kiosk_kit import deliver, flags
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


def test_a_supplier_orders_once_by_reference(trade: Trade) -> None:
    first, again = trade.place(), trade.place()
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    dearer = trade.place(items=[item("DK-8031", "seed", 9, 60_000)], total_minor=540_000)
    assert problem(dearer) == (409, "HL-SRV-005")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"currency": "USD"}, (409, "HL-SRV-016")),
        ({"total_minor": 449_999}, (422, "HL-CORE-003")),  # it does not add up
        ({"items": [item("X", "tobacco", 9, 50_000)]}, (409, "HL-SRV-016")),
        ({"items": [item("X", "seed", 18, 50_000)], "total_minor": 900_000}, (409, "HL-SRV-016")),
        ({"items": [item("X", "seed", -9, 50_000)], "total_minor": 450_000}, (422, "HL-SRV-011")),
        ({"items": [item("X", "seed", 1, 0)], "total_minor": 1}, (422, "HL-SRV-011")),
        ({"items": [item("X", "seed", 1, 1), item("X", "seed", 1, 1)], "total_minor": 2},
         (422, "HL-CORE-003")),
        ({"deliver_by": "2026-03-01"}, (409, "HL-SRV-016")),
        ({"deliver_by": "2027-03-01"}, (409, "HL-SRV-016")),
        ({"deliver_by": "2026-02-31"}, (409, "HL-SRV-016")),
        ({"line_id": "nowhere"}, (404, "HL-SRV-004")),
    ],
)  # fmt: skip
def test_what_is_no_order_is_refused_by_name(
    trade: Trade, changes: dict[str, Any], told: tuple[int, str]
) -> None:
    assert problem(trade.place(**changes)) == told
    assert trade.call(SUPPLIER, "GET", "/orders").json()["items"] == []


def test_the_lines_of_others_are_not_known_to_a_supplier(trade: Trade) -> None:
    """A line whose product pays others, and none at all, are the same word."""
    kit = trade.kit
    other_lines = [
        each.line_id
        for each in kit.read(lines.every)
        if each.line_id != trade.line_id and each.product_id != kit.product.product_id
    ]
    answers = [trade.place(line_id=each).json() for each in (*other_lines, "nowhere")]
    assert {each["title"] for each in answers} == {"record is not known"}
    assert problem(trade.place(who=BUYER)) == (403, "HL-SRV-007")
    assert problem(trade.place(who="cashier")) == (403, "HL-SRV-007")
    assert problem(trade.place(who="nobody")) == (401, "HL-SRV-006")


def test_one_supplier_never_sees_anothers_orders(trade: Trade) -> None:
    order_id = trade.place().json()["order_id"]
    small = {"items": [item("CAN", "fertiliser", 1, 100_000)], "total_minor": 100_000}
    assert trade.place(who=OTHER, **small).status_code == 201  # the same reference, another's
    mine = trade.call(SUPPLIER, "GET", "/orders").json()["items"]
    assert [each["order_id"] for each in mine] == [order_id]
    unknown = trade.call(OTHER, "GET", "/orders/nothing").json()["title"]
    for method, path, body in (
        ("GET", f"/orders/{order_id}", None),
        ("POST", f"/orders/{order_id}/withdrawal", None),
        ("POST", f"/orders/{order_id}/deliveries",
         {"reference": "d", "delivered_on": "2026-03-15", "units": [{"code": "a", "quantity": 1}]}),
    ):  # fmt: skip
        answer = trade.call(OTHER, method, path, body)
        assert problem(answer) == (404, "HL-SRV-004")
        assert answer.json()["title"] == unknown
    assert len(trade.call("integrator", "GET", "/orders").json()["items"]) == 2


def test_a_closed_partner_orders_and_buys_no_more(trade: Trade) -> None:
    close_partner(trade.kit.centre, SUPPLIER, TESTER)
    close_partner(trade.kit.centre, BUYER, TESTER)
    assert problem(trade.place()) == (409, "HL-SRV-016")
    assert problem(trade.sell()) == (409, "HL-SRV-016")


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


def test_an_offer_that_nobody_takes_lapses_and_gives_its_room_back(trade: Trade) -> None:
    order_id = trade.place().json()["order_id"]
    trade.kit.clock.add_days(11)
    assert trade.place("o-2").status_code == 201
    assert state(trade, order_id) == "lapsed"


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


def test_nobody_but_the_farmer_turns_an_order_into_debt(trade: Trade) -> None:
    """Consent to another price, or none, leaves the supplier unpaid until a person has looked."""
    kit = trade.kit
    order_id = trade.place().json()["order_id"]
    trade.consent(order_id, shown="a" * 64)
    assert state(trade, order_id) == "held"
    assert any("the consent is not to these goods" in flag for flag in flags(kit))
    assert problem(trade.report(order_id)) == (409, "HL-CORE-018")
    release_order(kit.centre, order_id, TESTER)
    assert state(trade, order_id) == "paid"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"supplier": OTHER}, "the supplier is another"),
        ({"supplier": "a-cousin"}, "the supplier is another"),
        ({"amount_minor": 400_000}, "the amount is not the order's total"),
    ],
)
def test_a_draw_that_is_not_the_order_is_booked_and_held(
    trade: Trade, changes: dict[str, Any], told: str
) -> None:
    order_id = trade.place().json()["order_id"]
    trade.consent(order_id, **changes)
    assert any(told in flag for flag in flags(trade.kit))
    assert state(trade, order_id) == "held"
    assert audit(trade.kit.centre).first is None


def test_an_order_becomes_debt_once(trade: Trade) -> None:
    order_id = trade.bought()
    trade.consent(order_id, draw_id="draw-again")
    assert any("another draw has met it" in flag for flag in flags(trade.kit))
    drawn = trade.kit.read(leases.draws_of_line, trade.line_id)
    assert len(drawn) == 2  # booked as the station says it was, and flagged
    payouts = trade.call("integrator", "GET", f"/payouts?line_id={trade.line_id}").json()["items"]
    assert len(payouts) == 2


def test_what_was_withdrawn_is_held_when_consent_comes_in_late(trade: Trade) -> None:
    order_id = trade.place().json()["order_id"]
    offer = trade.offers()[order_id]
    assert trade.call(SUPPLIER, "POST", f"/orders/{order_id}/withdrawal").status_code == 200
    assert trade.call(SUPPLIER, "POST", f"/orders/{order_id}/withdrawal").status_code == 200
    assert offer.state.value == "offered"
    trade.consent(order_id)
    assert state(trade, order_id) == "held"


def test_a_farmer_declines_at_the_kiosk(trade: Trade) -> None:
    order_id = trade.place().json()["order_id"]
    trade.offers()
    trade.answer(order_id, 0, Answer.DECLINED)
    assert (flags(trade.kit), state(trade, order_id)) == ([], "declined")


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


def test_the_farmers_word_counts_and_stands(trade: Trade) -> None:
    kit, order_id = trade.kit, trade.bought()
    trade.report(order_id)
    trade.answer(order_id, 1, WRONG)
    assert state(trade, order_id) == "disputed"
    trade.answer(order_id, 1, CAME)
    assert any("another word was said before" in flag for flag in flags(kit))
    assert trade.report(order_id, "d-2").status_code == 201  # the right goods, anew
    trade.answer(order_id, 2, CAME)
    assert state(trade, order_id) == "delivered"
    divert_order(kit.centre, order_id, TESTER)
    assert problem(trade.place("o-2")) == (409, "HL-SRV-016")  # nothing more on this line


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


def test_a_voucher_without_an_order_names_whom_it_pays(trade: Trade) -> None:
    kit = trade.kit
    order_id = trade.place().json()["order_id"]
    offer = trade.offers()[order_id]
    trade.draw(offer, "draw-1", "consent-1", order_id=None, supplier=OTHER, amount_minor=100_000)
    trade.draw(offer, "draw-2", "consent-1", order_id=None, supplier=None, amount_minor=100_000)
    deliver(kit)
    assert balance(trade, f"payable/supplier/{OTHER}") == -100_000
    assert ["expected which of 2 it pays" in flag for flag in flags(kit)] == [True, True]


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
