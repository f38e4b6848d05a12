"""Weighted statistics of many plots at once: mean, spread and quantiles of their pixels.

Every pixel weighs what the plot covers of it. All sums are float64, the deviation is
taken about the mean in a second pass (no difference of large squares), and the
quantiles are those of Hyndman and Fan's type 7 (doi:10.1080/00031305.1996.10473566,
numpy's default) carried over to weights as exactextract does: with the n seen pixels
of a plot in order of value, pixel k = 0 … n−1 stands at

    S_k = k·w_k + (n−1)·Σ_{i<k} w_i

and the quantile q is read off the broken line through (S_k, value_k) at
q·(n−1)·Σw. With equal weights S_k is k·(n−1)·w, which is type 7. Where values tie,
S_k depends on which of them comes first, so the order is fixed here: by value, then
as the pixels came, which is by row and column. It is no sort's whim.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float64]
Places = NDArray[np.int32]

QUANTILES = (0.10, 0.50, 0.90)
# Plots whose sizes differ by less than this share a padded table: few tables, little padding.
PADDING_MAX = 1.25
TABLE_CELLS_MAX = 1 << 16  # of one table at a time, so that it stays in the processor's cache


class Spread(NamedTuple):
    """How the index is spread over a plot's seen pixels [index units]."""

    std: float
    median: float
    p10: float
    p90: float


@dataclass(frozen=True, slots=True)
class Segments:
    """The pixels of each plot, one run after the other.

    ``starts`` (plot + 1,) int64 where each run begins; ``weight`` (pixel,) float64
    [share of a pixel]; ``tables`` are (plots, pixels) pairs:
    which plots, and (plot, place) int32 the places of their pixels, padded with the
    number of all pixels.
    """

    starts: NDArray[np.int64]
    weight: Pixels
    tables: tuple[tuple[NDArray[np.int64], Places], ...]

    @property
    def plots(self) -> int:
        """Number of plots [count]."""
        return len(self.starts) - 1


@dataclass(frozen=True, slots=True)
class PlotStatistics:
    """Of each plot, (plot,) float64; NaN where nothing was seen, ``seen`` is then 0.

    ``seen`` is the weight of the seen pixels [pixels].
    """

    seen: Pixels
    mean: Pixels
    std: Pixels
    p10: Pixels
    median: Pixels
    p90: Pixels


def segments_of(plot: Places, weight: Pixels, plots: int) -> Segments:
    """The runs of pixels that are in order of plot.

    Parameters
    ----------
    plot, weight
        Of each pixel, (pixel,).
    plots
        Number of plots [count].
    """
    starts = np.searchsorted(plot, np.arange(plots + 1))
    sizes = np.diff(starts)
    tables: list[tuple[NDArray[np.int64], Places]] = []
    by_size = np.argsort(sizes, kind="stable")
    first = int(np.searchsorted(sizes[by_size], 1))
    while first < plots:
        least = int(sizes[by_size[first]])
        last = int(np.searchsorted(sizes[by_size], int(least * PADDING_MAX), side="right"))
        width = int(sizes[by_size[last - 1]])
        last = min(last, first + max(TABLE_CELLS_MAX // width, 1))
        members = np.sort(by_size[first:last])
        places = starts[members, None] + np.arange(width)
        places[places >= starts[members + 1, None]] = len(plot)
        tables.append((members, places.astype(np.int32)))
        first = last
    return Segments(starts, weight, tuple(tables))


def statistics_of(segments: Segments, value: Pixels) -> PlotStatistics:
    """Each plot's statistics; NaN pixels are not seen.

    Parameters
    ----------
    value
        Of each pixel, (pixel,) float64.
    """
    unseen = np.isnan(value)
    weight = np.where(unseen, 0.0, segments.weight)
    known = np.where(unseen, 0.0, value)
    seen = _sums(segments, weight)
    mean = _ratio(_sums(segments, weight * known), seen)
    known -= np.repeat(mean, np.diff(segments.starts))
    std = np.sqrt(_ratio(_sums(segments, weight * known**2), seen))
    return PlotStatistics(seen, mean, std, *_levels(segments, value, weight))


def _sums(segments: Segments, value: Pixels) -> Pixels:
    """Of each plot, (plot,); a plot's sum does not depend on which other plots there are."""
    found = np.zeros(segments.plots)
    some = np.flatnonzero(np.diff(segments.starts))
    if len(some):
        found[some] = np.add.reduceat(value, segments.starts[some])
    return found


def _ratio(above: Pixels, below: Pixels) -> Pixels:
    found: Pixels = np.full(above.shape, np.nan)
    np.divide(above, below, out=found, where=below > 0)
    return found


def _levels(segments: Segments, value: Pixels, weight: Pixels) -> Pixels:
    """The quantiles (quantile, plot) of values whose weight is above 0."""
    levels = np.full((len(QUANTILES), segments.plots), np.nan)
    # One more pixel, unseen and weightless, for the padding to point at.
    values, weights = np.append(value, np.nan), np.append(weight, 0.0)
    for members, places in segments.tables:
        table = values[places]
        order = np.argsort(table, axis=1, kind="stable")  # NaN last, ties as they came
        table = np.take_along_axis(table, order, axis=1)
        levels[:, members] = _quantiles(table, np.take_along_axis(weights[places], order, axis=1))
    return levels


def _quantiles(value: Pixels, weight: Pixels) -> Pixels:
    """Quantiles (quantile, plot) of rows in order, the places in use first."""
    rows, width = value.shape
    count = np.count_nonzero(weight, axis=1)
    # From left to right, so that the padding changes nothing.
    cumulated = np.cumsum(weight, axis=1)
    total = cumulated[:, -1]
    stand = np.arange(width) * weight + (count - 1)[:, None] * (cumulated - weight)
    stand[np.arange(width) >= count[:, None]] = np.inf
    found = np.full((len(QUANTILES), rows), np.nan)
    some = np.flatnonzero(count)
    for q, out in zip(QUANTILES, found, strict=True):
        target = q * (count[some] - 1) * total[some]
        left = np.count_nonzero(stand[some] <= target[:, None], axis=1) - 1
        right = np.minimum(left + 1, count[some] - 1)
        low, high = value[some, left], value[some, right]
        step = stand[some, right] - stand[some, left]
        share = np.where(right > left, target - stand[some, left], 0.0)
        out[some] = low + (high - low) * share / np.where(step > 0, step, 1.0)
    return found
