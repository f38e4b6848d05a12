"""What is normal: an index by days since sowing for crops, by day of year for pasture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from satellite.series import Series
from satellite.yields.model import Normal

Array = NDArray[np.float64]

STEP_DAYS = 5
DEKAD_DAYS = 10
DEKADS = 37
CURVES_MIN = 3


def normal_by_age(curves: Sequence[Array | None], seasons: int, days: int) -> Normal:
    """Mean and spread of season-aligned curves every ``STEP_DAYS`` days since sowing."""
    means: list[float] = []
    spreads: list[float] = []
    for day in range(0, days + 1, STEP_DAYS):
        values = [float(c[day]) for c in curves if c is not None and len(c) > day]
        if len(values) < CURVES_MIN:
            break
        means.append(float(np.mean(values)))
        spreads.append(float(np.std(values, ddof=1)))
    return Normal(STEP_DAYS, tuple(means), tuple(spreads), seasons)


def normal_by_date(series: Sequence[Series]) -> Normal | None:
    """Mean and spread over years of the dekads' means, every plot counting the same.

    A dekad without looks in any year takes its neighbours' values in between;
    absent if no dekad was ever seen.
    """
    by_year: dict[tuple[int, int], list[float]] = {}
    for one in series:
        for look in one.used:
            if look.mean is not None:
                key = (look.date.year, dekad_of(look.day))
                by_year.setdefault(key, []).append(look.mean)
    if not by_year:
        return None
    years = sorted({year for year, _ in by_year})
    table = np.full((len(years), DEKADS), np.nan)
    for (year, dekad), values in by_year.items():
        table[years.index(year), dekad] = float(np.mean(values))
    seen = np.isfinite(table)
    known = np.flatnonzero(seen.any(axis=0))
    mean = np.array([table[seen[:, d], d].mean() for d in known])
    spread = np.array([_spread(table[seen[:, d], d]) for d in known])
    every = np.arange(DEKADS)
    return Normal(
        DEKAD_DAYS,
        tuple(float(v) for v in np.interp(every, known, mean)),
        tuple(float(v) for v in np.interp(every, known, spread)),
        len(years),
    )


def dekad_of(day: int) -> int:
    """The ten-day step of the year in which an ordinal day lies, from 0."""
    return (date.fromordinal(day).timetuple().tm_yday - 1) // DEKAD_DAYS


def value_at(normal: Normal, position_days: float) -> tuple[float, float] | None:
    """Mean and spread at a number of days since sowing; absent beyond what is known."""
    steps = position_days / normal.step_days
    if not normal.mean or steps < 0 or steps > len(normal.mean) - 1:
        return None
    at = np.arange(len(normal.mean))
    return float(np.interp(steps, at, normal.mean)), float(np.interp(steps, at, normal.sd))


def _spread(values: Array) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
