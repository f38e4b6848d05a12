"""Quality control: small rows of readings whose codes a reader can check by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.units import PPM
from core.wire.telemetry import METRICS
from edge_node.features.quality import (
    CLOCK_MS_MIN,
    Quality,
    QualityLimits,
    Reading,
    coverage_ppm,
    first_look,
    is_clock_plausible,
    is_late,
    sampling_interval_ms,
    second_look,
)
from tests.support.edge_station import NOW_MS, sample

HOUR_MS = 3_600_000
LIMITS = QualityLimits(24 * HOUR_MS, 12 * HOUR_MS, 4)
CODES = {"u": Quality.USABLE, "r": Quality.RATE, "s": Quality.STUCK, "d": Quality.DUPLICATE}


def readings(*values: int, every_ms: int = HOUR_MS) -> list[Reading]:
    return [Reading(NOW_MS + i * every_ms, "e1", i + 1, value) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("name", "value", "plausible", "expected"),
    [
        ("soil_moisture_ppm", 200_000, True, Quality.USABLE),
        ("soil_moisture_ppm", 700_000, True, Quality.USABLE),
        ("soil_moisture_ppm", 700_001, True, Quality.RANGE),
        ("soil_moisture_ppm", -1, True, Quality.RANGE),
        ("soil_moisture_ppm", 200_000, False, Quality.CLOCK),
        ("soil_moisture_ppm", -1, False, Quality.RANGE),
        ("tea_temperature", 1, True, Quality.UNKNOWN),
    ],
)
def test_first_look(name: str, value: int, plausible: bool, expected: Quality):
    assert first_look(name, value, clock_plausible=plausible) is expected


# Air temperature may move 20 °C an hour.
@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        ("air_temperature_mdeg_c", [20_000, 25_000, 22_000], "uuu"),
        ("air_temperature_mdeg_c", [20_000, 55_000, 22_000], "uru"),  # a spike
        ("air_temperature_mdeg_c", [20_000, 45_000, 46_000, 47_000], "uruu"),  # a new level
        ("air_temperature_mdeg_c", [20_000, 50_000, -25_000, 21_000], "urru"),
        ("air_temperature_mdeg_c", [7, 7, 7], "uuu"),
        ("air_temperature_mdeg_c", [7, 7, 7, 7], "ssss"),
        ("air_temperature_mdeg_c", [0, 0, 0, 0], "uuuu"),
        ("air_temperature_mdeg_c", [5, 7, 7, 7, 7, 5], "ussssu"),
        ("animals_seen_count", [9, 9, 9, 9], "uuuu"),  # a complete herd
        ("rain_um", [0, 200_000, 0, 0, 0], "uuuuu"),
        ("engine_s", [100, 3_700, 7_300], "uuu"),
        ("engine_s", [100, 9_000, 3_800], "uru"),
        ("engine_s", [7_000, 100, 3_000], "uuu"),  # reset
        ("engine_s", [7_000, 7_000, 7_000, 7_000], "uuuu"),  # parked
    ],
)
def test_second_look(metric: str, values: list[int], expected: str):
    codes = second_look(METRICS[metric], readings(*values), LIMITS)
    assert codes == tuple(CODES[letter] for letter in expected)


def test_same_instant_counts_once_and_the_lower_number_wins():
    twice = [Reading(NOW_MS, "e1", 1, 5), Reading(NOW_MS, "e1", 2, 9)]
    codes = second_look(METRICS["rain_um"], twice, LIMITS)
    assert codes == (Quality.USABLE, Quality.DUPLICATE)


@given(st.lists(st.integers(-45_000, 60_000), max_size=30))
def test_every_reading_gets_one_code_and_the_first_is_never_too_fast(values: list[int]):
    codes = second_look(METRICS["air_temperature_mdeg_c"], readings(*values), LIMITS)
    assert len(codes) == len(values)
    assert not codes or codes[0] is not Quality.RATE


@pytest.mark.parametrize(
    ("at_ms", "error_ms", "expected"),
    [
        (NOW_MS, 0, True),
        (CLOCK_MS_MIN, 0, True),
        (CLOCK_MS_MIN - 1, 0, False),
        (NOW_MS + 24 * HOUR_MS, 0, True),
        (NOW_MS + 24 * HOUR_MS + 1, 0, False),
        (NOW_MS, 12 * HOUR_MS, True),
        (NOW_MS, 12 * HOUR_MS + 1, False),
        (2**53 - 1, 0, False),
    ],
)
def test_clock_is_judged_by_its_time_and_its_own_error(at_ms: int, error_ms: int, expected: bool):
    assert is_clock_plausible(sample(1, at_ms, error_ms), NOW_MS, LIMITS) is expected


def test_late_is_more_than_the_bound():
    assert not is_late(sample(1, NOW_MS - 10), NOW_MS, 10)
    assert is_late(sample(1, NOW_MS - 11), NOW_MS, 10)


@pytest.mark.parametrize(
    ("hours", "every_h", "expected"),
    [
        ([], 3, 0),
        (range(0, 24, 3), 3, PPM),
        (range(0, 24, 6), 3, PPM // 2),
        (range(1, 24, 3), 3, PPM),
        ([0, 3, 6, 9], 3, PPM // 2),
        (range(24), 3, PPM),  # a burst does not count for more than the day
        ([0, 0, 0, 0, 0, 0, 0, 0], 3, PPM // 8),
    ],
)
def test_coverage_is_the_share_of_what_was_expected(hours: list[int], every_h: int, expected: int):
    instants = [hour * HOUR_MS for hour in hours]
    assert coverage_ppm(instants, 0, 24 * HOUR_MS, every_h * HOUR_MS) == expected


def test_sampling_interval_is_the_usual_one():
    assert sampling_interval_ms([0, 10, 20, 30, 90], 7) == 10
    assert sampling_interval_ms([0, 10], 7) == 7
    assert sampling_interval_ms([], 7) == 7
