"""Daily weather by chance, with wet and dry spells, seasons good and bad.

A normal variable per zone follows itself (AR(1)) and its neighbour; the day is wet
where it falls below the month's quantile, which gives spells of realistic length
(a censored-Gaussian relative of Richardson 1981, doi:10.1029/WR017i001p00182).
Amounts are gamma distributed. A slow mood of the season moves chance and amount
together, so that district means differ from year to year. Reference
evapotranspiration is Penman–Monteith (FAO-56, eq. 6, 7, 11–13, 17, 21–39).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.special import gammaincinv, ndtr, ndtri

from firmware_sim.district import climate
from firmware_sim.district.places import LATITUDE_DEG
from firmware_sim.district.season import DroughtSpec, Floats, Weather

_PERSISTENCE = 0.36  # of the wetness variable, day to day
_MOOD_PERSISTENCE = 0.955  # of the season's mood: about three weeks
_ZONES_ALIKE = 0.80  # correlation between zones of one village
_GAMMA_SHAPE = 0.95  # of the rain of a wet day
_RAIN_MM_MAX = 120.0
_YEAR_SPREAD = 0.05  # standard deviation of a season's mood over all days
_ORDINARY_DRAWS = 20
_SLACK_MM = 20.0  # differences below it matter little
_SPELL_DAYS = 21
_ORDINARY_SHARE = 0.25  # what is left of all moods in an ordinary season


@dataclass(frozen=True, slots=True)
class WeatherSpec:
    """How long, where and how weather is drawn.

    Parameters
    ----------
    first_day, days
        First civil day and length [d].
    zones
        Number of rainfall zones; two and two belong to one village.
    ordinary
        Keep the season's moods small: no natural drought.
    """

    first_day: date
    days: int
    zones: int = 2
    ordinary: bool = False


def draw_weather(spec: WeatherSpec, rng: np.random.Generator) -> Weather:
    """Weather of all zones (zones, days) from chance.

    An ordinary season is the most ordinary of several draws: the one whose rain, in
    spells of about three weeks and in every zone, lies nearest to the climate.
    """
    if not spec.ordinary:
        return _draw(spec, rng)
    return min((_draw(spec, rng) for _ in range(_ORDINARY_DRAWS)), key=lambda w: _oddity(spec, w))


def _oddity(spec: WeatherSpec, weather: Weather) -> float:
    """How far the rain is from the climate, at its worst zone and spell."""
    day_of_year = _days_of_year(spec.first_day, spec.days)
    usual = climate.on_day(climate.RAIN_MM, day_of_year) / 30.4
    starts = np.arange(0, spec.days, _SPELL_DAYS)
    fell = np.add.reduceat(weather.rain_mm, starts, axis=1)
    expected = np.add.reduceat(usual, starts)
    return float(np.abs(np.log((fell + _SLACK_MM) / (expected + _SLACK_MM))).max())


def _draw(spec: WeatherSpec, rng: np.random.Generator) -> Weather:
    day_of_year = _days_of_year(spec.first_day, spec.days)
    mood = _moods(spec, rng)
    wetness = _alike(spec, _PERSISTENCE, rng)
    wet_share = np.clip(climate.on_day(climate.WET_DAY_SHARE, day_of_year), 0.02, 0.95)
    is_wet = wetness > -ndtri(wet_share) - 1.1 * mood
    rain = np.where(is_wet, _amounts(day_of_year, wet_share, mood, rng), 0.0)
    tmin, tmax = _temperatures(day_of_year, is_wet, mood, rng)
    radiation = _radiation(day_of_year, is_wet, rng)
    damp = climate.on_day(climate.HUMIDITY, day_of_year) + np.where(is_wet, 0.08, -0.04)
    humidity = np.clip(damp + 0.04 * mood + 0.03 * rng.standard_normal(rain.shape), 0.25, 0.97)
    wind = climate.on_day(climate.WIND_M_PER_S, day_of_year) * rng.gamma(8, 1 / 8, rain.shape)
    return _with_et0(day_of_year, Weather(rain, tmin, tmax, radiation, humidity, wind, rain))


def with_drought(weather: Weather, drought: DroughtSpec, first_day: date) -> Weather:
    """The same weather with a dry spell written into one zone.

    Parameters
    ----------
    weather
        Per zone; column 0 is ``first_day``.
    drought
        Its days count from column 0.
    """
    days = slice(drought.start_day, drought.start_day + drought.days)
    at = (drought.zone, days)
    parts = {name: getattr(weather, name).copy() for name in Weather.__slots__}
    parts["rain_mm"][at] *= drought.rain_share
    parts["tmax_c"][at] += drought.warming_c
    parts["humidity"][at] = np.maximum(parts["humidity"][at] - 0.15, 0.2)
    parts["radiation_mj_per_m2"][at] *= 1.10
    return _with_et0(_days_of_year(first_day, weather.rain_mm.shape[1]), Weather(**parts))


def _days_of_year(first_day: date, days: int) -> Floats:
    count = np.arange(days, dtype=np.float64) + first_day.timetuple().tm_yday
    return np.asarray((count - 1) % 365 + 1)


def _moods(spec: WeatherSpec, rng: np.random.Generator) -> Floats:
    """How much wetter than usual a day is likely to be (zones, days), about 0."""
    villages = (spec.zones + 1) // 2
    year = _YEAR_SPREAD * rng.standard_normal()
    place = np.repeat(0.07 * rng.standard_normal(villages), 2)[: spec.zones, None]
    slow = 0.10 * _alike(spec, _MOOD_PERSISTENCE, rng)
    moods = year + place + slow
    return np.asarray(_ORDINARY_SHARE * moods if spec.ordinary else moods)


def _alike(spec: WeatherSpec, persistence: float, rng: np.random.Generator) -> Floats:
    """A standard normal AR(1) per zone (zones, days), alike within a village."""
    villages = (spec.zones + 1) // 2
    common = np.repeat(rng.standard_normal((villages, spec.days)), 2, axis=0)[: spec.zones]
    own = rng.standard_normal((spec.zones, spec.days))
    series = np.sqrt(_ZONES_ALIKE) * common + np.sqrt(1 - _ZONES_ALIKE) * own
    fresh = np.sqrt(1 - persistence**2)
    for day in range(1, spec.days):
        series[:, day] = persistence * series[:, day - 1] + fresh * series[:, day]
    return np.asarray(series)


def _amounts(
    day_of_year: Floats, wet_share: Floats, mood: Floats, rng: np.random.Generator
) -> Floats:
    """Rain of a wet day [mm], alike between zones of a village."""
    zones, days = mood.shape
    common = np.repeat(rng.standard_normal(((zones + 1) // 2, days)), 2, axis=0)[:zones]
    own = rng.standard_normal((zones, days))
    chance = ndtr(np.sqrt(0.6) * common + np.sqrt(0.4) * own)
    mean_mm = climate.on_day(climate.RAIN_MM, day_of_year) / 30.4 / wet_share
    drawn = gammaincinv(_GAMMA_SHAPE, np.clip(chance, 1e-6, 1 - 1e-6)) / _GAMMA_SHAPE
    return np.asarray(np.clip(mean_mm * np.exp(0.5 * mood) * drawn, 0.2, _RAIN_MM_MAX))


def _temperatures(
    day_of_year: Floats, is_wet: np.ndarray, mood: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    noise = np.repeat(rng.standard_normal((1, mood.shape[1])), mood.shape[0], axis=0)
    for day in range(1, mood.shape[1]):
        noise[:, day] = 0.6 * noise[:, day - 1] + 0.8 * noise[:, day]
    tmax = climate.on_day(climate.TMAX_C, day_of_year) + np.where(is_wet, -1.3, 0.7)
    tmin = climate.on_day(climate.TMIN_C, day_of_year) + np.where(is_wet, 0.6, -0.4)
    return tmin + 0.7 * noise, tmax + 1.1 * noise - 0.8 * mood


def _radiation(day_of_year: Floats, is_wet: np.ndarray, rng: np.random.Generator) -> Floats:
    """Solar radiation [MJ/m²/d]: a share of what arrives above the air."""
    clearness = np.where(is_wet, 0.44, 0.60) + 0.06 * rng.standard_normal(is_wet.shape)
    return extraterrestrial_mj_per_m2(day_of_year) * np.clip(clearness, 0.18, 0.75)


def extraterrestrial_mj_per_m2(day_of_year: Floats) -> Floats:
    """Radiation above the air [MJ/m²/d] (FAO-56, eq. 21–25)."""
    latitude = np.radians(LATITUDE_DEG)
    angle = 2 * np.pi * day_of_year / 365
    declination = 0.409 * np.sin(angle - 1.39)
    sunset = np.arccos(-np.tan(latitude) * np.tan(declination))
    height = sunset * np.sin(latitude) * np.sin(declination)
    height = height + np.cos(latitude) * np.cos(declination) * np.sin(sunset)
    return np.asarray(24 * 60 / np.pi * 0.0820 * (1 + 0.033 * np.cos(angle)) * height)


def _with_et0(day_of_year: Floats, weather: Weather) -> Weather:
    """The same weather with reference evapotranspiration [mm/d] (FAO-56, eq. 6)."""
    parts = {name: getattr(weather, name) for name in Weather.__slots__}
    tmin, tmax = weather.tmin_c, weather.tmax_c
    mean = (tmin + tmax) / 2
    saturated = (_vapour_kpa(tmin) + _vapour_kpa(tmax)) / 2
    actual = saturated * weather.humidity
    slope = 4098 * _vapour_kpa(mean) / (mean + 237.3) ** 2
    pressure_kpa = 101.3 * ((293 - 0.0065 * climate.ALTITUDE_M) / 293) ** 5.26
    gamma = 0.000665 * pressure_kpa
    net = _net_radiation(extraterrestrial_mj_per_m2(day_of_year), actual, weather)
    drying = gamma * 900 / (mean + 273) * weather.wind_m_per_s * (saturated - actual)
    total = 0.408 * slope * net + drying
    et0 = total / (slope + gamma * (1 + 0.34 * weather.wind_m_per_s))
    return Weather(**{**parts, "et0_mm": np.maximum(et0, 0.3)})


def _vapour_kpa(temperature_c: Floats) -> Floats:
    return np.asarray(0.6108 * np.exp(17.27 * temperature_c / (temperature_c + 237.3)))


def _net_radiation(extraterrestrial: Floats, vapour_kpa: Floats, weather: Weather) -> Floats:
    """Net radiation [MJ/m²/d] (FAO-56, eq. 37–40)."""
    clear = (0.75 + 2e-5 * climate.ALTITUDE_M) * extraterrestrial
    kelvin4 = ((weather.tmin_c + 273.16) ** 4 + (weather.tmax_c + 273.16) ** 4) / 2
    cloudiness = 1.35 * np.minimum(weather.radiation_mj_per_m2 / clear, 1.0) - 0.35
    longwave = 4.903e-9 * kelvin4 * (0.34 - 0.14 * np.sqrt(vapour_kpa)) * cloudiness
    return np.asarray(0.77 * weather.radiation_mj_per_m2 - longwave)
