"""Schedules: every kind by a worked example, and what must hold for all of them.

The amounts of the examples stand in docs/schedules.md too; a test holds them equal.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PriceError, ProductError, ShapeError
from core.lending.account import account
from core.lending.accrual import DayCount, PrincipalChange, simple_interest
from core.lending.product import parse_product
from core.lending.schedule import due_days, merged, plan
from core.lending.terms import (
    CashMonth,
    InterestKind,
    MoratoriumInterest,
    RepaymentTerms,
    ScheduleKind,
    ScheduleTerms,
)
from core.lending.whole_price import as_planned, whole_price
from core.lending.workdays import CalendarTerms, Roll, rolled
from tests.support.products import CROP, crop_product
from tests.support.repayment import EXAMPLES, example, written

DRAWN = date(2026, 3, 20)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_worked_examples(name: str) -> None:
    given_terms, rows = EXAMPLES[name]
    assert written(example(given_terms)) == rows


@pytest.mark.parametrize(
    ("first", "last", "count", "days"),
    [
        ("2026-01-31", "2026-02-28", DayCount.ACT_365F, 28),
        ("2026-01-31", "2026-02-28", DayCount.THIRTY_E_360, 28),
        ("2026-02-28", "2026-03-31", DayCount.THIRTY_E_360, 32),
        ("2024-02-29", "2025-02-28", DayCount.THIRTY_E_360, 359),
        ("2026-01-15", "2027-01-15", DayCount.THIRTY_E_360, 360),
        ("2026-01-30", "2026-01-31", DayCount.THIRTY_E_360, 0),
    ],
)
def test_days_between(first: str, last: str, count: DayCount, days: int) -> None:
    dates = date.fromisoformat(first), date.fromisoformat(last)
    assert count.ordinal(dates[1]) - count.ordinal(dates[0]) == days


@pytest.mark.parametrize(
    ("count", "interest_minor"),
    [
        (DayCount.ACT_365F, 68_658),  # 179/365 of 14 % of 1,000,000
        (DayCount.ACT_360, 69_611),  # 179/360
        (DayCount.THIRTY_E_360, 68_056),  # 175/360
    ],
)
def test_the_day_counts_of_one_season(count: DayCount, interest_minor: int) -> None:
    drawn = [PrincipalChange(DRAWN, 1_000_000)]
    assert simple_interest(drawn, 140_000, date(2026, 9, 15), count) == interest_minor


SUNDAYS = CalendarTerms(Roll.FOLLOWING, (6,), ("2026-06-01",), "Kenya Gazette")


@pytest.mark.parametrize(
    ("roll", "on", "due"),
    [
        (Roll.FOLLOWING, "2026-05-31", "2026-06-02"),  # a Sunday, then Madaraka Day
        (Roll.MODIFIED_FOLLOWING, "2026-05-31", "2026-05-30"),
        (Roll.MODIFIED_FOLLOWING, "2026-06-01", "2026-06-02"),
        (Roll.PRECEDING, "2026-06-01", "2026-05-30"),
        (Roll.STAY, "2026-05-31", "2026-05-31"),
        (Roll.FOLLOWING, "2026-06-03", "2026-06-03"),
    ],
)
def test_where_a_due_date_goes(roll: Roll, on: str, due: str) -> None:
    calendar = replace(SUNDAYS, roll=roll)
    assert rolled(date.fromisoformat(on), calendar) == date.fromisoformat(due)


def test_a_month_without_a_working_day_is_refused() -> None:
    closed = [(date(2026, 5, 1) + timedelta(days=d)).isoformat() for d in range(90)]
    calendar = CalendarTerms(Roll.FOLLOWING, (), tuple(closed))
    with pytest.raises(ProductError, match="working day within 31 days"):
        rolled(date(2026, 5, 10), calendar)


def test_due_dates_do_not_jump_because_of_a_moratorium_or_a_late_drawdown() -> None:
    terms = example({"kind": "equal_principal", "every_months": 1})[0]
    late = replace(terms, schedule=replace(terms.schedule, moratorium_months=3))
    assert due_days(terms, DRAWN) == due_days(late, DRAWN)
    assert set(due_days(terms, date(2026, 5, 2))) < set(due_days(terms, DRAWN))


def test_a_series_at_the_months_end_does_not_drift() -> None:
    schedule = ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=1)
    terms = RepaymentTerms(140_000, DayCount.ACT_365F, date(2026, 5, 31), schedule)
    assert [day.day for day in due_days(terms, date(2026, 1, 10))] == [31, 28, 31, 30, 31]


@pytest.mark.parametrize("on", ["2026-09-15", "2027-01-01"])
def test_a_plan_after_the_due_date_is_refused(on: str) -> None:
    with pytest.raises(PriceError, match="before the due date"):
        plan(crop_product().repayment(), 5_000, date.fromisoformat(on))


def test_too_many_due_dates_are_refused() -> None:
    schedule = ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=1)
    terms = RepaymentTerms(140_000, DayCount.ACT_365F, date(2126, 9, 15), schedule)
    with pytest.raises(PriceError, match="at most 600 due dates"):
        plan(terms, 5_000, DRAWN)


def test_the_plans_of_two_drawdowns_are_one_by_day() -> None:
    terms = example({"kind": "equal_principal", "every_months": 2})[0]
    one, other = plan(terms, 600_000, DRAWN, 9_000), plan(terms, 300_000, date(2026, 6, 1), 4_500)
    both = merged([one, other])
    assert [due.on for due in both] == [due.on for due in one]
    assert sum(due.total_minor for due in both) == sum(d.total_minor for d in (*one, *other))


def test_a_product_states_how_it_is_repaid() -> None:
    table: dict[str, Any] = {
        **CROP,
        "schedule": {"kind": "cash_months", "cash": [{"month": 9, "weight": 1}]},
        "arrears": {"grace_days": 10, "penalty_rate_ppm": 60_000},
        "rebate": {"rate_ppm": 30_000},
        "waterfall": ["principal", "interest", "fee", "penalty"],
        "calendar": {"roll": "following", "rest_weekdays": [6], "holidays": ["2026-06-01"]},
    }
    product = parse_product(table)
    assert product.repayment().schedule.cash == (CashMonth(9, 1),)
    assert product.policy_version() != parse_product(CROP).policy_version()


def test_a_product_that_says_nothing_of_it_is_as_it_was() -> None:
    product = parse_product(CROP)
    assert product.policy_version() == "wheat@1:f60f25af774fb4e4"
    assert product.repayment().schedule == ScheduleTerms(ScheduleKind.BULLET)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schedule": {"kind": "equal_instalments"}}, "equal_instalments needs every_months"),
        ({"schedule": {"kind": "bullet", "every_months": 25}}, "every_months must be 0 to 24"),
        ({"schedule": {"kind": "cash_months"}}, "cash is for cash_months"),
        (
            {"schedule": {"kind": "cash_months", "cash": [{"month": 3, "weight": 1}]}},
            "due_on's among them",
        ),
        (
            {"schedule": {"kind": "cash_months", "cash": [{"month": 9, "weight": 0}]}},
            "positive weights",
        ),
        ({"schedule": {"kind": "bullet", "interest": "capitalising"}}, "needs capitalise_months"),
        ({"schedule": {"kind": "bullet", "balloon_ppm": 1_000_000}}, "balloon_ppm"),
        ({"schedule": {"kind": "bullet", "moratorium_months": 61}}, "moratorium_months"),
        ({"schedule": {"kind": "bullet", "rounding_minor": 0}}, "rounding_minor"),
        ({"arrears": {"grace_days": 181, "penalty_rate_ppm": 0}}, "grace_days"),
        ({"arrears": {"grace_days": 0, "penalty_rate_ppm": -1}}, "penalty_rate_ppm"),
        ({"rebate": {"rate_ppm": 70_001}}, "rebate.rate_ppm"),
        ({"waterfall": ["fee", "interest", "principal"]}, "waterfall must name"),
        ({"calendar": {"roll": "stay", "rest_weekdays": [7]}}, "rest_weekdays"),
        ({"calendar": {"roll": "stay", "rest_weekdays": [0, 1, 2, 3, 4, 5, 6]}}, "not all"),
        ({"calendar": {"roll": "stay", "rest_weekdays": [], "holidays": ["1 May"]}}, "holidays"),
        ({"calendar": {"roll": "stay", "rest_weekdays": [], "holidays": ["20261225"]}}, "holidays"),
        ({"price": {**CROP["price"], "as_of": "March"}}, r"price\.as_of must be a date"),
        ({"due_on": "20260915"}, "due_on must be a date"),
        ({"due_on": "2026-W38-2"}, "due_on must be a date"),
    ],
)
def test_repayment_terms_that_contradict_themselves_are_refused(
    change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ProductError, match=says):
        parse_product({**CROP, **change})


def test_an_unknown_kind_is_refused_by_its_path() -> None:
    with pytest.raises(ShapeError, match=r"\$\.schedule\.kind"):
        parse_product({**CROP, "schedule": {"kind": "balloon"}})


def test_the_whole_price_of_instalments() -> None:
    credit = {**CROP["credit"], "rate_ppm": 140_000, "fee_ppm": 15_000}
    schedule = {"kind": "equal_instalments", "every_months": 1}
    product = crop_product(credit=credit, schedule=schedule, rebate={"rate_ppm": 30_000})
    told = whole_price(product, 1_000_000, DRAWN)
    assert (told.nominal_rate_ppm, told.fee_minor) == (140_000, 15_000)
    assert [due.total_minor for due in told.payments] == [188_256, *[173_256] * 4, 173_251]
    assert told.total_minor == told.amount_minor + told.cost_minor == 1_054_531
    assert told.interest_minor == 39_531
    assert told.rebate_minor == 8_471  # 3/14 of the interest
    assert told.apr_ppm == 213_036  # pyxirr: 0.2130357719


MONTHS = st.integers(1, 12)


@st.composite
def schedules(draw: st.DrawFn, due_on: date) -> ScheduleTerms:
    kind = draw(st.sampled_from(ScheduleKind))
    cash = {
        m: CashMonth(m, draw(st.integers(1, 5))) for m in [*draw(st.sets(MONTHS)), due_on.month]
    }
    capitalise = draw(st.integers(0, 4))
    return ScheduleTerms(
        kind=kind,
        every_months=draw(st.integers(1, 6)),
        cash=tuple(cash.values()) if kind is ScheduleKind.CASH_MONTHS else (),
        moratorium_months=draw(st.integers(0, 14)),
        moratorium_interest=draw(st.sampled_from(MoratoriumInterest)),
        balloon_ppm=draw(st.sampled_from([0, 250_000, 800_000])),
        interest=InterestKind.CAPITALISING if capitalise else InterestKind.SIMPLE,
        capitalise_months=capitalise,
        rounding_minor=draw(st.sampled_from([1, 100, 10_000])),
    )


@st.composite
def repayments(draw: st.DrawFn) -> RepaymentTerms:
    due_on = DRAWN + timedelta(days=draw(st.integers(1, 1_500)))
    calendar = CalendarTerms(draw(st.sampled_from(Roll)), (5, 6), (due_on.isoformat(),))
    terms = RepaymentTerms(
        rate_ppm=draw(st.integers(0, 600_000)),
        day_count=draw(st.sampled_from(DayCount)),
        due_on=due_on,
        schedule=draw(schedules(due_on)),
        calendar=draw(st.sampled_from([None, calendar])),
    )
    return terms if due_days(terms, DRAWN) else replace(terms, calendar=None)


AMOUNTS = st.integers(1, 10**9)


@settings(max_examples=80, deadline=None)
@given(repayments(), AMOUNTS, st.integers(0, 10**6))
def test_a_plan_that_is_kept_leaves_exactly_nothing(
    terms: RepaymentTerms, amount: int, fee: int
) -> None:
    dues = plan(terms, amount, DRAWN, fee)
    kept = account(terms, as_planned(dues, amount, DRAWN), dues[-1].on, dues)
    assert kept.owed.total_minor == 0
    assert (kept.surplus_minor, kept.late_minor, kept.late_days) == (0, 0, 0)
    assert sum(due.total_minor for due in dues) == amount + fee + kept.earned_interest_minor
    assert sum(due.principal_minor for due in dues) == amount + kept.capitalised_minor
    assert all(due.principal_minor >= 0 and due.interest_minor >= 0 for due in dues)
    assert [due.on for due in dues] == sorted({due.on for due in dues})


@settings(max_examples=40, deadline=None)
@given(repayments(), AMOUNTS)
def test_instalments_are_equal_and_the_last_is_no_greater(
    terms: RepaymentTerms, amount: int
) -> None:
    level = ScheduleTerms(ScheduleKind.EQUAL_INSTALMENTS, every_months=1)
    dues = plan(replace(terms, schedule=level), amount, DRAWN)
    assert len({due.total_minor for due in dues[:-1]}) <= 1
    assert all(dues[-1].total_minor <= due.total_minor for due in dues)


@pytest.mark.parametrize(
    ("roll", "ends_on", "drawn_before"),
    [
        (Roll.STAY, "2026-09-20", "2026-09-20"),  # a Sunday
        (Roll.FOLLOWING, "2026-09-21", "2026-09-20"),
        (Roll.PRECEDING, "2026-09-19", "2026-09-19"),
    ],
)
def test_nothing_is_drawn_that_no_plan_could_ask_back(
    roll: Roll, ends_on: str, drawn_before: str
) -> None:
    product = replace(crop_product(), due_on="2026-09-20", calendar=CalendarTerms(roll, (6,)))
    terms = product.repayment()
    assert (terms.ends_on.isoformat(), terms.drawn_before.isoformat()) == (ends_on, drawn_before)
    last = terms.drawn_before - timedelta(days=1)
    assert whole_price(product, 500_000, last).payments[-1].on == terms.ends_on
    if roll is not Roll.FOLLOWING:
        with pytest.raises(PriceError):
            whole_price(product, 500_000, terms.drawn_before)
