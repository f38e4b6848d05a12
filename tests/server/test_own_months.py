"""A line in the farmer's own cash months: the centre, its books and the station tell one plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.lending.agreement import AgreementReason
from core.lending.keyfacts import key_facts
from core.lending.terms import CashMonth, OwnCashTerms, ScheduleKind
from core.shape import decode
from core.wire.records import Application, LineStatus
from edge_node.decide.debt import debt
from edge_node.store.lines import KeptLine
from server.commands.price import key_facts_sheet, price
from server.console.pages.key_facts import of_application, of_line
from server.services import enrolment
from server.services.audit.run import audit
from server.services.cards import judge_card
from server.services.centre import RequestError
from server.services.ending import Said
from server.services.posting import RepaymentRequest, take_repayment
from server.services.referred import offer_referred
from server.services.renewing import renew
from server.services.standing import ahead_of, owed, terms_of
from server.services.statements import statement
from server.services.verifying import verify
from server.store import lines, reports
from server.store.people import Actor
from tests.support.centre_kit import TESTER, Kit, open_known
from tests.support.kiosk_kit import (
    MONEY,
    card_of,
    deliver,
    draw,
    flags,
    leases_at_station,
    open_at_kiosk,
    write_card,
)
from tests.support.tree import REPOSITORY

pytestmark = pytest.mark.both_engines

OWN = OwnCashTerms(months_max=3, share_ppm_min=100_000, early_months_max=3)
JUNE_AND_AUGUST = (CashMonth(6, 1), CashMonth(8, 2))
DRAWN_ON = date(2026, 3, 20)
CASHIER, LENDER = Actor("till", "cashier"), Actor("otieno", "lender")


@pytest.fixture
def own(kit: Kit) -> Kit:
    """The same lender with a product that takes own months; today is 20 March."""
    product = replace(kit.product, version=kit.product.version + 1, own_cash=OWN)
    enrolment.add_product(kit.centre, product, TESTER)
    kit.clock.set_day(DRAWN_ON)
    kit.station.pull(kit.centre)
    return replace(kit, product=product)


def drawn(kit: Kit, cash: tuple[CashMonth, ...] | None = JUNE_AND_AUGUST) -> str:
    opening = open_at_kiosk(kit, cash=cash)
    draw(kit, "draw-1", opening.line_id, opening.lease.lease_id, 300_000)
    deliver(kit)
    return opening.line_id


def at_station(kit: Kit, line_id: str, on: date):
    kit.station.pull(kit.centre)
    told = [body for body in kit.station.bodies("line") if body["line_id"] == line_id]
    status = decode(LineStatus, told[-1])
    line = KeptLine(line_id, "farmer-c", status.product_id, None, status, 0, False, ())
    return debt(line, (), kit.product, on)


def test_station_and_centre_ask_on_the_farmers_days_to_the_unit(own: Kit):
    line_id = drawn(own)
    line = own.read(lines.get, line_id)
    assert (line.due_on, line.cash) == ("2026-08-15", JUNE_AND_AUGUST)
    asked = own.read(lambda tx: ahead_of(tx, line, DRAWN_ON))
    # A third of 3,000.00 in June with 87 days of 14 % on all, and the fee of 1.5 %; then 61
    # days on two thirds: 100.11 and 46.79 of interest.
    assert [
        (each.on.isoformat(), each.parts.principal_minor, each.parts.interest_minor)
        for each in asked
    ] == [("2026-06-15", 100_000, 10_011), ("2026-08-15", 200_000, 4_679)]
    assert sum(each.parts.fee_minor for each in asked) == 4_500
    for days in (0, 60, 100, 200):
        on = DRAWN_ON + timedelta(days=days)
        here = at_station(own, line_id, on)
        assert here.owed == own.read(lambda tx, on=on: owed(tx, line, on))
        assert here.ahead == own.read(lambda tx, on=on: ahead_of(tx, line, on))
    assert flags(own) == []


def test_who_misses_the_farmers_month_is_late_and_who_pays_in_it_is_not(own: Kit):
    line_id = drawn(own)
    line = own.read(lines.get, line_id)
    own.clock.set_day(date(2026, 6, 15))
    request = RepaymentRequest("pay-1", line_id, 114_511, "KES", "2026-06-15")
    told = own.read(lambda tx: statement(tx, line, date(2026, 6, 20), date(2026, 6, 20)))
    assert (told.late_minor, told.late_days) == (114_511, 5)
    take_repayment(own.centre, request, CASHIER)
    told = own.read(lambda tx: statement(tx, line, date(2026, 6, 20), date(2026, 6, 20)))
    assert (told.late_minor, told.owed.principal_minor) == (0, 200_000)
    assert [each.on.isoformat() for each in told.ahead] == ["2026-08-15"]
    assert verify(own.centre).faults == ()
    assert audit(own.centre).holds


def test_the_card_that_the_months_were_told_by_replays(own: Kit):
    line_id = drawn(own)
    line = own.read(lines.get, line_id)
    kept = own.read(reports.find_application, line.application_id)
    assert kept.application.cash == JUNE_AND_AUGUST
    [card] = own.read(reports.decisions_of, line.application_id)
    keys = (own.station.keys.identity().public_key,)
    assert own.read(lambda tx: judge_card(tx, card.document, keys))[0].value == "same"
    assert own.read(lambda tx: terms_of(tx, line)).schedule.kind is ScheduleKind.CASH_MONTHS


def test_the_sheet_of_key_facts_tells_the_farmers_months_and_the_terms_that_were_agreed(own: Kit):
    line_id = drawn(own)
    line = own.read(lines.get, line_id)
    agreed = own.product.policy_version()
    newer = replace(own.product, version=own.product.version + 1)
    enrolment.add_product(own.centre, newer, TESTER)
    for find, subject in ((of_line, line_id), (of_application, line.application_id)):
        priced = own.read(lambda tx, find=find, subject=subject: find(tx, subject, DRAWN_ON))
        told = key_facts(priced.product, 300_000, DRAWN_ON)
        days = [each.on for each in told.payments]
        assert (days, priced.policy_version) == (["2026-06-15", "2026-08-15"], agreed)


def test_a_line_without_own_months_stays_with_its_product(own: Kit):
    line = own.read(lines.get, drawn(own, None))
    assert (line.due_on, line.cash) == (own.product.due_on, ())
    asked = own.read(lambda tx: ahead_of(tx, line, DRAWN_ON))
    assert [each.on.isoformat() for each in asked] == [own.product.due_on]


def test_months_that_no_version_takes_are_flagged_and_the_line_is_frozen(own: Kit):
    line = own.read(lines.get, drawn(own, (CashMonth(6, 1), CashMonth(9, 30))))
    assert line.frozen
    expected = "at least 10.00 % of what is repaid in each cash month, got 3.22 % in month 6"
    assert any(expected in flag for flag in flags(own))


def test_an_officer_offers_a_referred_application_in_its_months(own: Kit):
    lease = next(x for x in leases_at_station(own, "onboarding") if x.product_id == "crop-season")
    asked = Application(
        "app-r", "farmer-c", "crop-season", ("plot-c1",), 500_000, "KES", cash=JUNE_AND_AUGUST
    )
    own.station.write(MONEY, "application", asked, own.clock.at_ms)
    write_card(own, card_of(own, asked, lease.per_line_minor, purposes=()))
    deliver(own)
    line = offer_referred(own.centre, "app-r", 300_000, LENDER)
    assert (line.cash, line.due_on) == (JUNE_AND_AUGUST, "2026-08-15")


def test_the_next_agreement_is_decided_in_the_months_that_were_told(own: Kit):
    line_id = next(each.line_id for each in open_known(own) if each.line_id)
    own.station.pull(own.centre)
    lease = next(each for each in leases_at_station(own) if each.line_id == line_id)
    draw(own, "draw-1", line_id, lease.lease_id, 300_000)
    deliver(own)
    request = RepaymentRequest("pay-1", line_id, 400_000, "KES", DRAWN_ON.isoformat())
    take_repayment(own.centre, request, CASHIER)
    said = Said(LENDER, AgreementReason.ASKED)
    with pytest.raises(RequestError, match="at most 3 months before 2026-09-15"):
        renew(own.centre, line_id, "crop-season", said, (CashMonth(1, 1),))
    opened = renew(own.centre, line_id, "crop-season", said, JUNE_AND_AUGUST)
    line = own.read(lines.get, opened.line_id)
    assert (line.cash, line.due_on) == (JUNE_AND_AUGUST, "2026-08-15")
    kept = own.read(reports.find_application, line.application_id)
    assert kept.application.cash == JUNE_AND_AUGUST


def test_the_commands_tell_the_price_in_a_farmers_months(tmp_path: Path):
    plain = (REPOSITORY / "server" / "products" / "crop-season.toml").read_text(encoding="utf-8")
    file = tmp_path / "own.toml"
    bounds = "\n[own_cash]\nmonths_max = 3\nshare_ppm_min = 100_000\nearly_months_max = 3\n"
    file.write_text(plain + bounds, encoding="utf-8")
    asked = ["--amount-minor", "300000", "--on", "2026-03-20"]

    def run(command, *more: str):
        return CliRunner().invoke(command, [str(file), *asked, *more])

    told = run(price, "--cash", "8=2", "--cash", "6=1")
    assert told.exit_code == 0, told.output
    assert "2026-06-15" in told.output
    assert "2026-08-15" in told.output
    assert "2026-09-15" not in told.output
    sheet = ["--lender", "Kijani", "--out", str(tmp_path / "sheet.html")]
    assert run(key_facts_sheet, *sheet, "--cash", "6=1", "--cash", "8=2").exit_code == 0
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "15 Jun 2026" in page
    assert "15 Aug 2026" in page
    assert "Sep 2026" not in page
    for wrong, words in (("June=1", "such as 6=1"), ("13=1", "1 to 12 in order")):
        refused = run(price, "--cash", wrong)
        assert refused.exit_code != 0
        assert words in refused.output
    refused = run(price, "--cash", "1=1")
    assert isinstance(refused.exception, RequestError)
