"""The pixels around a plot on many days: inside, on its border, and outside.

Read from the scenes themselves, because what is stored of a plot ends at the very
boundary that is in doubt. Scenes are read window by window: plots that share a block
of the file are read together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from satellite.indices import Index, require_bands, require_classes
from satellite.scenes.bands import SCL
from satellite.scenes.calibration import calibrate, settle
from satellite.scenes.catalog import Item
from satellite.scenes.mask import DILATE_PIXELS, clear_pixels
from satellite.scenes.raster import Box, Grid, Raster, RasterError, open_raster
from satellite.statistics.coverage import projected
from satellite.statistics.plots import Plot

Array = NDArray[np.float64]

MARGIN_M = 40.0  # far enough out for a neighbour's land behind a hedge and a track
BLOCK_PIXELS = 512
PATCH_PIXELS_MAX = 40_000  # 4 km²: no plot of a smallholder, and no window without bound


@dataclass(frozen=True, slots=True)
class Patch:
    """One plot's surroundings: a small window of every scene.

    Parameters
    ----------
    polygon
        The declared boundary in the grid's projection [m].
    west_m, north_m, pixel_m
        The window's corner and the pixel's side.
    inside
        Share of each pixel within the boundary (row, col) [0–1].
    depth_m
        Distance of each centre from the boundary, negative outside (row, col).
    days
        Ordinals (day,), in order.
    value
        The index (day, row, col); NaN where not seen.
    """

    plot_id: str
    polygon: Polygon
    west_m: float
    north_m: float
    pixel_m: float
    inside: Array
    depth_m: Array
    days: NDArray[np.int64]
    value: Array

    def on(self, days: Sequence[int]) -> Patch:
        """The same patch on some days only."""
        chosen = np.isin(self.days, np.asarray(days, dtype=np.int64))
        return replace(self, days=self.days[chosen], value=self.value[chosen])


@dataclass(frozen=True, slots=True)
class _Window:
    plot_id: str
    polygon: Polygon
    box: Box
    inside: Array
    depth_m: Array


def read_patches(items: Sequence[Item], plots: Sequence[Plot], index: Index) -> dict[str, Patch]:
    """Each plot's surroundings on the scenes that cover them, by plot id.

    The first scene's grid is kept; scenes on other grids are left out, as are those
    that were refused when they were ingested.

    Raises
    ------
    RasterError, BandMissingError
        If a scene that was taken in cannot be read any more.
    """
    windows: list[_Window] = []
    grid: Grid | None = None
    values: dict[int, list[Array]] = {}
    for item in sorted(items, key=lambda one: one.day):
        require_bands(index, item.assets, item.item_id)
        require_classes(item.assets, item.item_id)
        with ExitStack() as stack:
            rasters = {
                band: stack.enter_context(open_raster(item.assets[band].path))
                for band in (*index.bands, SCL)
            }
            here = min((rasters[band].grid for band in index.bands), key=lambda g: g.step)
            if grid is None:
                grid, windows = here, _windows(here, plots)
            if here == grid and item.day.toordinal() not in values:
                values[item.day.toordinal()] = list(_look(item, index, rasters, windows))
    if grid is None:
        return {}
    days = np.array(sorted(values), dtype=np.int64)
    return {
        window.plot_id: Patch(
            window.plot_id, window.polygon,
            grid.left + window.box.col0 * grid.step, grid.top - window.box.row0 * grid.step,
            grid.step, window.inside, window.depth_m, days,
            np.stack([values[day][k] for day in days.tolist()]),
        )
        for k, window in enumerate(windows)
    }  # fmt: skip


def _windows(grid: Grid, plots: Sequence[Plot]) -> list[_Window]:
    """The plots' windows, in the order of the file's blocks; those off the grid are left out."""
    found = []
    for plot in plots:
        polygon = projected(plot.polygon, grid.crs)
        box = _box(grid, polygon)
        if box is not None:
            found.append(_Window(plot.plot_id, polygon, box, *_geometry(grid, polygon, box)))
    return sorted(found, key=lambda w: _block(w.box))


def _block(box: Box) -> tuple[int, int]:
    return box.row0 // BLOCK_PIXELS, box.col0 // BLOCK_PIXELS


def _box(grid: Grid, polygon: Polygon) -> Box | None:
    west, south, east, north = polygon.bounds
    reach = MARGIN_M
    rows = grid.rows_of(np.array([north + reach, south - reach]))
    cols = grid.cols_of(np.array([west - reach, east + reach]))
    box = Box(int(rows[0]), int(rows[1]) + 1, int(cols[0]), int(cols[1]) + 1).grown(0, grid)
    size = (box.row1 - box.row0) * (box.col1 - box.col0)
    fits = box.row1 > box.row0 and box.col1 > box.col0 and size <= PATCH_PIXELS_MAX
    return box if fits else None


def _geometry(grid: Grid, polygon: Polygon, box: Box) -> tuple[Array, Array]:
    rows, cols = np.mgrid[box.row0 : box.row1, box.col0 : box.col1]
    x, y = grid.centres(rows.ravel(), cols.ravel())
    half = grid.step / 2
    squares = shapely.box(x - half, y - half, x + half, y + half)
    shapely.prepare(polygon)
    away = shapely.distance(shapely.points(x, y), polygon.exterior)
    within = shapely.contains_xy(polygon, x, y)
    inside = within.astype(np.float64)
    border = away <= grid.step  # half a diagonal is shorter
    inside[border] = shapely.area(shapely.intersection(squares[border], polygon)) / grid.step**2
    depth = np.where(within, away, -away)
    return inside.reshape(rows.shape), depth.reshape(rows.shape)


def _look(
    item: Item, index: Index, rasters: dict[str, Raster], windows: Sequence[_Window]
) -> Iterator[Array]:
    known = settle(item)
    readings = {band: calibrate(known, known.assets[band], rasters[band]) for band in index.bands}
    fine = min((rasters[band].grid for band in index.bands), key=lambda g: g.step)
    for _, each in groupby(windows, key=lambda w: _block(w.box)):
        group = list(each)
        box = _union([window.box for window in group])
        clear = _clear(rasters[SCL], fine, box)
        bands = {}
        for band, reading in readings.items():
            stored = _on_grid(rasters[band], fine, box).astype(np.float64)
            seen = reading.reflectance(stored)
            bands[band] = np.maximum(np.where(clear, seen, np.nan), 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.asarray(index.formula(bands))
        for window in group:
            part = value[
                window.box.row0 - box.row0 : window.box.row1 - box.row0,
                window.box.col0 - box.col0 : window.box.col1 - box.col0,
            ]
            yield np.where(np.isfinite(part), part, np.nan)


def _union(boxes: Sequence[Box]) -> Box:
    return Box(
        min(b.row0 for b in boxes), max(b.row1 for b in boxes),
        min(b.col0 for b in boxes), max(b.col1 for b in boxes),
    )  # fmt: skip


def _clear(scl: Raster, fine: Grid, box: Box) -> NDArray[np.bool_]:
    rows, cols, coarse = _cells(scl.grid, fine, box)
    grown = coarse.grown(DILATE_PIXELS, scl.grid)
    clear = clear_pixels(scl.read(grown))
    return np.asarray(clear[np.ix_(rows - grown.row0, cols - grown.col0)])


def _on_grid(raster: Raster, fine: Grid, box: Box) -> NDArray[np.float64]:
    if raster.grid == fine:
        return np.asarray(raster.read(box))
    rows, cols, coarse = _cells(raster.grid, fine, box)
    return np.asarray(raster.read(coarse)[np.ix_(rows - coarse.row0, cols - coarse.col0)])


def _cells(grid: Grid, fine: Grid, box: Box) -> tuple[NDArray[np.int64], NDArray[np.int64], Box]:
    """The rows and columns of another grid that hold a box's pixel centres."""
    if grid.crs != fine.crs:
        raise RasterError(f"expected one projection over a scene's bands, got {grid.crs}")
    x, _ = fine.centres(np.zeros(box.col1 - box.col0, np.int64), np.arange(box.col0, box.col1))
    _, y = fine.centres(np.arange(box.row0, box.row1), np.zeros(box.row1 - box.row0, np.int64))
    rows = np.clip(grid.rows_of(y), 0, grid.rows - 1)
    cols = np.clip(grid.cols_of(x), 0, grid.cols - 1)
    return (
        rows,
        cols,
        Box(int(rows.min()), int(rows.max()) + 1, int(cols.min()), int(cols.max()) + 1),
    )
