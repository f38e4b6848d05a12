"""A device's clock and battery, in numbers that a reader can work out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.device import clock as clocks
from firmware_sim.device import power
from firmware_sim.device.clock import Clock, ClockMemory, ClockSpec
from firmware_sim.device.power import PowerSpec

DAY_MS = 86_400_000
FAST = ClockSpec(drift_ppm=20, tolerance_ppm=50, memory=ClockMemory.NONE)
BATTERY = PowerSpec(
    capacity_uj=1_000_000,
    empty_mv=3_000,
    full_mv=4_000,
    cutoff_ppm=100_000,
    restart_ppm=300_000,
    panel_mm2=1_000,
    panel_efficiency_ppm=100_000,
    supply_uw=0,
    sleep_uw=10,
    sample_uj=5_000,
    send_nj_per_byte=1_000,
)


def test_clock_runs_away_by_its_drift_and_admits_its_tolerance() -> None:
    clock = clocks.set_to(0, 0, 250)
    assert clocks.reading_at(clock, FAST, 10 * DAY_MS) == 10 * DAY_MS + 17_280  # 20 ppm
    assert clocks.error_at(clock, FAST, 10 * DAY_MS) == 250 + 43_201  # 50 ppm, rounded up


@given(
    drift=st.integers(-500, 500),
    start=st.integers(0, 10**13),
    wanted=st.integers(0, 10**10),
)
def test_true_instant_is_the_first_at_which_the_clock_reads_so_much(
    drift: int, start: int, wanted: int
) -> None:
    spec = ClockSpec(drift, 500, ClockMemory.NONE)
    clock = Clock(start, 0, 0)
    at_ms = clocks.true_at(clock, spec, wanted)
    assert clocks.reading_at(clock, spec, at_ms) >= wanted
    assert clocks.reading_at(clock, spec, at_ms - 1) < wanted or wanted == 0


@given(
    drift=st.integers(-500, 500), extra=st.integers(0, 500), elapsed=st.integers(0, 400 * DAY_MS)
)
def test_stated_error_covers_the_true_error_of_a_crystal_within_tolerance(
    drift: int, extra: int, elapsed: int
) -> None:
    spec = ClockSpec(drift, abs(drift) + extra + 1, ClockMemory.NONE)
    clock = clocks.set_to(1_000, 1_000, 5)
    off_ms = abs(clocks.reading_at(clock, spec, 1_000 + elapsed) - (1_000 + elapsed))
    assert off_ms <= clocks.error_at(clock, spec, 1_000 + elapsed)


@pytest.mark.parametrize(
    ("memory", "starts_at", "error_ms"),
    [
        (ClockMemory.NONE, 0, clocks.ERROR_UNKNOWN_MS),
        (ClockMemory.LAST_KNOWN, 7_000, clocks.ERROR_UNKNOWN_MS),
        (ClockMemory.CHIP, 9_000, 1),
    ],
)
def test_clock_after_a_loss_of_power(memory: ClockMemory, starts_at: int, error_ms: int) -> None:
    spec = ClockSpec(0, 0, memory)
    clock = clocks.restarted(Clock(0, 0, 1), spec, 9_000, written_ms=7_000)
    assert clocks.reading_at(clock, spec, 9_000) == starts_at
    assert clocks.error_at(clock, spec, 9_000) == error_ms


@pytest.mark.parametrize(
    ("charge_uj", "elapsed_ms", "sun", "left_uj", "mv"),
    [
        (500_000, 1_000_000, 0, 490_000, 3_490),  # ten microwatts asleep
        (500_000, 1_000_000, 1, 590_000, 3_590),  # a hundred from the panel
        (500_000, 1_000_000, 1_000, 1_000_000, 4_000),  # full is full
        (500, 1_000_000, 0, 0, 3_000),  # empty is empty
    ],
)
def test_battery_drains_and_charges(
    charge_uj: int, elapsed_ms: int, sun: int, left_uj: int, mv: int
) -> None:
    after_uj = power.after(BATTERY, charge_uj, elapsed_ms, sun)
    assert after_uj == left_uj
    assert power.battery_mv(BATTERY, after_uj) == mv


def test_a_device_comes_back_only_well_above_where_it_gave_out() -> None:
    assert power.is_too_low(BATTERY, 99_999)
    assert not power.is_too_low(BATTERY, 100_000)
    assert not power.is_enough_to_start(BATTERY, 299_999)
    assert power.is_enough_to_start(BATTERY, 300_000)
