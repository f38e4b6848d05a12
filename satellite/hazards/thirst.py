"""What thirst will have taken of a harvest: the soil's water, and 30 years' weather from here.

A bucket of water under the crop is stepped from before the rains by the dual crop
coefficient (FAO-56, Allen et al. 1998, eq. 69–84), its demand from temperatures alone
(Hargreaves, eq. 52), on a soil of ordinary depth, as nobody knows each plot's. From
each day on it is stepped to harvest once more with the weather of each past year
(ensemble prediction, Day 1985), and the demand that is not met becomes a share of the
harvest by the crop's yield response (Doorenbos and Kassam 1979, FAO-33, Table 24).
Rain that fails while the soil is full, or where little is needed, takes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from satellite.hazards.spi import YEARS_MIN
from satellite.hazards.weather import GAP_YEARS_MAX, Place

Array = NDArray[np.float64]
Days = NDArray[np.int64]

HOLDS_MM = 120.0  # that roots can draw: 0.85 m of loam (FAO-56, Tables 19 and 22)
EASY_SHARE = 0.5  # p, drawn without stress (Table 22, most field crops 0.45 to 0.55)
SKIN_MM, SKIN_EASY_MM = 22.0, 9.0  # TEW and REW of loam (Table 19)
DEMAND_MAX = 1.2  # Kc max
# Basal coefficient over a season's share (sowing 0, first ripeness 1; Table 17, grain).
GROWTH = (0.0, 0.25, 0.75, 1.0, 1.35)
BASAL = (0.15, 0.15, 1.10, 1.10, 0.50)
FILL_DAYS = 90  # before sowing; how full the soil was then is forgotten by sowing
FILLED_SHARE = 0.5
AFTER_RIPE_DAYS = 20  # grain still fills when ripening is first believed
MISSING_DAYS_MAX = 10  # of a season's weather; each takes what is usual on its day
RESPONSE = {
    "maize": 1.25, "sorghum": 0.9, "beans": 1.15, "potato": 1.1, "soybean": 0.85,
    "sugar beet": 1.0, "sunflower": 0.95, "winter wheat": 1.0, "spring wheat": 1.15,
}  # fmt: skip
RESPONSE_ELSE = 1.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known on each day of a season; the first column is the day of sowing.

    Parameters
    ----------
    loss_share
        Of the harvest, if it goes on as in each past year (day, year) [0–1].
    stress
        Ks: 1 without thirst, 0 at the wilting point (day,).
    """

    loss_share: Array
    stress: Array


@dataclass(frozen=True, slots=True)
class _Season:
    """How a crop draws water, by day since sowing: basal coefficient, and yield response."""

    ripe_days: int
    response: float

    @property
    def days(self) -> int:
        return self.ripe_days + AFTER_RIPE_DAYS

    def basal(self, age: int) -> float:
        return float(np.interp(age / self.ripe_days, GROWTH, BASAL))


@dataclass(slots=True)
class _Soil:
    """Water drawn from roots' reach and from the skin (…,) [mm]; changed in place."""

    drawn_mm: Array
    skin_drawn_mm: Array

    def step(self, rain_mm: Array, et0_mm: Array, basal: float) -> tuple[Array, Array]:
        """One day; gives Ks and what the crop wants [mm]."""
        stress = np.clip((HOLDS_MM - self.drawn_mm) / ((1 - EASY_SHARE) * HOLDS_MM), 0.0, 1.0)
        bare = 1.0 - np.clip((basal - BASAL[0]) / (DEMAND_MAX - BASAL[0]), 0.01, 0.99)
        moist = np.clip((SKIN_MM - self.skin_drawn_mm) / (SKIN_MM - SKIN_EASY_MM), 0.0, 1.0)
        loss = np.minimum(moist * (DEMAND_MAX - basal), bare * DEMAND_MAX) * et0_mm
        loss = np.minimum(loss, np.maximum(SKIN_MM - self.skin_drawn_mm + rain_mm, 0.0))
        wanted = basal * et0_mm
        self.skin_drawn_mm = np.clip(self.skin_drawn_mm - rain_mm + loss / bare, 0.0, SKIN_MM)
        used = loss + stress * wanted
        self.drawn_mm = np.clip(self.drawn_mm - rain_mm + used, 0.0, HOLDS_MM)
        return stress, wanted


def thirst_of(
    place: Place, latitude_deg: float, crop: str, sown_day: int, ripe_day: int
) -> Outlook | None:
    """What thirst takes of a crop, as known from sowing to the record's end or harvest.

    Absent without temperatures, with under ``YEARS_MIN`` past years, or where more than
    ``MISSING_DAYS_MAX`` days are not known.
    """
    season = _Season(max(ripe_day - sown_day, 1), RESPONSE.get(crop, RESPONSE_ELSE))
    weather = _years(place, latitude_deg, sown_day, season.days)
    if weather is None:
        return None
    rain, et0 = weather
    known = int(np.isfinite(rain[0]).sum())
    if known <= FILL_DAYS:
        return None
    states, stress = _as_it_was(rain[0, :known], et0[0, :known], season)
    return Outlook(_to_harvest(states, rain[1:], et0[1:], season), stress)


def _years(
    place: Place, latitude_deg: float, sown_day: int, days: int
) -> tuple[Array, Array] | None:
    """Rain and demand from before sowing to harvest, this season first (year, day) [mm].

    This season's row ends in NaN where the record does; years with a gap are left out.
    """
    columns = _starts(place, sown_day)[:, None] + np.arange(-FILL_DAYS, days)
    inside = (columns >= 0) & (columns < len(place.rain_mm))
    at = np.clip(columns, 0, len(place.rain_mm) - 1)
    rain, low, high = (
        np.where(inside, table[at], np.nan) for table in (place.rain_mm, place.tmin_c, place.tmax_c)
    )
    et0 = _demand_mm(latitude_deg, place.first_day + columns, low, high)
    known = np.isfinite(rain) & np.isfinite(et0)
    rows = np.flatnonzero(known[1:].all(axis=1)) + 1
    seen = np.flatnonzero(known[0])
    if len(rows) < YEARS_MIN or not len(seen):
        return None
    missing = np.flatnonzero(~known[0, : seen[-1] + 1])
    if len(missing) > MISSING_DAYS_MAX:
        return None
    for table in (rain, et0):
        table[0, missing] = table[np.ix_(rows, missing)].mean(axis=0)
        table[0, seen[-1] + 1 :] = np.nan
    chosen = np.concatenate([[0], rows])
    return rain[chosen], et0[chosen]


def _starts(place: Place, sown_day: int) -> Days:
    """The column of the same day of this and of each earlier year of the record."""
    sown = date.fromordinal(sown_day)
    first_year = max(date.fromordinal(place.first_day).year, sown.year - GAP_YEARS_MAX)
    into = sown_day - date(sown.year, 1, 1).toordinal()
    days = [date(year, 1, 1).toordinal() + into for year in range(sown.year, first_year - 1, -1)]
    return np.array(days, dtype=np.int64) - place.first_day


def _demand_mm(latitude_deg: float, days: Days, low_c: Array, high_c: Array) -> Array:
    """Reference evapotranspiration by Hargreaves (FAO-56, eq. 21–25 and 52) [mm/d]."""
    angle = 2 * np.pi * (days % 365.2425) / 365.2425  # ordinals count from 1 January
    tilt, latitude = 0.409 * np.sin(angle - 1.39), np.radians(latitude_deg)
    sunset = np.arccos(np.clip(-np.tan(latitude) * np.tan(tilt), -1.0, 1.0))
    height = sunset * np.sin(latitude) * np.sin(tilt)
    height += np.cos(latitude) * np.cos(tilt) * np.sin(sunset)
    above_mm = 0.408 * 24 * 60 / np.pi * 0.0820 * (1 + 0.033 * np.cos(angle)) * height
    demand: Array = 0.0023 * above_mm * ((low_c + high_c) / 2 + 17.8)
    return np.maximum(demand * np.sqrt(np.maximum(high_c - low_c, 0.0)), 0.0)


@dataclass(frozen=True, slots=True)
class _State:
    """How each day of the season ended (day,) [mm]."""

    drawn: Array
    skin_drawn: Array
    wanted: Array
    unmet: Array


def _as_it_was(rain_mm: Array, et0_mm: Array, season: _Season) -> tuple[_State, Array]:
    """The soil and the crop's account at each day's end since sowing, and Ks."""
    soil = _Soil(np.array(FILLED_SHARE * HOLDS_MM), np.array(SKIN_MM))
    rows: list[tuple[float, ...]] = []
    wanted = unmet = 0.0
    for column in range(len(rain_mm)):
        age = column - FILL_DAYS
        stress, asked = soil.step(rain_mm[column], et0_mm[column], season.basal(age))
        if age >= 0:
            wanted += float(asked)
            unmet += float(asked * (1.0 - stress))
            rows.append(
                (float(soil.drawn_mm), float(soil.skin_drawn_mm), wanted, unmet, float(stress))
            )
    drawn, skin, want, lack, every = np.array(rows).T
    return _State(drawn, skin, want, lack), every


def _to_harvest(state: _State, rain_mm: Array, et0_mm: Array, season: _Season) -> Array:
    """The loss from each day on, as in each past year (day, year) [0–1]."""
    shape = (len(state.drawn), len(rain_mm))
    soil = _Soil(*(np.tile(part[:, None], shape[1]) for part in (state.drawn, state.skin_drawn)))
    wanted, unmet = (np.tile(part[:, None], shape[1]) for part in (state.wanted, state.unmet))
    for age in range(1, season.days):
        known = min(age, shape[0])  # these days are past; the others are stepped later
        part = _Soil(soil.drawn_mm[:known], soil.skin_drawn_mm[:known])
        column = FILL_DAYS + age
        stress, asked = part.step(rain_mm[:, column], et0_mm[:, column], season.basal(age))
        soil.drawn_mm[:known], soil.skin_drawn_mm[:known] = part.drawn_mm, part.skin_drawn_mm
        wanted[:known] += asked
        unmet[:known] += asked * (1.0 - stress)
    share: Array = np.clip(season.response * unmet / np.maximum(wanted, 1.0), 0.0, 1.0)
    return share
