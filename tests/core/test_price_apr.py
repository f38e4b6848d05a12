"""The annual percentage rate: published cases, the oracle, and what has no answer or several."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.errors import PriceError, SeveralRatesError
from core.lending.near import whole_ppm
from core.lending.price import FLOWS_MAX, Flow, apr_ppm, effective_rate
from core.lending.regz import Transfer, UnitKind, UnitPeriod, apr, unit_periods
from core.lending.roots import CONTEXT, rounded
from tests.support.requirements import oracle, require

DAY, WEEK, HALF_MONTH = (UnitPeriod(k) for k in (UnitKind.DAY, UnitKind.WEEK, UnitKind.SEMIMONTH))
MONTH, QUARTER, YEAR = (
    UnitPeriod(UnitKind.MONTH),
    UnitPeriod(UnitKind.MONTH, 3),
    UnitPeriod(UnitKind.YEAR),
)
TERM = UnitPeriod(UnitKind.TERM)
WEEKS_2, WEEKS_4 = UnitPeriod(UnitKind.WEEK, 2), UnitPeriod(UnitKind.WEEK, 4)
MONTHS_2 = UnitPeriod(UnitKind.MONTH, 2)


def eu(*flows: tuple[str, str]) -> Decimal:
    return effective_rate([(Decimal(years), Decimal(amount)) for years, amount in flows])


def vectors(name: str) -> list[dict[str, Any]]:
    text = (require("data") / "apr_vectors" / name).read_text()
    found: list[dict[str, Any]] = json.loads(text, parse_float=Decimal)
    return found


def test_the_commissions_examples_are_met_as_printed() -> None:
    cases = vectors("eu_aprc.json")
    assert len(cases) == 12
    for case in cases:
        flows = [(Decimal(years), Decimal(amount)) for years, amount in case["flows"]]
        assert rounded(effective_rate(flows), 8) * 100 == case["expected_apr_pct_6dp"], case["id"]


def test_the_examples_of_regulation_z_are_met_as_printed() -> None:
    units = {"month": MONTH, "2 weeks": WEEKS_2}
    cases = vectors("us_regz.json")
    assert len(cases) == 4
    for case in cases:
        begins = date.fromisoformat(case["advance_date"])
        moved = [Transfer(begins, Decimal(case["amount_advanced"]))]
        moved += [Transfer(date.fromisoformat(d), -Decimal(a)) for d, a in case["payments"]]
        found = apr(moved, units[case["unit_period"]], begins)
        assert rounded(found, 4) * 100 == case["expected_apr_pct"], case["id"]


# European Commission, "Examples for the calculation of the APRC", January 2015, examples 40
# and 42; Directive 98/7/EC, annex II, examples 1, 3 and 4, printed to two decimals there.
@pytest.mark.parametrize(
    ("flows", "decimals", "printed_pct"),
    [
        ((("0", "196000"), ("0.5", "-207618.17")), 8, "12.206644"),
        (
            (
                ("0", "196000"),
                *((str(Fraction(k, 12).limit_denominator(12)), "-1250") for k in range(1, 13)),
                ("1", "-200000"),
            ),
            8,
            "10.039962",
        ),
        ((("0", "1000"), ("1.5", "-1200")), 4, "12.92"),
        ((("0", "1000"), ("1", "-600"), ("2", "-600")), 4, "13.07"),
        ((("0", "1000"), ("0.25", "-272"), ("0.5", "-272"), ("1", "-544")), 4, "13.19"),
    ],
)
def test_published_rates_of_the_union(
    flows: tuple[tuple[str, str], ...], decimals: int, printed_pct: str
) -> None:
    timed = [
        (Decimal(Fraction(years).numerator) / Fraction(years).denominator, Decimal(amount))
        for years, amount in flows
    ]
    assert rounded(effective_rate(timed), decimals) * 100 == Decimal(printed_pct)


def months(first: str, count: int, every: int = 1) -> list[date]:
    begin = date.fromisoformat(first)
    index = [12 * begin.year + begin.month - 1 + every * k for k in range(count)]
    return [date(i // 12, i % 12 + 1, begin.day) for i in index]


def half_months(first: str, count: int) -> list[date]:
    starts = months(first, count // 2)
    return [day for start in starts for day in (start, start.replace(day=16))]


def weeks(first: str, count: int, every: int = 1) -> list[date]:
    return [date.fromisoformat(first) + timedelta(weeks=every * k) for k in range(count)]


def level(days: list[date], *amounts: tuple[int, str]) -> list[Transfer]:
    paid = [Decimal(amount) for count, amount in amounts for _ in range(count)]
    return [Transfer(on, -amount) for on, amount in zip(days, paid, strict=True)]


# 12 CFR 1026, Appendix J, paragraph (c), all examples for the actuarial method with one
# advance; the rates are the regulation's.
REGULATION_Z = {
    "(c)(1)(i)": (
        "5000",
        "1978-01-10",
        level(months("1978-02-10", 24), (24, "230")),
        MONTH,
        "9.69",
    ),
    "(c)(1)(ii)": (
        "6000",
        "1978-02-10",
        level(months("1978-04-01", 36), (36, "200")),
        MONTH,
        "11.82",
    ),
    "(c)(1)(iii)": (
        "5000",
        "1978-02-23",
        level(half_months("1978-03-01", 24), (24, "219.17")),
        HALF_MONTH,
        "10.34",
    ),
    "(c)(1)(iv)": (
        "10000",
        "1978-05-23",
        level(months("1978-10-01", 40, 3), (40, "385")),
        QUARTER,
        "8.97",
    ),
    "(c)(1)(v)": (
        "500",
        "1978-03-20",
        level(weeks("1978-04-21", 30), (30, "17.60")),
        WEEK,
        "14.96",
    ),
    "(c)(2)(i)": (
        "5000",
        "1978-01-10",
        level(months("1978-02-10", 24), (1, "250"), (23, "230")),
        MONTH,
        "10.08",
    ),
    "(c)(2)(ii)": (
        "400",
        "1978-03-18",
        level(weeks("1978-04-20", 12, 4), (1, "39.50"), (11, "38.31")),
        WEEKS_4,
        "28.50",
    ),
    "(c)(3)(i)": (
        "5000",
        "1978-01-10",
        level(months("1978-02-10", 24), (23, "230"), (1, "280")),
        MONTH,
        "10.50",
    ),
    "(c)(3)(ii)": (
        "200",
        "1978-04-03",
        level(weeks("1978-04-11", 20, 2), (19, "9.50"), (1, "30")),
        WEEKS_2,
        "12.22",
    ),
    "(c)(4)(i)": (
        "5000",
        "1978-01-10",
        level(months("1978-02-10", 24), (1, "250"), (22, "230"), (1, "280")),
        MONTH,
        "10.90",
    ),
    "(c)(4)(ii)": (
        "8000",
        "1978-01-10",
        level(months("1978-03-01", 20, 2), (1, "449.36"), (18, "465"), (1, "200")),
        MONTHS_2,
        "7.30",
    ),
    "(c)(5)(i)": ("1000", "1978-01-03", level([date(1978, 9, 15)], (1, "1080")), TERM, "11.45"),
    "(c)(5)(ii)": ("1000", "1978-07-15", level([date(1979, 1, 15)], (1, "1044")), TERM, "8.80"),
    "(c)(5)(iii)": ("1000", "1978-01-17", level([date(1979, 7, 17)], (1, "1135.19")), TERM, "8.76"),
    "(c)(5)(iv)": ("1000", "1978-01-10", level([date(1980, 1, 10)], (1, "1240")), TERM, "11.36"),
}


@pytest.mark.parametrize("name", REGULATION_Z)
def test_every_example_of_appendix_j(name: str) -> None:
    advanced, begins, paid, unit, printed_pct = REGULATION_Z[name]
    first = date.fromisoformat(begins)
    found = apr([Transfer(first, Decimal(advanced)), *paid], unit, first)
    assert rounded(found, 4) * 100 == Decimal(printed_pct)


@pytest.mark.parametrize(
    ("first", "last", "unit", "series_day", "full", "left"),
    [
        ("1978-02-10", "1978-04-01", MONTH, None, 1, Fraction(19, 30)),  # (c)(1)(ii)
        ("1978-02-23", "1978-03-01", HALF_MONTH, None, 0, Fraction(6, 15)),  # (c)(1)(iii)
        ("1978-02-23", "1978-03-16", HALF_MONTH, None, 1, Fraction(6, 15)),
        ("1978-05-23", "1978-10-01", QUARTER, None, 1, Fraction(39, 90)),  # (c)(1)(iv)
        ("1978-03-20", "1978-04-21", WEEK, None, 4, Fraction(4, 7)),  # (c)(1)(v)
        ("1978-04-03", "1978-04-11", WEEKS_2, None, 0, Fraction(8, 14)),
        ("1978-01-10", "1978-03-01", MONTHS_2, None, 0, Fraction(52, 60)),
        ("1978-01-17", "1979-07-17", YEAR, None, 1, Fraction(1, 2)),  # (b)(5)(v)(A)
        ("1978-01-17", "1979-01-27", YEAR, None, 1, Fraction(10, 365)),  # (b)(5)(v)(B)
        ("2026-03-01", "2026-03-09", DAY, None, 8, Fraction(0)),
        ("2026-01-31", "2026-02-28", MONTH, 31, 1, Fraction(0)),  # the last of each month
        ("2026-01-30", "2026-02-28", MONTH, 30, 1, Fraction(0)),  # hidden by February
        ("2026-01-30", "2026-02-28", MONTH, None, 0, Fraction(29, 30)),  # no series
        ("2026-03-20", "2026-03-20", MONTH, None, 0, Fraction(0)),
    ],
)
def test_unit_periods_between_days(
    first: str, last: str, unit: UnitPeriod, series_day: int | None, full: int, left: Fraction
) -> None:
    days = (date.fromisoformat(first), date.fromisoformat(last))
    assert unit_periods(*days, unit, series_day) == (full, left)


def test_draws_in_parts_are_priced_from_their_own_days() -> None:
    begins = date(2026, 3, 1)
    moved = [Transfer(begins, Decimal(500)), Transfer(date(2026, 4, 1), Decimal(500))]
    paid = level(months("2026-05-01", 2), (2, "510"))
    found = apr([*moved, *paid], MONTH, begins)
    monthly = found / 12
    growth = 1 + monthly
    assert abs(500 + 500 / growth - 510 / growth**2 - 510 / growth**3) < Decimal("1e-15")


def test_several_rates_are_refused_by_name() -> None:
    with pytest.raises(SeveralRatesError, match=r"found 2: 10\.00 % and 20\.00 %"):
        eu(("0", "1000"), ("1", "-2300"), ("2", "1320"))
    with pytest.raises(SeveralRatesError, match="told apart"):
        eu(("0", "1000"), ("1", "-2200"), ("2", "1210"))  # twice 10 %


def test_money_that_turns_often_may_still_have_one_rate() -> None:
    revolving = [Flow(0, 1000), Flow(100, -500), Flow(150, 600), Flow(365, -1150)]
    assert apr_ppm(revolving) == 50_541


@pytest.mark.parametrize(
    ("flows", "says"),
    [
        ([("0", "1000"), ("0.01", "-500000")], "found none"),
        ([("0", "1000"), ("1", "-1")], "found none"),
        ([("0", "1000"), ("200", "-1001")], "within 100 years"),
        ([("0", "5")], "one side only"),
        ([("0", "1"), *[("1", "-1")] * FLOWS_MAX], "at most 2000 flows"),
    ],
)
def test_flows_without_a_rate_are_refused_by_name(flows: list[tuple[str, str]], says: str) -> None:
    with pytest.raises(PriceError, match=says):
        eu(*flows)


def test_transfers_that_cannot_be_are_refused_by_name() -> None:
    begins = date(2026, 3, 1)
    out, back = Transfer(begins, Decimal(5)), Transfer(date(2026, 4, 1), Decimal(-6))
    with pytest.raises(PriceError, match="from 2026-03-02 on"):
        apr([out, back], MONTH, date(2026, 3, 2))
    with pytest.raises(PriceError, match="one advance and one payment"):
        apr([out, back, Transfer(date(2026, 5, 1), Decimal(-1))], TERM, begins)
    for kind, multiple in ((UnitKind.WEEK, 53), (UnitKind.MONTH, 12), (UnitKind.DAY, 2)):
        with pytest.raises(PriceError, match="expected a unit-period"):
            UnitPeriod(kind, multiple)


def test_flows_without_sense_are_refused_in_bounded_work() -> None:
    spread = [(k * 37 % 997, (k % 13 + 1) * (1 if k % 2 == 0 else -1)) for k in range(600)]
    timed = [(Decimal(days) / 365, Decimal(amount)) for days, amount in spread]
    with pytest.raises(SeveralRatesError, match="turn too often"):
        effective_rate(timed)


def test_a_rate_on_a_tie_goes_to_the_even_digit() -> None:
    assert apr_ppm([Flow(0, 2_000_000), Flow(365, -2_246_913)]) == 123_456  # 0.1234565
    assert apr_ppm([Flow(0, 2_000_000), Flow(365, -2_246_915)]) == 123_458  # 0.1234575
    assert apr_ppm([Flow(0, 100), Flow(90, -100)]) == 0


PAYMENTS = st.lists(st.tuples(st.integers(1, 1200), st.integers(1, 10**7)), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(st.integers(10**4, 10**7), PAYMENTS)
def test_the_rate_of_a_loan_is_the_oracles(drawn: int, paid: list[tuple[int, int]]) -> None:
    pyxirr = oracle("pyxirr")
    begin = date(2026, 1, 1)
    dates = [begin, *(begin + timedelta(days=days) for days, _ in paid)]
    expected = pyxirr.xirr(dates, [float(drawn), *(-float(amount) for _, amount in paid)])
    assume(expected is not None and -0.98 < expected < 900)
    found = apr_ppm([Flow(0, drawn), *(Flow(days, -amount) for days, amount in paid)])
    assert found == pytest.approx(expected * 1e6, rel=1e-6, abs=1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(-(10**6), 10**6)), min_size=2, max_size=6)
)
def test_a_rate_that_is_told_explains_the_flows(flows: list[tuple[int, int]]) -> None:
    timed = [(Decimal(days) / 365, Decimal(amount)) for days, amount in flows]
    try:
        rate = effective_rate(timed)
    except PriceError:
        return
    worth = sum(float(a) / (1 + float(rate)) ** float(t) for t, a in timed)
    scale = sum(abs(float(a)) / (1 + float(rate)) ** float(t) for t, a in timed)
    assert abs(worth) <= 1e-9 * scale


MOVES = st.lists(st.tuples(st.integers(5, 90), st.integers(1, 99)), min_size=2, max_size=10)


@settings(max_examples=25, deadline=None)
@given(MOVES)
def test_a_line_that_is_drawn_and_repaid_at_will_has_its_one_rate(
    moves: list[tuple[int, int]],
) -> None:
    day, owed, flows = 0, Decimal(10**9), [Flow(0, 10**9)]
    for turn, (days, share) in enumerate(moves):
        day += days
        owed *= Decimal("1.2") ** (Decimal(days) / 365)
        amount = int(owed) * share // 100 * (-1 if turn % 2 == 0 else 1)
        flows.append(Flow(day, amount))
        owed += amount
    owed *= Decimal("1.2") ** (Decimal(30) / 365)
    assert apr_ppm([*flows, Flow(day + 30, -round(owed))]) == 200_000


def test_a_rate_does_not_hang_on_the_caller_s_precision() -> None:
    flows = [Flow(0, 1_000_000), Flow(61, -333_333), Flow(179, -750_001)]
    told = apr_ppm(flows)
    with localcontext() as context:
        context.prec = 4
        assert apr_ppm(flows) == told


def solved_ppm(flows: list[Flow]) -> int:
    """The rate by the solver alone, as it was before anything was enclosed."""
    timed = [(Decimal(flow.days), Decimal(flow.amount_minor)) for flow in flows]
    with localcontext(CONTEXT):
        return int(
            rounded(effective_rate([(days / 365, amount) for days, amount in timed]), 6) * 10**6
        )


@settings(max_examples=150, deadline=None)
@given(st.integers(10**3, 10**9), PAYMENTS, st.integers(0, 900))
def test_a_rate_that_is_enclosed_is_the_one_that_is_solved(
    drawn: int, paid: list[tuple[int, int]], again: int
) -> None:
    flows = [Flow(0, drawn), Flow(again, drawn // 3)]
    flows += [Flow(again + days, -amount) for days, amount in paid]
    netted = {flow.days: 0 for flow in flows}
    for flow in flows:
        netted[flow.days] += flow.amount_minor
    found = whole_ppm(netted, 365)
    assume(found is not None)
    assert found == solved_ppm(flows)


@pytest.mark.parametrize("days", [30, 60, 153, 365, 3_650])
def test_one_payment_has_a_closed_form(days: int) -> None:
    for back in (700_000, 999_999, 1_000_000, 1_000_001, 1_050_000, 1_640_000):
        found = whole_ppm({0: 1_000_000, days: -back}, 365)
        assert found in (None, solved_ppm([Flow(0, 1_000_000), Flow(days, -back)]))
        assert days < 60 or found is not None


def test_what_is_not_proven_is_left_to_the_solver() -> None:
    ties = [{0: 2_000_000, 365: -2_246_913}, {0: 2_000_000, 100: -1, 365: -2_246_912}]
    assert whole_ppm(ties[0], 365) is None
    assert whole_ppm(ties[1], 365) is not None  # near a tie, and told apart from it
    several = {0: 1000, 365: -2300, 730: 1320}
    assert whole_ppm(several, 365) is None
    assert whole_ppm({0: 5, 1: 5}, 365) is None
    assert whole_ppm({0: 5}, 365) is None
    assert whole_ppm({0: 1, 36_501: -2}, 365) is None
