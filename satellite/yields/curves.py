"""Season-aligned curves: what a crop's normal is made of, and today's distance from it.

Time is counted from sowing, so that plots and years can be laid over each other.
Everything is causal: a feature on day *t* uses looks up to day *t* only, in
training as in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from satellite.indices import Levels
from satellite.series import (
    LOOKS_MIN,
    VALID_MIN,
    VALID_MIN_SMALL,
    Series,
    bridge_gaps,
    kept_looks,
    robust_whittaker,
)

Array = NDArray[np.float64]

SEASON_DAYS_MAX = 400


@dataclass(frozen=True, slots=True)
class SownSeries:
    """A plot's series with the day it was sown [proleptic ordinal]."""

    series: Series
    sown_day: int


def aligned_curves(
    seasons: Sequence[SownSeries], until: Sequence[int], levels: Levels
) -> list[Array | None]:
    """Each season's curve from sowing to a day, with looks up to that day only.

    Parameters
    ----------
    until
        Days since sowing, one a season [days].

    Returns
    -------
    list
        Arrays (day,) float64 of ``until + 1`` values; absent for a season with too
        few looks. Beyond its looks a curve keeps its nearest value.
    """
    points = [
        _known_points(season, day, levels.dip) for season, day in zip(seasons, until, strict=True)
    ]
    rows = [i for i, known in enumerate(points) if len(known) >= LOOKS_MIN]
    curves: list[Array | None] = [None] * len(seasons)
    if not rows:
        return curves
    width = max(until[i] for i in rows) + 1
    value, weight = np.zeros((len(rows), width)), np.zeros((len(rows), width))
    for k, i in enumerate(rows):
        for day, mean, share in points[i]:
            value[k, day], weight[k, day] = mean, share
    mean_curve, _ = robust_whittaker(value, weight, levels.noise_sd)
    for k, i in enumerate(rows):
        first, last = points[i][0][0], points[i][-1][0]
        curve = mean_curve[k, : until[i] + 1].copy()
        bridge_gaps(curve, [day for day, _, _ in points[i]])
        curve[:first], curve[last + 1 :] = curve[first], curve[last]
        curves[i] = curve
    return curves


def usable_looks(series: Series, sown_day: int, until: int) -> list[tuple[int, float, float]]:
    """Age [days], index and the share that was seen of each look good enough to count."""
    valid_min = VALID_MIN_SMALL if series.is_small else VALID_MIN
    return [
        (look.day - sown_day, look.mean, look.valid_fraction)
        for look in series.looks
        if look.mean is not None
        and look.valid_fraction >= valid_min
        and 0 <= look.day - sown_day <= min(until, SEASON_DAYS_MAX)
    ]


def _known_points(season: SownSeries, until: int, dip: float) -> list[tuple[int, float, float]]:
    points = usable_looks(season.series, season.sown_day, until)
    kept = kept_looks([day for day, _, _ in points], [mean for _, mean, _ in points], dip)
    return [point for point in points if point[0] in kept]
