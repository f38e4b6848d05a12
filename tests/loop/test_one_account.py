"""Station and centre tell one figure to the unit, and the ledger holds it, for any schedule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.canonical import canonical_hash
from core.errors import AgreementError
from core.lending.account import Account, Amounts
from core.lending.accrual import DayCount
from core.lending.agreement import AgreementReason
from core.lending.product import Product
from core.lending.relief import LossSeen, LossSource, ReliefBand
from core.lending.restructuring import RestructuringTerms, Wish
from core.lending.schedule import months_from
from core.lending.terms import (
    ArrearsTerms,
    CashMonth,
    InterestKind,
    MoratoriumInterest,
    Part,
    RebateTerms,
    ScheduleKind,
    ScheduleTerms,
)
from core.shape import decode
from core.units import PPM
from core.wire.records import Consent, ConsentAction, Drawdown, LineStatus
from edge_node.decide.debt import Debt, debt
from edge_node.store.leases import KeptDraw
from edge_node.store.lines import KeptLine
from server.config import Settings
from server.services import enrolment
from server.services.audit.run import audit
from server.services.bouncing import BounceReason, BounceRequest
from server.services.centre import RequestError
from server.services.posting import RepaymentRequest, take_repayment
from server.services.restructuring import Proposed, approve, propose
from server.services.standing import account_of, ahead_of, owed
from server.services.verifying import verify
from server.store import ledger, lines, newplans
from server.store.engine import Store, Tx, open_store
from server.store.people import Actor
from tests.support.centre_kit import SEASON_START, TESTER, Kit, build_kit, open_known, product_of
from tests.support.centre_store import lay_out
from tests.support.kiosk_kit import MONEY, deliver, draw, flags, leases_at_station
from tests.support.two_words import bounced, relieved

CASHIER = Actor("till", "cashier")
SUPERVISOR, OFFICER = Actor("wanjiru", "supervisor"), Actor("otieno", "lender")
TIMES_MAX = 3
EASIER = RestructuringTerms(
    "2020-01-01", 60, TIMES_MAX, may_capitalise=True, source="a test", rate_ppm_max=300_000
)
SCHEDULES: dict[str, ScheduleTerms] = {
    "bullet": ScheduleTerms(ScheduleKind.BULLET),
    "interest only": ScheduleTerms(ScheduleKind.INTEREST_ONLY, every_months=1),
    "equal instalments": ScheduleTerms(ScheduleKind.EQUAL_INSTALMENTS, every_months=1),
    "equal principal": ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=2),
    "cash months": ScheduleTerms(ScheduleKind.CASH_MONTHS, cash=(CashMonth(6, 1), CashMonth(9, 3))),
    "at will": ScheduleTerms(ScheduleKind.AT_WILL),
    "capitalising": ScheduleTerms(
        ScheduleKind.BULLET, interest=InterestKind.CAPITALISING, capitalise_months=1
    ),
    "capitalising, 5 months": ScheduleTerms(
        ScheduleKind.BULLET, interest=InterestKind.CAPITALISING, capitalise_months=5
    ),
    "moratorium": ScheduleTerms(
        ScheduleKind.EQUAL_PRINCIPAL,
        every_months=1,
        moratorium_months=3,
        moratorium_interest=MoratoriumInterest.CAPITALISED,
    ),
    "balloon": ScheduleTerms(
        ScheduleKind.EQUAL_INSTALMENTS, every_months=1, balloon_ppm=500_000, rounding_minor=10_000
    ),
}


def day(number: int) -> date:
    return SEASON_START + timedelta(days=number)


class Both:
    """A centre with a ledger, and what a station makes of its words."""

    def __init__(self, kit: Kit, product: Product) -> None:
        self.kit = kit
        enrolment.add_product(kit.centre, product, TESTER)
        kit.product = product
        open_known(kit)
        kit.station.pull(kit.centre)
        [line] = kit.read(lines.of_farmer, "farmer-b")
        self.line_id: str = line.line_id
        [self.lease] = [e for e in leases_at_station(kit) if e.line_id == self.line_id]
        self.left_minor = self.lease.amount_minor
        self.undelivered: list[Drawdown] = []
        self.today = day(0)

    def pass_to(self, number: int) -> None:
        self.today = max(self.today, day(number))
        self.kit.clock.set_day(self.today)

    def draw(self, number: int, amount: int) -> None:
        amount = min(amount, self.left_minor)
        if amount <= 0 or self.today >= date.fromisoformat(self.kit.product.due_on):
            return
        self.left_minor -= amount
        draw(self.kit, f"draw-{number}", self.line_id, self.lease.lease_id, amount)
        [*_, record] = self.kit.station.records.values()
        self.undelivered.append(decode(Drawdown, record[-1].body))

    def deliver(self) -> None:
        if self.undelivered:
            deliver(self.kit)
            self.undelivered = []
        self.kit.station.pull(self.kit.centre)

    def repay(self, number: int, amount: int, days_ago: int) -> None:
        on = max(day(0), self.today - timedelta(days=days_ago))
        request = RepaymentRequest(f"r{number}", self.line_id, amount, "KES", on.isoformat())
        take_repayment(self.kit.centre, request, CASHIER)
        self.kit.station.pull(self.kit.centre)

    def bounce(self, place: int) -> None:
        """Let one of the repayments bounce, if there is any, perhaps one that did before."""
        paid = self.kit.read(ledger.repayments_of, self.line_id)
        if not paid:
            return
        repaid = paid[place % len(paid)]
        reason, on = BounceReason.CHEQUE_UNPAID, repaid.effective_on
        for _ in range(2):
            bounced(self.kit.centre, BounceRequest(repaid.repayment_id, reason, "c-1", on))
        self.kit.station.pull(self.kit.centre)

    def plan_anew(self, months: int, rate_ppm: int, schedule: ScheduleTerms) -> None:
        """Let the line be repaid by another plan from today on, if anything is owed on it."""
        line = self.kit.read(lines.get, self.line_id)
        if not line.is_open or not self.at_centre(self.today).total_minor:
            return
        made = [e.offer.restructured.on for e in self.kit.read(newplans.of_line, self.line_id)]
        if len(made) == TIMES_MAX or self.today.isoformat() in made:
            return
        until = months_from(date.fromisoformat(line.due_on), 12 * months)
        if schedule.faults(until):  # relief has moved the last due date out of its cash months
            return
        wish = Wish(until, rate_ppm, schedule, capitalises=rate_ppm % 2 == 0)
        asked = Proposed(self.line_id, wish, AgreementReason.HARDSHIP)
        proposal = propose(self.kit.centre, asked, OFFICER)
        name = f"plan-{proposal.proposal_id}"
        consent = Consent(
            name, line.farmer_id, ConsentAction.GRANT, ("new_plan",), "lender",
            proposal.offer_sha256, spoken=False, helped=False,
        )  # fmt: skip
        self.kit.station.write(MONEY, "consent", consent, self.kit.clock.at_ms)
        deliver(self.kit)
        approve(self.kit.centre, proposal.proposal_id, SUPERVISOR)
        self.kit.station.pull(self.kit.centre)

    def relieve(self, loss_ppm: int) -> None:
        """A verified loss puts off what is not due yet, if the line may have that."""
        seen = [LossSeen(LossSource.VISIT, "visit-1", loss_ppm)]
        before = self.kit.read(account_at, self.line_id, self.today)
        try:
            relieved(self.kit.centre, self.line_id, seen)
        except (RequestError, AgreementError):  # nothing owed, over, had before, planned today
            return
        after = self.kit.read(account_at, self.line_id, self.today)
        assert (after.owed, after.late_minor) == (before.owed, before.late_minor)
        self.kit.station.pull(self.kit.centre)

    def at_station(self, on: date) -> Debt:
        told = [b for b in self.kit.station.bodies("line") if b["line_id"] == self.line_id]
        status = decode(LineStatus, told[-1])
        line = KeptLine(
            self.line_id, "farmer-b", status.product_id, None, status, 0, frozen=False,
            freeze_reasons=(),
        )  # fmt: skip
        drawn = tuple(KeptDraw(each, 0, 0) for each in self.undelivered)
        # The station's newest version of the product may be another: the line's terms count.
        offered = replace(self.kit.product, credit=replace(self.kit.product.credit, rate_ppm=1))
        return debt(line, drawn, offered, on)

    def at_centre(self, on: date) -> Amounts:
        return self.kit.read(lambda tx: owed(tx, lines.get(tx, self.line_id), on))

    def booked(self) -> dict[str, int]:
        names = ("principal", "fee", "interest", "penalty")
        return {
            name: self.kit.read(ledger.account_balance, f"loan/{name}/{self.line_id}", "KES")
            for name in names
        }


def account_at(tx: Tx, line_id: str, on: date) -> Account:
    return account_of(tx, lines.get(tx, line_id), on)


BANDS = (
    ReliefBand(330_000, 18, 12, "2018-10-17", "a test: months that no step divides"),
    ReliefBand(500_000, 60, 12, "2018-10-17", "RBI"),
)


def lent(**terms: Any) -> Product:
    made = replace(product_of("crop-season"), version=9, restructuring=(EASIER,), relief=BANDS)
    return replace(made, **terms)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("accounts")


def opened(folder: Path, product: Product, name: str) -> tuple[Both, Store]:
    path = folder / f"{canonical_hash(name)}.sqlite"
    path.unlink(missing_ok=True)
    store = open_store(f"sqlite:///{path}", "lender")
    lay_out(store)
    return Both(build_kit(store, Settings()), product), store


PRODUCTS = st.builds(
    lent,
    schedule=st.sampled_from(sorted(SCHEDULES)).map(SCHEDULES.__getitem__),
    arrears=st.builds(ArrearsTerms, st.integers(0, 20), st.sampled_from([0, 60_000])),
    rebate=st.sampled_from([None, RebateTerms(30_000)]),
    waterfall=st.permutations(list(Part)).map(tuple),
    credit=st.builds(
        # A station refuses what costs more than the cap; these draws are written by hand.
        lambda rate, count: replace(
            product_of("crop-season").credit,
            rate_ppm=rate,
            day_count=count,
            apr_cap_ppm=10 * PPM,
        ),
        st.integers(30_000, 200_000),
        st.sampled_from(DayCount),
    ),
)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("draw"), st.integers(50_000, 600_000), st.just(0)),
        st.tuples(st.just("deliver"), st.just(0), st.just(0)),
        st.tuples(st.just("repay"), st.integers(1, 900_000), st.integers(0, 60)),
        st.tuples(st.just("bounce"), st.integers(0, 8), st.just(0)),
        st.tuples(st.just("plan"), st.integers(0, 100_000), st.integers(0, 5)),
        st.tuples(st.just("loss"), st.sampled_from([200_000, 400_000, 700_000]), st.just(0)),
        st.tuples(st.just("pass"), st.integers(1, 50), st.just(0)),
    ),
    min_size=3,
    max_size=9,
)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(PRODUCTS, EVENTS, st.integers(0, 40))
def test_both_sides_and_the_ledger_agree_on_any_facts(
    folder: Path, product: Product, events: list[tuple[str, int, int]], later: int
) -> None:
    both, store = opened(folder, product, repr((product, events)))
    try:
        both.draw(0, 400_000)
        for number, event in enumerate(events, 1):
            happen(both, number, event)
        foreseen = both.at_station(both.today).owed
        both.deliver()
        assert foreseen == both.at_centre(both.today)
        for on in (both.today, both.today + timedelta(days=later)):
            seen = both.at_station(on)
            assert seen.owed == both.at_centre(on)
            centre = both.kit.read(lambda tx, on=on: ahead_of(tx, lines.get(tx, both.line_id), on))
            assert seen.ahead == centre
        assert verify(both.kit.centre).faults == ()
        assert sum(both.kit.read(ledger.trial_balance).values()) == 0
        ledger_holds_what_is_owed(both)
        assert flags(both.kit) == []
    finally:
        store.close()


def happen(both: Both, number: int, event: tuple[str, int, int]) -> None:
    kind, amount, days = event
    if kind == "draw":
        both.draw(number, amount)
    elif kind == "deliver":
        both.deliver()
    elif kind == "repay":
        both.deliver()
        both.repay(number, amount, days)
    elif kind == "plan":
        both.deliver()
        both.plan_anew(1 + days % 3, amount, list(SCHEDULES.values())[days])
    elif kind == "bounce":
        both.deliver()
        both.bounce(amount)
    elif kind == "loss":
        both.deliver()
        both.relieve(amount)
    else:
        both.pass_to((both.today - day(0)).days + amount)


def ledger_holds_what_is_owed(both: Both) -> None:
    """On the day of the last repayment the balances are what is owed, part by part."""
    paid = both.kit.read(ledger.repayments_of, both.line_id)
    draws = both.kit.read(ledger.drawn_minor, f"loan/principal/{both.line_id}")
    if not paid or not draws:
        return
    last = date.fromisoformat(paid[-1].effective_on)
    on_that_day = both.at_centre(last)
    later = [
        each for each in both.kit.station.records.get(next(iter(both.kit.station.records)), [])
        if each.kind == "drawdown" and each.body["state"] == "posted"
        and each.body["effective_on"] > last.isoformat()
    ]  # fmt: skip
    assert both.booked() == {
        "principal": on_that_day.principal_minor + sum(e.body["amount_minor"] for e in later),
        "fee": on_that_day.fee_minor + sum(e.body["fee_minor"] for e in later),
        "interest": on_that_day.interest_minor,
        "penalty": on_that_day.penalty_minor,
    }


@pytest.fixture
def both(folder: Path, request: pytest.FixtureRequest) -> Iterator[Both]:
    """A line of the product that the test is parametrised with."""
    found, store = opened(folder, request.param, request.node.name)
    yield found
    store.close()


def every_kind() -> list[Any]:
    return [pytest.param(lent(schedule=each), id=name) for name, each in SCHEDULES.items()]


@pytest.mark.parametrize("both", every_kind(), indirect=True)
def test_a_line_of_every_schedule_is_opened_drawn_and_repaid_as_planned(both: Both) -> None:
    both.pass_to(1)
    both.draw(1, 1_000_000)
    both.deliver()
    planned = both.at_station(both.today).ahead
    assert planned[-1].on == date.fromisoformat(both.kit.product.due_on)
    for number, asked in enumerate(planned):
        both.pass_to((asked.on - day(0)).days)
        assert both.at_station(asked.on).ahead[0] == asked
        both.repay(number, asked.parts.total_minor, 0)
    assert both.at_centre(planned[-1].on) == Amounts()
    assert set(both.booked().values()) == {0}
    assert verify(both.kit.centre).faults == ()


STORIES = {
    "plan, then loss, then a bounce of before": (
        ("pass", 20, 0), ("repay", 100_000, 0), ("pass", 10, 0), ("plan", 50_000, 2),
        ("pass", 30, 0), ("loss", 400_000, 0), ("bounce", 0, 0), ("pass", 50, 0),
        ("repay", 50_000, 40), ("bounce", 1, 0),
    ),
    "loss, all paid and closed, bounced, a second loss, then a plan": (
        ("pass", 40, 0), ("loss", 700_000, 0), ("pass", 20, 0), ("repay", 900_000, 0),
        ("bounce", 0, 0), ("loss", 700_000, 0), ("pass", 1, 0), ("plan", 50_000, 1),
        ("pass", 300, 0), ("repay", 10_000, 60),
    ),
    "a bounce, then loss on the day of a plan, and a draw after it": (
        ("repay", 200_000, 0), ("bounce", 0, 0), ("plan", 100_000, 3), ("loss", 400_000, 0),
        ("pass", 1, 0), ("loss", 400_000, 0), ("draw", 90_000, 0), ("repay", 20_000, 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("events", STORIES.values(), ids=STORIES)
@pytest.mark.parametrize("schedule", ["capitalising, 5 months", "equal instalments", "moratorium"])
def test_loss_plan_and_bounce_agree_in_every_order(
    folder: Path, events: tuple[tuple[str, int, int], ...], schedule: str
) -> None:
    product = lent(schedule=SCHEDULES[schedule], arrears=ArrearsTerms(5, 60_000))
    both, store = opened(folder, product, repr((schedule, events)))
    try:
        both.draw(0, 400_000)
        for number, event in enumerate(events, 1):
            happen(both, number, event)
        both.deliver()
        for on in (both.today, both.today + timedelta(days=700)):
            assert both.at_station(on).owed == both.at_centre(on)
        ledger_holds_what_is_owed(both)
        assert audit(both.kit.centre).holds
    finally:
        store.close()


DEAR = lent(
    schedule=SCHEDULES["equal principal"],
    arrears=ArrearsTerms(5, 60_000),
    rebate=RebateTerms(30_000),
)


@pytest.mark.parametrize("both", [pytest.param(DEAR, id="penalty")], indirect=True)
def test_a_penalty_reaches_the_ledger_and_both_sides(both: Both) -> None:
    both.pass_to(1)
    both.draw(1, 900_000)
    both.deliver()
    late = both.at_station(both.today).ahead[0].on + timedelta(days=40)
    both.pass_to((late - day(0)).days)
    seen = both.at_station(late)
    assert seen.owed.penalty_minor > 0
    assert (seen.account.late_days, seen.ahead[0].is_late) == (40, True)
    both.repay(1, 100_000, 0)
    assert both.at_station(late).owed == both.at_centre(late)
    assert both.kit.read(ledger.account_balance, "income/penalty", "KES") == (
        -seen.owed.penalty_minor
    )


@pytest.mark.parametrize(
    "both", [pytest.param(replace(DEAR, schedule=None), id="rebate")], indirect=True
)
def test_a_prompt_payers_rebate_is_owed_to_the_farmer(both: Both) -> None:
    both.pass_to(1)
    both.draw(1, 900_000)
    both.deliver()
    due = date.fromisoformat(both.kit.product.due_on)
    both.pass_to((due - day(0)).days)
    both.repay(1, both.at_centre(due).total_minor, 0)
    found = both.kit.read(lambda tx: account_of(tx, lines.get(tx, both.line_id), due))
    assert found.rebate_minor == round(900_000 * 3 * (due - day(1)).days / 36_500)
    owed_back = both.kit.read(ledger.account_balance, f"payable/{both.line_id}", "KES")
    assert owed_back == -found.rebate_minor
    assert both.kit.read(ledger.account_balance, "income/rebate", "KES") == found.rebate_minor
