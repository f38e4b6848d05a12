"""A farmer's own cash months: what a product takes, and how such a line is repaid."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.decision.quote import quote
from core.errors import ProductError, ShapeError
from core.lending.account import account
from core.lending.keyfacts import key_facts
from core.lending.own_cash import own_cash_faults, with_own_cash
from core.lending.product import Product, parse_product
from core.lending.schedule import plan
from core.lending.terms import CashMonth, InterestKind, ScheduleKind, ScheduleTerms
from core.lending.whole_price import as_planned, whole_price
from core.wire.linefacts import line_facts
from core.wire.records import Application, LineOpened
from tests.support.products import CROP, crop_product
from tests.support.repayment import AMOUNT_MINOR, DRAWN_ON

OWN = {"months_max": 3, "share_ppm_min": 100_000, "early_months_max": 3}
JUNE_AND_SEPTEMBER = (CashMonth(6, 1), CashMonth(9, 3))
JUNE_AND_AUGUST = (CashMonth(6, 1), CashMonth(8, 2))


def product_with(**changes: Any) -> Product:
    """The crop product at 14 % a year, due on 15 September, that takes own months."""
    credit = {**CROP["credit"], "rate_ppm": 140_000}
    return parse_product({**CROP, "credit": credit, "own_cash": OWN, **changes})


@pytest.mark.parametrize(
    ("cash", "rows"),
    [
        # 87 days on 1,000,000, then 92 on 750,000: 33,369.86 and 26,465.75 of interest.
        (JUNE_AND_SEPTEMBER, [("2026-06-15", 250_000, 33_370), ("2026-09-15", 750_000, 26_466)]),
        # 87 days on 1,000,000, then 61 on 666,667: 33,369.86 and 15,598.18; none in September.
        (JUNE_AND_AUGUST, [("2026-06-15", 333_333, 33_370), ("2026-08-15", 666_667, 15_598)]),
        # What the drawdown missed asks for nothing: all of it is repaid in the month that is left.
        ((CashMonth(2, 1), CashMonth(9, 3)), [("2026-09-15", 1_000_000, 68_658)]),
    ],
)
def test_a_line_is_repaid_in_the_farmers_months(
    cash: tuple[CashMonth, ...], rows: list[tuple[str, int, int]]
) -> None:
    repaid = with_own_cash(product_with(), cash)
    dues = plan(repaid.repayment(), AMOUNT_MINOR, DRAWN_ON)
    assert [(due.on.isoformat(), due.principal_minor, due.interest_minor) for due in dues] == rows
    assert repaid.due_on == rows[-1][0]


def test_price_and_key_facts_follow_the_farmers_months() -> None:
    repaid = with_own_cash(product_with(), JUNE_AND_AUGUST)
    told, facts = whole_price(repaid, AMOUNT_MINOR, DRAWN_ON), key_facts(
        repaid, AMOUNT_MINOR, DRAWN_ON
    )  # fmt: skip
    assert told.interest_minor == 48_968
    assert [payment.total_minor for payment in told.payments] == [366_703, 682_265]
    assert [payment.on for payment in facts.payments] == ["2026-06-15", "2026-08-15"]
    plain = key_facts(product_with(), AMOUNT_MINOR, DRAWN_ON)
    assert facts.sha256() != plain.sha256()
    assert quote(repaid, AMOUNT_MINOR, DRAWN_ON).total_minor == 1_048_968
    assert quote(repaid, AMOUNT_MINOR, DRAWN_ON).due_on == "2026-08-15"


def test_a_farmer_without_own_months_has_the_product_as_it_is() -> None:
    product = product_with()
    assert with_own_cash(product, None) is product
    assert own_cash_faults(product, None, DRAWN_ON) == []
    assert own_cash_faults(crop_product(), None, DRAWN_ON) == []


@pytest.mark.parametrize(
    ("cash", "words"),
    [
        ([(4, 1), (5, 1), (6, 1), (9, 1)], "at most 3 cash months, got 4"),
        ([(6, 1), (9, 19)], "at least 10.00 % of what is repaid in each cash month, got 5.00 % in"),
        ([(3, 1), (5, 1)], "at most 3 months before 2026-09-15, got one 4 months before"),
        ([(10, 1)], "at most 3 months before 2026-09-15, got one 11 months before"),
    ],
)
def test_months_beyond_the_bounds_are_refused_by_name(
    cash: list[tuple[int, int]], words: str
) -> None:
    months = tuple(CashMonth(*each) for each in cash)
    assert any(words in each for each in own_cash_faults(product_with(), months, DRAWN_ON))


def test_months_that_have_all_passed_are_refused() -> None:
    june, on = (CashMonth(6, 1),), date(2026, 6, 15)
    assert own_cash_faults(product_with(), june, date(2026, 6, 14)) == []
    [words] = own_cash_faults(product_with(), june, on)
    assert words == "expected a cash month after 2026-06-15 and up to 2026-09-15, got none"


def test_a_product_without_bounds_takes_no_months() -> None:
    [words] = own_cash_faults(crop_product(), JUNE_AND_SEPTEMBER, DRAWN_ON)
    assert words == (
        "expected no own cash months, because wheat has its own plan, got 2: apply without them"
    )


@pytest.mark.parametrize(
    ("own", "schedule", "words"),
    [
        ({"months_max": 13}, None, "months_max must be 1 to 12"),
        ({"months_max": 0}, None, "months_max must be 1 to 12"),
        ({"share_ppm_min": 0}, None, "share_ppm_min must be above 0"),
        ({"share_ppm_min": 400_000}, None, "months_max times it at most 1,000,000 ppm"),
        ({"early_months_max": 12}, None, "early_months_max must be 0 to 11"),
        ({}, {"kind": "at_will"}, "a product that is repaid at will has no months"),
    ],
)
def test_bounds_that_cannot_be_are_refused(
    own: dict[str, int], schedule: dict[str, Any] | None, words: str
) -> None:
    changes: dict[str, Any] = {"own_cash": OWN | own} | ({"schedule": schedule} if schedule else {})
    with pytest.raises(ProductError, match=words):
        product_with(**changes)


@pytest.mark.parametrize(
    ("cash", "words"),
    [
        ((), "months of 1 to 12 in order"),
        (((9, 1), (6, 1)), "in order, each once, got .9, 6."),
        (((6, 1), (6, 2)), "each once"),
        (((0, 1),), "1 to 12"),
        (((13, 1),), "1 to 12"),
        (((6, 0),), "weights of 1 to 1,000 of cash months, got 0"),
        (((6, 1_001),), "got 1001"),
    ],
)
def test_months_that_are_none_stand_in_no_record(
    cash: tuple[tuple[int, int], ...], words: str
) -> None:
    months = tuple(CashMonth(*each) for each in cash)
    with pytest.raises(ShapeError, match=words):
        Application("ap-1", "f-1", "wheat", ("plot-1",), 800_000, "CNY", cash=months)
    with pytest.raises(ShapeError, match=words):
        LineOpened("l-1", "ap-1", "f-1", "wheat", "le-1", ("plot-1",), 1, "CNY", cash=months)


OWN_MONTHS = st.dictionaries(st.integers(1, 12), st.integers(1, 50), min_size=1, max_size=12).map(
    lambda found: tuple(CashMonth(month, found[month]) for month in sorted(found))
)
SCHEDULES = st.sampled_from(
    [
        None,
        ScheduleTerms(ScheduleKind.EQUAL_INSTALMENTS, every_months=1),
        ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=2, rounding_minor=100),
        ScheduleTerms(ScheduleKind.BULLET, interest=InterestKind.CAPITALISING, capitalise_months=3),
        ScheduleTerms(ScheduleKind.BULLET, balloon_ppm=250_000, moratorium_months=2),
    ]
)


@settings(max_examples=80, deadline=None)
@given(OWN_MONTHS, SCHEDULES, st.integers(1, 10**9), st.dates(DRAWN_ON, date(2027, 6, 14)))
def test_the_instalments_are_principal_and_interest_to_the_unit_within_the_term(
    cash: tuple[CashMonth, ...], schedule: ScheduleTerms | None, amount: int, drawn_on: date
) -> None:
    bounds = {"months_max": 12, "share_ppm_min": 1, "early_months_max": 11}
    product = replace(product_with(own_cash=bounds, due_on="2027-09-15"), schedule=schedule)
    repaid = with_own_cash(product, cash)
    if repaid.repayment().drawn_before <= drawn_on:
        assert "after" in own_cash_faults(product, cash, drawn_on)[-1]
        return
    terms = repaid.repayment()
    dues = plan(terms, amount, drawn_on)
    kept = account(terms, as_planned(dues, amount, drawn_on), dues[-1].on, dues)
    assert sum(due.total_minor for due in dues) == amount + kept.earned_interest_minor
    assert kept.owed.total_minor == 0
    assert {due.on.month for due in dues} <= {each.month for each in cash}
    assert all(drawn_on < due.on <= date(2027, 9, 15) for due in dues)

    facts = line_facts(repaid, as_planned((), amount, drawn_on))
    assert facts is not None
    at_station = facts.priced(product, repaid.credit.rate_ppm, repaid.due_on)
    assert plan(at_station.repayment(), amount, drawn_on) == dues
