"""How agreements end: left early, taken back, run out, renewed, written off and recovered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.errors import AgreementError
from core.lending.agreement import AgreementReason, AgreementState
from core.lending.offer import AgreementTerms
from core.units import civil_day
from core.wire.records import Application, Consent, ConsentAction
from server.services import enrolment
from server.services.agreements import state_of_line
from server.services.centre import RequestError
from server.services.ending import Said, abandon, close
from server.services.freezing import FreezeReason, thaw
from server.services.letting_go import tell_write_off
from server.services.posting import RepaymentRequest, close_if_over, take_repayment
from server.services.referred import decline_referred, offer_referred
from server.services.renewing import renew
from server.services.standing import owed
from server.services.verifying import verify
from server.services.withdrawing import withdraw
from server.store import agreements, ledger, lines, reports
from server.store.engine import NotKnownError
from server.store.people import Actor
from tests.support.centre_kit import TESTER, Kit, open_known
from tests.support.kiosk_kit import (
    MONEY,
    card_of,
    deliver,
    draw,
    leases_at_station,
    open_at_kiosk,
    write_card,
)
from tests.support.two_words import written_off

S, R = AgreementState, AgreementReason
SUPERVISOR, LENDER = Actor("wanjiru", "supervisor"), Actor("otieno", "lender")
CASHIER = Actor("till", "cashier")


def drawn(kit: Kit, amount_minor: int = 300_000) -> str:
    """A line that a station opened and on which it paid out; its id."""
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, amount_minor)
    deliver(kit)
    return opening.line_id


def state(kit: Kit, line_id: str) -> AgreementState:
    with kit.centre.store.reading() as tx:
        return state_of_line(tx, lines.get(tx, line_id))


def balance(kit: Kit, account: str) -> int:
    return kit.read(ledger.account_balance, account, "KES")


def pay(kit: Kit, line_id: str, amount_minor: int, number: int = 1) -> None:
    on = civil_day(kit.clock.at_ms).isoformat()
    request = RepaymentRequest(f"pay-{number}", line_id, amount_minor, "KES", on)
    take_repayment(kit.centre, request, CASHIER)


def with_cooling_off(kit: Kit, days: int) -> Kit:
    """The same lender with a product that may be left within so many days."""
    terms = AgreementTerms(cooling_off_days=days, withdrawn_repay_days=30)
    product = replace(kit.product, version=kit.product.version + 1, agreement=terms)
    enrolment.add_product(kit.centre, product, TESTER)
    return replace(kit, product=product)


def test_a_farmer_leaves_on_the_last_day_of_cooling_off_and_repays(kit: Kit):
    kit = with_cooling_off(kit, 3)
    line_id = drawn(kit)
    kit.clock.add_days(3)
    step = withdraw(kit.centre, line_id, Said(LENDER, R.ASKED))
    assert step.state is S.WITHDRAWN
    day = date.fromisoformat(step.on_day)
    assert step.detail["repay_on"] == (day + timedelta(days=30)).isoformat()
    assert (
        step.detail["owed_minor"] == kit.read(owed, kit.read(lines.get, line_id), day).total_minor
    )
    assert kit.read(lines.get, line_id).frozen
    with pytest.raises(AgreementError, match="thaw: an agreement that is withdrawn knows"):
        thaw(kit.centre, line_id, FreezeReason.CLEARED, SUPERVISOR)
    pay(kit, line_id, 400_000)
    close(kit.centre, line_id, Said(LENDER, R.REPAID))
    assert state(kit, line_id) is S.CLOSED
    assert verify(kit.centre).faults == ()


def test_nobody_leaves_a_day_later_or_where_the_product_does_not_say_so(kit: Kit):
    plain = drawn(kit)
    with pytest.raises(AgreementError, match="crop-season has none"):
        withdraw(kit.centre, plain, Said(LENDER, R.ASKED))
    assert state(kit, plain) is S.ACTIVE


def test_a_day_after_cooling_off_it_is_too_late(kit: Kit):
    kit = with_cooling_off(kit, 3)
    line_id = drawn(kit)
    kit.clock.add_days(4)
    with pytest.raises(AgreementError, match="the cooling-off period has not passed"):
        withdraw(kit.centre, line_id, Said(LENDER, R.ASKED))
    assert (state(kit, line_id), kit.read(lines.get, line_id).frozen) == (S.ACTIVE, False)


def test_an_offer_is_taken_back_and_one_that_was_drawn_is_not(kit: Kit):
    undrawn = next(each.line_id for each in open_known(kit) if each.line_id)
    assert abandon(kit.centre, undrawn, Said(LENDER, R.ASKED)).state is S.ABANDONED
    assert not kit.read(lines.get, undrawn).is_open
    line_id = drawn(kit)
    with pytest.raises(AgreementError, match="abandon: an agreement that is active knows"):
        abandon(kit.centre, line_id, Said(LENDER, R.ASKED))
    with pytest.raises(AgreementError, match="nothing is owed"):
        close(kit.centre, line_id, Said(LENDER, R.ASKED))


def test_an_offer_that_nobody_used_runs_out_the_day_after_it_was_due(kit: Kit):
    line_id = next(each.line_id for each in open_known(kit) if each.line_id)
    due = date.fromisoformat(kit.read(lines.get, line_id).due_on)
    kit.clock.set_day(due)
    assert not kit.centre.write(lambda work: close_if_over(work, line_id))
    kit.clock.set_day(due + timedelta(days=1))
    assert kit.centre.write(lambda work: close_if_over(work, line_id))
    assert (state(kit, line_id), kit.read(lines.get, line_id).is_open) == (S.LAPSED, False)
    assert not kit.centre.write(lambda work: close_if_over(work, line_id))


def test_a_write_off_keeps_the_debt_and_recoveries_are_counted_apart(kit: Kit):
    line_id = drawn(kit, 300_000)
    held = balance(kit, f"loan/principal/{line_id}") + balance(kit, f"loan/fee/{line_id}")
    with pytest.raises(AgreementError, match="expected it of supervisor, got officer"):
        kit.centre.write(
            lambda work: tell_write_off(work, line_id, R.NOT_RECOVERABLE, LENDER, "lost")
        )
    step = written_off(kit.centre, line_id)
    assert (step.state, step.detail["amount_minor"]) == (S.WRITTEN_OFF, held)
    assert balance(kit, f"loan/written-off/{line_id}") == -held
    assert balance(kit, "expense/write-off") == held
    assert balance(kit, f"loan/principal/{line_id}") == 300_000

    kit.clock.add_days(100)
    pay(kit, line_id, 100_000)
    came = balance(kit, "income/recovery")
    assert came < 0
    assert balance(kit, f"loan/written-off/{line_id}") == -held - came
    still = sum(balance(kit, f"loan/{part}/{line_id}") for part in ("principal", "fee", "interest"))
    assert still == held + came
    assert state(kit, line_id) is S.WRITTEN_OFF

    pay(kit, line_id, 400_000, number=2)
    assert balance(kit, f"loan/written-off/{line_id}") == 0
    assert balance(kit, "income/recovery") == -held
    events = [each.event.value for each in kit.read(agreements.life, "app-1")]
    assert events[3:] == ["write_off", "recover", "recover"]
    assert verify(kit.centre).faults == ()


def test_a_repaid_line_is_renewed_on_what_was_consented_to(kit: Kit):
    line_id = next(each.line_id for each in open_known(kit) if each.line_id)
    kit.station.pull(kit.centre)
    lease = next(each for each in leases_at_station(kit) if each.line_id == line_id)
    draw(kit, "draw-1", line_id, lease.lease_id, 300_000)
    deliver(kit)
    with pytest.raises(AgreementError, match="nothing is owed"):
        renew(kit.centre, line_id, "crop-season", Said(LENDER, R.ASKED))
    pay(kit, line_id, 400_000)
    opened = renew(kit.centre, line_id, "crop-season", Said(LENDER, R.ASKED))
    assert opened.line_id not in ("", line_id)
    assert (state(kit, line_id), state(kit, opened.line_id)) == (S.RENEWED, S.OFFERED)
    with pytest.raises(AgreementError, match="renew: an agreement that is renewed knows"):
        renew(kit.centre, line_id, "crop-season", Said(LENDER, R.ASKED))


def test_a_renewal_that_cannot_be_leaves_the_line_as_it_was(kit: Kit):
    line_id = drawn(kit)
    pay(kit, line_id, 400_000)
    with pytest.raises(RequestError, match="nothing to lend against"):
        renew(kit.centre, line_id, "livestock", Said(LENDER, R.ASKED))
    assert (state(kit, line_id), kit.read(lines.get, line_id).is_open) == (S.ACTIVE, True)


def referred(kit: Kit) -> Application:
    """An application that a station's card refers to a person."""
    kit.station.pull(kit.centre)
    lease = next(x for x in leases_at_station(kit, "onboarding") if x.product_id == "crop-season")
    application = Application("app-r", "farmer-c", "crop-season", ("plot-c1",), 500_000, "KES")
    kit.station.write(MONEY, "application", application, kit.clock.at_ms)
    # Consented to nothing: so a person decides.
    write_card(kit, card_of(kit, application, lease.per_line_minor, purposes=()))
    deliver(kit)
    return application


def test_a_person_offers_on_a_referred_application_within_what_the_rule_carries(kit: Kit):
    application = referred(kit)
    for amount_minor, told in ((500_001, "as was asked"), (499_000_000, "at most 500000")):
        with pytest.raises(RequestError, match=told):
            offer_referred(kit.centre, application.application_id, amount_minor, LENDER)
    line = offer_referred(kit.centre, application.application_id, 400_000, LENDER)
    steps = kit.read(agreements.life, application.application_id)
    assert [(x.event.value, x.state.value, x.party.value, x.reason.value) for x in steps] == [
        ("apply", "applied", "farmer", "asked"),
        ("refer", "referred", "station", "decision_card"),
        ("offer", "offered", "officer", "reviewed"),
    ]
    assert {x.line_id for x in steps} == {"", line.line_id}
    kit.station.pull(kit.centre)
    lease = next(x for x in leases_at_station(kit) if x.line_id == line.line_id)
    assert 0 < lease.amount_minor <= 400_000
    with pytest.raises(AgreementError, match="offer: an agreement that is offered knows"):
        offer_referred(kit.centre, application.application_id, 100_000, LENDER)
    assert verify(kit.centre).faults == ()


def test_a_person_declines_once_and_what_no_card_referred_is_not_theirs(kit: Kit):
    application = referred(kit)
    assert decline_referred(kit.centre, application.application_id, LENDER).state is S.DECLINED
    with pytest.raises(AgreementError, match="decline: an agreement that is declined knows"):
        decline_referred(kit.centre, application.application_id, LENDER)
    with pytest.raises(NotKnownError, match="expected an application"):
        decline_referred(kit.centre, "app-none", LENDER)


def test_a_renewal_that_is_not_approved_leaves_the_line_and_keeps_the_card(kit: Kit):
    line_id = drawn(kit)
    pay(kit, line_id, 400_000)
    taken_back = Consent(
        "consent-back", "farmer-c", ConsentAction.WITHDRAW, ("automated_decision",), "lender",
        "a" * 64, spoken=True, helped=False,
    )  # fmt: skip
    kit.clock.add_days(1)
    kit.station.write(MONEY, "consent", taken_back, kit.clock.at_ms)
    deliver(kit)
    found = renew(kit.centre, line_id, "crop-season", Said(LENDER, R.ASKED))
    assert (found.verdict, found.line_id) == ("refer", "")
    assert kit.read(reports.decision, found.card_id).verdict == "refer"
    assert (state(kit, line_id), kit.read(lines.get, line_id).is_open) == (S.ACTIVE, True)
    assert verify(kit.centre).faults == ()
