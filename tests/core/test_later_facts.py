"""What comes later leaves the account of a day as it was, whatever the line's plan is by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from core.lending.account import account
from core.lending.accrual import DayCount
from core.lending.facts import Fact, FactKind
from core.lending.relief import Relief, planned
from core.lending.restructuring import RestructuringTerms, Wish, restructured
from core.lending.terms import (
    ArrearsTerms,
    RebateTerms,
    RepaymentTerms,
    ScheduleKind,
    ScheduleTerms,
)

DRAWN, PLANNED, DUE = date(2026, 3, 15), date(2026, 3, 30), date(2026, 9, 15)
ENDS = date(2026, 12, 14)
BULLET = ScheduleTerms(ScheduleKind.BULLET)
MONTHLY = ScheduleTerms(ScheduleKind.EQUAL_INSTALMENTS, every_months=1)
TERMS = RepaymentTerms(
    140_000, DayCount.ACT_365F, DUE, BULLET, ArrearsTerms(10, 60_000), RebateTerms(30_000)
)
DAYS = st.sampled_from([15, 78]) | st.integers(0, 300)  # of the plan, of the relief, or any
PAID = st.just(700_000) | st.integers(1, 400_000)  # all of it and more, or a part
OPEN = RestructuringTerms("2020-01-01", 60, 3, may_capitalise=True, source="a test")
RELIEF = Relief("2026-06-01", ENDS.isoformat(), 24, 12, 400_000)


def drawn(name: str, on: date, amount_minor: int) -> tuple[Fact, Fact]:
    fee = Fact(f"{name}/fee", FactKind.FEE, on, amount_minor * 15 // 1000)
    return Fact(name, FactKind.DRAWDOWN, on, amount_minor), fee


def made_anew(schedule: ScheduleTerms, *, capitalises: bool = False) -> RepaymentTerms:
    wish = Wish(ENDS, 140_000, schedule, capitalises=capitalises)
    return restructured(TERMS, wish, OPEN, PLANNED)


def test_who_repays_all_on_the_day_of_a_new_plan_has_the_rebate_whether_or_not_more_is_drawn():
    terms = made_anew(BULLET)
    facts = (*drawn("d", DRAWN, 50_000), Fact("r", FactKind.REPAYMENT, PLANNED, 56_142))
    more = (*facts, *drawn("e", date(2026, 4, 5), 10_000))
    before = account(terms, facts, PLANNED, planned(terms, facts))
    after = account(terms, more, PLANNED, planned(terms, more))
    assert (before.rebate_minor, before.surplus_minor) == (62, 5_104)  # 50,000 * 3 % * 15 / 365
    assert after == before


def test_an_account_that_is_asked_without_a_plan_tells_of_no_rebate():
    facts = (*drawn("d", DRAWN, 50_000), Fact("r", FactKind.REPAYMENT, PLANNED, 56_142))
    assert account(TERMS, facts, PLANNED).rebate_minor == 0


@st.composite
def lives(draw: st.DrawFn) -> tuple[RepaymentTerms, Relief | None, list[Fact]]:
    """A line that is drawn and repaid at any time, planned anew or not, in relief or not."""
    terms, schedule = TERMS, draw(st.sampled_from([BULLET, MONTHLY]))
    if draw(st.booleans()):
        terms = made_anew(schedule, capitalises=draw(st.booleans()))
    relief = RELIEF if draw(st.booleans()) else None
    if relief is not None:
        terms = relief.applied(replace(terms, due_on=date.fromisoformat(relief.due_before)))
    facts = list(drawn("d0", DRAWN, draw(st.integers(100, 300_000))))
    for number, (day, amount) in enumerate(
        draw(st.lists(st.tuples(DAYS, st.integers(100, 300_000)), max_size=2)), 1
    ):
        facts += drawn(f"d{number}", DRAWN + timedelta(days=day), amount)
    for number, (day, amount) in enumerate(draw(st.lists(st.tuples(DAYS, PAID), max_size=4))):
        facts.append(Fact(f"r{number}", FactKind.REPAYMENT, DRAWN + timedelta(days=day), amount))
    return terms, relief, facts


@settings(max_examples=200, deadline=None)
@given(lives(), DAYS)
def test_facts_of_later_days_change_nothing_of_a_days_account(life, days):
    terms, relief, facts = life
    on = DRAWN + timedelta(days=days)
    by_then = [fact for fact in facts if fact.on <= on]
    found = account(terms, facts, on, planned(terms, facts, relief))
    assert found == account(terms, by_then, on, planned(terms, by_then, relief))
