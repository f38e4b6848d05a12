"""What thirst will take of a harvest, from the soil's water and past years' weather."""

from __future__ import annotations

import dataclasses
from datetime import date

import numpy as np
import pytest

from satellite.hazards import thirst
from satellite.hazards.crowd import Crowd, neighbours_of
from satellite.hazards.thirst import MISSING_DAYS_MAX, Outlook, thirst_of
from satellite.hazards.weather import Place, Weather
from satellite.indices import index_named

FIRST = date(2005, 1, 1).toordinal()
SOWN = date(2026, 4, 1).toordinal()
RIPE = SOWN + 75
LATITUDE = -1.0


def place(years: int = 22, rain_mm: float = 14.0) -> Place:
    """A record up to the end of 2026: rain on every other day, the same each year."""
    first = date(2027 - years, 1, 1).toordinal()
    days = date(2026, 12, 31).toordinal() - first + 1
    rng = np.random.default_rng(5)
    rain = rng.gamma(1.0, rain_mm, days) * (rng.random(days) < 0.5)
    return Place("p", (37.0, LATITUDE), first, rain, np.full(days, 14.0), np.full(days, 27.0))


def dried(one: Place, from_day: int, days: int) -> Place:
    rain = one.rain_mm.copy()
    rain[from_day - one.first_day : from_day - one.first_day + days] = 0.0
    return dataclasses.replace(one, rain_mm=rain)


def outlook(one: Place, crop: str = "maize") -> Outlook:
    found = thirst_of(one, LATITUDE, crop, SOWN, RIPE)
    assert found is not None
    return found


def chance(one: Place, age: int) -> float:
    return float((outlook(one).loss_share[age] >= 0.15).mean())


def test_weeks_without_rain_lessen_a_harvest_only_once_the_soil_is_empty():
    dry = dried(place(), SOWN + 40, 40)
    assert chance(place(), 60) == 0.0
    assert chance(dry, 45) < 0.5
    assert chance(dry, 75) == 1.0
    told = outlook(dry)
    assert told.stress[42] == 1.0
    assert told.stress[75] < 0.3
    assert np.median(told.loss_share[80]) > 0.2


def test_the_same_weeks_after_the_harvest_or_before_any_leaf_take_little():
    assert outlook(dried(place(), RIPE + 15, 40)).loss_share[-1].max() < 0.05
    assert np.median(outlook(dried(place(), SOWN - 5, 20)).loss_share[30]) < 0.1


def test_what_is_known_on_a_day_rests_on_weather_up_to_it():
    dry = dried(place(), SOWN + 40, 40)
    whole = outlook(dry)
    for age in (20, 50, 70):
        cut = SOWN + age - dry.first_day + 1
        upto = outlook(
            dataclasses.replace(
                dry, rain_mm=dry.rain_mm[:cut], tmin_c=dry.tmin_c[:cut], tmax_c=dry.tmax_c[:cut]
            )
        )
        assert len(upto.stress) == age + 1
        assert np.array_equal(upto.loss_share, whole.loss_share[: age + 1])


def test_a_crop_that_answers_less_loses_less():
    dry = dried(place(), SOWN + 40, 40)
    maize, sorghum = (np.median(outlook(dry, crop).loss_share[80]) for crop in ("maize", "sorghum"))
    assert sorghum / maize == pytest.approx(0.9 / 1.25)


def test_few_missing_days_take_what_is_usual_and_many_leave_nothing_to_say():
    whole = place()
    for missing in (MISSING_DAYS_MAX, MISSING_DAYS_MAX + 1):
        rain = whole.rain_mm.copy()
        at = SOWN + 10 - whole.first_day
        rain[at : at + missing] = np.nan
        gappy = dataclasses.replace(whole, rain_mm=rain)
        told = thirst_of(gappy, LATITUDE, "maize", SOWN, RIPE)
        assert (told is None) == (missing > MISSING_DAYS_MAX)
    assert np.abs(outlook(whole).stress - 1.0).max() < 0.2


def test_without_temperatures_or_with_few_years_nothing_is_said():
    cold = dataclasses.replace(place(), tmin_c=np.full(len(place().rain_mm), np.nan))
    assert thirst_of(cold, LATITUDE, "maize", SOWN, RIPE) is None
    assert thirst_of(place(years=14), LATITUDE, "maize", SOWN, RIPE) is None
    assert thirst_of(place(), LATITUDE, "maize", SOWN + 400, RIPE + 400) is None


def test_demand_is_that_of_the_worked_example():
    """FAO-56, example 20: Lyon in July, 26.6 and 14.8 °C, gives 5.0 mm a day."""
    day = np.array([date(2026, 7, 15).toordinal()])
    found = thirst._demand_mm(45.72, day, np.array([14.8]), np.array([26.6]))
    assert found[0] == pytest.approx(5.0, abs=0.1)


def test_a_place_about_as_near_may_speak_for_a_plot_too():
    west, east = place(), dataclasses.replace(place(), name="q", lon_lat=(37.1, LATITUDE))
    weather = Weather((east, west))
    assert [p.name for p in weather.around((37.01, LATITUDE), 0.9)] == ["p"]
    assert [p.name for p in weather.around((37.049, LATITUDE), 0.9)] == ["p", "q"]
    assert weather.around((30.0, LATITUDE), 0.9) == ()
    near = weather.near((37.09, LATITUDE))
    assert near is not None
    assert near.name == "q"


def crowd_of(places: list[tuple[float, float]]) -> Crowd:
    count = len(places)
    table, whole = np.zeros((count, 1)), np.zeros(count, dtype=np.int64)
    return Crowd(
        crop="maize", rows=np.arange(count), days=np.array([SOWN]), value=table, usual=table,
        spread=table, soil=np.zeros(count), sown_day=whole, is_sown=whole == 0, ripe_day=whole,
        last_day=whole, lon_lat=tuple(places), near=neighbours_of(places), water=table,
        levels=index_named("ndvi").levels,
    )  # fmt: skip


def test_a_swathe_over_two_of_five_neighbours_does_not_hide_in_their_spread():
    rng = np.random.default_rng(3)
    crowd = crowd_of([(37.0 + 0.001 * (i % 10), -1.0 + 0.001 * (i // 10)) for i in range(50)])
    change = rng.normal(0.0, 0.02, 50)
    change[::5] -= 0.25
    change[1::5] -= 0.20
    middle, spread = crowd.half_of_neighbours(change, 5)
    assert np.abs(middle).max() < 0.03
    assert spread.max() < 0.05
    few, _ = crowd_of([(37.0, -1.0), (37.001, -1.0)]).half_of_neighbours(np.zeros(2), 5)
    assert np.isnan(few).all()
