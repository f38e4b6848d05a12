"""Relief after a verified loss: the notes' bands, what proves a loss, and the plan after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ProductError
from core.lending.account import account, ahead
from core.lending.accrual import DayCount
from core.lending.agreed import agreed, draw_facts
from core.lending.facts import Fact, FactKind
from core.lending.product import parse_product
from core.lending.relief import (
    LossSeen,
    LossSource,
    Relief,
    ReliefBand,
    band_for,
    planned,
    verified_loss_ppm,
)
from core.lending.terms import (
    ArrearsTerms,
    InterestKind,
    RepaymentTerms,
    ScheduleKind,
    ScheduleTerms,
)
from tests.support.products import CROP

RBI = (
    ReliefBand(330_000, 24, 12, "2018-10-17", "RBI"),
    ReliefBand(500_000, 60, 12, "2018-10-17", "RBI"),
)
DRAWN, DUE, GRANTED = date(2026, 3, 20), date(2026, 9, 15), date(2026, 8, 20)
TERMS = RepaymentTerms(140_000, DayCount.ACT_365F, DUE, arrears=ArrearsTerms(0, 60_000))
LATER = Relief(GRANTED.isoformat(), DUE.isoformat(), 24, 12, 400_000)
FACTS = draw_facts("d", DRAWN, 1_000_000, 15_000)


@pytest.mark.parametrize(
    ("loss_percent", "months", "grace_months"),
    [(0, None, None), (32, None, None), (33, 24, 12), (49, 24, 12), (50, 60, 12), (100, 60, 12)],
)
def test_the_reserve_banks_bands(loss_percent, months, grace_months):
    band = band_for(RBI, loss_percent * 10_000, date(2026, 8, 20))
    found = (band.months, band.grace_months) if band else (None, None)
    assert found == (months, grace_months)


def test_a_band_counts_only_while_it_is_in_force():
    older = ReliefBand(250_000, 12, 6, "2015-01-01", "before", until_on="2018-10-16")
    assert band_for((older, *RBI), 400_000, date(2018, 10, 16)) == older
    assert band_for((older, *RBI), 400_000, date(2018, 10, 17)) == RBI[0]
    assert band_for(RBI, 400_000, date(2018, 10, 16)) is None


@pytest.mark.parametrize(
    ("seen", "loss_ppm"),
    [
        ([("visit", 450_000)], 450_000),
        ([("imagery", 600_000)], None),
        ([("imagery", 600_000), ("imagery", 700_000)], None),
        ([("imagery", 600_000), ("weather_index", 410_000)], 410_000),
        ([("imagery", 600_000), ("weather_index", 410_000), ("visit", 500_000)], 500_000),
        ([], None),
    ],
)
def test_a_loss_is_verified_by_a_visit_or_by_two_sources(seen, loss_ppm):
    found = [LossSeen(LossSource(source), "r", loss) for source, loss in seen]
    assert verified_loss_ppm(found) == loss_ppm


def test_what_was_put_off_is_due_yearly_after_the_grace():
    terms = replace(TERMS, due_on=LATER.due_on)
    dues = planned(terms, FACTS, LATER)
    assert [(due.on, due.principal_minor) for due in dues] == [(date(2028, 9, 15), 1_000_000)]
    long = replace(LATER, months=60)
    dues = planned(replace(TERMS, due_on=long.due_on), FACTS, long)
    assert [(due.on.year, due.principal_minor) for due in dues] == [
        (2028, 250_000), (2029, 250_000), (2030, 250_000), (2031, 250_000),
    ]  # fmt: skip
    # The fee and the interest to the old due date come with the first, then that of two years.
    assert dues[0].interest_minor == 15_000 + 68_658 + 280_384


def test_nothing_becomes_late_by_the_loss_and_nothing_is_forgiven():
    terms = replace(TERMS, due_on=LATER.due_on)
    with_relief, without = planned(terms, FACTS, LATER), agreed(TERMS, FACTS)
    for day in (DUE, DUE + timedelta(days=200), date(2028, 9, 14)):
        seen = account(terms, FACTS, day, with_relief)
        assert (seen.late_minor, seen.owed.penalty_minor) == (0, 0)
        was = account(TERMS, FACTS, day, without)
        assert seen.owed.interest_minor == was.owed.interest_minor
        assert seen.owed.principal_minor == was.owed.principal_minor
    after = account(terms, FACTS, date(2028, 9, 16), with_relief)
    assert after.late_since == date(2028, 9, 15)


def test_what_was_late_before_stays_late_and_what_was_paid_ahead_is_not_asked_again():
    monthly = replace(TERMS, schedule=ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=1))
    terms = replace(monthly, due_on=LATER.due_on)
    first = agreed(monthly, FACTS)[0]
    paid = Fact("repayment/r", FactKind.REPAYMENT, first.on, first.total_minor)
    facts = (*FACTS, paid)  # of April only: May to August are late when relief comes
    before = account(monthly, facts, GRANTED, agreed(monthly, facts))
    dues = planned(terms, facts, LATER)
    after = account(terms, facts, GRANTED, dues)
    assert (after.late_minor, after.late_since) == (before.late_minor, date(2026, 5, 15))
    assert sum(due.principal_minor for due in dues) == 1_000_000
    ahead_of_plan = replace(paid, amount_minor=900_000)
    facts = (*FACTS, ahead_of_plan)
    dues = planned(terms, facts, LATER)
    owed = account(terms, facts, GRANTED, dues).owed
    [asked] = ahead(terms, facts, GRANTED, dues)
    assert (asked.on, asked.parts.principal_minor) == (LATER.due_on, owed.principal_minor)
    late = account(terms, facts, LATER.due_on + timedelta(days=1), dues)
    assert late.late_minor > owed.principal_minor - 20_000


def test_a_draw_after_the_relief_is_planned_by_itself():
    terms = replace(TERMS, due_on=LATER.due_on)
    facts = (*FACTS, *draw_facts("e", date(2027, 4, 1), 200_000, 3_000))
    dues = planned(terms, facts, LATER)
    assert [(due.on, due.principal_minor) for due in dues] == [(LATER.due_on, 1_200_000)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 150), st.integers(1, 600_000)), max_size=4),
    st.sampled_from([ScheduleKind.BULLET, ScheduleKind.EQUAL_INSTALMENTS]),
    st.sampled_from([InterestKind.SIMPLE, InterestKind.CAPITALISING]),
    st.integers(0, 900),
)
def test_paying_as_planned_ends_with_nothing_owed(repaid, kind, interest, later):
    schedule = ScheduleTerms(
        kind, every_months=1, interest=interest,
        capitalise_months=3 if interest is InterestKind.CAPITALISING else 0,
    )  # fmt: skip
    terms = replace(TERMS, schedule=schedule, due_on=LATER.due_on)
    paid = [
        Fact(f"repayment/{n}", FactKind.REPAYMENT, DRAWN + timedelta(days=day), amount)
        for n, (day, amount) in enumerate(repaid)
    ]
    facts = [*FACTS, *paid]
    on = GRANTED + timedelta(days=later)
    dues = planned(terms, facts, LATER)
    asked = ahead(terms, facts, on, dues)
    more = [
        Fact(f"repayment/a{n}", FactKind.REPAYMENT, each.on, each.parts.total_minor)
        for n, each in enumerate(asked)
    ]
    last = max([on, *(each.on for each in asked)])
    assert account(terms, [*facts, *more], last, dues).owed.total_minor == 0
    before = account(replace(terms, due_on=DUE), facts, GRANTED, agreed(
        replace(terms, due_on=DUE), facts)).late_minor  # fmt: skip
    assert account(terms, facts, GRANTED, dues).late_minor == before


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"loss_from_ppm": 0}, "loss_from_ppm"),
        ({"months": 121}, "months must be 1 to 120"),
        ({"grace_months": 24}, "grace_months must be below months"),
        ({"from_on": "yesterday"}, "must be dates"),
        ({"source": ""}, "source must name"),
    ],
)
def test_a_band_that_cannot_be_is_refused(wrong, says):
    band = {
        "loss_from_ppm": 330_000, "months": 24, "grace_months": 12, "from_on": "2018-10-17",
        "source": "RBI",
    }  # fmt: skip
    assert parse_product({**CROP, "relief": [band]}).relief == (RBI[0],)
    with pytest.raises(ProductError, match=says):
        parse_product({**CROP, "relief": [{**band, **wrong}]})
