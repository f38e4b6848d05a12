"""Payouts: one for each draw that no till pays, sent once, held, cancelled, adopted."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import AgreementError
from core.lending.payout import (
    TRANSITIONS,
    PayeeKind,
    PayoutEvent,
    PayoutState,
    after,
)
from core.wire.records import LineOpened
from core.wire.registry import Farmer
from server.services import enrolment
from server.services.centre import RequestError, RoleError, Work
from server.services.hooks.delivering import CLAIM_MS
from server.services.paying import Said, hold, take_step
from server.services.payouts.accounts import Account, Scheme, require_account
from server.services.payouts.ageing import open_report
from server.services.payouts.payees import confirm_payee, set_payee, stop_payee
from server.services.payouts.sending import Order, send_due
from server.services.standing import standing
from server.services.suspense import open_suspended
from server.store import lines, payouts
from server.store.engine import StoreError
from server.store.payouts import Payout
from tests.support.centre_kit import SEASON_START, STATION, TESTER, Kit, polygons, village
from tests.support.kiosk_kit import MONEY, deliver, draw, leases_at_station
from tests.support.packs import pack
from tests.support.payout_kit import (
    AGROVET,
    AMOUNT,
    FARMER_B,
    GRACE,
    HENRY,
    OWED,
    RAILS,
    SUPPLIER,
    PaymentService,
    balance,
    current,
    draw_on,
    events,
    holds,
    line_of,
    set_up_rails,
    to_account,
    told,
    with_account,
)
from tests.support.two_words import cancelled, released
from tests.support.web_receiver import Answer, receiving


@pytest.fixture
def drawn(kit: Kit) -> Payout:
    return draw_on(kit, line_of(kit, pack("input-voucher")))


def test_a_vouchers_draw_makes_one_payout_in_the_transaction_of_its_entry(kit: Kit, drawn: Payout):
    deliver(kit)
    deliver(kit)
    [found] = kit.read(payouts.of_line, drawn.line_id)
    assert (found.amount_minor, found.currency, found.state) == (AMOUNT, "KES", PayoutState.PENDING)
    assert (found.payee_kind, found.payee_id) == (PayeeKind.SUPPLIER, SUPPLIER)
    assert balance(kit, OWED) == -AMOUNT
    holds(kit)


def test_a_draw_to_an_account_is_owed_to_the_farmer_and_leaves_no_till(kit: Kit, tmp_path: Path):
    payout = draw_on(kit, line := line_of(kit, to_account()))
    assert (payout.payee_kind, payout.payee_id) == (PayeeKind.FARMER, "farmer-b")
    assert balance(kit, f"payable/account/{line.line_id}") == -AMOUNT
    assert balance(kit, "cash/st-one") == 0
    with receiving(service := PaymentService(kit.clock.now_ms)) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile", FARMER_B, (PayeeKind.FARMER, "farmer-b"))
        send_due(kit.centre, rails)
    assert service.paid == {told(payout): AMOUNT}
    assert current(kit, payout).state is PayoutState.PAID
    assert balance(kit, f"payable/account/{line.line_id}") == 0
    holds(kit)


def test_nothing_leaves_before_two_officers_said_where_to(kit: Kit, drawn: Payout, tmp_path: Path):
    whom = (PayeeKind.SUPPLIER, SUPPLIER)
    with receiving(PaymentService(kit.clock.now_ms)) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        assert send_due(kit.centre, rails).tried_count == 0
        set_payee(kit.centre, whom, ("mobile", AGROVET), GRACE, "contract 12")
        kit.clock.add_days(1)
        assert send_due(kit.centre, rails).tried_count == 0
        with pytest.raises(RoleError, match="another officer"):
            confirm_payee(kit.centre, whom, AGROVET, GRACE)
        other = Account(AGROVET.name, AGROVET.scheme, "01002003005", AGROVET.bank)
        with pytest.raises(RequestError, match="the account that was set"):
            confirm_payee(kit.centre, whom, other, HENRY)
        confirm_payee(kit.centre, whom, AGROVET, HENRY)
        with pytest.raises(RequestError, match="that waits"):
            confirm_payee(kit.centre, whom, AGROVET, HENRY)
        assert send_due(kit.centre, rails).taken_count == 1
        assert current(kit, drawn).state is PayoutState.PAID
        stop_payee(kit.centre, whom, GRACE, "asked by the supplier")
    holds(kit)


def test_a_changed_account_stops_everything_until_it_is_confirmed(
    kit: Kit, drawn: Payout, tmp_path: Path
):
    rails = set_up_rails(tmp_path)
    with_account(kit, "files")
    thief = Account("Somebody Else", Scheme.ACCOUNT, "99999999", "")
    set_payee(kit.centre, (PayeeKind.SUPPLIER, SUPPLIER), ("files", thief), GRACE, "call by phone")
    assert send_due(kit.centre, rails).tried_count == 0
    [held] = open_report(kit.centre, rails).held
    assert held.why == "no confirmed account"


def test_accounts_are_kept_sealed_and_shown_masked(kit: Kit, drawn: Payout, tmp_path: Path):
    rails = set_up_rails(tmp_path)
    with_account(kit, "files")
    send_due(kit.centre, rails)
    everything = b""
    with kit.centre.store.engine.connect() as connection:
        for name in ("payees", "payout_batches", "payouts", "payout_steps", "audit"):
            for row in connection.exec_driver_sql(f"SELECT * FROM {name}"):  # noqa: S608
                everything += repr(row).encode()
    assert AGROVET.number.encode() not in everything
    assert AGROVET.name.encode() not in everything
    assert AGROVET.masked == "account …3004"


@pytest.mark.parametrize(
    "account",
    [
        Account("", Scheme.ACCOUNT, "01002003004"),
        Account("=cmd()", Scheme.ACCOUNT, "01002003004"),
        Account("Name\nX", Scheme.ACCOUNT, "01002003004"),
        Account("Name", Scheme.PHONE, "0700000002"),
        Account("Name", Scheme.IBAN, "GB82WEST12345698765433"),
        Account("Name", Scheme.IBAN, "gb82"),
        Account("Name", Scheme.ACCOUNT, "1; DROP"),
        Account("Name", Scheme.ACCOUNT, "01002003004", "not a bank!"),
    ],
)
def test_accounts_that_cannot_be_are_refused_without_being_shown(account: Account):
    with pytest.raises(RequestError) as caught:
        require_account(account)
    assert account.number not in str(caught.value)


def test_an_iban_that_holds_is_taken():
    require_account(Account("Name", Scheme.IBAN, "GB82WEST12345698765432", "WESTGB22"))


def test_a_rail_that_pays_at_once_settles_what_was_owed(kit: Kit, drawn: Payout, tmp_path: Path):
    with receiving(PaymentService(kit.clock.now_ms)) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        assert send_due(kit.centre, rails).taken_count == 1
        assert send_due(kit.centre, rails).tried_count == 0
    [posted] = receiver.posted
    assert posted.headers["idempotency-key"] == told(drawn)
    assert json.loads(posted.body)["payee"]["number"] == AGROVET.number
    assert current(kit, drawn).reference == "MP-1"
    assert (balance(kit, OWED), balance(kit, "cash/rail/mobile")) == (0, -AMOUNT)
    assert events(kit, drawn) == ["make", "send", "confirm"]
    holds(kit)


def test_two_workers_at_once_pay_each_once(kit: Kit, tmp_path: Path):
    line = line_of(kit, pack("input-voucher"))
    made = [draw_on(kit, line, f"draw-{n}", 100_000) for n in range(1, 7)]
    gate = threading.Barrier(3)
    rounds: list[int] = []
    with receiving(service := PaymentService(kit.clock.now_ms)) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")

        def work() -> None:
            gate.wait(60)
            rounds.append(send_due(kit.centre, rails).tried_count)

        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)
    assert sum(rounds) == len(made)
    assert len(receiver.posted) == len(made)
    assert service.paid == {told(each): 100_000 for each in made}
    assert {current(kit, each).state for each in made} == {PayoutState.PAID}
    holds(kit)


def test_a_worker_that_died_after_posting_pays_nobody_twice(
    kit: Kit, drawn: Payout, tmp_path: Path
):
    """The service paid, and whoever asked never heard: the next one asks under the same id."""
    held = threading.Event()
    service = PaymentService(kit.clock.now_ms)
    with receiving() as receiver:
        receiver.answer = lambda posted: Answer(
            200, service(posted).body, {}, held
        )  # paid, but the answer is held back and unsigned
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        dying = threading.Thread(target=send_due, args=(kit.centre, rails))
        dying.start()
        receiver.wait_for(1)
        assert send_due(kit.centre, rails).tried_count == 0  # the claim holds
        kit.clock.at_ms += CLAIM_MS
        receiver.answer = service
        assert send_due(kit.centre, rails).taken_count == 1
        held.set()
        dying.join(120)
    assert service.paid == {told(drawn): AMOUNT}
    assert current(kit, drawn).state is PayoutState.PAID
    assert balance(kit, "cash/rail/mobile") == -AMOUNT
    holds(kit)


def test_amounts_above_the_rails_bound_and_other_currencies_wait_for_people(
    kit: Kit, drawn: Payout, tmp_path: Path
):
    low = RAILS.replace("amount_minor_max = 10_000_000", "amount_minor_max = 400_000")
    with_account(kit, "files")
    rails = set_up_rails(tmp_path, text=low)
    assert send_due(kit.centre, rails, Order(at_once=True)).tried_count == 0
    assert "above the most" in open_report(kit.centre, rails).held[0].why
    rails = set_up_rails(tmp_path, text=RAILS.replace('"KES"', '"UGX"'))
    assert send_due(kit.centre, rails, Order(at_once=True)).tried_count == 0
    assert "carries UGX" in open_report(kit.centre, rails).held[0].why
    assert open_report(kit.centre, {}).held[0].why == "rail files is not set up"
    assert send_due(kit.centre, {}, Order(at_once=True)).tried_count == 0


def test_what_is_held_leaves_by_no_way_but_an_officers_word(
    kit: Kit, drawn: Payout, tmp_path: Path
):
    rails = set_up_rails(tmp_path)
    kit.centre.write(lambda work: hold(work, drawn.draw_id))
    with_account(kit, "files")  # which wakes what waits for an account, and nothing else
    for order in (Order(), Order(at_once=True), Order("files", at_once=True)):
        assert send_due(kit.centre, rails, order).tried_count == 0
    assert "looked at its draw" in open_report(kit.centre, rails).held[0].why
    released(kit.centre, drawn.payout_id, HENRY, "the farmer has the goods")
    with pytest.raises(RequestError, match="that is held"):
        released(kit.centre, drawn.payout_id, HENRY, "again")
    assert send_due(kit.centre, rails).taken_count == 1


def wait_for_another(work: Work) -> None:
    """Until another transaction waits for this one; SQLite lets none begin."""
    if work.tx.connection.dialect.name != "postgresql":
        return
    question = (
        "SELECT count(*) FROM pg_locks "
        "WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )
    tries = threading.Event()
    for _ in range(3_000):
        if work.tx.connection.exec_driver_sql(question).scalar():
            return
        tries.wait(0.02)
    raise AssertionError("expected another transaction to wait")


def test_what_leaves_while_somebody_would_hold_it_has_left(kit: Kit, drawn: Payout) -> None:
    """Holding it by what was read before would make it due, and paid, once more."""
    late = threading.Thread(target=lambda: kit.centre.write(lambda work: hold(work, drawn.draw_id)))

    def leave(work: Work) -> None:
        payout = payouts.lock(work.tx, drawn.payout_id)
        take_step(work, payout, PayoutEvent.SEND, Said(GRACE, "due"), rail="files", tries=1)
        late.start()
        wait_for_another(work)

    kit.centre.write(leave)
    late.join(120)
    found = current(kit, drawn)
    assert (found.state, found.steps_count) == (PayoutState.SENT, 2)


def test_whoever_undoes_a_draw_waits_for_its_line_before_the_trail(kit: Kit, drawn: Payout) -> None:
    """Else a repayment of the line, which asks the other way round, would wait for ever."""
    held: list[int] = []
    other = threading.Thread(target=cancelled, args=(kit.centre, drawn.payout_id))

    def repaying(work: Work) -> None:
        lines.lock(work.tx, drawn.line_id)
        other.start()
        wait_for_another(work)
        if work.tx.connection.dialect.name == "postgresql":
            question = (
                "SELECT count(*) FROM pg_locks WHERE granted AND locktype = 'advisory' "
                "AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            held.append(int(work.tx.connection.exec_driver_sql(question).scalar() or 0))

    kit.centre.write(repaying)
    other.join(120)
    assert not any(held)
    assert current(kit, drawn).state is PayoutState.CANCELLED


def test_a_cancelled_payout_undoes_its_draw(kit: Kit, drawn: Payout):
    cancelled(kit.centre, drawn.payout_id, GRACE, "ordered by mistake")
    stands = kit.read(standing, kit.read(lines.get, drawn.line_id), SEASON_START)
    assert (stands.outstanding_minor, stands.owed.total_minor) == (0, 0)
    assert balance(kit, OWED) == 0
    with pytest.raises(AgreementError, match="permits nothing"):
        cancelled(kit.centre, drawn.payout_id, GRACE, "again")
    holds(kit)


def test_what_a_payout_pays_cannot_be_changed_and_steps_stay(kit: Kit, drawn: Payout):
    for change in (
        "UPDATE payouts SET amount_minor = amount_minor * 1000000",
        "UPDATE payouts SET payee_id = 'mallory'",
        "DELETE FROM payouts",
        "UPDATE payout_steps SET actor = 'mallory'",
        "DELETE FROM payout_steps",
    ):
        with pytest.raises(StoreError):
            kit.centre.write(lambda work, c=change: work.tx.connection.exec_driver_sql(c))
    assert current(kit, drawn).amount_minor == AMOUNT


def test_a_draw_out_of_suspense_is_owed_to_its_payee_and_paid_once(kit: Kit, tmp_path: Path):
    """The station's word came before its farmer was registered: no till paid it all the same."""
    kit.product = pack("input-voucher")
    enrolment.add_product(kit.centre, kit.product, TESTER)
    kit.station.pull(kit.centre)
    lease = next(
        each
        for each in leases_at_station(kit, "onboarding")
        if each.product_id == kit.product.product_id
    )
    opened = LineOpened(
        "line-x",
        "app-x",
        "stranger",
        lease.product_id,
        lease.lease_id,
        ("plot-c1",),
        500_000,
        "KES",
    )
    kit.station.write(MONEY, "line_opened", opened, kit.clock.at_ms)
    draw(kit, "draw-x", "line-x", lease.lease_id, 300_000)
    deliver(kit)
    assert kit.read(payouts.of_line, "line-x") == ()
    known = village()
    found = replace(known, farmers=(*known.farmers, Farmer("stranger", "X", "en", STATION, 4)))
    enrolment.import_village(kit.centre, found, polygons(), TESTER)
    open_suspended(kit.centre, "line-x", TESTER)
    open_suspended(kit.centre, "line-x", TESTER)
    [payout] = kit.read(payouts.of_line, "line-x")
    assert (balance(kit, OWED), balance(kit, "cash/st-one")) == (-300_000, 0)
    holds(kit)
    with receiving(PaymentService(kit.clock.now_ms)) as receiver:
        rails = set_up_rails(tmp_path, receiver.url)
        with_account(kit, "mobile")
        send_due(kit.centre, rails)
    assert current(kit, payout).state is PayoutState.PAID
    assert balance(kit, OWED) == 0
    holds(kit)


@pytest.mark.parametrize("state", list(PayoutState))
@pytest.mark.parametrize("event", list(PayoutEvent))
def test_only_the_tables_steps_are_taken(state: PayoutState, event: PayoutEvent):
    if (state, event) in TRANSITIONS:
        assert after(state, event) is TRANSITIONS[state, event]
        return
    with pytest.raises(AgreementError, match=f"permits .*got {event.value}"):
        after(state, event)
