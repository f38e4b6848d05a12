"""Daily weather by place, read from ``weather.csv`` (docs/hazards.md gives the format).

One row a day and place: ``date``, ``rain_mm``, and where known ``tmin_c`` and
``tmax_c``; with several places also ``place``, ``lon`` and ``lat``. The columns of
AgERA5 exports are understood as they come (K and ``precipitation_mm``).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import HarvestlineError
from satellite.hazards.spi import YEARS_MIN, fit_rain, running_total, spi_of

Array = NDArray[np.float64]

WEATHER_BYTES_MAX = 500_000_000
PLACE_KM_MAX = 50.0  # rain further away says little of a plot's
KM_PER_DEGREE = 111.195
RAIN_MM_MAX = 2_000.0  # a day's; the record stands at 1,825 mm
CELSIUS_RANGE = (-80.0, 65.0)
KELVIN = 273.15
GAP_YEARS_MAX = 200
POOLED_DAYS = (-10, -5, 0, 5, 10)  # either side of the day of the year, for a steadier fit


class WeatherError(HarvestlineError):
    """A weather file cannot be used."""

    code = "HL-SAT-014"


@dataclass(frozen=True)
class Place:
    """The daily weather of one place; arrays (day,) from ``first_day``, NaN where unknown.

    Parameters
    ----------
    lon_lat
        Absent where a file knows only one place.
    first_day
        Proleptic ordinal of the first column.
    """

    name: str
    lon_lat: tuple[float, float] | None
    first_day: int
    rain_mm: Array
    tmin_c: Array
    tmax_c: Array

    @property
    def last_day(self) -> int:
        """The last day of the record."""
        return self.first_day + len(self.rain_mm) - 1

    @cached_property
    def _fits(self) -> dict[tuple[int, int, int], float]:
        return {}

    def rain_between(self, first: int, last: int) -> float | None:
        """Rain from a day to a day, both included [mm]; absent if a day is not known."""
        a, b = first - self.first_day, last - self.first_day + 1
        if a < 0 or b > len(self.rain_mm) or not np.isfinite(self.rain_mm[a:b]).all():
            return None
        return float(self.rain_mm[a:b].sum())

    def past_totals(self, day: int, days: int) -> Array:
        """Totals over ``days`` days up to the same day in each earlier year [mm]."""
        totals = running_total(self.rain_mm, days)
        return self._earlier(totals, day)

    def spi(self, day: int, days: int) -> float | None:
        """The SPI over the ``days`` days up to ``day``, against earlier years only.

        Absent without the days' rain or with under ``YEARS_MIN`` earlier years.
        """
        key = (day, days, 0)
        if key not in self._fits:
            self._fits[key] = self._spi(day, days)
        found = self._fits[key]
        return None if math.isnan(found) else found

    def usual_rain(self, day: int, days: int) -> float | None:
        """Mean total over the same days of earlier years [mm]; absent without any."""
        past = self.past_totals(day, days)
        return float(past.mean()) if len(past) else None

    def past_warmth(self, day: int, days: int) -> tuple[float, Array] | None:
        """Mean daily maximum over ``days`` days, and that of earlier years [°C]."""
        means = running_total(self.tmax_c + KELVIN, days) / days - KELVIN
        at = day - self.first_day
        if not 0 <= at < len(means) or not np.isfinite(means[at]):
            return None
        return float(means[at]), self._earlier(means, day)

    def _spi(self, day: int, days: int) -> float:
        totals = running_total(self.rain_mm, days)
        at = day - self.first_day
        if not 0 <= at < len(totals) or not np.isfinite(totals[at]):
            return math.nan
        past = [self._earlier(totals, day + shift, before=day) for shift in POOLED_DAYS]
        if min(len(some) for some in past) < YEARS_MIN:
            return math.nan
        fit = fit_rain(np.concatenate(past))
        return math.nan if fit is None else float(spi_of(fit, totals[at : at + 1])[0])

    def _earlier(self, values: Array, day: int, before: int | None = None) -> Array:
        """The known values on the same day of each earlier year."""
        then = date.fromordinal(day)
        latest = (before or day) - 300
        columns = [
            _same_day(then, then.year - back).toordinal() - self.first_day
            for back in range(GAP_YEARS_MAX)
            if then.year - back >= date.fromordinal(self.first_day).year
        ]
        inside = [c for c in columns if 0 <= c < len(values) and c + self.first_day <= latest]
        found = values[inside]
        return found[np.isfinite(found)]


@dataclass(frozen=True, slots=True)
class Weather:
    """The places of a weather file."""

    places: tuple[Place, ...]

    def near(self, lon_lat: tuple[float, float]) -> Place | None:
        """The nearest place within ``PLACE_KM_MAX``; the only one if it has no position."""
        return next(iter(self.around(lon_lat, 1.0)), None)

    def around(self, lon_lat: tuple[float, float], as_near_share: float) -> tuple[Place, ...]:
        """The nearest place, then those about as near: each may speak for a plot.

        Parameters
        ----------
        as_near_share
            Of another place's distance; where the nearest is further than that, the
            other one is about as near.
        """
        if self.places and self.places[0].lon_lat is None:
            return self.places[:1]
        away = [(_km(lon_lat, place), place.name, place) for place in self.places]
        near = sorted((one for one in away if one[0] <= PLACE_KM_MAX), key=lambda one: one[:2])
        if not near:
            return ()
        others = (place for km, _, place in near[1:] if near[0][0] > as_near_share * km)
        return (near[0][2], *others)


def _km(lon_lat: tuple[float, float], place: Place) -> float:
    if place.lon_lat is None:
        return 0.0
    east = math.cos(math.radians(lon_lat[1])) * (place.lon_lat[0] - lon_lat[0])
    return KM_PER_DEGREE * math.hypot(east, place.lon_lat[1] - lon_lat[1])


def read_weather(path: Path) -> Weather:
    """The weather of a file.

    Raises
    ------
    WeatherError
        If it cannot be read, lacks a column, or holds a value out of its range.
    """
    rows: dict[str, dict[int, tuple[float, float, float]]] = {}
    where: dict[str, tuple[float, float] | None] = {}
    try:
        if path.stat().st_size > WEATHER_BYTES_MAX:
            raise WeatherError(f"expected at most {WEATHER_BYTES_MAX} bytes in {path}")
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            _require_columns(path, reader.fieldnames or [])
            for number, row in enumerate(reader, start=2):
                _read_row(f"{path} line {number}", row, rows, where)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WeatherError(f"expected a weather file at {path}, got: {error}") from error
    if not rows:
        raise WeatherError(f"expected at least one day in {path}, got none")
    if len(rows) > 1 and None in where.values():
        raise WeatherError(f"expected lon and lat for each of the {len(rows)} places in {path}")
    return Weather(tuple(_place(name, where[name], days) for name, days in rows.items()))


def _require_columns(path: Path, names: object) -> None:
    have = set(names) if isinstance(names, list | tuple) else set()
    if "date" not in have or not have & {"rain_mm", "precipitation_mm"}:
        raise WeatherError(
            f"expected the columns date and rain_mm in {path}, got {', '.join(sorted(have))}"
        )


def _read_row(
    at: str,
    row: Mapping[str, str | None],
    rows: dict[str, dict[int, tuple[float, float, float]]],
    where: dict[str, tuple[float, float] | None],
) -> None:
    name = row.get("place") or ""
    try:
        day = date.fromisoformat(row.get("date") or "").toordinal()
        rain = _number(row.get("rain_mm") or row.get("precipitation_mm"))
        low = _celsius(row, "tmin_c", "temperature_min_k")
        high = _celsius(row, "tmax_c", "temperature_max_k")
        lon, lat = _number(row.get("lon")), _number(row.get("lat"))
    except ValueError as error:
        raise WeatherError(f"expected a date and numbers at {at}, got: {error}") from error
    if not (math.isnan(rain) or 0 <= rain <= RAIN_MM_MAX):
        raise WeatherError(f"expected rain of 0 to {RAIN_MM_MAX:.0f} mm at {at}, got {rain}")
    for value in (low, high):
        if not (math.isnan(value) or CELSIUS_RANGE[0] <= value <= CELSIUS_RANGE[1]):
            raise WeatherError(f"expected temperatures in degrees Celsius at {at}, got {value}")
    days = rows.setdefault(name, {})
    if day in days:
        raise WeatherError(f"expected each day once for a place, got it again at {at}")
    days[day] = (rain, low, high)
    where.setdefault(name, None if math.isnan(lon) or math.isnan(lat) else (lon, lat))


def _number(text: str | None) -> float:
    value = float(text) if text else math.nan
    if math.isinf(value):
        raise ValueError(text)
    return value


def _celsius(row: Mapping[str, str | None], celsius: str, kelvin: str) -> float:
    value = _number(row.get(celsius))
    return _number(row.get(kelvin)) - KELVIN if math.isnan(value) else value


def _place(
    name: str,
    lon_lat: tuple[float, float] | None,
    days: Mapping[int, tuple[float, float, float]],
) -> Place:
    first, last = min(days), max(days)
    if last - first > GAP_YEARS_MAX * 366:
        raise WeatherError(f"expected at most {GAP_YEARS_MAX} years for place {name!r}")
    table = np.full((3, last - first + 1), np.nan)
    for day, values in days.items():
        table[:, day - first] = values
    return Place(name, lon_lat, first, *table)


def _same_day(day: date, year: int) -> date:
    """The same day of another year; 29 February becomes the 28th."""
    leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=year, day=28) if leap_day else day.replace(year=year)
