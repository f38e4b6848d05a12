"""A robust curve for every series, with the band in which the truth is expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from satellite.series.looks import Series
from satellite.series.whittaker import whittaker, whittaker_mean

Array = NDArray[np.float64]

# Penalty on the squared second difference per day. Leaving a look out on the Flanders plots
# is flat from 50 to 300 (RMSE 0.073–0.075; 0.081 at 1,000, 0.094 at 3,000), and on simulated
# seasons the band covers what it claims at 200: 0.895 (0.92 at 100, 0.79 at 1,000).
LAMBDA = 200.0
ROBUST_PASSES = 2
BISQUARE = 4.685  # Tukey's constant: 95 % efficient for normal noise
NOISE_PRIOR_LOOKS = 6.0  # the index's noise counts as so many looks
Z_90 = 1.6449  # two-sided 90 % of a normal
GAP_DAYS_MAX = 45  # longer without a look, a bulge of the curve would be invention
LOOKS_MIN = 3  # a line and something to judge it by


@dataclass(frozen=True, slots=True)
class Curve:
    """A smoothed curve on every day from the first used look to the last.

    ``mean``, ``low`` and ``high`` (day,) float64; the latter two are its 90 % band.
    """

    first_day: int
    mean: Array
    low: Array
    high: Array

    @property
    def last_day(self) -> int:
        """The last day of the curve."""
        return self.first_day + len(self.mean) - 1

    @property
    def days(self) -> NDArray[np.int64]:
        """Every day of the curve."""
        return np.arange(self.first_day, self.last_day + 1)

    def at(self, day: int) -> float | None:
        """The curve on a day; absent outside it."""
        i = day - self.first_day
        return float(self.mean[i]) if 0 <= i < len(self.mean) else None

    def window(self, first: int, last: int) -> Array:
        """The curve between two days, both included, as far as it reaches."""
        a, b = max(first - self.first_day, 0), max(last - self.first_day + 1, 0)
        return self.mean[a:b]


def smooth(series: Sequence[Series], noise_sd: float) -> list[Curve | None]:
    """A robust curve for each series; absent for those with too few used looks.

    Parameters
    ----------
    noise_sd
        Standard deviation of one clear look [index units].
    """
    enough = [i for i, s in enumerate(series) if len(s.used) >= LOOKS_MIN]
    curves: list[Curve | None] = [None] * len(series)
    if not enough:
        return curves
    first = min(series[i].used[0].day for i in enough)
    days = max(series[i].used[-1].day for i in enough) - first + 1
    value, weight = np.zeros((len(enough), days)), np.zeros((len(enough), days))
    for k, i in enumerate(enough):
        for look in series[i].used:
            value[k, look.day - first] = look.mean
            weight[k, look.day - first] = look.valid_fraction
    mean, sd = robust_whittaker(value, weight, noise_sd)
    for k, i in enumerate(enough):
        a, b = series[i].used[0].day - first, series[i].used[-1].day - first + 1
        bridge_gaps(mean[k], [look.day - first for look in series[i].used])
        band = Z_90 * sd[k, a:b]
        curves[i] = Curve(first + a, mean[k, a:b], mean[k, a:b] - band, mean[k, a:b] + band)
    return curves


def bridge_gaps(mean: Array, days: Sequence[int]) -> None:
    """Lay a straight line, in place, over every stretch too long without a look.

    A smoother swings out where nothing holds it, and a season could be seen in the
    swing; a line has no peak of its own. The band stays as wide as it was.
    """
    for before, after in pairwise(days):
        if after - before > GAP_DAYS_MAX:
            mean[before : after + 1] = np.linspace(mean[before], mean[after], after - before + 1)


def robust_whittaker(value: Array, weight: Array, noise_sd: float) -> tuple[Array, Array]:
    """Curve and its standard deviation, with looks far *below* the curve weighing less.

    Parameters
    ----------
    value, weight
        (series, day) float64; a weight of zero is a day without a look.

    Notes
    -----
    What a mask misses only ever lowers a vegetation index, so Tukey's bisquare is
    applied to negative residuals alone. The noise's variance is the residuals',
    shrunk to ``noise_sd`` by ``NOISE_PRIOR_LOOKS``.
    """
    active = weight
    for _ in range(ROBUST_PASSES):
        mean = whittaker_mean(value, active, LAMBDA)
        distance = np.clip((mean - value) / (BISQUARE * noise_sd), 0.0, 1.0)
        active = weight * np.maximum((1.0 - distance**2) ** 2, 1e-3)
    mean, inverse = whittaker(value, active, LAMBDA)
    squares = np.sum(active * (value - mean) ** 2, axis=1)
    looks = np.sum(weight > 0, axis=1)
    leverage = np.sum(active * inverse, axis=1)
    variance = (NOISE_PRIOR_LOOKS * noise_sd**2 + squares) / (
        NOISE_PRIOR_LOOKS + np.maximum(looks - leverage, 0.0)
    )
    return mean, np.sqrt(variance[:, None] * inverse)
