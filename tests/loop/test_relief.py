"""Relief from the loss to the kiosk: bands, sources, both figures, and who granted it when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

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
from server.services.agreements import state_of_line
from server.services.centre import RequestError
from server.services.evidence import accept_evidence
from server.services.posting import RepaymentRequest, take_repayment
from server.services.relief import grant_relief
from server.services.standing import account_of, owed
from server.services.statements import statement
from server.services.verifying import verify
from server.store import agreements, lines
from server.store.engine import open_store
from server.store.people import Actor
from server.store.schema import migrate
from tests.support.centre_kit import SEASON_START, TESTER, Kit, build_kit, open_known, product_of
from tests.support.kiosk_kit import deliver, draw, leases_at_station

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
    migrate(store)
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
    step, relief = grant_relief(kit.centre, drawn, visit(loss_ppm), OFFICER)
    assert (relief.due_on.isoformat(), kit.read(lines.get, drawn).due_on) == (due_on, due_on)
    assert (step.actor, step.reason, step.on_day) == (
        "omar", AgreementReason.LOSS_VERIFIED, day(120).isoformat(),
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
    grant_relief(kit.centre, drawn, visit(400_000), OFFICER)
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
    accept_evidence(
        kit.centre,
        kit.evidence("plot-b1", day(120), Stage.HEADING, 300, evidence_id="ev-loss"),
    )
    imagery = LossSeen(LossSource.IMAGERY, "ev-loss", 700_000)
    index = LossSeen(LossSource.WEATHER_INDEX, "rain-2026-07", 360_000)
    with pytest.raises(RequestError, match="expected a visit, or imagery and a weather index"):
        grant_relief(kit.centre, drawn, [imagery], OFFICER)
    _, relief = grant_relief(kit.centre, drawn, [imagery, index], OFFICER)
    assert (relief.loss_ppm, relief.months) == (360_000, 24)


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
            grant_relief(kit.centre, drawn, seen, OFFICER)
    kit.clock.set_day(DUE + timedelta(days=1))
    with pytest.raises(RequestError, match="expected relief up to its due date"):
        grant_relief(kit.centre, drawn, visit(500_000), OFFICER)
    assert kit.read(lines.get, drawn).due_on == DUE.isoformat()


def test_relief_is_granted_once(kit: Kit, drawn: str) -> None:
    grant_relief(kit.centre, drawn, visit(400_000), OFFICER)
    with pytest.raises(RequestError, match=r"it has had some.*agreement restructure"):
        grant_relief(kit.centre, drawn, visit(600_000), OFFICER)
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
    grant_relief(kit.centre, drawn, visit(400_000), OFFICER)

    def told(on: date) -> list[date]:
        found = kit.read(lambda tx: statement(tx, lines.get(tx, drawn), on, day(130)))
        return [each.on for each in found.ahead]

    assert told(day(129)) == [DUE]
    assert told(day(130)) == [date(2028, 9, 15)]
