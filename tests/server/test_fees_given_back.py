"""Who leaves while the agreement cools pays principal and interest to the day, and no fee."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial

import pytest

from core.lending.account import Amounts
from core.lending.agreement import AgreementEvent, AgreementReason
from core.lending.books import fee_account, payable_account
from core.lending.offer import AgreementTerms
from core.units import civil_day
from server.services import enrolment
from server.services.agreements import bring_about
from server.services.audit.run import audit
from server.services.centre import Work
from server.services.ending import (
    Said,
    cooling_off_until,
    event_of,
    freeze_for_good,
    stands,
)
from server.services.posting import RepaymentRequest, take_repayment
from server.services.reports.loans import as_of, facts_of
from server.services.standing import owed
from server.services.statements import statement
from server.services.verifying import verify
from server.services.withdrawing import withdraw
from server.store import leases, ledger, lines
from server.store.people import Actor
from tests.support.centre_kit import TESTER, Kit
from tests.support.kiosk_kit import deliver, draw, open_at_kiosk
from tests.support.payout_kit import draw_on, line_of, to_account
from tests.support.two_words import cancelled

LENDER, CASHIER = Actor("otieno", "lender"), Actor("till", "cashier")
FEE = 4_500  # 1.5 % of 300,000
INTEREST = 345  # 300,000 × 0.14 × 3/365, half to even


def cooling(kit: Kit, days: int = 14) -> Kit:
    terms = AgreementTerms(cooling_off_days=days, withdrawn_repay_days=30)
    product = replace(kit.product, version=kit.product.version + 1, agreement=terms)
    enrolment.add_product(kit.centre, product, TESTER)
    return replace(kit, product=product)


def drawn(kit: Kit) -> str:
    kit.station.pull(kit.centre)
    opening = open_at_kiosk(kit)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 300_000)
    deliver(kit)
    return opening.line_id


def today(kit: Kit) -> date:
    return civil_day(kit.clock.at_ms)


def owes(kit: Kit, line_id: str) -> Amounts:
    found: Amounts = kit.read(owed, kit.read(lines.get, line_id), today(kit))
    return found


def balance(kit: Kit, account: str) -> int:
    return kit.read(ledger.account_balance, account, "KES")


def leave(kit: Kit, line_id: str) -> int:
    step = withdraw(kit.centre, line_id, Said(LENDER, AgreementReason.ASKED))
    return int(step.detail["fees_back_minor"])


def pay(kit: Kit, line_id: str, amount_minor: int) -> None:
    request = RepaymentRequest("pay-1", line_id, amount_minor, "KES", today(kit).isoformat())
    take_repayment(kit.centre, request, CASHIER)


def test_the_fee_is_reversed_in_the_books_and_the_stations_hear_of_it(kit: Kit) -> None:
    kit = cooling(kit)
    line_id = drawn(kit)
    kit.clock.add_days(3)
    assert owes(kit, line_id) == Amounts(0, FEE, INTEREST, 300_000)
    assert leave(kit, line_id) == FEE
    assert owes(kit, line_id) == Amounts(0, 0, INTEREST, 300_000)
    assert (balance(kit, fee_account(line_id)), balance(kit, "income/fee")) == (0, 0)
    kit.station.pull(kit.centre)
    told = kit.station.bodies("line")[-1]
    assert (told["fee_minor"], [each["fee_minor"] for each in told["facts"]["drawn"]]) == (0, [0])
    line = kit.read(lines.get, line_id)
    rows = kit.read(partial(statement, line=line, on=today(kit), known_on=today(kit))).rows
    assert [(row.what, row.amount_minor) for row in rows[1:]] == [("fee", FEE), ("returned", FEE)]
    assert verify(kit.centre).faults == ()


def test_reports_know_of_the_fee_until_it_was_given_back(kit: Kit) -> None:
    kit = cooling(kit)
    line_id, before_ms = drawn(kit), kit.clock.at_ms
    kit.clock.add_days(3)
    leave(kit, line_id)

    def kinds(known_ms: int) -> list[str]:
        then = as_of(today(kit), known_ms)
        return [each.kind.value for each in kit.read(facts_of, [line_id], then)[line_id]]

    assert kinds(before_ms) == ["drawdown", "fee"]
    assert kinds(kit.clock.at_ms) == ["drawdown"]


def test_what_was_paid_before_is_split_as_if_no_fee_had_been_asked(kit: Kit) -> None:
    kit = cooling(kit)
    line_id = drawn(kit)
    kit.clock.add_days(3)
    pay(kit, line_id, 100_000)
    assert owes(kit, line_id) == Amounts(0, 0, 0, 300_000 + INTEREST + FEE - 100_000)
    leave(kit, line_id)
    assert owes(kit, line_id) == Amounts(0, 0, 0, 300_000 + INTEREST - 100_000)
    assert verify(kit.centre).faults == ()


def test_what_was_paid_in_full_belongs_to_the_farmer_by_the_fee(kit: Kit) -> None:
    kit = cooling(kit)
    line_id = drawn(kit)
    kit.clock.add_days(3)
    pay(kit, line_id, 300_000 + INTEREST + FEE)
    leave(kit, line_id)
    assert owes(kit, line_id).total_minor == 0
    assert balance(kit, payable_account(line_id)) == -FEE
    assert verify(kit.centre).faults == ()


def test_a_draw_that_comes_late_has_no_fee_and_one_after_leaving_has(kit: Kit) -> None:
    kit = cooling(kit)
    line_id = drawn(kit)
    lease_id = kit.read(leases.draws_of_line, line_id)[0].lease_id
    draw(kit, "draw-2", line_id, lease_id, 100_000)  # in the log of a station that is dark
    kit.clock.add_days(3)
    assert leave(kit, line_id) == FEE
    deliver(kit)
    assert owes(kit, line_id).principal_minor == 400_000
    assert owes(kit, line_id).fee_minor == 0
    kit.clock.add_days(1)
    draw(kit, "draw-3", line_id, lease_id, 100_000)
    deliver(kit)
    assert owes(kit, line_id).fee_minor == 1_500
    assert verify(kit.centre).faults == ()


@pytest.mark.parametrize("first", ["left", "returned"])
def test_a_fee_is_undone_once_whichever_came_first(kit: Kit, first: str) -> None:
    terms = AgreementTerms(cooling_off_days=14, withdrawn_repay_days=30)
    payout = draw_on(kit, line := line_of(kit, replace(to_account(), agreement=terms)))
    back = leave(kit, line.line_id) if first == "left" else 0
    cancelled(kit.centre, payout.payout_id)
    back += leave(kit, line.line_id) if first == "returned" else 0
    assert (back > 0) is (first == "left")
    assert owes(kit, line.line_id).total_minor == 0
    assert (balance(kit, fee_account(line.line_id)), balance(kit, "income/fee")) == (0, 0)
    rows = kit.read(partial(statement, line=line, on=today(kit), known_on=today(kit))).rows
    assert [row.what for row in rows] == ["drawn", "fee", "returned", "returned"]
    assert verify(kit.centre).faults == ()


def test_the_audit_names_a_line_whose_fee_was_kept(kit: Kit) -> None:
    """The step says that it was left in time; the entry that gives its fee back is missing."""
    kit = cooling(kit)
    line_id = drawn(kit)

    def left(work: Work) -> None:
        line = lines.lock(work.tx, line_id)
        standing = replace(stands(work, line), cooling_off_until=cooling_off_until(work, line))
        said = Said(LENDER, AgreementReason.ASKED)
        event = event_of(AgreementEvent.WITHDRAW, said, {"fees_back_minor": FEE})
        bring_about(work, line, event, standing)
        freeze_for_good(work, line)

    kit.centre.write(left)
    found = audit(kit.centre, ["books"]).first
    assert found is not None
    assert (found.record_id, found.found) == (line_id, f"{FEE} kept")
