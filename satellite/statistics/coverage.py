"""Which pixels a plot covers, and by how much: the plan, built once per grid.

exactextract gives each pixel's exact covered share. Over 10,000 plots on a full
tile, reading blocks and gathering by this plan costs 1.01 times the bare decode,
against 3.1 for exactextract's own zonal statistics (notes: statistics per plot).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from pyproj import Transformer
from shapely import Polygon, transform
from shapely.geometry import mapping

from satellite.scenes.raster import Grid
from satellite.statistics.plots import Plot

INNER_BUFFER_M = 5.0  # JRC checks by monitoring: the edge pixel is mixed
FULL_SHARE_MIN = 0.9999
BLOCK_PIXELS = 1024  # four of the 512-pixel COG blocks at a time


@dataclass(frozen=True, slots=True)
class Plan:
    """The pixels of all plots on one grid, in the order of the blocks.

    ``plot``, ``rows``, ``cols`` (pixel,) int64; ``weight`` (pixel,) float64 [share of
    a pixel]; ``plot_weight`` (plot,) float64 [pixels], also of what lies off the
    grid; ``full_pixels`` (plot,) int64 after the inner buffer; ``blocks`` are the
    slices of pixels that share a block.
    """

    grid: Grid
    plot: NDArray[np.int64]
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    weight: NDArray[np.float64]
    plot_weight: NDArray[np.float64]
    full_pixels: NDArray[np.int64]
    blocks: tuple[slice, ...]


def build_plan(grid: Grid, plots: Sequence[Plot]) -> Plan:
    """Exact coverage of every plot on a grid."""
    polygons = [projected(plot.polygon, grid.crs) for plot in plots]
    plot, cell, weight = _cover(grid, polygons)
    inner = [polygon.buffer(-INNER_BUFFER_M) for polygon in polygons]
    inner_plot, _, inner_weight = _cover(grid, inner)
    full = np.bincount(inner_plot[inner_weight >= FULL_SHARE_MIN], minlength=len(plots))
    rows, cols = np.divmod(cell, grid.cols)
    order, blocks = _by_block(grid, rows, cols)
    return Plan(
        grid=grid,
        plot=plot[order],
        rows=rows[order],
        cols=cols[order],
        weight=weight[order],
        plot_weight=np.array([polygon.area for polygon in polygons]) / grid.step**2,
        full_pixels=full.astype(np.int64),
        blocks=blocks,
    )


def projected(polygon: Polygon, crs: str) -> Polygon:
    """A polygon in CRS84, laid into a grid's projection [m]."""
    to_grid = _transformer(crs)
    return transform(polygon, lambda xy: np.column_stack(to_grid.transform(xy[:, 0], xy[:, 1])))


@cache
def _transformer(crs: str) -> Transformer:
    return Transformer.from_crs("OGC:CRS84", crs, always_xy=True)  # 2 ms each


def _cover(
    grid: Grid, polygons: Sequence[Polygon]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    right, bottom = grid.left + grid.cols * grid.step, grid.top - grid.rows * grid.step
    # Only the geometry of the source is used, so one broadcast byte stands for the tile.
    shape_only = np.broadcast_to(np.uint8(1), (grid.rows, grid.cols))
    source = NumPyRasterSource(shape_only, grid.left, bottom, right, grid.top)
    features = [
        {"type": "Feature", "properties": {"i": i}, "geometry": mapping(polygon)}
        for i, polygon in enumerate(polygons)
        if not polygon.is_empty
    ]
    if not features:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
    rows = exact_extract(source, features, ["cell_id", "coverage"], include_cols=["i"])
    found = [row["properties"] for row in rows]
    counts = [len(row["cell_id"]) for row in found]
    plot = np.repeat(np.array([row["i"] for row in found], np.int64), counts)
    cell = np.concatenate([np.asarray(row["cell_id"], np.int64) for row in found])
    weight = np.concatenate([np.asarray(row["coverage"], np.float64) for row in found])
    return plot, cell, weight


def _by_block(
    grid: Grid, rows: NDArray[np.int64], cols: NDArray[np.int64]
) -> tuple[NDArray[np.int64], tuple[slice, ...]]:
    across = grid.cols // BLOCK_PIXELS + 1
    block = rows // BLOCK_PIXELS * across + cols // BLOCK_PIXELS
    order = np.argsort(block, kind="stable")
    edges = np.flatnonzero(np.diff(block[order])) + 1
    bounds = [0, *edges.tolist(), len(order)]
    pairs = pairwise(bounds)
    return order, tuple(slice(a, b) for a, b in pairs if b > a)
