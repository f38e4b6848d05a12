"""From looks to a curve: one look a day, cloud dips dropped, a Whittaker curve with its band.

The smoother is Whittaker's (Eilers 2003, doi:10.1021/ac034173t) on a daily grid:
least squares with a penalty on second differences, the weight of a look being the
share of the plot that was seen. It is also a Gaussian posterior, so the diagonal
of the inverse gives the band; both come from one banded factorisation in numpy,
done for all plots at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from satellite.indices import Levels
from satellite.statistics.store import LookRow

Array = NDArray[np.float64]

VALID_MIN = 0.4  # JRC: a date counts with under 60 % of the pixels lost
FULL_PIXELS_MIN = 8  # JRC: after the 5 m inner buffer
VALID_MIN_SMALL = 0.8  # a plot below that has no pixels to spare
PIXELS_MIN = 4.0  # below, one mixed pixel is a quarter of the plot: it is refused
DIP_GAP_DAYS_MAX = 15
DIP_PASSES = 2
# Penalty on the squared second difference per day. Leave-one-out over the Flanders plots
# is flat between 300 and 5,000 (RMSE 0.094–0.090); below, gaps bulge, above, harvests blur.
LAMBDA = 1_000.0
ROBUST_PASSES = 2
BISQUARE = 4.685  # Tukey's constant: 95 % efficient for normal noise
NOISE_PRIOR_LOOKS = 6.0  # the index's noise counts as so many looks
Z_90 = 1.6449  # two-sided 90 % of a normal
GAP_DAYS_MAX = 45  # longer without a look, a bulge of the curve would be invention
LOOKS_MIN = 3  # a line and something to judge it by


@dataclass(frozen=True, slots=True)
class SeriesLook:
    """One day's look at a plot; ``used`` tells whether the curve rests on it.

    ``day`` is a proleptic ordinal [days], ``mean`` absent where nothing was seen.
    """

    day: int
    mean: float | None
    valid_fraction: float
    scene_id: str
    scene_sha256: str
    used: bool

    @property
    def date(self) -> date:
        """The civil date."""
        return date.fromordinal(self.day)


@dataclass(frozen=True, slots=True)
class Series:
    """A plot's looks in order of day, and how well the grid can see it."""

    plot_id: str
    looks: tuple[SeriesLook, ...]
    pixels: float
    full_pixels: int

    @property
    def is_small(self) -> bool:
        """Whether the plot has fewer full pixels than an observation should have."""
        return self.full_pixels < FULL_PIXELS_MIN

    @property
    def used(self) -> tuple[SeriesLook, ...]:
        """The looks that the curve rests on."""
        return tuple(look for look in self.looks if look.used)

    def between(self, first: int, last: int) -> Series:
        """The same plot over some days only, both included."""
        looks = tuple(look for look in self.looks if first <= look.day <= last)
        return Series(self.plot_id, looks, self.pixels, self.full_pixels)


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


def series_of(rows: Iterable[LookRow], levels: Levels) -> dict[str, Series]:
    """Each plot's series: one look a day, the unusable and the cloudy marked as not used.

    A scene that was processed again, and a neighbouring tile of the same pass, show
    the same day twice: the newer baseline is taken, then the one that saw more.
    """
    by_plot: dict[str, dict[int, LookRow]] = {}
    for row in rows:
        days = by_plot.setdefault(row.plot_id, {})
        day = row.scene.day.toordinal()
        if day not in days or _precedence(row) > _precedence(days[day]):
            days[day] = row
    return {plot_id: _series(plot_id, days, levels) for plot_id, days in by_plot.items()}


def _precedence(row: LookRow) -> tuple[str, float, str]:
    return row.scene.baseline, row.valid_fraction, row.scene.item_id


def _series(plot_id: str, days: dict[int, LookRow], levels: Levels) -> Series:
    rows = [days[day] for day in sorted(days)]
    small = rows[-1].full_pixels < FULL_PIXELS_MIN
    valid_min = VALID_MIN_SMALL if small else VALID_MIN
    usable = [row.mean is not None and row.valid_fraction >= valid_min for row in rows]
    kept = kept_looks(
        [row.scene.day.toordinal() for row, ok in zip(rows, usable, strict=True) if ok],
        [row.mean for row, ok in zip(rows, usable, strict=True) if ok and row.mean is not None],
        levels.dip,
    )
    looks = tuple(
        _look(row, ok and row.scene.day.toordinal() in kept)
        for row, ok in zip(rows, usable, strict=True)
    )
    return Series(plot_id, looks, rows[-1].pixels, rows[-1].full_pixels)


def _look(row: LookRow, used: bool) -> SeriesLook:  # noqa: FBT001  # a field of the result
    return SeriesLook(
        row.scene.day.toordinal(),
        row.mean,
        row.valid_fraction,
        row.scene.item_id,
        row.scene.sha256,
        used,
    )


def kept_looks(days: Sequence[int], means: Sequence[float], dip: float) -> set[int]:
    """The days whose look does not fall far below both its neighbours.

    Cloud, haze and shadow that the classification missed pull an index down for one
    date; a crop cannot fall by ``dip`` and rise again within ``DIP_GAP_DAYS_MAX``
    days either side. The first and last look have one neighbour and are kept.
    """
    kept = list(zip(days, means, strict=True))
    for _ in range(DIP_PASSES):
        dropped = [
            i for i in range(1, len(kept) - 1) if _is_dip(kept[i - 1], kept[i], kept[i + 1], dip)
        ]
        if not dropped:
            break
        kept = [look for i, look in enumerate(kept) if i not in dropped]
    return {day for day, _ in kept}


def _is_dip(
    before: tuple[int, float], here: tuple[int, float], after: tuple[int, float], dip: float
) -> bool:
    near = max(here[0] - before[0], after[0] - here[0]) <= DIP_GAP_DAYS_MAX
    return near and here[1] < min(before[1], after[1]) - dip


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
        mean, _ = whittaker(value, active, LAMBDA)
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


def whittaker(value: Array, weight: Array, penalty: float) -> tuple[Array, Array]:
    """Solve ``(W + λ D'D) z = W y`` for each series; also the diagonal of the inverse.

    Parameters
    ----------
    value, weight
        (series, day) float64; at least two positive weights a series.
    penalty
        λ, on squared second differences.

    Notes
    -----
    LDL' of the pentadiagonal matrix, then the inverse's band by Takahashi's
    recursion (1973). The loop runs over days, numpy over series.
    """
    series, days = value.shape
    if days < LOOKS_MIN:
        return value.copy(), 1.0 / np.maximum(weight, 1e-9)
    main, next_, after = (penalty * band for band in _second_difference_bands(days))
    pivot = np.zeros((days, series))
    low1, low2 = np.zeros((days, series)), np.zeros((days, series))
    z = np.ascontiguousarray((weight * value).T)
    w = weight.T
    for i in range(days):
        pivot[i] = w[i] + main[i]
        cross = np.full(series, next_[i])
        if i >= 1:
            pivot[i] -= pivot[i - 1] * low1[i - 1] ** 2
            cross -= pivot[i - 1] * low1[i - 1] * low2[i - 1]
            z[i] -= low1[i - 1] * z[i - 1]
        if i >= 2:
            pivot[i] -= pivot[i - 2] * low2[i - 2] ** 2
            z[i] -= low2[i - 2] * z[i - 2]
        low1[i], low2[i] = cross / pivot[i], after[i] / pivot[i]
    return _back(pivot, low1, low2, z)


def _back(pivot: Array, low1: Array, low2: Array, z: Array) -> tuple[Array, Array]:
    days, series = pivot.shape
    x, inverse = np.zeros((days + 2, series)), np.zeros((days + 2, series))
    beside = np.zeros((days + 2, series))  # the inverse's first off-diagonal
    for i in range(days - 1, -1, -1):
        x[i] = z[i] / pivot[i] - low1[i] * x[i + 1] - low2[i] * x[i + 2]
        two_off = -low1[i] * beside[i + 1] - low2[i] * inverse[i + 2]
        beside[i] = -low1[i] * inverse[i + 1] - low2[i] * beside[i + 1]
        inverse[i] = 1.0 / pivot[i] - low1[i] * beside[i] - low2[i] * two_off
    return x[:days].T, inverse[:days].T


def _second_difference_bands(days: int) -> tuple[Array, Array, Array]:
    main, next_, after = np.zeros(days), np.zeros(days), np.zeros(days)
    for offset, coefficient in ((0, 1.0), (1, -2.0), (2, 1.0)):
        main[offset : days - 2 + offset] += coefficient**2
    next_[: days - 2] += -2.0
    next_[1 : days - 1] += -2.0
    after[: days - 2] += 1.0
    return main, next_, after
