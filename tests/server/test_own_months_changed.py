"""What befalls a line in the farmer's own cash months: relief, a new plan, renewal, a bounce."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.lending.agreement import AgreementReason
from core.lending.relief import LossSeen, LossSource, ReliefBand
from core.lending.restructuring import Wish
from core.lending.terms import CashMonth, OwnCashTerms, ScheduleKind, ScheduleTerms
from core.shape import decode
from core.wire.newplans import NewPlanOffer, offer_sha256
from core.wire.records import Consent, ConsentAction, LineStatus
from edge_node.decide.debt import debt
from edge_node.store.lines import KeptLine
from server.services import enrolment
from server.services.audit.run import audit
from server.services.bouncing import BounceReason, BounceRequest
from server.services.ending import Said
from server.services.posting import RepaymentRequest, take_repayment
from server.services.renewing import renew
from server.services.restructuring import Proposed, approve, propose
from server.services.standing import account_of, ahead_of, owed, terms_of
from server.services.verifying import verify
from server.store import lines
from server.store.people import Actor
from tests.support.centre_kit import TESTER, Kit, open_known
from tests.support.kiosk_kit import MONEY, deliver, draw, flags, leases_at_station, open_at_kiosk
from tests.support.two_words import bounced, relieved

pytestmark = pytest.mark.both_engines

OWN = OwnCashTerms(months_max=3, share_ppm_min=100_000, early_months_max=3)
JUNE_AND_AUGUST = (CashMonth(6, 1), CashMonth(8, 2))
BANDS = (ReliefBand(330_000, 24, 12, "2018-10-17", "RBI"),)
MONTHLY = ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=1)
DRAWN_ON, MAY_10, JULY_1 = date(2026, 3, 20), date(2026, 5, 10), date(2026, 7, 1)
CASHIER, OFFICER = Actor("till", "cashier"), Actor("otieno", "lender")
SUPERVISOR = Actor("wanjiru", "supervisor")


@pytest.fixture
def own(kit: Kit) -> tuple[Kit, str]:
    """3,000.00 drawn on 20 March: a third falls due on 15 June, two thirds on 15 August."""
    version = kit.product.version + 1
    product = replace(kit.product, version=version, own_cash=OWN, relief=BANDS)
    enrolment.add_product(kit.centre, product, TESTER)
    kit.clock.set_day(DRAWN_ON)
    kit.station.pull(kit.centre)
    kit = replace(kit, product=product)
    opening = open_at_kiosk(kit, cash=JUNE_AND_AUGUST)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 300_000)
    deliver(kit)
    return kit, opening.line_id


def grant(kit: Kit, line_id: str, on: date) -> None:
    kit.clock.set_day(on)
    relieved(kit.centre, line_id, [LossSeen(LossSource.VISIT, "visit-17", 400_000)])


def asked_on(kit: Kit, line_id: str, on: date) -> list[tuple[str, int]]:
    line = kit.read(lines.get, line_id)
    found = kit.read(lambda tx: ahead_of(tx, line, on))
    return [(each.on.isoformat(), each.parts.principal_minor) for each in found]


def late_minor(kit: Kit, line_id: str, on: date) -> int:
    line = kit.read(lines.get, line_id)
    return kit.read(lambda tx: account_of(tx, line, on)).late_minor


def pay(kit: Kit, line_id: str, amount_minor: int, on: date) -> None:
    kit.clock.set_day(on)
    request = RepaymentRequest("pay-1", line_id, amount_minor, "KES", on.isoformat())
    take_repayment(kit.centre, request, CASHIER)


def require_one_account(kit: Kit, line_id: str, since: date) -> None:
    """Station and centre tell one debt and one plan from a day on, and every book holds."""
    kit.station.pull(kit.centre)
    told = [body for body in kit.station.bodies("line") if body["line_id"] == line_id]
    status = decode(LineStatus, told[-1])
    kept = KeptLine(line_id, "farmer-c", status.product_id, None, status, 0, False, ())
    line = kit.read(lines.get, line_id)
    for days in (0, 10, 60, 130, 400, 900):
        on = since + timedelta(days=days)
        here = debt(kept, (), kit.product, on)
        assert here.owed == kit.read(lambda tx, on=on: owed(tx, line, on)), on
        assert here.ahead == kit.read(lambda tx, on=on: ahead_of(tx, line, on)), on
    assert flags(kit) == []
    assert verify(kit.centre).faults == ()
    assert audit(kit.centre).holds


def test_relief_puts_both_months_off_from_the_last_of_them(own: tuple[Kit, str]):
    kit, line_id = own
    grant(kit, line_id, MAY_10)
    assert kit.read(lines.get, line_id).due_on == "2028-08-15"
    assert asked_on(kit, line_id, MAY_10) == [("2028-08-15", 300_000)]
    for on in (date(2026, 6, 16), date(2026, 8, 16), date(2028, 8, 14)):
        assert late_minor(kit, line_id, on) == 0
    assert late_minor(kit, line_id, date(2028, 8, 15)) > 300_000
    require_one_account(kit, line_id, MAY_10)


def test_relief_after_a_month_was_missed_leaves_that_month_late(own: tuple[Kit, str]):
    kit, line_id = own
    missed = late_minor(kit, line_id, JULY_1)
    assert missed == 114_511  # as tests/server/test_own_months.py reckons it
    grant(kit, line_id, JULY_1)
    # Who pays the 1,145.11 on this day pays 16 more days of interest out of it.
    assert asked_on(kit, line_id, JULY_1) == [("2026-07-01", 98_159), ("2028-08-15", 201_841)]
    assert [late_minor(kit, line_id, on) for on in (JULY_1, date(2027, 1, 1))] == [missed, missed]
    require_one_account(kit, line_id, JULY_1)


def test_a_new_plan_takes_the_place_of_the_farmers_months(own: tuple[Kit, str]):
    kit, line_id = own
    kit.clock.set_day(MAY_10)
    wish = Wish(date(2026, 12, 15), 100_000, MONTHLY, capitalises=False)
    proposal = propose(kit.centre, Proposed(line_id, wish, AgreementReason.HARDSHIP), OFFICER)
    kit.station.pull(kit.centre)
    [offer] = [decode(NewPlanOffer, body) for body in kit.station.bodies("new_plan")]
    assert (offer.restructured.before.due_on, offer.restructured.before.schedule.cash) == (
        "2026-08-15", JUNE_AND_AUGUST,
    )  # fmt: skip
    agreed = Consent(
        "plan-1", "farmer-c", ConsentAction.GRANT, ("new_plan",), "lender", offer_sha256(offer),
        spoken=False, helped=True,
    )  # fmt: skip
    kit.station.write(MONEY, "consent", agreed, kit.clock.at_ms)
    deliver(kit)
    approve(kit.centre, proposal.proposal_id, SUPERVISOR)
    line = kit.read(lines.get, line_id)
    assert (line.due_on, line.cash) == ("2026-12-15", JUNE_AND_AUGUST)
    assert kit.read(lambda tx: terms_of(tx, line)).schedule == MONTHLY
    days = [on for on, minor in asked_on(kit, line_id, MAY_10) if minor]
    assert days == [f"2026-{month:02}-15" for month in range(5, 13)]
    assert late_minor(kit, line_id, date(2026, 5, 14)) == 0
    require_one_account(kit, line_id, MAY_10)


def test_a_repayment_of_a_month_that_bounces_leaves_that_month_late(own: tuple[Kit, str]):
    kit, line_id = own
    pay(kit, line_id, 114_511, date(2026, 6, 15))
    assert late_minor(kit, line_id, JULY_1) == 0
    kit.clock.set_day(JULY_1)
    bounced(kit.centre, BounceRequest("pay-1", BounceReason.CHEQUE_UNPAID, "bank-1", "2026-07-01"))
    assert late_minor(kit, line_id, JULY_1) == 114_511
    require_one_account(kit, line_id, JULY_1)


@pytest.mark.parametrize(
    ("cash", "due_on"),
    [(None, "2026-09-15"), ((CashMonth(7, 1), CashMonth(9, 1)), "2026-09-15"),
     ((CashMonth(7, 1),), "2026-07-15")],
)  # fmt: skip
def test_the_next_agreement_has_the_months_that_are_told_for_it_and_no_others(
    own: tuple[Kit, str], cash: tuple[CashMonth, ...] | None, due_on: str
):
    kit, _ = own
    said = Said(OFFICER, AgreementReason.ASKED)
    [first] = [each.line_id for each in open_known(kit) if each.farmer_id == "farmer-b"]
    lent_and_repaid(kit, first, 2)
    before = renew(kit.centre, first, kit.product.product_id, said, JUNE_AND_AUGUST)
    lent_and_repaid(kit, before.line_id, 3)
    after = renew(kit.centre, before.line_id, kit.product.product_id, said, cash)
    line = kit.read(lines.get, after.line_id)
    assert (line.due_on, line.cash) == (due_on, cash or ())
    assert kit.read(lines.get, before.line_id).cash == JUNE_AND_AUGUST
    assert audit(kit.centre).holds


def lent_and_repaid(kit: Kit, line_id: str, number: int) -> None:
    kit.station.pull(kit.centre)
    lease = next(each for each in leases_at_station(kit) if each.line_id == line_id)
    draw(kit, f"draw-{number}", line_id, lease.lease_id, 300_000)
    deliver(kit)
    on = DRAWN_ON.isoformat()
    request = RepaymentRequest(f"pay-{number}", line_id, 400_000, "KES", on)
    take_repayment(kit.centre, request, CASHIER)
