"""One scene over all plots: blocks are streamed, plot pixels are gathered.

Nothing larger than a block is ever held, and the index is computed on the plots'
pixels alone. A coarser band (the 20 m classification under a 10 m index) is looked
up at each pixel's centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from satellite.indices import Index, require_bands, require_classes
from satellite.scenes.bands import SCL
from satellite.scenes.calibration import Calibration, calibrate, require_plausible
from satellite.scenes.catalog import Item
from satellite.scenes.mask import DILATE_PIXELS, clear_pixels
from satellite.scenes.raster import Box, Grid, Raster, RasterError, open_raster
from satellite.statistics.coverage import Plan, build_plan
from satellite.statistics.plots import Plot

Pixels = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Look:
    """What one scene shows of one plot.

    ``mean`` is absent where nothing of the plot was seen; ``valid_fraction`` [0–1]
    is the weight seen over the plot's weight; ``pixels`` the plot's size and
    ``full_pixels`` those inside the inner buffer [pixels]; ``covered`` whether the
    plot touches the scene at all.
    """

    plot_id: str
    mean: float | None
    valid_fraction: float
    pixels: float
    full_pixels: int
    covered: bool


class Sampler:
    """Samples scenes over a fixed set of plots; keeps one plan per grid."""

    def __init__(self, plots: Sequence[Plot], index: Index) -> None:
        self._plots = tuple(plots)
        self._index = index
        self._plans: dict[Grid, Plan] = {}

    def look(self, item: Item) -> list[Look]:
        """What the scene shows of each plot, in the plots' order.

        Raises
        ------
        BandMissingError
            If the scene lacks a band of the index, or its classification.
        RasterError
            If a raster is broken or its offset cannot be settled.
        """
        require_bands(self._index, item.assets, item.item_id)
        require_classes(item.assets, item.item_id)
        with ExitStack() as stack:
            rasters = {
                band: stack.enter_context(open_raster(item.assets[band].path))
                for band in (*self._index.bands, SCL)
            }
            plan = self._plan(item, rasters)
            return self._statistics(plan, plot_pixels(item, self._index, rasters, plan))

    def _plan(self, item: Item, rasters: dict[str, Raster]) -> Plan:
        if len({raster.grid.crs for raster in rasters.values()}) > 1:
            raise RasterError(f"expected one projection over the bands of {item.item_id}")
        grid = min((rasters[band].grid for band in self._index.bands), key=lambda g: g.step)
        if grid not in self._plans:
            self._plans[grid] = build_plan(grid, self._plots)
        return self._plans[grid]

    def _statistics(self, plan: Plan, pixels: xr.Dataset) -> list[Look]:
        mean, seen = weighted_means(
            plan.plot, plan.weight, pixels["index"].to_numpy(), len(self._plots)
        )
        covered = np.bincount(plan.plot, minlength=len(self._plots)) > 0
        fraction = np.minimum(seen / plan.plot_weight, 1.0)
        return [
            Look(
                plot.plot_id,
                float(mean[i]) if seen[i] > 0 else None,
                float(fraction[i]),
                float(plan.plot_weight[i]),
                int(plan.full_pixels[i]),
                bool(covered[i]),
            )
            for i, plot in enumerate(self._plots)
        ]


def weighted_means(
    plot: NDArray[np.int64], weight: Pixels, value: Pixels, plots: int
) -> tuple[Pixels, Pixels]:
    """Each plot's weighted mean and the weight behind it; NaN pixels weigh nothing.

    Parameters
    ----------
    plot, weight, value
        Of each pixel, (pixel,).
    plots
        Number of plots [count].
    """
    seen = np.isfinite(value)
    used = np.where(seen, weight, 0.0)
    total: Pixels = np.bincount(plot, used, minlength=plots).astype(np.float64)
    sums = np.bincount(plot, used * np.where(seen, value, 0.0), minlength=plots)
    mean: Pixels = np.full(plots, np.nan)
    np.divide(sums, total, out=mean, where=total > 0)
    return mean, total


def plot_pixels(item: Item, index: Index, rasters: dict[str, Raster], plan: Plan) -> xr.Dataset:
    """The index at every plot pixel: dims (pixel,) float64, NaN where not seen.

    Raises
    ------
    RasterError
        If blocks are broken or the pixels contradict the stated offset.
    """
    readings = {band: calibrate(item, item.assets[band], rasters[band]) for band in index.bands}
    parts = [_block(rasters, readings, plan, block) for block in plan.blocks]
    if not parts:
        return xr.Dataset({"index": ("pixel", np.empty(0))})
    bands = {band: np.concatenate([part[band] for part in parts]) for band in index.bands}
    for band, values in bands.items():
        require_plausible(item.item_id, band, values)
    dataset = xr.Dataset({band: ("pixel", np.maximum(v, 0.0)) for band, v in bands.items()})
    with np.errstate(divide="ignore", invalid="ignore"):
        value = index.formula({band: dataset[band] for band in index.bands})
    dataset["index"] = value.where(np.isfinite(value))
    return dataset


def _block(
    rasters: dict[str, Raster], readings: dict[str, Calibration], plan: Plan, block: slice
) -> dict[str, Pixels]:
    x, y = plan.grid.centres(plan.rows[block], plan.cols[block])
    clear = _clear(rasters[SCL], x, y)
    found: dict[str, Pixels] = {}
    for band, reading in readings.items():
        stored, inside = _gather(rasters[band], x, y)
        found[band] = np.where(inside & clear, reading.reflectance(stored), np.nan)
    return found


def _gather(raster: Raster, x: Pixels, y: Pixels) -> tuple[Pixels, NDArray[np.bool_]]:
    grid = raster.grid
    rows, cols, inside = _cells(grid, x, y)
    if not inside.any():
        return np.zeros(x.shape), inside
    box = _tight(rows[inside], cols[inside])
    values = raster.read(box)
    picked = values[
        np.clip(rows, box.row0, box.row1 - 1) - box.row0,
        np.clip(cols, box.col0, box.col1 - 1) - box.col0,
    ]
    return picked.astype(np.float64), inside


def _clear(raster: Raster, x: Pixels, y: Pixels) -> NDArray[np.bool_]:
    rows, cols, inside = _cells(raster.grid, x, y)
    if not inside.any():
        return inside
    box = _tight(rows[inside], cols[inside]).grown(DILATE_PIXELS, raster.grid)
    clear = clear_pixels(raster.read(box))
    rows = np.clip(rows, box.row0, box.row1 - 1) - box.row0
    cols = np.clip(cols, box.col0, box.col1 - 1) - box.col0
    return inside & clear[rows, cols]


def _cells(
    grid: Grid, x: Pixels, y: Pixels
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    rows, cols = grid.rows_of(y), grid.cols_of(x)
    inside = (rows >= 0) & (rows < grid.rows) & (cols >= 0) & (cols < grid.cols)
    return rows, cols, inside


def _tight(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Box:
    return Box(int(rows.min()), int(rows.max()) + 1, int(cols.min()), int(cols.max()) + 1)
