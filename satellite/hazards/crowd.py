"""Plots of one crop side by side: looks on common days, what is usual, who is near.

Everything is laid out once as (plot, day) tables, so that each alert is a few array
operations over all plots. Looks are taken as they came, also those that a later look
shows to be a dip: a flood's only look may be one. Alerts confirm for themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from core.wire.evidence import EvidenceKind
from satellite.hazards.past import STEP_DAYS, Clock, Past, Usual, position_of
from satellite.indices import Levels
from satellite.season.calendar import DeclaredSeason
from satellite.season.detect import SeasonSeen
from satellite.series import VALID_MIN, VALID_MIN_SMALL, Curve, Series
from satellite.statistics.plots import Plot

Array = NDArray[np.float64]
Days = NDArray[np.int64]

NEIGHBOURS_MAX = 60  # more than a hail swathe is likely to hold
NEIGHBOUR_KM_MAX = 10.0
KM_PER_DEGREE = 111.195
HALF_TO_SD = 1.4826  # half the width of the best half, of a normal distribution
SOIL_SHARE = 0.5  # of `bare`: what soil itself shows, where the past does not say


class Watched(Protocol):
    """A plot with everything that was seen of it."""

    @property
    def plot(self) -> Plot:
        """The declared plot."""

    @property
    def series(self) -> Series:
        """Its looks."""

    @property
    def curve(self) -> Curve | None:
        """Its smoothed curve."""

    @property
    def season(self) -> SeasonSeen:
        """Its declared season as seen."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Plots of one crop in one season.

    Parameters
    ----------
    crop
        Its name in the calendar.
    rows
        Which of the watched plots they are.
    days
        Every day with a scene over one of them (day,) [proleptic ordinals].
    value
        The index (plot, day); NaN where the plot was not seen well enough.
    usual, spread
        What the index is at that age, and its spread between plots and years
        (plot, day); NaN where unknown.
    soil
        The index at sowing in a usual season (plot,); a share of `bare` where unknown.
    sown_day, first_day, ripe_day
        Declared sowing (else the season's first day), the season's first day, and the
        day from which ripening is believed (plot,).
    water
        An index that is above 0 over open water (plot, day); NaN where unknown.
    lon_lat
        Where each plot lies [degrees].
    near
        Rows of this crowd near each plot, itself not among them; filled with −1.
    """

    crop: str
    rows: Days
    days: Days
    value: Array
    usual: Array
    spread: Array
    soil: Array
    sown_day: Days
    is_sown: NDArray[np.bool_]
    ripe_day: Days
    last_day: Days
    lon_lat: tuple[tuple[float, float], ...]
    near: Days
    water: Array
    levels: Levels

    @property
    def departure(self) -> Array:
        """The index above what is usual (plot, day); plainly the index where unknown."""
        return np.where(np.isfinite(self.usual), self.value - self.usual, self.value)

    def of_neighbours(self, table: Array, least: int, most: int = NEIGHBOURS_MAX) -> Array:
        """Median over each plot's nearest neighbours (plot, day); NaN where under ``least``."""
        padded = np.vstack([table, np.full((1, table.shape[1]), np.nan)])
        found = np.full(table.shape, np.nan)
        for column in range(table.shape[1]):
            around = padded[self.near[:, :most], column]
            enough = np.isfinite(around).sum(axis=1) >= least
            if enough.any():
                found[enough, column] = np.nanmedian(around[enough], axis=1)
        return found

    def half_of_neighbours(self, column: Array, least: int) -> tuple[Array, Array]:
        """Middle and spread (plot,) of the half of each plot's neighbours that agree best.

        The shortest interval that holds half of them (Rousseeuw and Leroy 1988): where a
        swathe struck nearly half of the neighbourhood, median and median deviation take
        the harm for noise, and this does not. NaN where under ``least`` are known.
        """
        around = np.sort(np.append(column, np.nan)[self.near], axis=1)  # NaN last
        known = np.isfinite(around).sum(axis=1)
        half = known // 2 + 1
        ends = np.arange(around.shape[1])[None, :] + half[:, None] - 1
        inside = ends < known[:, None]
        high = np.take_along_axis(around, np.minimum(ends, around.shape[1] - 1), axis=1)
        width = np.where(inside, high - around, np.inf)
        at = np.argmin(width, axis=1)[:, None]
        low, high = (np.take_along_axis(table, at, axis=1)[:, 0] for table in (around, high))
        enough = known >= max(least, 2)
        few = HALF_TO_SD * (1.0 + 5.0 / np.maximum(known - 1, 1))  # their correction
        nothing = np.full(len(known), np.nan)
        middle = np.where(enough, (low + high) / 2, nothing)
        return middle, np.where(enough, few * (high - low) / 2, nothing)


def crowds_of(
    watched: Sequence[Watched],
    past: Past | None,
    levels: Levels,
    water: Mapping[str, Series] | None = None,
) -> list[Crowd]:
    """The crops' crowds; pastures and perennials are in none.

    Parameters
    ----------
    water
        By plot, the series of a water index (NDWI, MNDWI), where one was measured.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for i, one in enumerate(watched):
        declared = one.season.declared
        if one.plot.kind is EvidenceKind.CROP and not declared.is_perennial:
            groups.setdefault((declared.crop, declared.season_id), []).append(i)
    wet = water or {}
    return [_crowd([watched[i] for i in rows], rows, past, levels, wet) for rows in groups.values()]


def seen_well(series: Series) -> dict[int, float]:
    """The looks that count, by day: enough of the plot was seen."""
    valid_min = VALID_MIN_SMALL if series.is_small else VALID_MIN
    return {
        look.day: look.mean
        for look in series.looks
        if look.mean is not None and look.valid_fraction >= valid_min
    }


def _crowd(
    some: Sequence[Watched],
    rows: Sequence[int],
    past: Past | None,
    levels: Levels,
    water: Mapping[str, Series],
) -> Crowd:
    declared = [one.season.declared for one in some]
    every = sorted({
        look.day
        for one, season in zip(some, declared, strict=True)
        for look in one.series.looks
        if season.first_day <= look.day <= season.last_day
    })  # fmt: skip
    days = np.array(every, dtype=np.int64)
    value, usual, spread, wet = (np.full((len(some), len(days)), np.nan) for _ in range(4))
    soil = np.full(len(some), SOIL_SHARE * levels.bare)
    for i, (one, season) in enumerate(zip(some, declared, strict=True)):
        looks = seen_well(one.series)
        inside = [d if season.first_day <= d <= season.last_day else -1 for d in every]
        value[i] = [looks.get(day, np.nan) for day in inside]
        if one.plot.plot_id in water:
            drops = seen_well(water[one.plot.plot_id])
            wet[i] = [drops.get(day, np.nan) for day in inside]
        region = _region(past, season)
        if region is not None:
            at = [position_of(day, season.sown_day)[1] for day in every]
            usual[i], spread[i] = _laid(region, region.mean, at), _laid(region, region.sd, at)
            soil[i] = region.mean[0] if season.sown_day is not None else soil[i]
    return Crowd(
        crop=declared[0].crop,
        rows=np.array(rows, dtype=np.int64),
        days=days,
        value=value,
        usual=usual,
        spread=spread,
        soil=soil,
        sown_day=np.array([s.sown_day or s.first_day for s in declared], dtype=np.int64),
        is_sown=np.array([s.sown_day is not None for s in declared], dtype=np.bool_),
        ripe_day=np.array([s.ripe_from for s in declared], dtype=np.int64),
        last_day=np.array([s.last_day for s in declared], dtype=np.int64),
        lon_lat=tuple(one.plot.lon_lat for one in some),
        near=neighbours_of([one.plot.lon_lat for one in some]),
        water=wet,
        levels=levels,
    )


def _region(past: Past | None, season: DeclaredSeason) -> Usual | None:
    clock = Clock.YEAR if season.sown_day is None else Clock.SOWN
    return None if past is None else past.of_region(clock, season.crop)


def _laid(usual: Usual, values: tuple[float, ...], at_days: Sequence[float]) -> Array:
    """A usual curve on some days of its clock; NaN beyond what was seen."""
    known = STEP_DAYS * np.arange(len(usual.mean))
    laid: Array = np.interp(at_days, known, np.array(values), left=np.nan, right=np.nan)
    return laid


def neighbours_of(lon_lat: Sequence[tuple[float, float]]) -> Days:
    """Rows of each place's nearest others within reach: (place, neighbour), −1 for none."""
    count = len(lon_lat)
    width = min(NEIGHBOURS_MAX, count - 1)
    if width < 1:
        return np.full((count, 1), -1, dtype=np.int64)
    degrees = np.array(lon_lat).reshape(count, 2)
    east = np.cos(np.radians(degrees[:, 1].mean()))
    km = degrees * KM_PER_DEGREE * np.array([east, 1.0])
    away, found = cKDTree(km).query(km, k=width + 1, distance_upper_bound=NEIGHBOUR_KM_MAX)
    own = np.arange(count)[:, None]
    near = np.where(np.isfinite(away) & (found != own), found, -1).astype(np.int64)
    last = np.argsort(near < 0, axis=1, kind="stable")  # the nearest first, nobody last
    return np.take_along_axis(near, last, axis=1)[:, :width].copy()
