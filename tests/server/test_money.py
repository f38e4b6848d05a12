"""Draws, repayments and leases: money is conserved, and nothing is lent twice."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.canonical import canonical_hash
from core.lending.lease import LeaseKind
from core.lending.product import Product
from core.units import divide_half_even
from core.wire.evidence import Stage
from core.wire.registry import Subject, SubjectKind
from server.config import Settings
from server.services import enrolment
from server.services.centre import RequestError
from server.services.evidence import accept_evidence
from server.services.posting import RepaymentRequest, take_repayment
from server.services.standing import standing
from server.services.verifying import verify
from server.store import leases, ledger, lines
from server.store.engine import ConflictError, NotKnownError, Store, open_store
from server.store.people import Actor
from tests.support.centre_kit import (
    SEASON_START,
    TESTER,
    Kit,
    open_known,
    polygons,
    product_of,
    ring_of,
    take_kit,
    village,
)
from tests.support.kiosk_kit import deliver, draw, flags, give_back, leases_at_station

CASHIER = Actor("till", "cashier")


def day(number: int) -> date:
    return SEASON_START + timedelta(days=number)


def repay(kit: Kit, repayment_id: str, line_id: str, amount: int, on: date, **changes):
    request = RepaymentRequest(repayment_id, line_id, amount, "KES", on.isoformat())
    return take_repayment(kit.centre, replace(request, **changes), CASHIER)


@pytest.fixture
def drawn(kit: Kit) -> str:
    """Farmer B's line of KES 14,000 with KES 10,000 drawn on 16 March; the line's id."""
    open_known(kit)
    kit.station.pull(kit.centre)
    [line] = kit.read(lines.of_farmer, "farmer-b")
    [lease] = [each for each in leases_at_station(kit) if each.line_id == line.line_id]
    assert lease.amount_minor == 1_120_000  # 80 % of KES 14,000
    kit.clock.set_day(day(1))
    draw(kit, "draw-1", line.line_id, lease.lease_id, 1_000_000)
    deliver(kit)
    assert flags(kit) == []
    return line.line_id


def owed(kit: Kit, line_id: str, on: date):
    found = kit.read(standing, kit.read(lines.get, line_id), on).owed
    return found.fee_minor, found.interest_minor, found.principal_minor


def test_interest_accrues_on_reading(kit: Kit, drawn: str):
    # 10,000 × 14 % × 73 / 365 = 280.
    assert owed(kit, drawn, day(1)) == (15_000, 0, 1_000_000)
    assert owed(kit, drawn, day(74)) == (15_000, 28_000, 1_000_000)


def test_repayment_pays_fee_then_interest_then_principal(kit: Kit, drawn: str):
    kit.clock.set_day(day(74))
    kept, new = repay(kit, "r1", drawn, 243_000, day(74))
    split = (kept.fee_minor, kept.interest_minor, kept.principal_minor, kept.surplus_minor)
    assert (new, split) == (True, (15_000, 28_000, 200_000, 0))
    # From then on 8,000 earn: 8,000 × 14 % × 73 / 365 = 224.
    assert owed(kit, drawn, day(147)) == (0, 22_400, 800_000)
    assert verify(kit.centre).faults == ()


def test_repayment_counts_once(kit: Kit, drawn: str):
    kit.clock.set_day(day(30))
    first = repay(kit, "r1", drawn, 50_000, day(30))
    assert repay(kit, "r1", drawn, 50_000, day(30)) == (first[0], False)
    with pytest.raises(ConflictError):
        repay(kit, "r1", drawn, 50_001, day(30))
    with pytest.raises(NotKnownError):
        repay(kit, "r2", "no-line", 50_000, day(30))
    for changes in ({"amount_minor": 0}, {"currency": "UGX"}, {"effective_on": "soon"}):
        with pytest.raises(RequestError):
            repay(kit, "r3", drawn, 1, day(30), **changes)
    assert kit.read(ledger.account_balance, "cash/centre", "KES") == 50_000


@pytest.mark.parametrize(
    "on", ["2062-03-20", "1026-03-20", "2026-03-14", "2026-W12-5", "2026-03-32"]
)
def test_repayment_of_a_day_that_cannot_be_is_refused(kit: Kit, drawn: str, on: str):
    """A year mistyped would charge decades of interest, or earn the farmer centuries of it."""
    kit.clock.set_day(day(10))
    before = owed(kit, drawn, day(10))
    with pytest.raises(RequestError, match="effective_on"):
        repay(kit, "r1", drawn, 50_000, day(10), effective_on=on)
    assert owed(kit, drawn, day(10)) == before
    assert kit.read(ledger.repayments_of, drawn) == ()


def test_backdated_repayment_is_booked_by_reversal_and_replay(kit: Kit, drawn: str):
    kit.clock.set_day(day(74))
    first, _ = repay(kit, "r1", drawn, 143_000, day(74))  # fee, 280 of interest, 1,000 of principal
    assert (first.fee_minor, first.interest_minor, first.principal_minor) == (
        15_000,
        28_000,
        100_000,
    )
    repay(kit, "r2", drawn, 500_000, day(1))  # it had come on the first day already
    # The fee and 4,850 of principal on the first day; then 5,150 × 14 % × 73 / 365 = 144.20.
    assert kit.read(ledger.account_balance, "income/interest", "KES") == -14_420
    assert owed(kit, drawn, day(74)) == (0, 0, 1_000_000 - 485_000 - (143_000 - 14_420))
    assert kit.read(ledger.account_balance, f"loan/principal/{drawn}", "KES") == 386_420
    entries = [posted.entry for posted in kit.read(ledger.entries)]
    written = [entry for entry in entries if entry.cause_id.startswith("repayment/r2")]
    late = day(74).isoformat()
    assert {(e.kind.value, e.effective_on, e.cause_id) for e in written} == {
        ("reversal", late, "repayment/r2/undoes/repayment/r1"),
        ("reversal", late, f"repayment/r2/undoes/interest/{late}"),
        ("repayment", day(1).isoformat(), "repayment/r2"),
        ("interest", late, f"repayment/r2/replays/interest/{late}"),
        ("repayment", late, "repayment/r2/replays/repayment/r1"),
    }
    assert sum(kit.read(ledger.trial_balance).values()) == 0
    assert verify(kit.centre).faults == ()


def test_line_closes_when_all_is_repaid_after_harvest_and_the_surplus_is_owed_back(
    kit: Kit, drawn: str
):
    kit.clock.set_day(day(74))
    repay(kit, "r1", drawn, 1_043_000, day(74))
    assert kit.read(lines.get, drawn).is_open  # repaid, but the season goes on
    kit.clock.set_day(day(140))
    accept_evidence(kit.centre, kit.evidence("plot-b1", day(140), Stage.HARVESTED, 1500))
    repay(kit, "r2", drawn, 700, day(140))
    line = kit.read(lines.get, drawn)
    assert not line.is_open
    assert kit.read(ledger.account_balance, f"payable/{drawn}", "KES") == -700
    kit.station.pull(kit.centre)
    told = [body for body in kit.station.bodies("line") if body["line_id"] == drawn]
    assert told[-1]["open"] is False
    count = len(kit.read(leases.every))
    kit.station.pull(kit.centre)
    assert len(kit.read(leases.every)) == count
    assert verify(kit.centre).faults == ()


def test_line_that_was_repaid_early_closes_when_the_harvest_is_seen(kit: Kit, drawn: str):
    kit.clock.set_day(day(130))
    _, interest, _ = owed(kit, drawn, day(130))
    repay(kit, "r1", drawn, 1_015_000 + interest, day(130))
    assert kit.read(lines.get, drawn).is_open
    kit.clock.set_day(day(140))
    accept_evidence(kit.centre, kit.evidence("plot-b1", day(140), Stage.HARVESTED, 1500))
    assert not kit.read(lines.get, drawn).is_open


def test_draw_that_arrives_after_closing_is_booked_and_reopens_the_line(kit: Kit, drawn: str):
    [lease] = [each for each in leases_at_station(kit) if each.line_id == drawn]
    draw(kit, "draw-late", drawn, lease.lease_id, 100_000)  # paid out, not yet delivered
    kit.clock.set_day(date(2026, 9, 20))
    fee, interest, principal = owed(kit, drawn, date(2026, 9, 20))
    repay(kit, "r1", drawn, fee + interest + principal, date(2026, 9, 20))
    assert not kit.read(lines.get, drawn).is_open
    deliver(kit)
    assert kit.read(lines.get, drawn).is_open
    # Its fee and its interest since that day were due before the principal that was paid.
    interest = divide_half_even(100_000 * 14 * (date(2026, 9, 20) - day(1)).days, 36_500)
    assert owed(kit, drawn, date(2026, 9, 20)) == (0, 0, 100_000 + 1_500 + interest)
    assert flags(kit) == []
    assert verify(kit.centre).faults == ()


def test_a_draw_of_after_the_last_repayment_keeps_the_line_open(kit: Kit, drawn: str):
    kit.clock.set_day(day(130))
    _, interest, _ = owed(kit, drawn, day(130))
    repay(kit, "r1", drawn, 1_015_000 + interest, day(130))
    kit.clock.set_day(day(132))
    [lease] = [each for each in leases_at_station(kit) if each.line_id == drawn]
    draw(kit, "draw-2", drawn, lease.lease_id, 100_000)
    deliver(kit)
    kit.clock.set_day(day(140))
    accept_evidence(kit.centre, kit.evidence("plot-b1", day(140), Stage.HARVESTED, 1500))
    assert kit.read(lines.get, drawn).is_open


def wheat() -> Product:
    """The worked example of the rule: 100 mu of wheat, amounts scaled to one plot."""
    base = product_of("crop-season")
    shares = {
        "sowing": 350_000, "emergence": 500_000, "vegetative": 750_000, "heading": 900_000,
        "ripening": 1_000_000, "harvested": 1_000_000,
    }  # fmt: skip
    stages = tuple(
        replace(each, released_ppm=shares[each.stage], ltv_ppm=600_000) for each in base.stages
    )
    price = replace(
        base.price, price_minor_per_kg=260, price_haircut_ppm=100_000, post_harvest_loss_ppm=30_000
    )
    return replace(
        base,
        product_id="wheat",
        crop="wheat",
        scale_of_finance_minor_per_ha=80_000_000,
        stages=stages,
        price=price,
        capacity=replace(base.capacity, living_cost_minor_per_person=0),
        credit=replace(base.credit, limit_max_minor=100_000_000),
        decision=replace(base.decision, authority_minor_max=100_000_000),
        lease=replace(base.lease, share_of_headroom_ppm=1_000_000),
    )


def test_worked_example_with_45_000_drawn_leaves_nothing_available_and_no_arrears(kit: Kit):
    product = wheat()
    enrolment.add_product(kit.centre, product, TESTER)
    plot = Subject(
        "plot-w1", SubjectKind.PLOT, "farmer-b", "wheat", "wheat", product.season_id,
        SEASON_START.isoformat(), 1_000,
    )  # fmt: skip
    known = village()
    wider = replace(known, subjects=(*known.subjects, plot))
    shapes = {**polygons(), "plot-w1": {"type": "Polygon", "coordinates": [ring_of("plot-w1")]}}
    enrolment.import_village(kit.centre, wider, shapes, TESTER)
    [opened] = open_known(kit, "wheat")
    kit.product = product
    assert opened.limit_minor == 2_800_000

    def see(number: int, stage: Stage, q10_g_per_mu: int) -> lines.Line:
        kit.clock.set_day(day(number))
        accept_evidence(kit.centre, kit.evidence("plot-w1", day(number), stage, q10_g_per_mu))
        return kit.read(lines.get, opened.line_id)

    see(30, Stage.VEGETATIVE, 373_104)
    assert see(35, Stage.VEGETATIVE, 373_104).limit_minor == 5_080_000
    see(60, Stage.HEADING, 411_552)
    assert see(65, Stage.HEADING, 411_552).limit_minor == 5_600_000
    kit.station.pull(kit.centre)
    wanted = 4_500_000
    for number, lease in enumerate(leases_at_station(kit)):
        if lease.line_id == opened.line_id and wanted:
            amount = min(wanted, lease.amount_minor)
            draw(kit, f"draw-{number}", opened.line_id, lease.lease_id, amount)
            wanted -= amount
    deliver(kit)
    assert (wanted, flags(kit)) == (0, [])
    before = owed(kit, opened.line_id, day(70))
    line = see(70, Stage.HEADING, 285_144)
    stands = kit.read(standing, line, day(70))
    assert line.limit_minor == 3_880_000
    assert (stands.headroom_minor, line.watch) == (0, True)
    assert owed(kit, opened.line_id, day(70)) == before
    assert line.due_on == product.due_on
    assert verify(kit.centre).faults == ()


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("see"), st.sampled_from([200, 700, 1500, 2500]), st.integers(0, 5)),
        st.tuples(st.just("draw"), st.integers(1, 30), st.booleans()),
        st.tuples(st.just("close"), st.just(0), st.just(0)),
        st.tuples(st.just("repay"), st.integers(1, 20), st.just(0)),
        st.tuples(st.just("pull"), st.just(0), st.just(0)),
        st.tuples(st.just("dark"), st.integers(1, 20), st.just(0)),
    ),
    max_size=14,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("leases")


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(EVENTS)
def test_posted_and_leased_never_exceed_the_limit_when_a_lease_is_signed(
    template, village_on_sqlite, events
):
    path = template / f"{canonical_hash(repr(events))}.sqlite"
    shutil.copyfile(village_on_sqlite.database, path)
    store = open_store(f"sqlite:///{path}", "lender")
    try:
        kit = take_kit(store, Settings(), village_on_sqlite.ids_last)
        _play(kit, events)
        _check(kit, store)
    finally:
        store.close()
        path.unlink(missing_ok=True)


def _play(kit: Kit, events) -> None:
    """A season in which the station acts only on what it has pulled."""
    [line_id] = [one.line_id for one in open_known(kit) if one.farmer_id == "farmer-b"]
    spent: dict[str, int] = {}
    closed: set[str] = set()
    for number, (kind, first, second) in enumerate(events, 1):
        kit.clock.add_days(first if kind == "dark" else 3)
        today = date(1970, 1, 1) + timedelta(days=kit.clock.at_ms // 86_400_000)
        held = [
            each
            for each in leases_at_station(kit)
            if each.line_id == line_id and each.lease_id not in closed
        ]
        if kind == "see":
            accept_evidence(kit.centre, kit.evidence("plot-b1", today, list(Stage)[second], first))
        elif kind == "draw" and held:
            left = held[0].amount_minor - spent.get(held[0].lease_id, 0)
            amount = min(left, first * 10_000)
            if amount > 0 and today < date(2026, 9, 1):
                draw(kit, f"d{number}", line_id, held[0].lease_id, amount)
                spent[held[0].lease_id] = spent.get(held[0].lease_id, 0) + amount
            if second and kit.station.records:
                deliver(kit)
        elif kind == "close" and held:
            give_back(kit, held[0].lease_id, spent.get(held[0].lease_id, 0))
            closed.add(held[0].lease_id)
        elif kind == "repay":
            repay(kit, f"r{number}", line_id, first * 10_000, today)
        elif kind == "pull":
            kit.station.pull(kit.centre)
    if kit.station.records:
        deliver(kit)


def _check(kit: Kit, store: Store) -> None:
    assert flags(kit) == []
    assert verify(kit.centre).faults == ()
    with store.reading() as tx:
        for signed in leases.every(tx):
            if signed.lease.kind is LeaseKind.LINE:
                total = signed.posted_at_signing_minor + signed.pending_at_signing_minor
                total += signed.leased_at_signing_minor + signed.lease.amount_minor
                assert total <= signed.lease.limit_minor
        assert sum(ledger.trial_balance(tx).values()) == 0
