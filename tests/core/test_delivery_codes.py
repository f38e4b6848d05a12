"""The farmer's code for a delivery: what it is bound to, how it is typed, until when it counts."""

from __future__ import annotations

from datetime import date

import pytest

from core.errors import ShapeError
from core.wire.delivery_codes import (
    CODE_DIGITS,
    code_counts_until,
    code_matches,
    delivery_code,
    grouped,
    typed_code,
)

SECRET = bytes(range(32))


def test_a_code_is_the_same_digits_wherever_it_is_reckoned() -> None:
    assert delivery_code(SECRET, "o-1", 1) == "39495476"


def test_a_code_is_bound_to_secret_order_and_delivery() -> None:
    found = {
        delivery_code(SECRET, "o-1", 1),
        delivery_code(SECRET, "o-2", 1),
        delivery_code(SECRET, "o-1", 2),
        delivery_code(SECRET[::-1], "o-1", 1),
    }
    assert len(found) == 4
    assert all(len(each) == CODE_DIGITS and each.isdigit() for each in found)


def test_the_digits_are_spread_evenly() -> None:
    """Each of the ten stands at each place in about a tenth of 2,000 codes."""
    codes = [delivery_code(SECRET, f"o-{n}", 1) for n in range(2_000)]
    for place in range(CODE_DIGITS):
        counts = [sum(code[place] == str(digit) for code in codes) for digit in range(10)]
        assert 130 < min(counts) <= max(counts) < 270


def test_people_may_type_it_in_groups() -> None:
    code = delivery_code(SECRET, "o-1", 1)
    assert typed_code(grouped(code)) == typed_code(f"{code[:4]}-{code[4:]}") == code
    assert code_matches(typed_code(grouped(code)), code)


@pytest.mark.parametrize("text", ["", "1234567", "123456789", "1234567a", "١٢٣٤٥٦٧٨", "+1234567"])
def test_what_is_no_code_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ShapeError, match="expected 8 digits") as found:
        typed_code(text)
    assert not text or text not in str(found.value)


def test_it_counts_thirty_days_beyond_the_day_of_delivery() -> None:
    assert code_counts_until("2026-04-20") == date(2026, 5, 20)
