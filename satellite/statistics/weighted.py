"""Weighted statistics of many plots at once: mean, spread and quantiles of their pixels.

Every pixel weighs what the plot covers of it. All sums are float64, the deviation is
taken about the mean in a second pass (no difference of large squares), and the
quantiles are those of exactextract. It keeps a histogram: pixels of one value are one
value, of the weight of all of them. With the n different values of a plot in order,
value k = 0 … n−1 stands at

    S_k = k·w_k + (n−1)·Σ_{i<k} w_i

and the quantile q is read off the broken line through (S_k, value_k) at
q·(n−1)·Σw. This is type 7 of Hyndman and Fan (doi:10.1080/00031305.1996.10473566,
numpy's default) carried over to weights: with equal weights S_k is k·(n−1)·w. Where
values tie it is not numpy's, which counts each pixel, but it depends on no order.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float64]
Places = NDArray[np.int32]

QUANTILES = (0.10, 0.50, 0.90)
# Plots whose sizes differ by less than this share a padded table: few tables, little padding.
PADDING_MAX = 1.25
TABLE_CELLS_MAX = 1 << 16  # of one table at a time, so that it stays in the processor's cache
UNSEEN = np.finfo(np.float64).max  # stands behind every value that is seen


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
    [share of a pixel]; ``pieces`` (piece + 1,) int64 are bounds of plots that have few
    pixels together, and ``tables`` (plot,) int64 are plots of about one size.
    """

    starts: NDArray[np.int64]
    weight: Pixels
    pieces: NDArray[np.int64]
    tables: tuple[NDArray[np.int64], ...]

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
    tables: list[NDArray[np.int64]] = []
    by_size = np.argsort(sizes, kind="stable")
    first = int(np.searchsorted(sizes[by_size], 1))
    while first < plots:
        least = int(sizes[by_size[first]])
        last = int(np.searchsorted(sizes[by_size], int(least * PADDING_MAX), side="right"))
        width = int(sizes[by_size[last - 1]])
        last = min(last, first + max(TABLE_CELLS_MAX // width, 1))
        tables.append(np.sort(by_size[first:last]))
        first = last
    marks = np.searchsorted(starts, np.arange(TABLE_CELLS_MAX, len(plot), TABLE_CELLS_MAX))
    pieces = np.unique(np.concatenate([[0], marks, [plots]]))
    return Segments(starts, weight, pieces, tuple(tables))


def statistics_of(segments: Segments, value: Pixels) -> PlotStatistics:
    """Each plot's statistics; NaN pixels are not seen.

    Parameters
    ----------
    value
        Of each pixel, (pixel,) float64.
    """
    starts = segments.starts
    seen, mean, std = (np.empty(segments.plots) for _ in range(3))
    count = np.empty(segments.plots, np.int64)
    for first, last in pairwise(segments.pieces):
        plots, run = slice(first, last), slice(starts[first], starts[last])
        bounds = starts[first : last + 1] - starts[first]
        unseen = np.isnan(value[run])
        hidden = np.searchsorted(np.flatnonzero(unseen), bounds)
        count[plots] = np.diff(bounds) - np.diff(hidden)
        known, weight = value[run].copy(), segments.weight[run].copy()
        for each in (known, weight):
            np.putmask(each, unseen, 0.0)
        seen[plots], mean[plots], std[plots] = _moments(known, weight, bounds)
    levels = np.full((len(QUANTILES), segments.plots), np.nan)
    for members in segments.tables:
        levels[:, members] = _quantiles(segments, value, members, count[members])
    levels[:, count == 0] = np.nan
    return PlotStatistics(seen, mean, std, *levels)


def _moments(
    known: Pixels, weight: Pixels, starts: NDArray[np.int64]
) -> tuple[Pixels, Pixels, Pixels]:
    """Weight, mean and deviation (plot,) of runs of pixels; the unseen weigh nothing."""
    seen = _sums(weight, starts)
    mean = _ratio(_sums(weight * known, starts), seen)
    off = known - np.repeat(mean, np.diff(starts))
    off *= off
    off *= weight
    return seen, mean, np.sqrt(_ratio(_sums(off, starts), seen))


def _sums(value: Pixels, starts: NDArray[np.int64]) -> Pixels:
    """Of each run, (plot,); a plot's sum does not depend on which other plots there are."""
    found = np.zeros(len(starts) - 1)
    some = np.flatnonzero(np.diff(starts))
    if len(some):
        found[some] = np.add.reduceat(value, starts[some])
    return found


def _ratio(above: Pixels, below: Pixels) -> Pixels:
    found: Pixels = np.full(above.shape, np.nan)
    np.divide(above, below, out=found, where=below > 0)
    return found


def _quantiles(
    segments: Segments, value: Pixels, plots: NDArray[np.int64], count: NDArray[np.int64]
) -> Pixels:
    """Quantiles (quantile, plot) of plots of about one size; meaningless where none is seen.

    Behind a plot's seen pixels, ``count`` of them, a row of the table holds what it may:
    nothing is read off there.
    """
    place, weight, count = _in_order(segments, value, plots, count)
    row, final = np.arange(len(plots)), np.maximum(count - 1, 0)
    # From left to right, so that the padding changes nothing.
    stand = np.cumsum(weight, axis=1)
    total = stand[row, final]
    stand -= weight
    stand *= final[:, None]
    weight *= np.arange(place.shape[1])
    stand += weight
    found = np.empty((len(QUANTILES), len(plots)))
    for q, out in zip(QUANTILES, found, strict=True):
        target = q * final * total
        beyond = (stand > target[:, None]).argmax(axis=1)
        left = np.minimum(np.where(beyond > 0, beyond - 1, final), final)
        right = np.minimum(left + 1, final)
        low, high = (value.take(place[row, side], mode="clip") for side in (left, right))
        step = stand[row, right] - stand[row, left]
        share = np.where(step > 0, target - stand[row, left], 0.0)
        out[:] = low + (high - low) * share / np.where(step > 0, step, 1.0)
    return found


def _in_order(
    segments: Segments, value: Pixels, plots: NDArray[np.int64], count: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Pixels, NDArray[np.int64]]:
    """Of each plot where its values are, in order, what each weighs, and how many there are.

    The place within the run rides in the lowest bits of each value, so that one plain
    sort carries it along; rows in which only those bits keep two values apart are
    settled one by one.
    """
    starts = segments.starts[plots]
    sizes = segments.starts[plots + 1] - starts
    across = np.arange(sizes.max())
    keys = value.take(starts[:, None] + across, mode="clip")
    keys += 0.0  # −0.0 is 0.0's equal, but its bits are not
    np.putmask(keys, np.isnan(keys) | (across >= sizes[:, None]), UNSEEN)
    low = (1 << (len(across) - 1).bit_length()) - 1
    bits = keys.view(np.int64)
    bits &= ~low
    bits |= across
    keys.sort(axis=1)
    place = bits & low
    place += starts[:, None]
    weight = segments.weight.take(place, mode="clip")
    bits |= low
    alike = bits[:, 1:] == bits[:, :-1]
    alike &= across[1:] < count[:, None]
    doubt = np.flatnonzero(alike.any(axis=1))
    if len(doubt):
        count = count.copy()
        place[doubt], weight[doubt], count[doubt] = _settled(
            value, place[doubt], weight[doubt], count[doubt]
        )
    return place, weight, count


def _settled(
    value: Pixels, place: NDArray[np.int64], weight: Pixels, count: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Pixels, NDArray[np.int64]]:
    """Rows in exact order of value, pixels of one value made one of all their weight."""
    keys = value.take(place, mode="clip")
    seen = np.arange(place.shape[1]) < count[:, None]
    np.putmask(keys, ~seen, np.inf)
    # Almost always they tie and stand in order; else they differ in their lowest bits.
    wrong = np.flatnonzero((keys[:, 1:] < keys[:, :-1]).any(axis=1))
    if len(wrong):
        order = np.argsort(keys[wrong], axis=1, kind="stable")
        for each in (keys, place, weight):
            each[wrong] = np.take_along_axis(each[wrong], order, axis=1)
    fresh = np.ones(keys.shape, np.bool_)
    np.not_equal(keys[:, 1:], keys[:, :-1], out=fresh[:, 1:])
    first = np.flatnonzero(fresh)
    values = np.count_nonzero(fresh, axis=1)
    # Where each row's different values go: to its beginning.
    at = np.arange(len(first)) + np.repeat(
        np.arange(len(values)) * keys.shape[1] - np.cumsum(values) + values, values
    )
    places, weights = np.zeros(keys.size, np.int64), np.zeros(keys.size)
    places[at] = place.ravel()[first]
    weights[at] = np.add.reduceat(weight.ravel(), first)
    fresh &= seen
    different = np.count_nonzero(fresh, axis=1)
    return places.reshape(keys.shape), weights.reshape(keys.shape), different
