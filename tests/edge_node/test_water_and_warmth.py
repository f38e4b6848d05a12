"""The physics of features against the worked examples that their authors published."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.units import PPM, divide_half_even
from edge_node.features.crops import CROPS, SOILS, Soil
from edge_node.features.evapotranspiration import (
    DayWeather,
    Method,
    Place,
    extraterrestrial_mj,
    reference_um,
    vapour_pressure_kpa,
)
from edge_node.features.trigonometry import arc_cosine, cosine, exact, sine
from edge_node.features.warmth import degree_days_mdeg
from edge_node.features.waterbalance import (
    RootZone,
    coefficient_ppm,
    crop_coefficient_ppm,
    depletion_share_ppm,
    measured_depletion_um,
    root_depth_mm,
    step,
    total_available_um,
)

# FAO-56, Example 37: tomato on silt, ten days without rain.
# Depletion at the start [mm], Ks, adjusted ETc [mm/d], depletion at the end [mm].
EXAMPLE_37 = """
55.0 1.00 6.0 61.0
61.0 1.00 6.0 67.0
67.0 0.97 5.8 72.8
72.8 0.91 5.4 78.3
78.3 0.85 5.1 83.4
83.4 0.80 4.8 88.2
88.2 0.75 4.5 92.6
92.6 0.70 4.2 96.9
96.9 0.66 3.9 100.8
100.8 0.62 3.7 104.5
"""

# FAO-56, Example 38: roots [mm], RAW [mm], rain and irrigation [mm], ETc [mm/d],
# drainage [mm], depletion at the end [mm].
EXAMPLE_38 = """
300 23 40 5.5 17  5
310 24  0 6.1  0 12
310 24  0 4.0  0 16
320 25  0 2.9  0 18
320 25  0 2.5  0 21
330 26  6 2.7  0 18
330 26  0 4.7  0 22
340 26  0 2.8  0 25
340 27  0 2.2  0 27
350 27 27 6.3  0  6
"""


def rows(table: str) -> list[list[float]]:
    return [[float(cell) for cell in line.split()] for line in table.strip().splitlines()]


def test_ten_dry_days_are_those_of_fao_56_example_37():
    soil, root_mm = Soil(320_000, 120_000), 800
    zone = RootZone(total_available_um(soil, root_mm), 400_000)
    assert (zone.taw_um, zone.raw_um) == (160_000, 64_000)
    depletion = 55_000
    for start, stress, used, end in rows(EXAMPLE_37):
        assert depletion / 1000 == pytest.approx(start, abs=0.06)
        assert coefficient_ppm(zone, depletion) / PPM == pytest.approx(stress, abs=0.006)
        before, depletion = depletion, step(zone, depletion, 0, 6_000)
        assert (depletion - before) / 1000 == pytest.approx(used, abs=0.06)
        assert depletion / 1000 == pytest.approx(end, abs=0.06)


def test_irrigation_schedule_is_that_of_fao_56_example_38():
    soil, depletion = Soil(230_000, 100_000), 23_400
    for root_mm, raw, wetting, use, drained, end in rows(EXAMPLE_38):
        zone = RootZone(total_available_um(soil, round(root_mm)), 600_000)
        assert zone.raw_um / 1000 == pytest.approx(raw, abs=0.8)  # its roots are rounded
        wetted = round(1000 * wetting)
        after = step(zone, depletion, wetted, round(1000 * use))
        # Water that neither stays nor is used drains; there is no stress in the example.
        gone = wetted - round(1000 * use) - (depletion - after)
        assert gone / 1000 == pytest.approx(drained, abs=0.6)
        depletion = after
        # Its column is rounded to whole mm from more digits of ETc than it prints.
        assert depletion / 1000 == pytest.approx(end, abs=0.9)


@pytest.mark.parametrize(
    ("crop_depth_mm", "p_ppm", "available", "ready"),
    [  # FAO-56, Example 36: onion, tomato and maize on silt with 170 mm/m.
        (400, 300_000, 68, 20),
        (800, 400_000, 136, 54),
        (1_200, 550_000, 204, 112),
    ],
)
def test_readily_available_water_is_that_of_fao_56_example_36(
    crop_depth_mm, p_ppm, available, ready
):
    zone = RootZone(total_available_um(Soil(320_000, 150_000), crop_depth_mm), p_ppm)
    assert zone.taw_um == 1000 * available
    assert zone.raw_um / 1000 == pytest.approx(ready, abs=0.5)


def test_penman_monteith_is_that_of_fao_56_example_18():
    """Uccle, 6 July: Tmax 21.5, Tmin 12.3, ea 1.409 kPa, Rs 22.07 MJ, u2 2.078 m/s: 3.88 mm."""
    with exact():
        saturated = (
            vapour_pressure_kpa(Decimal("12.3")) + vapour_pressure_kpa(Decimal("21.5"))
        ) / 2
    humidity_ppm = round(Decimal("1.409") / saturated * PPM)
    weather = DayWeather(12_300, 21_500, humidity_ppm, round(22.07 / 0.0864), 2_078)
    found, method = reference_um(Place(50_800, 100), 187, weather)
    assert method is Method.PENMAN_MONTEITH
    assert found / 1000 == pytest.approx(3.88, abs=0.02)
    assert float(extraterrestrial_mj(50_800, 187)) == pytest.approx(41.09, abs=0.01)


def test_penman_monteith_is_that_of_fao_56_example_17():
    """Bangkok, April: 5.72 mm with a soil heat flux of 0.14 MJ, which takes 0.04 mm."""
    with exact():
        saturated = (
            vapour_pressure_kpa(Decimal("25.6")) + vapour_pressure_kpa(Decimal("34.8"))
        ) / 2
    humidity_ppm = round(Decimal("2.85") / saturated * PPM)
    weather = DayWeather(25_600, 34_800, humidity_ppm, round(22.65 / 0.0864), 2_000)
    found, _ = reference_um(Place(13_733, 2), 105, weather)
    assert found / 1000 == pytest.approx(5.72 + 0.04, abs=0.03)
    assert float(extraterrestrial_mj(13_733, 105)) == pytest.approx(38.06, abs=0.02)


def test_hargreaves_is_that_of_fao_56_example_20():
    """Lyon, July, from temperatures alone: 5.0 mm."""
    found, method = reference_um(Place(45_720, 200), 196, DayWeather(14_800, 26_600))
    assert method is Method.HARGREAVES
    assert found / 1000 == pytest.approx(5.0, abs=0.05)
    assert float(extraterrestrial_mj(45_720, 196)) == pytest.approx(40.55, abs=0.02)


@given(st.integers(-90, 90), st.integers(1, 366))
def test_radiation_above_the_air_is_defined_everywhere(latitude, day):
    found = extraterrestrial_mj(min(max(latitude * 1000, -89_999), 89_999), day)
    assert 0 <= found < 60


@given(st.floats(-7, 7, allow_nan=False))
def test_trigonometry_agrees_with_the_c_library(angle):
    with exact():
        exactly = Decimal(angle)
        assert float(sine(exactly)) == pytest.approx(math.sin(angle), abs=1e-14)
        assert float(cosine(exactly)) == pytest.approx(math.cos(angle), abs=1e-14)


@given(st.floats(-1, 1, allow_nan=False))
def test_arc_cosine_agrees_with_the_c_library(value):
    with exact():
        assert float(arc_cosine(Decimal(value))) == pytest.approx(math.acos(value), abs=1e-7)


@pytest.mark.parametrize(
    ("high_f", "low_f", "degree_days_f"),
    [  # 86/50: 25.5, 11 and 6.5 (University of Wisconsin Extension, Waushara County, 2018);
        # 24.5 (Ohio State University Extension, 2023).
        (90, 65, 25.5),
        (72, 46, 11),
        (63, 42, 6.5),
        (87, 63, 24.5),
    ],
)
def test_degree_days_are_those_of_published_examples(high_f, low_f, degree_days_f):
    def celsius_m(fahrenheit):
        return round((fahrenheit - 32) * 5 / 9 * 1000)

    found = degree_days_mdeg(celsius_m(low_f), celsius_m(high_f), 10_000, 30_000)
    assert found / 1000 * 9 / 5 == pytest.approx(degree_days_f, abs=0.01)


def test_a_cold_day_gives_no_degree_days():
    assert degree_days_mdeg(-5_000, 6_000, 10_000, 30_000) == 0


@pytest.mark.parametrize("name", CROPS)
def test_crop_coefficient_and_roots_follow_the_stages(name):
    crop = CROPS[name]
    first, growing, middle, _ = crop.stage_days
    assert crop_coefficient_ppm(crop, 0) == crop_coefficient_ppm(crop, first) == crop.kc_ppm[0]
    for age in (first + growing, first + growing + middle):
        assert crop_coefficient_ppm(crop, age) == crop.kc_ppm[1]
    assert crop_coefficient_ppm(crop, crop.season_days + 50) == crop.kc_ppm[2]
    assert root_depth_mm(crop, 0) == crop.root_mm[0]
    assert root_depth_mm(crop, 400) == crop.root_mm[1]


def test_depletion_share_rises_when_the_air_takes_little():
    """Note to Table 22: p + 0.04 (5 - ETc), between 0.1 and 0.8."""
    assert depletion_share_ppm(550_000, 5_000) == 550_000
    assert depletion_share_ppm(550_000, 3_000) == 630_000
    assert depletion_share_ppm(550_000, 60_000) == 100_000
    assert depletion_share_ppm(700_000, 0) == 800_000


@given(
    st.sampled_from(sorted(SOILS)),
    st.integers(200, 1_500),
    st.integers(0, 700_000),
    st.integers(0, 120_000),
    st.integers(0, 12_000),
)
def test_water_is_conserved_and_stays_within_the_soil(name, root_mm, moisture, wetting, use):
    zone = RootZone(total_available_um(SOILS[name], root_mm), 500_000)
    before = measured_depletion_um(SOILS[name], root_mm, moisture)
    after = step(zone, before, wetting, use)
    assert 0 <= after <= zone.taw_um
    assert 0 <= coefficient_ppm(zone, after) <= PPM
    wetted = max(before - wetting, 0)  # what is above field capacity drains
    used = divide_half_even(use * coefficient_ppm(zone, wetted), PPM)
    assert after - wetted == used or after == zone.taw_um
