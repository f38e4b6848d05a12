"""What a station makes of its clocks, row by row as docs/station-time.md has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lending.clock import (
    ANSWER_MS_MAX,
    WALL_ERROR_MS,
    Anchor,
    Reading,
    anchor_of,
    drift_ms,
    estimate,
)
from core.units import MS_PER_DAY

APRIL = 1_775_000_000_000
THEN = Anchor(APRIL, 40, Reading(APRIL + 5_000, 1_000_000, "boot-1"))
NEVER, YEAR_MS = 0, 365 * MS_PER_DAY


@pytest.mark.parametrize(
    ("now", "anchor", "at_ms", "error_ms"),
    [
        # Never told the time: the wall clock, give or take a minute.
        (Reading(APRIL, 5, "boot-1"), None, APRIL, WALL_ERROR_MS),
        # The same boot: the count carries the anchor on, whatever the wall clock is set to.
        (Reading(APRIL + 9, 1_000_000, "boot-1"), THEN, APRIL, 40),
        (Reading(0, 1_000_000 + MS_PER_DAY, "boot-1"), THEN, APRIL + MS_PER_DAY, 40 + 17_280),
        (Reading(APRIL + YEAR_MS, 1_500_000, "boot-1"), THEN, APRIL + 500_000, 40 + 100),
        # Another boot: the wall clock, as far off as it was when it was compared, and a drift.
        (Reading(APRIL + MS_PER_DAY, 7, "boot-2"), THEN, APRIL + MS_PER_DAY, 60_000 + 17_280),
        # A wall clock that stood a day wrong is taken to be a day off.
        (
            Reading(APRIL + 1, 7, "boot-2"),
            Anchor(APRIL, 40, Reading(APRIL - MS_PER_DAY, 0, "boot-1")),
            APRIL + 1,
            MS_PER_DAY + 40 + 1,
        ),
        # No count to rely on, as in a demonstration.
        (Reading(APRIL + 5, APRIL + 5, ""), Anchor(APRIL, 1, Reading(APRIL, APRIL, "")), APRIL + 5,
         WALL_ERROR_MS + 1),
    ],
)  # fmt: skip
def test_the_time_and_its_error(now: Reading, anchor: Anchor | None, at_ms: int, error_ms: int):
    assert estimate(now, anchor, NEVER) == (at_ms, error_ms)


def test_ninety_dark_days_cost_half_an_hour():
    dark = Reading(0, THEN.clocks.ticks_ms + 90 * MS_PER_DAY, "boot-1")
    assert estimate(dark, THEN, NEVER)[1] < 30 * 60_000


@given(st.integers(0, 400 * MS_PER_DAY), st.floats(-150e-6, 150e-6), st.integers(-40, 40))
def test_the_truth_lies_within_the_error_while_the_boot_lasts(true_ms: int, drift: float, off: int):
    ticks = THEN.clocks.ticks_ms + round(true_ms * (1 + drift))
    at_ms, error_ms = estimate(Reading(0, ticks, "boot-1"), THEN, NEVER)
    assert abs(at_ms - (APRIL + off + true_ms)) <= error_ms + 1


@given(st.integers(0, ANSWER_MS_MAX), st.floats(0, 1))
def test_the_centres_word_is_off_by_at_most_half_of_what_passed(passed_ms: int, share: float):
    asked = Reading(0, 1_000, "boot-1")
    answered = Reading(0, 1_000 + passed_ms, "boot-1")
    written_ms = APRIL + round(passed_ms * share)  # the centre wrote it at some time in between
    found = anchor_of(asked, answered, written_ms)
    assert found is not None
    assert abs(found.at_ms - (APRIL + passed_ms)) <= found.error_ms


@pytest.mark.parametrize(
    "answered",
    [
        Reading(0, 1_000 + ANSWER_MS_MAX + 1, "boot-1"),  # too slow
        Reading(0, 999, "boot-1"),  # the count ran back
        Reading(0, 1_001, "boot-2"),  # another boot in between
    ],
)
def test_an_answer_that_says_too_little_is_not_used(answered: Reading):
    assert anchor_of(Reading(0, 1_000, "boot-1"), answered, APRIL) is None


def test_drift_is_rounded_up():
    assert (drift_ms(0), drift_ms(1), drift_ms(5_000), drift_ms(5_001)) == (0, 1, 1, 2)
