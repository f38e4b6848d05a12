"""Season-aligned curves and the few features that a yield is read from.

Time is counted from sowing, so that plots and years can be laid over each other.
Everything is causal: a feature on day *t* uses looks up to day *t* only, in
training as in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

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
YEAR_DAYS = 365.25
RECENT_DAYS = 20
FEATURES = ("mean_since_sowing", "mean_recent", "peak_so_far", "sown_offset_days")


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


def features(curve: Array, sown_offset_days: float) -> Array:
    """The features of a season so far, in the order of ``FEATURES``: (feature,) float64.

    Parameters
    ----------
    curve
        From sowing to today, (day,) [index units].
    sown_offset_days
        Days after (or before) the crop's usual sowing date.
    """
    recent = curve[-(RECENT_DAYS + 1) :]
    return np.array([curve.mean(), recent.mean(), curve.max(), sown_offset_days])


def sown_offset_days(sown_on: date, usual_day_of_year: float) -> float:
    """Days by which a sowing is later than the crop's usual; negative if earlier."""
    day = float(sown_on.timetuple().tm_yday)
    return (day - usual_day_of_year + YEAR_DAYS / 2) % YEAR_DAYS - YEAR_DAYS / 2


def _known_points(season: SownSeries, until: int, dip: float) -> list[tuple[int, float, float]]:
    valid_min = VALID_MIN_SMALL if season.series.is_small else VALID_MIN
    last = min(until, SEASON_DAYS_MAX)
    points = [
        (look.day - season.sown_day, look.mean, look.valid_fraction)
        for look in season.series.looks
        if look.mean is not None
        and look.valid_fraction >= valid_min
        and 0 <= look.day - season.sown_day <= last
    ]
    kept = kept_looks([day for day, _, _ in points], [mean for _, mean, _ in points], dip)
    return [point for point in points if point[0] in kept]
