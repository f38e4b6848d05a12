from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.district.growth import columns_of
from firmware_sim.district.season import DroughtSpec
from firmware_sim.district.soils import SOILS
from firmware_sim.district.soilwater import (
    SURFACE_MM,
    WaterState,
    at_share,
    moisture,
    step_water,
)
from firmware_sim.district.weather import (
    WeatherSpec,
    draw_weather,
    extraterrestrial_mj_per_m2,
    with_drought,
)

COLUMNS = columns_of(SOILS, 750.0, 74.0)
FOUR = st.lists(st.floats(0, 1), min_size=4, max_size=4).map(np.array)


@pytest.mark.parametrize(("day", "mj"), [(15, 36.2), (74, 37.9), (166, 33.4), (258, 36.8)])
def test_radiation_above_the_air_agrees_with_fao_56_annex_2_at_the_equator(
    day: int, mj: float
) -> None:
    assert extraterrestrial_mj_per_m2(np.array([float(day)]))[0] == pytest.approx(mj, abs=0.8)


@settings(max_examples=200, deadline=None)
@given(surface=FOUR, root=FOUR, cover=FOUR, rain=st.floats(0, 200), et0=st.floats(0, 10))
def test_every_drop_is_accounted_for(
    surface: np.ndarray, root: np.ndarray, cover: np.ndarray, rain: float, et0: float
) -> None:
    driest = 0.5 * COLUMNS.wilting_point
    span = COLUMNS.saturation - driest
    state = WaterState(
        (driest + surface * span) * SURFACE_MM, (driest + root * span) * COLUMNS.root_mm
    )
    step = step_water(COLUMNS, state, np.full(4, rain), np.full(4, et0), cover)
    before = state.surface_mm + state.root_mm
    after = step.state.surface_mm + step.state.root_mm
    left = step.runoff_mm + step.drainage_mm + step.evaporation_mm + step.transpiration_mm
    np.testing.assert_allclose(before + rain, after + left, atol=1e-9)
    for flow in (step.runoff_mm, step.drainage_mm, step.evaporation_mm, step.transpiration_mm):
        assert (flow >= 0).all()
    assert (step.state.surface_mm >= 0).all()
    assert (step.state.root_mm >= 0).all()
    assert (moisture(COLUMNS, step.state) <= COLUMNS.saturation + 1e-9).all()
    assert ((step.stress >= 0) & (step.stress <= 1)).all()


def test_soil_dries_to_the_wilting_point_and_fills_to_capacity() -> None:
    dry, wet = at_share(COLUMNS, 1.0), at_share(COLUMNS, 0.0)
    for _ in range(300):
        dry = step_water(COLUMNS, dry, np.zeros(4), np.full(4, 5.0), np.full(4, 0.8)).state
        wet = step_water(COLUMNS, wet, np.full(4, 12.0), np.full(4, 3.0), np.full(4, 0.8)).state
    assert (moisture(COLUMNS, dry) < COLUMNS.wilting_point + 0.005).all()
    assert (moisture(COLUMNS, wet) > 0.95 * COLUMNS.field_capacity).all()


def test_same_chance_same_weather() -> None:
    spec = WeatherSpec(date(2020, 3, 1), 60)
    one, two = (draw_weather(spec, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one.rain_mm, two.rain_mm)
    assert np.array_equal(one.et0_mm, two.et0_mm)


def test_rain_is_bimodal_and_a_wet_day_begets_another() -> None:
    years = draw_weather(WeatherSpec(date(2000, 1, 1), 365 * 12), np.random.default_rng(1))
    rain = years.rain_mm[0].reshape(12, 365)
    monthly = [rain[:, m * 30 : m * 30 + 30].sum(axis=1).mean() for m in range(12)]
    assert min(monthly[3], monthly[10]) > 2.5 * max(monthly[0], monthly[7])
    assert 850 < rain.sum(axis=1).mean() < 1_350
    wet = years.rain_mm[0] > 0
    april = np.tile(np.arange(365), 12) // 30 == 3
    after_wet = wet[1:][april[1:] & wet[:-1]].mean()
    after_dry = wet[1:][april[1:] & ~wet[:-1]].mean()
    assert after_wet > after_dry + 0.1


def test_zones_of_a_village_share_most_of_their_weather() -> None:
    weather = draw_weather(WeatherSpec(date(2001, 1, 1), 2_000), np.random.default_rng(2))
    alike = np.corrcoef(weather.rain_mm)[0, 1]
    assert 0.3 < alike < 0.9


def test_weather_stays_within_what_is_possible() -> None:
    weather = draw_weather(WeatherSpec(date(2001, 1, 1), 3_000), np.random.default_rng(2))
    assert (weather.tmax_c > weather.tmin_c).all()
    assert (weather.rain_mm >= 0).all()
    assert ((weather.humidity > 0) & (weather.humidity < 1)).all()
    assert ((weather.et0_mm > 0) & (weather.et0_mm < 9)).all()
    assert 3.0 < weather.et0_mm.mean() < 5.0


def test_drought_is_written_into_one_zone_and_its_days_alone() -> None:
    first = date(2026, 3, 1)
    weather = draw_weather(WeatherSpec(first, 120), np.random.default_rng(4))
    dry = with_drought(weather, DroughtSpec(zone=1, start_day=60, days=40), first)
    for name in ("rain_mm", "tmax_c", "humidity", "et0_mm"):
        before, after = getattr(weather, name), getattr(dry, name)
        assert np.array_equal(before[0], after[0])
        assert np.array_equal(before[1, :60], after[1, :60])
        assert np.array_equal(before[1, 100:], after[1, 100:])
        assert not np.array_equal(before[1, 60:100], after[1, 60:100])
    assert dry.rain_mm[1, 60:100].sum() < 0.1 * weather.rain_mm[1, 60:100].sum()
    assert dry.et0_mm[1, 60:100].mean() > weather.et0_mm[1, 60:100].mean()
