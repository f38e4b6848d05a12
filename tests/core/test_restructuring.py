"""A new plan for what is owed: its bounds, its price, and an account that adds up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AgreementError
from core.lending.account import Amounts, account, ahead
from core.lending.accrual import DayCount
from core.lending.facts import Fact, FactKind
from core.lending.relief import planned
from core.lending.restructuring import (
    WITHOUT_WORDS,
    RestructuringTerms,
    Wish,
    course,
    forborne_months,
    restructured,
    terms_in_force,
)
from core.lending.terms import (
    ArrearsTerms,
    CashMonth,
    MoratoriumInterest,
    RebateTerms,
    RepaymentTerms,
    ScheduleKind,
    ScheduleTerms,
)

DRAWN, DUE, ON = date(2026, 3, 20), date(2026, 9, 15), date(2026, 10, 20)
BULLET = ScheduleTerms(ScheduleKind.BULLET)
TERMS = RepaymentTerms(
    140_000, DayCount.ACT_365F, DUE, BULLET, ArrearsTerms(10, 60_000), RebateTerms(30_000)
)
FACTS = (
    Fact("d", FactKind.DRAWDOWN, DRAWN, 1_000_000),
    Fact("d/fee", FactKind.FEE, DRAWN, 15_000),
    Fact("r1", FactKind.REPAYMENT, date(2026, 7, 1), 100_000),
)
MONTHLY = ScheduleTerms(ScheduleKind.EQUAL_INSTALMENTS, every_months=1)
OPEN = RestructuringTerms(
    "2026-01-01", 60, 3, may_capitalise=True, source="us", rate_ppm_max=200_000
)
SCHEDULES = (
    BULLET,
    MONTHLY,
    ScheduleTerms(ScheduleKind.INTEREST_ONLY, every_months=3),
    ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=1, moratorium_months=3),
    ScheduleTerms(
        ScheduleKind.EQUAL_PRINCIPAL, every_months=1, moratorium_months=2,
        moratorium_interest=MoratoriumInterest.CAPITALISED,
    ),
    ScheduleTerms(ScheduleKind.CASH_MONTHS, cash=(CashMonth(6, 1), CashMonth(9, 3))),
    ScheduleTerms(ScheduleKind.AT_WILL),
)  # fmt: skip


def anew(wish: Wish | None = None, terms: RepaymentTerms = TERMS, on: date = ON) -> RepaymentTerms:
    return restructured(
        terms, wish or Wish(date(2027, 9, 15), 120_000, MONTHLY, capitalises=False), OPEN, on
    )


def owed(terms: RepaymentTerms, on: date, facts: tuple[Fact, ...] = FACTS) -> Amounts:
    return account(terms, facts, on, planned(terms, facts)).owed


def test_what_was_late_is_so_no_more_and_nothing_is_forgiven():
    before = account(TERMS, FACTS, ON, planned(TERMS, FACTS))
    after = account(anew(), FACTS, ON, planned(anew(), FACTS))
    assert (before.late_days, after.late_days) == (35, 0)
    assert before.owed == after.owed
    assert before.owed.penalty_minor > 0
    # From then on the new rate runs, and no penalty.
    later = owed(anew(), ON + timedelta(days=10))
    assert later.penalty_minor == before.owed.penalty_minor
    interest = before.owed.principal_minor * 120_000 * 10 / 365e6
    assert later.interest_minor - before.owed.interest_minor == pytest.approx(interest, abs=1)


def test_interest_that_is_due_becomes_principal_only_where_it_was_agreed():
    wish = Wish(date(2027, 9, 15), 120_000, BULLET, capitalises=True)
    plain, grown = owed(anew(replace(wish, capitalises=False)), ON), owed(anew(wish), ON)
    assert grown.total_minor == plain.total_minor
    assert grown.interest_minor == 0
    assert grown.principal_minor == plain.principal_minor + plain.interest_minor


def test_the_first_of_the_new_dues_takes_fees_and_interest_of_before():
    dues = planned(anew(), FACTS)
    new = [due for due in dues if due.on > ON]
    then = owed(TERMS, ON)
    assert sum(due.principal_minor for due in new) == then.principal_minor
    assert new[0].fee_minor == then.fee_minor + then.interest_minor


@given(
    st.sampled_from(SCHEDULES), st.booleans(), st.integers(0, 200_000),
    st.permutations(range(6)), st.lists(st.integers(1, 300_000), min_size=3, max_size=3),
)  # fmt: skip
def test_paid_as_planned_it_ends_with_nothing_in_any_order_of_arrival(
    schedule, capitalises, rate_ppm, order, paid
):
    terms = anew(Wish(date(2028, 9, 15), rate_ppm, schedule, capitalises))
    late = (
        Fact("d2", FactKind.DRAWDOWN, date(2026, 8, 1), 200_000),
        Fact("r2", FactKind.REPAYMENT, date(2026, 8, 20), paid[0]),
        Fact("r3", FactKind.REPAYMENT, ON, paid[1]),
    )
    facts = tuple((*FACTS, *late)[place] for place in order)
    found = account(terms, facts, ON, planned(terms, facts))
    old = account(TERMS, facts, ON, planned(TERMS, facts))
    assert found.owed.total_minor == old.owed.total_minor
    assert found.late_minor == 0
    asked = ahead(terms, facts, ON, planned(terms, facts))
    assert all(not each.is_late for each in asked)
    back = [
        Fact(f"p{n}", FactKind.REPAYMENT, each.on, each.parts.total_minor)
        for n, each in enumerate(asked)
    ]
    everything = (*facts, *back)
    end = account(terms, everything, asked[-1].on, planned(terms, everything))
    assert (end.owed, end.surplus_minor, end.late_minor) == (Amounts(), 0, 0)


def test_days_before_the_new_plan_stay_as_they_were():
    for days in range(0, (ON - DRAWN).days, 30):
        day = DRAWN + timedelta(days=days)
        facts = tuple(fact for fact in FACTS if fact.on <= day)
        terms = anew().until(day)
        assert terms == TERMS
        assert owed(terms, day, facts) == owed(TERMS, day, facts)


def test_a_second_new_plan_follows_the_first():
    first = anew()
    second = restructured(
        first, Wish(date(2028, 9, 15), 100_000, BULLET, capitalises=True), OPEN,
        date(2027, 2, 1),
    )  # fmt: skip
    assert (second.before_last(), second.first()) == (first, TERMS)
    day = date(2027, 2, 1)
    assert owed(second, day).total_minor == owed(first, day).total_minor
    assert owed(second, date(2027, 6, 1)).total_minor < owed(first, date(2027, 6, 1)).total_minor


def test_a_late_instalment_of_the_new_plan_is_late():
    found = account(anew(), FACTS, date(2027, 1, 20), planned(anew(), FACTS))
    assert found.late_since == date(2026, 11, 15)
    assert found.owed.penalty_minor > owed(anew(), ON).penalty_minor


@pytest.mark.parametrize(
    ("changes", "bounds", "wrong"),
    [
        ({"due_on": DUE}, OPEN, "a last due date after 2026-10-20 up to 2031-09-15"),
        ({"due_on": date(2040, 1, 1)}, OPEN, "up to 2031-09-15, got 2040-01-01"),
        ({"rate_ppm": 200_001}, OPEN, "a rate of 0 to 200000 ppm a year, got 200001"),
        ({"rate_ppm": 140_001}, WITHOUT_WORDS, "a rate of 0 to 140000 ppm a year"),
        ({"capitalises": True}, WITHOUT_WORDS, "no interest that becomes principal"),
        ({"schedule": ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL)}, OPEN, "needs every_months"),
        ({}, replace(OPEN, times_max=0), "at most 0 new plans, 0 were made"),
    ],
)
def test_a_plan_outside_the_bounds_is_refused_by_name(changes, bounds, wrong):
    fields = {"due_on": date(2027, 9, 15), "rate_ppm": 1, "schedule": BULLET, "capitalises": False}
    with pytest.raises(AgreementError, match=wrong):
        restructured(TERMS, Wish(**{**fields, **changes}), bounds, ON)


def test_the_whole_price_stands_beside_the_old_one():
    old, new = course(TERMS, FACTS, ON), course(anew(), FACTS, ON)
    assert [each.on for each in old.asked] == [ON]  # all of it was late: asked at once
    assert old.total_minor == owed(TERMS, ON).total_minor
    assert new.total_minor > old.total_minor
    assert 100_000 < new.apr_ppm < 140_000
    assert len(new.asked) == 11


def test_bounds_are_dated_and_the_latest_counts():
    older = replace(OPEN, from_on="2020-01-01", months_max=6)
    assert terms_in_force((older, OPEN), ON) is OPEN
    assert terms_in_force((replace(OPEN, until_on="2026-02-01"),), ON) is WITHOUT_WORDS
    assert replace(OPEN, months_max=0, source="", rate_ppm_min=2, rate_ppm_max=1).faults() == [
        "restructuring.months_max must be 1 to 120",
        "restructuring.rates must be 0 to 1,000,000 ppm, in order",
        "restructuring.source must name who says so",
    ]


def test_probation_counts_whole_months():
    steps = anew().restructured
    assert forborne_months(steps, ON - timedelta(days=1)) is None
    days = (ON, date(2026, 11, 19), date(2026, 11, 20))
    assert [forborne_months(steps, day) for day in days] == [0, 0, 1]
