"""What a season is asked to be, and what it truly was.

The truth is for the simulator's own devices and scenes, and for checkers. Nothing
that a lender's software reads may carry it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from firmware_sim.config import SettingError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Job(Enum):
    """What a machine does on a day."""

    IDLE = 0
    PLOUGHING = 1
    WEEDING = 2
    HARVEST = 3


@dataclass(frozen=True, slots=True)
class DroughtSpec:
    """A dry spell that is written into one zone's weather.

    Parameters
    ----------
    zone
        Index of the rainfall zone that is struck.
    start_day, days
        First day (0 is the season's first) and length [d].
    rain_share
        What is left of each day's rain [0–1].
    warming_c
        Added to the day's highest temperature [°C].
    """

    zone: int = 1
    start_day: int = 60
    days: int = 42
    rain_share: float = 0.05
    warming_c: float = 2.0

    def moved(self, days: int) -> DroughtSpec:
        """The same spell for a record that begins that many days earlier."""
        return dataclasses.replace(self, start_day=self.start_day + days)


@dataclass(frozen=True, slots=True)
class SeasonSpec:
    """A long-rains season of one year.

    Parameters
    ----------
    year
        Calendar year of the harvest.
    drought
        A dry spell besides what the year's weather brings, or None.
    sown_from_day, sown_to_day
        The window in which most plots are sown, as days of the season.
    days
        Length of the record [d], from ``first_day``.
    ordinary
        Draw an ordinary year: no natural drought, and little mood.
    month_late_plots, failed_plots
        Plots that are sown a month after the declared day, and plots whose seed rots.
    """

    year: int
    drought: DroughtSpec | None = None
    sown_from_day: int = 13
    sown_to_day: int = 30
    days: int = 175
    ordinary: bool = False
    month_late_plots: int = 0
    failed_plots: int = 0

    @property
    def first_day(self) -> date:
        """The season's first civil day: 1 March, before anybody sows."""
        return date(self.year, 3, 1)

    @property
    def last_day(self) -> date:
        """The last civil day of the record."""
        return self.first_day + timedelta(days=self.days - 1)

    @property
    def season_id(self) -> str:
        """The season's name in every document."""
        return f"{self.year}-long-rains"


@dataclass(frozen=True, slots=True)
class Weather:
    """Daily weather of each zone; every array is (zones, days).

    ``rain_mm`` [mm], ``tmin_c`` and ``tmax_c`` [°C], ``radiation_mj_per_m2``
    [MJ/m²], ``humidity`` mean relative [0–1], ``wind_m_per_s`` at 2 m [m/s],
    ``et0_mm`` reference evapotranspiration [mm].
    """

    rain_mm: Floats
    tmin_c: Floats
    tmax_c: Floats
    radiation_mj_per_m2: Floats
    humidity: Floats
    wind_m_per_s: Floats
    et0_mm: Floats


@dataclass(frozen=True, slots=True)
class Stages:
    """A plot's true dates; None for what did not happen within the record."""

    sown: date
    emerged: date | None
    flowering: date | None
    mature: date | None
    harvested: date | None


@dataclass(frozen=True, slots=True)
class Cover:
    """A vegetated surface, day by day; every array is (surfaces, days).

    ``soil_moisture`` root-zone water [m³/m³], ``surface_moisture`` of the top
    10 cm [m³/m³], ``green_lai`` and ``dry_lai`` living and withered leaf area
    [m²/m²], ``biomass_kg_per_ha`` above ground [kg/ha].
    """

    soil_moisture: Floats
    surface_moisture: Floats
    green_lai: Floats
    dry_lai: Floats
    biomass_kg_per_ha: Floats


@dataclass(frozen=True, slots=True)
class SeasonTruth:
    """All that happened in a season. Days are columns, from ``spec.first_day``.

    Parameters
    ----------
    weather
        Per zone.
    plots, pastures
        Crop and grass cover, rows as in the district's tuples.
    stages
        One a plot.
    yield_kg_per_ha
        Grain at harvest (plots,) [kg/ha].
    herd_seen_count, herd_steps
        Animals that pass the reader, and steps of an average animal
        (herds, days) [1], [1/d].
    machine_job, machine_ha, machine_hours
        What a machine did (machines, days): :class:`Job` value, [ha], [h].
    store_energy_wh
        Energy drawn (stores, days) [Wh].
    under_water
        Share of a plot that stands under water (plots, days) [0–1]; None without floods.
    """

    spec: SeasonSpec
    weather: Weather
    plots: Cover
    pastures: Cover
    stages: tuple[Stages, ...]
    yield_kg_per_ha: Floats
    herd_seen_count: Ints
    herd_steps: Ints
    machine_job: Ints
    machine_ha: Floats
    machine_hours: Floats
    store_energy_wh: Floats
    under_water: Floats | None = None

    def day_index(self, day: date) -> int:
        """The column of a civil day.

        Raises
        ------
        SettingError
            If the day lies outside the record.
        """
        index = (day - self.spec.first_day).days
        if not 0 <= index < self.spec.days:
            raise SettingError(
                f"expected a day from {self.spec.first_day} to {self.spec.last_day}, got {day}"
            )
        return index
