from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UnitError
from core.units import (
    CALENDAR_FIRST_MS,
    CALENDAR_LAST_MS,
    SAFE_INTEGER_MAX,
    Money,
    allocate,
    civil_date,
    civil_day,
    day_start_ms,
    divide_half_even,
    floor_to_unit,
    format_money,
    require_date,
    share_ppm,
)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100_001, [70, 30], (70_001, 30_000)),
        (100, [1, 1, 1], (34, 33, 33)),
        (0, [1, 2], (0, 0)),
        (5, [0, 1], (0, 5)),
    ],
)
def test_allocation_by_largest_remainder(
    amount: int, weights: list[int], parts: tuple[int, ...]
) -> None:
    assert allocate(amount, weights) == parts


@given(
    st.integers(0, 10**12),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=9).filter(lambda w: sum(w) > 0),
)
def test_allocation_loses_nothing(amount: int, weights: list[int]) -> None:
    parts = allocate(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(amount * weight, sum(weights))) < 1


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**9))
def test_division_rounds_half_to_even(numerator: int, denominator: int) -> None:
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


def test_a_share_in_ppm() -> None:
    assert share_ppm(1_000_001, 15_000) == 15_000


@pytest.mark.parametrize(("amount", "floored"), [(5_081_256, 5_080_000), (-1, -10_000), (0, 0)])
def test_floor_to_the_unit(amount: int, floored: int) -> None:
    assert floor_to_unit(amount, 10_000) == floored


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (123_450, "KES", "KES 1,234.50"),
        (1_234, "UGX", "UGX 1,234"),
        (-5, "KES", "KES -0.05"),
        (1_234, "KWD", "KWD 1.234"),
    ],
)
def test_money_as_people_write_it(amount: int, currency: str, text: str) -> None:
    assert format_money(amount, currency) == text


def test_currencies_do_not_mix() -> None:
    assert Money("KES", 3) + Money("KES", 4) == Money("KES", 7)
    with pytest.raises(UnitError, match="convert first"):
        Money("KES", 3) - Money("UGX", 3)


@pytest.mark.parametrize("amount", [1.5, True, 2**53, "3"])
def test_money_is_a_safe_integer(amount: object) -> None:
    with pytest.raises(UnitError):
        Money("KES", amount)  # type: ignore[arg-type]


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(-12, 14))
def test_a_civil_day_begins_where_it_says(day: date, hours: int) -> None:
    start = day_start_ms(day, hours * 3_600_000)
    assert civil_day(start, hours * 3_600_000) == day
    assert civil_day(start - 1, hours * 3_600_000) < day


@pytest.mark.parametrize("text", ["20261225", "2026-W52-5", "2026-12-32", "2026-12-25T00:00", ""])
def test_a_date_has_one_spelling(text: str) -> None:
    assert civil_date("2026-12-25") == date(2026, 12, 25)
    assert civil_date(text) is None
    with pytest.raises(UnitError, match="sown_on must be a date such as"):
        require_date(text, "sown_on")


@pytest.mark.parametrize("at_ms", [SAFE_INTEGER_MAX, CALENDAR_LAST_MS + 999, CALENDAR_LAST_MS])
def test_an_instant_beyond_the_calendar_has_its_nearest_day(at_ms: int) -> None:
    assert civil_day(at_ms) == date(9999, 12, 31)
    assert civil_day(at_ms, 14 * 3_600_000) == date(9999, 12, 31)
    assert civil_day(-SAFE_INTEGER_MAX) == civil_day(CALENDAR_FIRST_MS) == date(1, 1, 1)
