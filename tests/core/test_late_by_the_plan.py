"""What is late is what was asked and not paid; after the last day of a plan that is all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.lending.account import Amounts, account, ahead
from core.lending.accrual import DayCount
from core.lending.facts import Fact, FactKind
from core.lending.relief import Relief, planned
from core.lending.restructuring import RestructuringTerms, Wish, restructured
from core.lending.terms import ArrearsTerms, RepaymentTerms, ScheduleKind, ScheduleTerms

DRAWN, DUE, ON = date(2026, 3, 20), date(2026, 9, 15), date(2026, 10, 20)
BULLET = ScheduleTerms(ScheduleKind.BULLET)
MONTHLY = ScheduleTerms(ScheduleKind.EQUAL_INSTALMENTS, every_months=1)
EACH_MONTH = ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=1)
TERMS = RepaymentTerms(140_000, DayCount.ACT_365F, DUE, BULLET, ArrearsTerms(10, 60_000))
OPEN = RestructuringTerms("2020-01-01", 60, 3, may_capitalise=True, source="a test")
DRAW = Fact("d", FactKind.DRAWDOWN, DRAWN, 1_000_000)


def drawn(name: str, on: date, amount_minor: int) -> tuple[Fact, Fact]:
    fee = Fact(f"{name}/fee", FactKind.FEE, on, amount_minor * 15 // 1000)
    return Fact(name, FactKind.DRAWDOWN, on, amount_minor), fee


def paid(name: str, on: date, amount_minor: int) -> Fact:
    return Fact(name, FactKind.REPAYMENT, on, amount_minor)


@pytest.mark.parametrize(("penalty_ppm", "left_minor"), [(0, 34_520), (60_000, 47_671)])
def test_what_is_left_after_the_last_day_of_a_plan_is_late_though_the_plan_was_paid(
    penalty_ppm: int, left_minor: int
):
    terms = replace(TERMS, arrears=ArrearsTerms(10, penalty_ppm))
    dues = planned(terms, [DRAW])
    facts = [DRAW, paid("r", DUE + timedelta(days=90), dues[0].total_minor)]
    found = account(terms, facts, DUE + timedelta(days=100), dues)
    # 269 days' interest, 103,178, less the 68,658 of the plan, and 6 % on 80 days: 13,151.
    assert (dues[0].total_minor, found.owed.principal_minor) == (1_068_658, left_minor)
    assert found.late_minor == found.owed.total_minor - found.owed.penalty_minor
    assert (found.late_since, found.late_days) == (DUE, 100)


def test_on_its_last_day_nothing_but_what_the_plan_asked_is_late():
    dues = planned(TERMS, [DRAW])
    whole = [DRAW, paid("r", DUE, dues[0].total_minor)]
    assert account(TERMS, whole, DUE, dues).late_minor == 0
    assert account(TERMS, [DRAW], DUE, dues).late_minor == dues[0].total_minor
    assert account(TERMS, [DRAW], DUE - timedelta(days=1), dues).late_minor == 0


def test_who_pays_late_what_a_due_asked_bears_no_penalty_for_what_was_interest_of_it():
    terms = replace(TERMS, schedule=EACH_MONTH)
    dues = planned(terms, [DRAW])
    first = dues[0]
    facts = [DRAW, paid("r1", first.on + timedelta(days=9), first.total_minor)]
    on = dues[1].on
    found = account(terms, facts, on - timedelta(days=1), dues)
    assert found.splits[0].parts.principal_minor < first.principal_minor
    assert (found.late_minor, found.earned_penalty_minor) == (0, 0)
    # And of what is late, no more than is unpaid: the second due after its grace.
    later = account(terms, facts, on + timedelta(days=20), dues)
    assert later.late_minor == dues[1].total_minor
    assert later.owed.penalty_minor == round((first.principal_minor + dues[1].principal_minor
        - found.splits[0].parts.principal_minor) * 6 / 100 * 10 / 365)  # fmt: skip


def test_a_plan_in_instalments_paid_to_the_unit_bears_no_penalty():
    wish = Wish(date(2028, 9, 15), 1, MONTHLY, capitalises=False)
    terms = restructured(TERMS, wish, OPEN, ON)
    facts = (
        DRAW, Fact("d/fee", FactKind.FEE, DRAWN, 15_000), paid("r1", date(2026, 7, 1), 100_000),
        Fact("d2", FactKind.DRAWDOWN, date(2026, 8, 1), 200_000),
        paid("r2", date(2026, 8, 20), 62_367), paid("r3", ON, 1),
    )  # fmt: skip
    asked = ahead(terms, facts, ON, planned(terms, facts))
    back = [paid(f"p{n}", each.on, each.parts.total_minor) for n, each in enumerate(asked)]
    end = account(terms, (*facts, *back), asked[-1].on, planned(terms, facts))
    assert end.owed == Amounts()


@st.composite
def lives(draw: st.DrawFn) -> tuple[RepaymentTerms, Relief | None, list[Fact]]:
    """A line that is drawn and repaid at any time, planned anew or not, in relief or not."""
    schedule = draw(st.sampled_from([BULLET, MONTHLY, EACH_MONTH]))
    grace = draw(st.sampled_from([0, 10, 45]))
    terms = replace(TERMS, schedule=schedule, arrears=ArrearsTerms(grace, 60_000))
    if draw(st.booleans()):
        wish = Wish(date(2027, 9, 15), 100_000, draw(st.sampled_from([BULLET, MONTHLY])),
                    capitalises=draw(st.booleans()))  # fmt: skip
        terms = restructured(terms, wish, OPEN, ON)
    relief = None
    if draw(st.booleans()):
        granted = terms.due_on - timedelta(days=draw(st.integers(0, 120)))
        relief = Relief(granted.isoformat(), terms.due_on.isoformat(), 24, 12, 400_000)
        terms = relief.applied(replace(terms, due_on=relief.due_on))
    facts = [DRAW]
    for number, (day, amount) in enumerate(draw(st.lists(
        st.tuples(st.integers(0, 900), st.integers(1, 700_000)), max_size=5
    ))):  # fmt: skip
        facts.append(paid(f"r{number}", DRAWN + timedelta(days=day), amount))
    return terms, relief, facts


@settings(max_examples=100, deadline=None)
@given(lives(), st.integers(0, 1400), st.sets(st.integers(0, 1400), max_size=12))
def test_looking_at_an_account_changes_nothing_of_what_is_owed_or_late(life, days, looks):
    terms, relief, facts = life
    dues, on = planned(terms, facts, relief), DRAWN + timedelta(days=days)
    looked = frozenset(DRAWN + timedelta(days=day) for day in looks)
    plain, seen = account(terms, facts, on, dues), account(terms, facts, on, dues, looked)
    assert replace(seen, steps=()) == replace(plain, steps=())


@settings(max_examples=100, deadline=None)
@given(lives(), st.integers(0, 1400))
def test_no_penalty_runs_while_nothing_is_late(life, days):
    terms, relief, facts = life
    dues, on = planned(terms, facts, relief), DRAWN + timedelta(days=days)
    today, tomorrow = (account(terms, facts, each, dues) for each in (on, on + timedelta(days=1)))
    if today.late_minor == 0:
        assert tomorrow.earned_penalty_minor == today.earned_penalty_minor
    assert today.late_minor <= today.owed.total_minor - today.owed.penalty_minor


DRAWS = st.lists(st.tuples(st.integers(0, 160), st.integers(100, 400_000)), max_size=2)


@settings(max_examples=100, deadline=None)
@given(lives(), DRAWS, st.integers(0, 600))
def test_who_pays_each_day_what_is_asked_is_never_late_and_ends_with_nothing(life, draws, since):
    terms, relief, facts = life
    planned_on = [terms.restructured[-1].on] if terms.restructured else []
    decided = [*planned_on, *([relief.granted_on] if relief else [])]
    day = max([DRAWN + timedelta(days=since), *map(date.fromisoformat, decided)])
    known = [fact for fact in facts if fact.kind is FactKind.DRAWDOWN or fact.on < day]
    for number, (days, amount) in enumerate(draws):
        known += drawn(f"e{number}", DRAWN + timedelta(days=days), amount)
    later = sorted({fact.on for fact in known if fact.on > day}, reverse=True)
    bore = account(terms, known, day, planned(terms, known, relief)).earned_penalty_minor
    while True:
        by_then = [fact for fact in known if fact.on <= day]
        asked = ahead(terms, by_then, day, planned(terms, by_then, relief))
        known += [paid(f"p{day}", each.on, each.parts.total_minor)
                  for each in asked if each.on == day]  # fmt: skip
        by_then = [fact for fact in known if fact.on <= day]
        found = account(terms, by_then, day, planned(terms, by_then, relief))
        assert (found.late_minor, found.earned_penalty_minor) == (0, bore)
        coming = [each.on for each in asked if each.on > day] + [on for on in later if on > day]
        if not coming:
            break
        day = min(coming)
    assert found.owed == Amounts()
