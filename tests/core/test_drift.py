"""Drift is told by counts alone: the index by hand, its alarms, and what counting keeps."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ShapeError
from core.scoring.drift import SCORES, Alarm, alarm, counted, psi_ppm, score_edges
from core.scoring.points import score
from tests.support.models import TABLE

COUNTS = st.lists(st.integers(0, 10_000), min_size=2, max_size=20).filter(any)


def test_the_index_is_what_the_formula_says_by_hand():
    # 100 and 300 then, 200 and 200 now, each bin with half a row more.
    before, after = (100.5 / 401, 300.5 / 401), (200.5 / 401, 200.5 / 401)
    by_hand = sum((b - a) * math.log(b / a) for a, b in zip(before, after, strict=True))
    assert psi_ppm([100, 300], [200, 200]) == round(by_hand * 1_000_000)
    assert 0.26 < by_hand < 0.28


@given(COUNTS)
def test_the_same_shares_do_not_drift(counts: list[int]):
    assert psi_ppm(counts, counts) == 0
    assert psi_ppm(counts, [n + 1 for n in counts]) >= 0


@pytest.mark.parametrize(
    ("index_ppm", "expected"),
    [(0, Alarm.NONE), (99_999, Alarm.NONE), (100_000, Alarm.WATCH), (249_999, Alarm.WATCH),
     (250_000, Alarm.ACT), (9_000_000, Alarm.ACT)],
)  # fmt: skip
def test_alarms_stand_at_a_tenth_and_a_quarter(index_ppm: int, expected: Alarm):
    assert alarm(index_ppm) is expected


@pytest.mark.parametrize(("then", "now"), [([1], [1, 2]), ([], []), ([0, 0], [1, 1]), ([1], [-1])])
def test_counts_that_cannot_be_compared_are_refused(then: list[int], now: list[int]):
    with pytest.raises(ShapeError, match="expected counts of"):
        psi_ppm(then, now)


def test_counting_keeps_bins_and_nothing_else():
    applications = [{"past_late_days": 0, "area_m2": 9_000}, {"past_late_days": 40}, {}]
    found = counted(TABLE, applications)
    assert found["past_late_days"] == [1, 1, 0, 1]  # missing, below 1, 1 to 29, 30 and more
    assert found["area_m2"] == [2, 0, 1]
    assert found["soil_stress_days"] == [3, 0, 0]
    edges = score_edges(TABLE)
    assert found[SCORES][sum(edge <= score(TABLE, {}) for edge in edges)] >= 1
    assert all(sum(counts) == len(applications) for counts in found.values())
