"""A new plan: proposed by one, consented to by the farmer, approved by another."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy.exc import DatabaseError

from core.errors import AgreementError, HarvestlineError
from core.lending.agreement import AgreementReason, AgreementState
from core.lending.restructuring import Wish
from core.lending.terms import ScheduleKind, ScheduleTerms
from core.shape import decode
from core.wire.newplans import NewPlanOffer, offer_sha256
from core.wire.records import Consent, ConsentAction, LineStatus
from edge_node.decide.debt import debt
from edge_node.store.lines import KeptLine
from server.commands.agreements import agreement as agreement_group
from server.commands.hands import Hands
from server.services import enrolment
from server.services.agreements import state_of_line
from server.services.audit.run import audit, audit_in
from server.services.centre import RequestError, RoleError
from server.services.posting import RepaymentRequest, take_repayment
from server.services.reports.loans import loans
from server.services.restructuring import Proposed, approve, consent_to, decline, propose
from server.services.standing import ahead_of, owed
from server.services.statements import statement
from server.store import agreements, ledger, lines, newplans, people, rulebooks
from server.store.books import AsOf
from server.store.engine import ConflictError, NotKnownError
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, TESTER, Kit
from tests.support.kiosk_kit import MONEY, deliver, drawn_by_farmer_b
from tests.support.tampering import changed

OFFICER, SUPERVISOR = Actor("otieno", "lender"), Actor("wanjiru", "supervisor")
CASHIER = Actor("till", "cashier")
D1, D40, D60 = (SEASON_START + timedelta(days=days) for days in (1, 40, 60))
MONTHLY = ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=1)


@pytest.fixture
def line_id(kit: Kit) -> str:
    """KES 10,000 drawn by farmer B on the first day; today is day 40."""
    drawn = drawn_by_farmer_b(kit, D1)
    kit.clock.set_day(D40)
    return drawn


def due_on(kit: Kit, line_id: str) -> date:
    return date.fromisoformat(kit.read(lines.get, line_id).due_on)


def wished(kit: Kit, line_id: str, **changes) -> Proposed:
    later = due_on(kit, line_id) + timedelta(days=365)
    wish = replace(Wish(later, 100_000, MONTHLY, capitalises=False), **changes)
    return Proposed(line_id, wish, AgreementReason.HARDSHIP)


def agree(kit: Kit, proposal, number: int = 1, **changes) -> None:
    """Farmer B consents at the kiosk to the offer that the station was sent."""
    kit.station.pull(kit.centre)
    shown = [decode(NewPlanOffer, body) for body in kit.station.bodies("new_plan")]
    [offer] = [e for e in shown if e.proposal_id == proposal.proposal_id and e.open]
    consent = Consent(
        f"plan-{number}", "farmer-b", ConsentAction.GRANT, ("new_plan",), "lender",
        offer_sha256(offer), spoken=False, helped=True,
    )  # fmt: skip
    kit.station.write(MONEY, "consent", replace(consent, **changes), kit.clock.at_ms)
    deliver(kit)


def planned_anew(kit: Kit, line_id: str, **changes):
    proposal = propose(kit.centre, wished(kit, line_id, **changes), OFFICER)
    agree(kit, proposal)
    return approve(kit.centre, proposal.proposal_id, SUPERVISOR)


def at_station(kit: Kit, line_id: str, on: date):
    kit.station.pull(kit.centre)
    told = [b for b in kit.station.bodies("line") if b["line_id"] == line_id]
    status = decode(LineStatus, told[-1])
    line = KeptLine(line_id, "farmer-b", status.product_id, None, status, 0, False, ())
    return debt(line, (), kit.product, on)


def test_three_people_make_a_plan_and_all_books_follow_it(kit: Kit, line_id: str):
    before = due_on(kit, line_id)
    found = planned_anew(kit, line_id)
    offer = found.offer
    assert found.answer.consent_id == "plan-1"
    assert (offer.restructured.before.due_on, due_on(kit, line_id)) == (
        before.isoformat(), before + timedelta(days=365),
    )  # fmt: skip
    assert offer.total_minor == sum(each.amount_minor for each in offer.payments)
    assert offer.total_minor > offer.total_before_minor
    assert offer.apr_ppm < offer.apr_before_ppm
    line = kit.read(lines.get, line_id)
    last = kit.read(agreements.life, line.application_id)[-1]
    assert (last.event.value, last.actor, last.detail["consent_id"]) == (
        "restructure", "wanjiru", "plan-1",
    )  # fmt: skip
    for on in (D40, D60, before + timedelta(days=30), due_on(kit, line_id)):
        centre = kit.read(lambda tx, on=on: owed(tx, line, on))
        assert at_station(kit, line_id, on).owed == centre
        there = kit.read(lambda tx, on=on: ahead_of(tx, line, on))
        assert at_station(kit, line_id, on).ahead == there
    payments = [(each.on, each.amount_minor) for each in offer.payments]
    asked = kit.read(lambda tx: ahead_of(tx, line, D40))
    assert [(each.on.isoformat(), each.parts.total_minor) for each in asked] == payments
    assert audit(kit.centre).holds


def test_paid_as_the_new_plan_asks_it_closes_to_the_cent(kit: Kit, line_id: str):
    found = planned_anew(kit, line_id)
    for number, each in enumerate(found.offer.payments):
        kit.clock.set_day(date.fromisoformat(each.on))
        request = RepaymentRequest(f"r{number}", line_id, each.amount_minor, "KES", each.on)
        take_repayment(kit.centre, request, CASHIER)
    line = kit.read(lines.get, line_id)
    assert kit.read(lambda tx: state_of_line(tx, line)) is AgreementState.CLOSED
    for part in ("principal", "interest", "fee", "penalty"):
        assert kit.read(ledger.account_balance, f"loan/{part}/{line_id}", "KES") == 0
    assert kit.read(ledger.account_balance, f"payable/{line_id}", "KES") == 0
    assert audit(kit.centre).holds


def test_a_statement_of_before_tells_the_old_plan(kit: Kit, line_id: str):
    old = due_on(kit, line_id)
    planned_anew(kit, line_id)
    line = kit.read(lines.get, line_id)
    before = kit.read(lambda tx: statement(tx, line, D40 - timedelta(days=1), D60))
    now = kit.read(lambda tx: statement(tx, line, D40, D40))
    assert [each.on for each in before.ahead] == [old]
    assert len(now.ahead) > 10


def test_nothing_counts_before_the_farmer_consents_to_exactly_this(kit: Kit, line_id: str):
    proposal = propose(kit.centre, wished(kit, line_id), OFFICER)
    for number, changes in enumerate(
        ({"shown_sha256": "0" * 64}, {"purposes": ("drawdown",)}, {"farmer_id": "farmer-c"}), 5
    ):
        agree(kit, proposal, number, **changes)
        with pytest.raises(RequestError, match="expected the farmer's consent"):
            approve(kit.centre, proposal.proposal_id, SUPERVISOR)
    agree(kit, proposal, 1)
    kit.clock.add_days(1)
    agree(kit, proposal, 2, action=ConsentAction.WITHDRAW)
    with pytest.raises(RequestError, match="expected the farmer's consent"):
        approve(kit.centre, proposal.proposal_id, SUPERVISOR)
    assert due_on(kit, line_id) == date.fromisoformat(proposal.offer.restructured.before.due_on)


def test_who_proposes_does_not_answer_and_the_database_says_so_too(kit: Kit, line_id: str):
    both = Actor("otieno", "supervisor")
    proposal = propose(kit.centre, wished(kit, line_id), OFFICER)
    agree(kit, proposal)
    for act in (approve, decline):
        with pytest.raises(RoleError, match="another person than otieno"):
            act(kit.centre, proposal.proposal_id, both)
    forged = newplans.Answer(proposal.proposal_id, "otieno", "otieno", True, "plan-1", 1)
    lied = newplans.Answer(proposal.proposal_id, "somebody", "otieno", True, "plan-1", 1)
    for answer in (forged, lied):
        with pytest.raises((DatabaseError, HarvestlineError)):
            kit.centre.write(lambda work, answer=answer: newplans.answer(work.tx, answer))
    with pytest.raises(AgreementError, match="expected it of supervisor, got officer"):
        approve(kit.centre, proposal.proposal_id, Actor("akinyi", "lender"))
    approve(kit.centre, proposal.proposal_id, SUPERVISOR)
    for act in (approve, decline):
        with pytest.raises(ConflictError, match="was answered by wanjiru"):
            act(kit.centre, proposal.proposal_id, SUPERVISOR)


def test_what_cannot_be_proposed(kit: Kit, line_id: str):
    with pytest.raises(AgreementError, match="a rate of 0 to 140000 ppm a year, got 150000"):
        propose(kit.centre, wished(kit, line_id, rate_ppm=150_000), OFFICER)
    with pytest.raises(RequestError, match="expected a reason of"):
        propose(kit.centre, replace(wished(kit, line_id), reason=AgreementReason.FRAUD), OFFICER)
    with pytest.raises(NotKnownError):
        propose(kit.centre, replace(wished(kit, line_id), line_id="line-9"), OFFICER)
    proposal = propose(kit.centre, wished(kit, line_id), OFFICER)
    with pytest.raises(RequestError, match="is open"):
        propose(kit.centre, wished(kit, line_id), OFFICER)
    assert decline(kit.centre, proposal.proposal_id, SUPERVISOR).answer.approved is False
    propose(kit.centre, wished(kit, line_id), OFFICER)


def test_an_offer_runs_out_and_one_whose_day_changed_is_refused(kit: Kit, line_id: str):
    proposal = propose(kit.centre, wished(kit, line_id), OFFICER)
    agree(kit, proposal)
    late = RepaymentRequest("r1", line_id, 50_000, "KES", (D40 - timedelta(days=5)).isoformat())
    take_repayment(kit.centre, late, CASHIER)
    with pytest.raises(RequestError, match="is known to be something else by now"):
        approve(kit.centre, proposal.proposal_id, SUPERVISOR)
    kit.clock.add_days(31)
    with pytest.raises(RequestError, match="it ran out on"):
        approve(kit.centre, proposal.proposal_id, SUPERVISOR)
    propose(kit.centre, wished(kit, line_id), OFFICER)


def test_it_is_made_anew_at_most_twice(kit: Kit, line_id: str):
    for number in (1, 2):
        proposal = propose(kit.centre, wished(kit, line_id), OFFICER)
        agree(kit, proposal, number)
        approve(kit.centre, proposal.proposal_id, SUPERVISOR)
        kit.clock.add_days(1)
    with pytest.raises(AgreementError, match="at most 2 new plans, 2 were made"):
        propose(kit.centre, wished(kit, line_id), OFFICER)
    assert audit(kit.centre).holds


def test_a_forborne_loan_is_in_stage_two_while_its_probation_lasts(kit: Kit, line_id: str):
    planned_anew(kit, line_id)

    def stage(on: date) -> int:
        from core.lending.provisioning import provision  # noqa: PLC0415

        rules = kit.read(rulebooks.provisioning_on, on.isoformat())
        then = AsOf(on.isoformat(), 2**52)
        [loan] = [each for each in kit.read(lambda tx: list(loans(tx, then)))
                  if each.line.line_id == line_id]  # fmt: skip
        found = replace(loan.account(on), late_since=None)
        return provision(rules, loan.risk(found)).stage

    assert [stage(D40 - timedelta(days=1)), stage(D40), stage(D60)] == [1, 2, 2]
    assert stage(D40 + timedelta(days=731)) == 1


def test_a_tampered_plan_is_found(kit: Kit, line_id: str):
    found = planned_anew(kit, line_id)
    assert audit(kit.centre, ["plans"]).holds
    with pytest.raises(DatabaseError), kit.centre.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE restructure_proposals SET offer = '{}'")
    assert kit.read(lambda tx: consent_to(tx, found)).consent.consent_id == "plan-1"


def test_the_commands_propose_show_and_approve(kit: Kit, line_id: str, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a long enough password")
    for name, role in (("otieno", people.Role.LENDER), ("wanjiru", people.Role.SUPERVISOR)):
        enrolment.add_user(kit.centre, name, secret.read_text(), role, TESTER)
    hands = Hands(lambda _: kit.centre, lambda _: b"", lambda _: None)  # type: ignore[arg-type,return-value]

    def run(*asked: str) -> str:
        told = ["restructure", asked[0], "--config", "x", *asked[1:]]
        done = CliRunner().invoke(agreement_group, told, obj=hands)
        assert done.exit_code == 0, done.output
        return done.output

    def by(name: str) -> list[str]:
        return ["--officer", name, "--password-file", str(secret)]

    until = (due_on(kit, line_id) + timedelta(days=365)).isoformat()
    told = run(
        "propose", line_id, "--due-on", until, "--rate-ppm", "100000", "--kind",
        "equal_instalments", "--every-months", "1", "--grace-months", "2", "--reason",
        "hardship", *by("otieno"),
    )  # fmt: skip
    assert "before: " in told
    assert f"until {until}, APR" in told
    [proposal] = kit.read(newplans.of_line, line_id)
    assert "no consent yet" in run("show", line_id)
    agree(kit, proposal)
    assert "the farmer consents" in run("show", line_id)
    assert f"is repaid anew until {until}" in run("approve", proposal.proposal_id, *by("wanjiru"))
    assert "approved by wanjiru" in run("show", line_id)


@pytest.mark.parametrize(
    ("table", "change", "expected"),
    [
        ("restructure_proposals", "offer_sha256 = 'x'", "the offer that was shown"),
        ("consents", "shown_sha256 = 'x'", "the farmer's consent to the offer"),
        ("agreement_steps", "actor = 'otieno'", "another who approved than who proposed"),
        ("agreement_steps", "detail = '{}'", "a proposal that was answered"),
    ],
)
def test_the_audit_names_a_plan_that_was_changed(
    kit: Kit, line_id: str, table: str, change: str, expected: str
):
    planned_anew(kit, line_id)
    where = " WHERE event = 'restructure'" if table == "agreement_steps" else ""
    with changed(kit, f"UPDATE {table} SET {change}{where}", table) as tx:  # noqa: S608 (own words)
        found = audit_in(kit.centre, tx, ("plans",)).first
        assert found is not None
        assert expected in found.expected
