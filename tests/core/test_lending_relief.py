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
from core.lending.facts import Fact, FactKind, reversal_of
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
from core.lending.restructuring import RestructuringTerms, Wish, restructured
from core.lending.terms import (
    ArrearsTerms,
    InterestKind,
    MoratoriumInterest,
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


PLANNED = date(2026, 7, 1)
SCHEDULES = [
    ScheduleTerms(ScheduleKind.BULLET),
    ScheduleTerms(ScheduleKind.EQUAL_INSTALMENTS, every_months=1),
    ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=2),
    ScheduleTerms(ScheduleKind.BULLET, interest=InterestKind.CAPITALISING, capitalise_months=3),
    ScheduleTerms(ScheduleKind.BULLET, interest=InterestKind.CAPITALISING, capitalise_months=5),
    ScheduleTerms(
        ScheduleKind.EQUAL_PRINCIPAL,
        every_months=5,
        moratorium_months=2,
        moratorium_interest=MoratoriumInterest.CAPITALISED,
    ),
]


def made_anew(schedule: ScheduleTerms, anew: ScheduleTerms, *, capitalises: bool) -> RepaymentTerms:
    """A line of any schedule whose plan was made anew on 1 July 2026, a year longer."""
    wish = Wish(date(2027, 9, 15), 100_000, anew, capitalises=capitalises)
    bounds = RestructuringTerms("2020-01-01", 60, 3, may_capitalise=True, source="a test")
    return restructured(replace(TERMS, schedule=schedule), wish, bounds, PLANNED)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(SCHEDULES),
    st.sampled_from(SCHEDULES),
    st.booleans(),
    st.lists(st.tuples(st.integers(1, 250), st.integers(1, 500_000), st.booleans()), max_size=5),
    st.integers(1, 400),
)
def test_relief_after_a_new_plan_puts_that_plan_off_whatever_is_paid_and_bounces(
    schedule, anew, capitalises, repaid, after
):
    terms = made_anew(schedule, anew, capitalises=capitalises)
    granted = PLANNED + timedelta(days=after)
    relief = Relief(granted.isoformat(), terms.due_on.isoformat(), 24, 12, 400_000)
    facts = list(FACTS)
    for number, (day, amount, bounces) in enumerate(repaid):
        paid = Fact(f"repayment/{number}", FactKind.REPAYMENT, DRAWN + timedelta(days=day), amount)
        facts += [paid, reversal_of(paid, f"bounce/{number}")] if bounces else [paid]
    later = relief.applied(replace(terms, due_on=relief.due_on))
    with_relief, without = planned(later, facts, relief), planned(terms, facts)
    # On its day nothing has changed: what was late is late, what is owed is owed.
    then, was = (
        account(t, facts, granted, dues) for t, dues in ((later, with_relief), (terms, without))
    )
    assert (then.owed, then.late_minor, then.late_since) == (
        was.owed, was.late_minor, was.late_since,
    )  # fmt: skip
    # Nothing that was not late becomes so while the grace lasts.
    assert account(later, facts, relief.grace_until, with_relief).late_minor <= was.late_minor
    # Paid as planned it ends with nothing owed, and never asks before the grace for more.
    asked = ahead(later, facts, granted, with_relief)
    counted = [fact for fact in facts if fact.on <= granted]
    more = [
        Fact(f"repayment/a{n}", FactKind.REPAYMENT, each.on, each.parts.total_minor)
        for n, each in enumerate(asked)
    ]
    last = max([granted, *(each.on for each in asked)])
    assert account(later, [*counted, *more], last, with_relief).owed.total_minor == 0
    early = [each for each in asked if granted < each.on < relief.grace_until]
    assert early == []


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(SCHEDULES),
    st.lists(st.tuples(st.integers(1, 300), st.integers(1, 700_000)), min_size=1, max_size=4),
    st.data(),
)
def test_what_bounces_leaves_the_account_as_if_it_had_not_been_in_any_order(schedule, repaid, data):
    """Before the relief, on its day or after it; the relief stands as it was granted."""
    terms = LATER.applied(replace(TERMS, schedule=schedule, due_on=LATER.due_on))
    paid = [
        Fact(f"repayment/{n}", FactKind.REPAYMENT, DRAWN + timedelta(days=day), amount)
        for n, (day, amount) in enumerate(repaid)
    ]
    back = data.draw(st.lists(st.sampled_from(paid), unique=True, min_size=1))
    bounced = [reversal_of(each, f"bounce/{each.fact_id}") for each in back]
    some_order = data.draw(st.permutations([*FACTS, *paid, *bounced]))
    never = [*FACTS, *(each for each in paid if each not in back)]
    for on in (GRANTED, DUE, LATER.grace_until, LATER.due_on + timedelta(days=40)):
        found = account(terms, some_order, on, planned(terms, some_order, LATER))
        assert found == account(terms, never, on, planned(terms, never, LATER))
        if on <= LATER.grace_until:  # what bounced is late only if it was due before the loss
            agreed_late = account(
                replace(terms, due_on=DUE),
                never,
                GRANTED,
                agreed(replace(terms, due_on=DUE), never),
            ).late_minor
            assert found.late_minor <= agreed_late


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("months", [18, 24, 60])
def test_relief_changes_nothing_of_the_days_before_it(schedule, months):
    """Not even where interest becomes principal in steps that do not divide the months."""
    relief = replace(LATER, months=months)
    before = replace(TERMS, schedule=schedule)
    after = relief.applied(replace(before, due_on=relief.due_on))
    for days in range((DUE - DRAWN).days):
        on = DRAWN + timedelta(days=days)
        owed = account(before, FACTS, on, agreed(before, FACTS)).owed
        if on <= GRANTED:
            assert account(after, FACTS, on, planned(after, FACTS, relief)).owed == owed


def test_relief_of_the_day_of_a_new_plan_came_before_it():
    terms = made_anew(SCHEDULES[0], SCHEDULES[0], capitalises=False)
    same_day = Relief(PLANNED.isoformat(), DUE.isoformat(), 24, 12, 400_000)
    dues = planned(terms, FACTS, same_day)
    assert [(due.on, due.principal_minor) for due in dues][-1] == (terms.due_on, 1_000_000)
    assert same_day.undone(terms) == terms


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
