"""How far a season stands from its normal: what neighbours share, and what is a plot's own.

A plot has a clear look every two or three weeks, with noise; its fifteen nearest
neighbours of the same crop have fifteen times as many, and the rain that they share
moves them together. So the departure from normal at the same age is split, as
Mundlak (1978, doi:10.2307/1913646) splits a panel, into the mean of the
neighbourhood and the plot's distance from it, and each part may weigh differently.

Looks are taken as they come, with weights that fade with their age: no smoother's
trailing edge swings with the last look, and nothing later than *today* can enter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from satellite.series import kept_looks
from satellite.yields.curves import SownSeries, usable_looks
from satellite.yields.model import Normal
from satellite.yields.normal import value_at

Array = NDArray[np.float64]
Days = NDArray[np.int64]

NEIGHBOURS_MAX = 15
NEIGHBOUR_KM_MAX = 10.0  # the plots of one convective cell's rain, and no further
KM_PER_DEGREE = 111.195  # of a great circle on the mean sphere
# Shorter answers a few days sooner, and swings with every look (docs/yield.md).
RECENT_FADE_DAYS = 18.0
SEASON_FADE_DAYS = 60.0
# Bare soil before the crop covers anything says nothing of the crop.
AGE_MIN_DAYS = 20
PRIOR_LOOKS = 1.0  # a departure counts as if one more look had been normal
ROWS_AT_ONCE = 500  # of distances to all others: 40 MB for 10,000 plots
NEVER = np.iinfo(np.int64).max
FEATURES = ("near_recent", "own_recent", "near_season", "own_season")


@dataclass(frozen=True, slots=True)
class Stand:
    """Plots of one crop in one season, as departures from normal.

    ``sown_day`` (plot,) ordinals; ``near`` (plot, neighbour) rows of the plot and its
    neighbours, itself first, filled up with the number of plots. The others are
    (plot + 1, look), the last row empty: ``day`` of the look, ``departure`` from
    normal [index units], ``weight`` [0–1], ``dropped_day`` from which the look is
    known to have been cloud.
    """

    sown_day: Days
    near: Days
    day: Days
    departure: Array
    weight: Array
    dropped_day: Days


def stand_of(
    seasons: Sequence[SownSeries],
    lon_lat: Sequence[tuple[float, float] | None],
    normal: Normal,
    age_days_max: int,
    dip: float,
) -> Stand:
    """The plots of one crop in one season, with looks from emergence to an age.

    Parameters
    ----------
    lon_lat
        A point of each plot [degrees]; a plot without one has no neighbours.
    age_days_max
        Later looks are left out: the earliest plots may be harvested by then.
    """
    every = [_departures(season, normal, age_days_max, dip) for season in seasons]
    width = max((len(looks) for looks in every), default=0)
    table = np.zeros((4, len(seasons) + 1, max(width, 1)))
    dropped = np.full(table.shape[1:], NEVER)
    for row, looks in enumerate(every):
        for column, (day, departure, weight, dropped_day) in enumerate(looks):
            table[:3, row, column] = day, departure, weight
            dropped[row, column] = dropped_day
    sown = np.array([season.sown_day for season in seasons], dtype=np.int64)
    return Stand(
        sown, _near(tuple(lon_lat)), table[0].astype(np.int64), table[1], table[2], dropped
    )


def features(stand: Stand, age_days: Days) -> Array:
    """The features of each plot at an age, in the order of ``FEATURES``.

    Parameters
    ----------
    age_days
        Days since sowing, (plot,).

    Returns
    -------
    Array
        (plot, feature) [index units]; NaN where neither the plot nor a neighbour was seen.
    """
    found = np.full((len(stand.sown_day), len(FEATURES)), np.nan)
    today = stand.sown_day + age_days
    for day in np.unique(today):
        rows = np.flatnonzero(today == day)
        known = stand.weight * ((stand.day <= day) & (stand.dropped_day > day))
        for first, fade_days in ((0, RECENT_FADE_DAYS), (2, SEASON_FADE_DAYS)):
            weight = known * np.exp(-np.maximum(day - stand.day, 0) / fade_days)
            found[rows, first : first + 2] = _split(stand, weight, rows)
        unseen = known.sum(axis=1)[stand.near[rows]].sum(axis=1) == 0.0
        found[rows[unseen]] = np.nan
    return found


def _split(stand: Stand, weight: Array, rows: Days) -> Array:
    """The neighbourhood's mean departure, and the plot's own from it: (row, 2)."""
    total, looks = (weight * stand.departure).sum(axis=1), weight.sum(axis=1)
    near = stand.near[rows]
    shared = total[near].sum(axis=1) / (looks[near].sum(axis=1) + PRIOR_LOOKS)
    own = (total[rows] - shared * looks[rows]) / (looks[rows] + PRIOR_LOOKS)
    return np.column_stack([shared, own])


def _departures(
    season: SownSeries, normal: Normal, age_days_max: int, dip: float
) -> list[tuple[int, float, float, int]]:
    """Day, departure, weight and the day from which it is known as cloud, of each look.

    A look weighs by how green the crop usually is then, squared: before the canopy
    stands and while it ripens, a departure tells of a few days more or less.
    """
    looks = usable_looks(season.series, season.sown_day, age_days_max)
    dropped = _dropped_days([day for day, _, _ in looks], [mean for _, mean, _ in looks], dip)
    green = max(normal.mean, default=0.0)
    found: list[tuple[int, float, float, int]] = []
    for age, mean, share in looks:
        usual = value_at(normal, age)
        if usual is None or age < AGE_MIN_DAYS:
            continue
        weight = share * max(usual[0] / green, 0.0) ** 2
        until = season.sown_day + dropped[age] if age in dropped else NEVER
        found.append((season.sown_day + age, mean - usual[0], weight, until))
    return found


def _dropped_days(days: Sequence[int], means: Sequence[float], dip: float) -> dict[int, int]:
    """When each cloudy look gave itself away: only once its successor had been seen."""
    dropped: dict[int, int] = {}
    for count in range(3, len(days) + 1):
        kept = kept_looks(days[:count], means[:count], dip)
        for day in days[:count]:
            if day not in kept:
                dropped.setdefault(day, days[count - 1])
    return dropped


@lru_cache(maxsize=32)  # plots stay where they are from round to round
def _near(lon_lat: tuple[tuple[float, float] | None, ...]) -> Days:
    """Rows of each plot's neighbourhood, itself first: (plot, 1 + neighbours).

    Plain distances, block by block: a tree of scipy's would take longer to import
    than a village takes to measure.
    """
    count = len(lon_lat)
    near = np.full((count, NEIGHBOURS_MAX + 1), count, dtype=np.int64)
    near[:, 0] = np.arange(count)
    degrees = np.array([place or (np.nan, np.nan) for place in lon_lat]).reshape(count, 2)
    rows = np.flatnonzero(np.isfinite(degrees[:, 0]))
    nearest = min(NEIGHBOURS_MAX, len(rows) - 1)
    if nearest > 0:
        east = np.cos(np.radians(degrees[rows, 1].mean()))
        km = degrees[rows] * KM_PER_DEGREE * np.array([east, 1.0])
        for start in range(0, len(rows), ROWS_AT_ONCE):
            block = slice(start, start + ROWS_AT_ONCE)
            near[rows[block], 1 : 1 + nearest] = _nearest(km, block, nearest, rows, count)
    near.flags.writeable = False
    return near


def _nearest(km: Array, block: slice, nearest: int, rows: Days, nobody: int) -> Days:
    """The rows nearest to a block of plots: (plot, neighbour), ``nobody`` beyond reach."""
    square = np.square(km[block, None, 0] - km[None, :, 0])
    square += np.square(km[block, None, 1] - km[None, :, 1])
    own = np.arange(len(square))
    square[own, own + block.start] = np.inf
    hits = np.argpartition(square, nearest - 1, axis=1)[:, :nearest]
    within = np.take_along_axis(square, hits, axis=1) <= NEIGHBOUR_KM_MAX**2
    return np.where(within, rows[hits], nobody)
