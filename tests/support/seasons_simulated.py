"""Seeded seasons whose truth is known: double logistics, looked at through clouds.

Green cover rises along one logistic and falls along another (Beck et al. 2006,
doi:10.1016/j.rse.2005.10.021), on soil that grows lighter or darker as it dries. A
satellite passes every five days, weather takes 45 % of the looks in spells, the rest
are noisy, and some are pulled down by cloud that the mask left in. Nothing here is
shared with the code under test.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from satellite.indices import INDICES
from satellite.series import Series, series_of
from satellite.statistics.store import LookRow, SceneRow

Array = NDArray[np.float64]

REVISIT_DAYS = 5
GAP_SHARE = 0.45
HAZE_SHARE = 0.04
NOISE_SD = 0.03
START_SHARE = 0.20


@dataclass(frozen=True, slots=True)
class Grown:
    """One true season: days counted from the series' first."""

    start: int
    peak: int
    end: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """A plot's series, what truly grew, and the true index on each day."""

    series: Series
    seasons: tuple[Grown, ...]
    truth: Array
    first_day: date


def simulated(
    rng: np.random.Generator,
    first_day: date,
    days: int,
    sown: tuple[int, ...],
    length: int = 120,
    *,
    weeds: bool = False,
) -> Simulated:
    """A plot with a season for each sowing day, or none; ``length`` from sowing to harvest.

    With ``weeds`` something green stands until it is ploughed in before each sowing.
    """
    t = np.arange(days)
    soil = rng.uniform(0.14, 0.24)
    truth = soil + 0.02 * np.sin(2 * np.pi * t / rng.uniform(60, 200) + rng.uniform(0, 6))
    seasons = []
    for day in sown:
        green = _season(rng, t, day, length, soil)
        truth = np.maximum(truth, green)
        if weeds:
            truth = np.maximum(truth, _ploughed_in(rng, t, day, soil))
        seasons.append(_dates(green, soil))
    return Simulated(_looked_at(rng, truth, first_day), tuple(seasons), truth, first_day)


def _season(rng: np.random.Generator, t: Array, sown: int, length: int, soil: float) -> Array:
    top = rng.uniform(0.62, 0.88)
    rise, rise_days = sown + rng.uniform(0.26, 0.36) * length, rng.uniform(5.0, 10.0)
    fall, fall_days = sown + rng.uniform(0.80, 0.92) * length, rng.uniform(4.0, 11.0)
    up = 1 / (1 + np.exp(-(t - rise) / rise_days))
    down = 1 / (1 + np.exp((t - fall) / fall_days))
    bow = 1 - 0.10 * ((t - (rise + fall) / 2) / (fall - rise)) ** 2  # no canopy stands level
    return np.asarray(soil + (top - soil) * up * down * np.clip(bow, 0.0, 1.0))


def _ploughed_in(rng: np.random.Generator, t: Array, sown: int, soil: float) -> Array:
    top, ploughed = rng.uniform(0.38, 0.75), sown - rng.uniform(0.0, 6.0)
    up = 1 / (1 + np.exp(-(t - ploughed + 60) / 12.0))
    return np.asarray(np.where(t < ploughed, soil + (top - soil) * up, 0.0))


def _dates(green: Array, soil: float) -> Grown:
    peak = int(np.argmax(green))
    level = soil + START_SHARE * (green[peak] - soil)
    before = np.flatnonzero(green[: peak + 1] < level)
    start = int(before[-1]) + 1 if len(before) else 0
    fallen = np.flatnonzero(green[peak:] <= level)
    return Grown(start, peak, peak + int(fallen[0]) if len(fallen) else len(green))


def _looked_at(rng: np.random.Generator, truth: Array, first_day: date) -> Series:
    rows = []
    cloudy = rng.random() < GAP_SHARE
    for day in range(int(rng.integers(REVISIT_DAYS)), len(truth), REVISIT_DAYS):
        # A cloudy pass is followed by another more often than not: gaps come in spells.
        cloudy = rng.random() < (0.60 if cloudy else GAP_SHARE * 0.40 / (1 - GAP_SHARE))
        value = truth[day] + rng.normal(0, NOISE_SD)
        if rng.random() < HAZE_SHARE:
            value -= rng.uniform(0.08, 0.40)
        when = first_day + timedelta(days=day)
        scene = SceneRow(f"s{day}", "", f"h{day}", when, f"{when}T08:00Z", "05.10")
        mean, seen = (None, 0.0) if cloudy else (float(np.clip(value, 0.0, 0.95)), 1.0)
        rows.append(LookRow("p", scene, mean, seen, 60.0, 30))
    return series_of(rows, INDICES["ndvi"].levels)["p"]
