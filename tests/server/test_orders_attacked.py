"""Whoever tries to cheat with orders, deliveries and sales, and what becomes of it."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner
from sqlalchemy.exc import IntegrityError

from core.lending.payout import PayoutState
from core.units import civil_day
from core.wire.orders import Answer
from core.wire.records import Consent, ConsentAction
from server.app import create_app
from server.commands.hands import Hands
from server.commands.orders import order, partner
from server.commands.people import token
from server.services import enrolment
from server.services.audit.run import audit, audit_in
from server.services.bouncing import BounceReason, BounceRequest
from server.services.orders.delivering import refund_order
from server.services.orders.officers import divert_order
from server.services.orders.registering import close_partner
from server.services.paying import HELD_MS
from server.services.posting import RepaymentRequest, take_repayment
from server.services.standing import owed
from server.store import ledger, lines, payouts
from server.store.engine import ConflictError, NotKnownError, Tx
from server.store.people import Actor, Role
from tests.support.centre_kit import TESTER, Kit
from tests.support.kiosk_kit import MONEY, deliver, flags
from tests.support.orders_kit import BUYER, OTHER, SUPPLIER, Trade, item, open_trade
from tests.support.two_words import bounced, cancelled, order_released

CAME, WRONG = Answer.RECEIVED, Answer.WRONG


@pytest.fixture
def engine_name() -> str:
    return "sqlite"  # what the databases do differently stands in test_orders.py


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


def test_a_supplier_orders_once_by_reference(trade: Trade) -> None:
    first, again = trade.place(), trade.place()
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    dearer = trade.place(items=[item("DK-8031", "seed", 9, 60_000)], total_minor=540_000)
    assert problem(dearer) == (409, "HL-SRV-005")


NO_ORDERS: tuple[tuple[dict[str, Any], tuple[int, str]], ...] = (
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
)  # fmt: skip


def test_what_is_no_order_is_refused_by_name(trade: Trade, subtests: pytest.Subtests) -> None:
    for changes, told in NO_ORDERS:
        with subtests.test(str(changes)):
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


def test_an_offer_that_nobody_takes_lapses_and_gives_its_room_back(trade: Trade) -> None:
    order_id = trade.place().json()["order_id"]
    trade.kit.clock.add_days(11)
    assert trade.place("o-2").status_code == 201
    assert state(trade, order_id) == "lapsed"


def test_nobody_but_the_farmer_turns_an_order_into_debt(trade: Trade) -> None:
    """Consent to another price, or none, leaves the supplier unpaid until a person has looked."""
    kit = trade.kit
    order_id = trade.place().json()["order_id"]
    trade.consent(order_id, shown="a" * 64)
    assert state(trade, order_id) == "held"
    assert any("the consent is not to these goods" in flag for flag in flags(kit))
    assert problem(trade.report(order_id)) == (409, "HL-CORE-018")
    order_released(kit.centre, order_id)
    assert state(trade, order_id) == "paid"


def test_a_word_that_ends_a_consent_is_none(trade: Trade) -> None:
    order_id = trade.place().json()["order_id"]
    offer = trade.offers()[order_id]
    ends = Consent(
        "c-ends", "farmer-b", ConsentAction.WITHDRAW, ("drawdown",), "lender", trade.shown(offer),
        spoken=True, helped=False,
    )  # fmt: skip
    trade.kit.station.write(MONEY, "consent", ends, trade.kit.clock.at_ms)
    trade.draw(offer, "draw-1", ends.consent_id)
    deliver(trade.kit)
    assert state(trade, order_id) == "held"


def test_a_sale_dated_before_the_debt_pays_it_all_the_same(trade: Trade) -> None:
    opened_on = trade.kit.read(lines.get, trade.line_id).opened_on
    trade.kit.clock.add_days(3)
    trade.bought()
    trade.kit.clock.add_days(100)
    sold = trade.sell(sold_on=opened_on).json()
    today = civil_day(trade.kit.clock.at_ms)
    debt = trade.kit.read(owed, trade.kit.read(lines.get, trade.line_id), today).total_minor
    assert sold["to_line_minor"] == min(560_000, debt)  # 70 % of 800,000


def test_nobody_says_by_a_repayment_that_a_sale_was_paid(trade: Trade) -> None:
    trade.bought()
    trade.kit.clock.add_days(100)
    sale_id = trade.sell().json()["sale_id"]
    today = civil_day(trade.kit.clock.at_ms).isoformat()
    body = {
        "repayment_id": f"sale/{sale_id}", "line_id": trade.line_id, "amount_minor": 1,
        "currency": "KES", "effective_on": today,
    }  # fmt: skip
    assert trade.call("cashier", "POST", "/repayments", body).status_code == 422
    day = {"received_on": today}
    assert trade.call("cashier", "POST", f"/sales/{sale_id}/receipt", day).status_code == 200


def due(trade: Trade, draw_id: str) -> bool:
    """Whether the payout of a draw may be sent."""
    made = trade.kit.read(payouts.of_line, trade.line_id)
    [found] = [each for each in made if each.draw_id == draw_id]
    return found.state is PayoutState.PENDING and found.due_at_ms < HELD_MS


def test_a_held_order_that_two_draws_meet_pays_its_supplier_once(trade: Trade) -> None:
    order_id = trade.place().json()["order_id"]
    first = trade.consent(order_id, shown="a" * 64)
    second = trade.consent(order_id, draw_id="draw-again")
    order_released(trade.kit.centre, order_id)
    assert (due(trade, first), due(trade, second)) == (True, False)


def test_undoing_a_second_draw_refunds_nothing_of_the_first(trade: Trade) -> None:
    order_id = trade.bought()
    trade.consent(order_id, draw_id="draw-again")
    made = trade.kit.read(payouts.of_line, trade.line_id)
    [again] = [each for each in made if each.draw_id == "draw-again"]
    cancelled(trade.kit.centre, again.payout_id)
    trade.answer(order_id, 0, Answer.NOT_COME)
    with pytest.raises(NotKnownError, match="expected its payout cancelled or returned"):
        refund_order(trade.kit.centre, order_id, "", TESTER)
    assert state(trade, order_id) == "disputed"


def test_money_that_bounced_refunds_no_order(trade: Trade) -> None:
    kit, order_id = trade.kit, trade.bought()
    trade.answer(order_id, 0, Answer.NOT_COME)
    on = civil_day(kit.clock.at_ms).isoformat()
    back = RepaymentRequest("back-1", trade.line_id, 450_000, "KES", on)
    take_repayment(kit.centre, back, Actor("till", "cashier"))
    word = BounceRequest("back-1", BounceReason.CHEQUE_UNPAID, "cheque 9", on)
    bounced(kit.centre, word)
    with pytest.raises(ConflictError, match="back-1 bounced"):
        refund_order(kit.centre, order_id, "back-1", TESTER)
    assert state(trade, order_id) == "disputed"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"paid_by": "agent-1"}, "a till paid it out"),
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


def test_a_voucher_without_an_order_names_whom_it_pays(trade: Trade) -> None:
    kit = trade.kit
    order_id = trade.place().json()["order_id"]
    offer = trade.offers()[order_id]
    trade.draw(offer, "draw-1", "consent-1", order_id=None, supplier=OTHER, amount_minor=100_000)
    trade.draw(offer, "draw-2", "consent-1", order_id=None, supplier=None, amount_minor=100_000)
    deliver(kit)
    assert balance(trade, f"payable/supplier/{OTHER}") == -100_000
    assert ["expected which of 2 it pays" in flag for flag in flags(kit)] == [True, True]


def test_the_audit_names_the_first_bad_order_and_sale(trade: Trade) -> None:
    """Whoever may write into the database past the triggers is found by the audit."""
    kit, order_id = trade.kit, trade.bought()
    trade.sell()
    bad = (
        ("orders", "UPDATE order_steps SET party = 'supplier' WHERE event = 'agree'"),
        ("orders", "UPDATE order_steps SET state = 'delivered' WHERE event = 'pay'"),
        ("orders", "UPDATE orders SET total_minor = total_minor + 1"),
        ("orders", "UPDATE drawdowns SET amount_minor = amount_minor - 1"),
        ("sales", "UPDATE sales SET to_line_minor = to_line_minor - 1"),
    )
    for check, statement in bad:
        assert audit(kit.centre, (check,)).first is None
        with kit.centre.store.engine.connect() as connection:
            for table in ("order_steps", "orders", "sales"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_no_update")
            connection.exec_driver_sql(statement)
            work = Tx(connection, kit.centre.settings.tenant_id)
            found = audit_in(kit.centre, work, (check,)).first
            connection.rollback()
        assert found is not None, statement
        assert order_id in found.record_id or check == "sales"


def test_steps_orders_and_sales_are_never_changed(trade: Trade) -> None:
    trade.bought()
    trade.sell()
    for statement in (
        "UPDATE orders SET total_minor = 1",
        "UPDATE order_steps SET actor = 'nobody'",
        "DELETE FROM order_steps",
        "UPDATE sales SET proceeds_minor = 1",
        "DELETE FROM sales",
    ):
        with trade.kit.centre.store.engine.connect() as connection:
            with pytest.raises(IntegrityError, match="append-only"):
                connection.exec_driver_sql(statement)
            connection.rollback()


def test_what_time_and_money_bring_comes_with_the_stations_pull(trade: Trade) -> None:
    kit, order_id = trade.kit, trade.bought()
    trade.report(order_id)
    trade.answer(order_id, 1, CAME)
    small = {"items": [item("CAN", "fertiliser", 1, 100_000)], "total_minor": 100_000}
    waiting = trade.place("o-2", **small).json()["order_id"]
    kit.clock.add_days(30)
    body = {
        "repayment_id": "r-1", "line_id": trade.line_id, "amount_minor": 600_000,
        "currency": "KES", "effective_on": civil_day(kit.clock.at_ms).isoformat(),
    }  # fmt: skip
    assert trade.call("cashier", "POST", "/repayments", body).status_code == 200
    kit.station.pull(kit.centre)
    assert state(trade, order_id) == "settled"
    assert state(trade, waiting) == "lapsed"


def test_officers_act_and_list_by_command(trade: Trade) -> None:
    kit, order_id = trade.kit, trade.bought()
    trade.report(order_id)
    enrolment.add_user(kit.centre, "mary", "correct horse battery", Role.SUPERVISOR, TESTER)
    hands = Hands(lambda _path: kit.centre, lambda count: b"0" * count, create_app)

    def run(group: click.Group, *words: str) -> str:
        told = [*words, "--config", "x"]
        if "answer" in words or "divert" in words:
            told += ["--officer", "mary"]
        done = CliRunner().invoke(group, told, obj=hands, input="correct horse battery\n")
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    assert "receive_part → short" in run(
        order, "answer", order_id, "received", "--delivery", "1", "--units", "DK-8031=4"
    )
    assert "divert → diverted, by mary for officer" in run(order, "divert", order_id)
    shown = run(order, "show", order_id)
    assert "9 bag DK-8031 (seed)" in shown
    assert "goods_elsewhere" in shown
    assert SUPPLIER in run(partner, "list")
    run(partner, "add", "new-agrovet", "--kind", "supplier", "--name", "New")
    run(partner, "close", "new-agrovet")
    assert "new-agrovet  supplier  New  closed" in run(partner, "list")
    assert f"{SUPPLIER}  supplier  {SUPPLIER}" in run(token, "list")
    assert "may call no more" in run(token, "revoke", SUPPLIER)
    assert "revoked" in run(token, "list")
    assert problem(trade.call(SUPPLIER, "GET", "/orders")) == (401, "HL-SRV-006")
    table = CliRunner().invoke(order, ["table"])
    assert "offered → agree → agreed: by farmer" in table.output
