"""Relief from the loss to the kiosk: bands, sources, both figures, and who granted it when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from core.errors import HarvestlineError
from core.lending.account import Amounts
from core.lending.agreement import AgreementEvent, AgreementReason, AgreementState
from core.lending.lease import LeaseKind
from core.lending.relief import LossSeen, LossSource, ReliefBand
from core.lending.terms import ArrearsTerms
from core.shape import decode
from core.wire.evidence import Stage
from core.wire.records import LineStatus
from edge_node.decide.debt import Debt, debt
from edge_node.store.lines import KeptLine
from server.config import Settings
from server.services import enrolment
from server.services.agreements import Event, bring_about, state_of_line
from server.services.audit.run import audit_in
from server.services.centre import RequestError, RoleError, Work
from server.services.ending import stands
from server.services.evidence import accept_evidence
from server.services.money_words import confirm, refuse, waiting
from server.services.posting import RepaymentRequest, take_repayment
from server.services.relief import VISITED, tell_relief
from server.services.standing import account_of, owed
from server.services.statements import statement
from server.services.verifying import verify
from server.store import agreements, lines, people
from server.store.engine import StoreError, open_store
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, TESTER, Kit, build_kit, open_known, product_of
from tests.support.centre_store import lay_out
from tests.support.kiosk_kit import deliver, draw, leases_at_station
from tests.support.tampering import changed
from tests.support.two_words import FIRST, SECOND, relieved

OFFICER, CASHIER = Actor("omar", "lender"), Actor("till", "cashier")
RBI = (
    ReliefBand(330_000, 24, 12, "2018-10-17", "RBI"),
    ReliefBand(500_000, 60, 12, "2018-10-17", "RBI"),
)
DUE = date(2026, 9, 15)


def day(number: int) -> date:
    return SEASON_START + timedelta(days=number)


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    store = open_store(f"sqlite:///{tmp_path / 'centre.sqlite'}", "lender")
    lay_out(store)
    kit = build_kit(store, Settings())
    base = product_of("crop-season")
    kit.product = replace(base, version=9, relief=RBI, arrears=ArrearsTerms(0, 60_000))
    enrolment.add_product(kit.centre, kit.product, TESTER)
    open_known(kit)
    kit.station.pull(kit.centre)
    yield kit
    store.close()


@pytest.fixture
def drawn(kit: Kit) -> str:
    """Farmer B's line with KES 10,000 drawn on the first day; it is day 120."""
    [line] = kit.read(lines.of_farmer, "farmer-b")
    [lease] = [
        each
        for each in leases_at_station(kit)
        if each.line_id == line.line_id and each.kind is LeaseKind.LINE
    ]
    kit.clock.set_day(day(1))
    draw(kit, "draw-1", line.line_id, lease.lease_id, 1_000_000)
    deliver(kit)
    kit.clock.set_day(day(120))
    return line.line_id


def visit(loss_ppm: int) -> list[LossSeen]:
    return [LossSeen(LossSource.VISIT, "visit-17", loss_ppm)]


def at_station(kit: Kit, line_id: str, on: date) -> Debt:
    kit.station.pull(kit.centre)
    told = [body for body in kit.station.bodies("line") if body["line_id"] == line_id]
    status = decode(LineStatus, told[-1])
    line = KeptLine(
        line_id, "farmer-b", status.product_id, None, status, 0, frozen=False, freeze_reasons=()
    )
    return debt(line, (), kit.product, on)


def at_centre(kit: Kit, line_id: str, on: date) -> Amounts:
    return kit.read(lambda tx: owed(tx, lines.get(tx, line_id), on))


@pytest.mark.parametrize(
    ("loss_ppm", "due_on", "asked"),
    [
        (330_000, "2028-09-15", [2028]),
        (499_999, "2028-09-15", [2028]),
        (500_000, "2031-09-15", [2028, 2029, 2030, 2031]),
    ],
)
def test_a_verified_loss_opens_its_band_and_the_station_shows_it_before_the_due_date(
    kit: Kit, drawn: str, loss_ppm: int, due_on: str, asked: list[int]
) -> None:
    before = at_centre(kit, drawn, day(120))
    step, relief = relieved(kit.centre, drawn, visit(loss_ppm))
    assert (relief.due_on.isoformat(), kit.read(lines.get, drawn).due_on) == (due_on, due_on)
    assert (step.actor, step.reason, step.on_day) == (
        "barasa", AgreementReason.LOSS_VERIFIED, day(120).isoformat(),
    )  # fmt: skip
    assert step.detail["seen"] == [
        {"source": "visit", "reference": "visit-17", "loss_ppm": loss_ppm}
    ]
    assert at_centre(kit, drawn, day(120)) == before  # nothing is forgiven
    seen = at_station(kit, drawn, day(120))
    assert [each.on.year for each in seen.ahead] == asked
    for on in (DUE, DUE + timedelta(days=400), date(2028, 9, 20), date(2032, 1, 1)):
        assert at_station(kit, drawn, on).owed == at_centre(kit, drawn, on)
    late = kit.read(lambda tx: account_of(tx, lines.get(tx, drawn), date(2028, 9, 14)))
    assert (late.late_minor, late.owed.penalty_minor) == (0, 0)
    assert verify(kit.centre).faults == ()


def test_it_is_repaid_as_put_off_and_then_closed(kit: Kit, drawn: str) -> None:
    kit.clock.set_day(day(130))
    relieved(kit.centre, drawn, visit(400_000))
    [asked] = at_station(kit, drawn, day(130)).ahead
    kit.clock.set_day(asked.on)
    request = RepaymentRequest("r1", drawn, asked.parts.total_minor, "KES", asked.on.isoformat())
    take_repayment(kit.centre, request, CASHIER)
    line = kit.read(lines.get, drawn)
    assert (at_centre(kit, drawn, asked.on), line.is_open) == (Amounts(), False)
    assert kit.read(state_of_line, line) is AgreementState.CLOSED
    assert verify(kit.centre).faults == ()


def test_imagery_and_an_index_verify_a_loss_together_and_the_lower_counts(
    kit: Kit, drawn: str
) -> None:
    for number, p10, name in ((60, 1_000, "ev-before"), (120, 300, "ev-loss")):
        kit.clock.set_day(day(number))
        look = kit.evidence("plot-b1", day(number), Stage.HEADING, p10, evidence_id=name)
        accept_evidence(kit.centre, look)
    imagery = LossSeen(LossSource.IMAGERY, "ev-loss", 700_000)
    index = LossSeen(LossSource.WEATHER_INDEX, "rain-2026-07", 360_000)
    with pytest.raises(RequestError, match="expected a visit, or imagery and a weather index"):
        relieved(kit.centre, drawn, [imagery])
    _, relief = relieved(kit.centre, drawn, [imagery, index])
    assert (relief.loss_ppm, relief.months) == (360_000, 24)


def test_a_scene_verifies_no_more_than_it_shows(kit: Kit, drawn: str) -> None:
    kit.clock.set_day(day(60))
    accept_evidence(kit.centre, kit.evidence("plot-b1", day(60), Stage.HEADING, 1_000))
    kit.clock.set_day(day(120))
    looks = ((1_000, -150_000, "ev-fine"), (None, -420_000, "ev-bare"), (700, None, "ev-lower"))
    for p10, anomaly_ppm, name in looks:
        look = kit.evidence(
            "plot-b1", day(120), Stage.HEADING, p10, evidence_id=name, anomaly_ppm=anomaly_ppm
        )
        accept_evidence(kit.centre, look)
    index = LossSeen(LossSource.WEATHER_INDEX, "rain", 600_000)
    for name, shown_ppm in (("ev-fine", 150_000), ("ev-bare", 420_000), ("ev-lower", 300_000)):
        more = LossSeen(LossSource.IMAGERY, name, shown_ppm + 1)
        says = f"imagery {name}: expected a loss of at most {shown_ppm} ppm, which it shows"
        with pytest.raises(RequestError, match=says):
            relieved(kit.centre, drawn, [more, index])
    _, relief = relieved(
        kit.centre, drawn, [LossSeen(LossSource.IMAGERY, "ev-bare", 420_000), index]
    )
    assert relief.loss_ppm == 420_000


def test_a_visit_that_came_from_a_tablet_verifies_no_more_than_its_agent_saw(
    kit: Kit, drawn: str
) -> None:
    def visited(work: Work) -> None:
        for subject, name, percent in (
            (("subject", "plot-b1"), "v-1", 40), (("subject", "plot-c1"), "v-2", 90),
        ):  # fmt: skip
            told = {"visit_id": name, "on": day(119).isoformat(), "damage_percent": percent}
            people.record(work.tx, work.at_ms, Actor("moses", "agent"), VISITED, subject, told)

    kit.centre.write(visited)
    with pytest.raises(RequestError, match="visit v-1: expected a loss of at most 400000 ppm"):
        relieved(kit.centre, drawn, [LossSeen(LossSource.VISIT, "v-1", 410_000)])
    seen = (LossSeen(LossSource.VISIT, "v-1", 400_000),)
    told = kit.centre.write(lambda work: tell_relief(work, drawn, seen, (FIRST, "looked at")))
    [waits] = kit.centre.write(waiting)
    assert waits.sentence.endswith("for a loss of harvest: visit v-1 40 %.")
    kit.centre.write(lambda work: refuse(work, told.word_id, SECOND, "not seen by me"))
    seen = (LossSeen(LossSource.VISIT, "v-2", 400_000),)  # another's plot: as good as paper
    kit.centre.write(lambda work: tell_relief(work, drawn, seen, (FIRST, "looked at")))
    [waits] = kit.centre.write(waiting)
    assert waits.sentence.endswith("visit v-2 40 % (on paper).")


def test_nobody_puts_a_debt_off_alone(kit: Kit, drawn: str) -> None:
    told = kit.centre.write(lambda work: tell_relief(work, drawn, visit(500_000), (FIRST, "mine")))
    for alone in (FIRST, Actor("Wanjiru ", "supervisor"), Actor("till", "cashier")):
        with pytest.raises(HarvestlineError):
            kit.centre.write(lambda work, alone=alone: confirm(work, told.word_id, alone))
    with pytest.raises(RoleError):
        kit.centre.write(lambda work: tell_relief(work, drawn, visit(500_000), (OFFICER, "mine")))

    def past(work: Work) -> None:
        line = lines.get(work.tx, drawn)
        detail = {"relief": {}, "word_id": told.word_id}
        event = Event(
            AgreementEvent.GRANT_RELIEF, FIRST, AgreementReason.LOSS_VERIFIED, None, detail
        )
        bring_about(work, line, event, stands(work, line))

    with pytest.raises(StoreError, match="relief is granted by two"):
        kit.centre.write(past)
    assert kit.read(lines.get, drawn).due_on == DUE.isoformat()
    kit.clock.set_day(DUE + timedelta(days=1))  # what it says is held against the books again
    with pytest.raises(RequestError, match="expected relief up to its due date"):
        kit.centre.write(lambda work: confirm(work, told.word_id, SECOND))
    kit.clock.set_day(day(121))
    kit.centre.write(lambda work: confirm(work, told.word_id, OFFICER))
    assert kit.read(lines.get, drawn).due_on == "2031-09-15"
    statement_ = "UPDATE agreement_steps SET actor = 'omar2' WHERE event = 'grant_relief'"
    with changed(kit, statement_, "agreement_steps") as tx:
        [found] = audit_in(kit.centre, tx, ("given",)).checks
        assert found.first is not None
        assert found.first.table == "agreement_steps"


def test_what_opens_no_relief_is_refused_and_changes_nothing(kit: Kit, drawn: str) -> None:
    other = kit.evidence("plot-c1", day(119), Stage.HEADING, 300, evidence_id="ev-other")
    accept_evidence(kit.centre, other)
    index = LossSeen(LossSource.WEATHER_INDEX, "rain", 500_000)
    refused = [
        (visit(329_999), "330000 ppm or more, got a verified loss of 329999"),
        (visit(0), "a loss of 1 to 1,000,000 ppm"),
        ([LossSeen(LossSource.VISIT, "", 400_000)], "a reference of 1 to 64 characters"),
        ([LossSeen(LossSource.IMAGERY, "ev-other", 500_000), index], "evidence of its own ground"),
        ([LossSeen(LossSource.IMAGERY, "nowhere", 500_000), index], "evidence of its own ground"),
        ([], "got nothing"),
    ]
    for seen, says in refused:
        with pytest.raises(RequestError, match=says):
            relieved(kit.centre, drawn, seen)
    kit.clock.set_day(DUE + timedelta(days=1))
    with pytest.raises(RequestError, match="expected relief up to its due date"):
        relieved(kit.centre, drawn, visit(500_000))
    assert kit.read(lines.get, drawn).due_on == DUE.isoformat()


def test_relief_is_granted_once(kit: Kit, drawn: str) -> None:
    relieved(kit.centre, drawn, visit(400_000))
    with pytest.raises(RequestError, match=r"it has had some.*agreement restructure"):
        relieved(kit.centre, drawn, visit(600_000))
    line = kit.read(lines.get, drawn)
    life = kit.read(agreements.life, line.application_id)
    assert [s.event for s in life].count(AgreementEvent.GRANT_RELIEF) == 1
    assert kit.read(state_of_line, line) is AgreementState.IN_RELIEF


def test_a_falling_limit_puts_nothing_off_and_makes_nothing_late(kit: Kit, drawn: str) -> None:
    before = at_station(kit, drawn, day(120))
    accept_evidence(kit.centre, kit.evidence("plot-b1", day(120), Stage.HEADING, 100))
    accept_evidence(kit.centre, kit.evidence("plot-b1", day(121), Stage.HEADING, 100))
    line = kit.read(lines.get, drawn)
    assert line.limit_minor < 1_000_000
    after = at_station(kit, drawn, day(120))
    assert (after.owed, after.ahead, after.account.late_minor) == (before.owed, before.ahead, 0)
    assert line.due_on == DUE.isoformat()


def test_a_statement_of_before_the_relief_does_not_know_it(kit: Kit, drawn: str) -> None:
    kit.clock.set_day(day(130))
    relieved(kit.centre, drawn, visit(400_000))

    def told(on: date) -> list[date]:
        found = kit.read(lambda tx: statement(tx, lines.get(tx, drawn), on, day(130)))
        return [each.on for each in found.ahead]

    assert told(day(129)) == [DUE]
    assert told(day(130)) == [date(2028, 9, 15)]
