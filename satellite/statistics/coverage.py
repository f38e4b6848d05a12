"""Which pixels a plot covers, and by how much: the plan, built once per grid.

exactextract gives each pixel's exact covered share. The plan depends on the grid and
the polygons alone, so it can be kept on disk (``shelf``) and serves every scene of a
tile; gathering by it costs little more than the bare decode (docs/imagery.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from pyproj import Transformer
from shapely import Polygon, transform
from shapely.geometry import mapping

from core.canonical import sha256_hex
from satellite.scenes.raster import Grid
from satellite.statistics.plots import Plot
from satellite.statistics.weighted import Places, Segments, segments_of

INNER_BUFFER_M = 5.0  # JRC checks by monitoring: the edge pixel is mixed
FULL_SHARE_MIN = 0.9999
PIECE_PLOTS = 500  # covered at a time: exactextract's answer is ten times the plan's size
# Raised whenever the same grid and plots would give another plan, so that none is reused.
PLAN_VERSION = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """The pixels of all plots on one grid, in order of plot, then of row and column.

    ``plot``, ``rows``, ``cols`` (pixel,) int32; ``weight`` (pixel,) float64 [share of
    a pixel], which exactextract gives as float32; ``plot_weight`` (plot,) float64
    [pixels], also of what lies off the grid; ``full_pixels`` (plot,) int64 after the
    inner buffer; ``key`` names grid and polygons.
    """

    grid: Grid
    key: str
    plot: Places
    rows: Places
    cols: Places
    weight: NDArray[np.float64]
    plot_weight: NDArray[np.float64]
    full_pixels: NDArray[np.int64]

    @property
    def segments(self) -> Segments:
        """The run of pixels of each plot."""
        return segments_of(self.plot, self.weight, len(self.plot_weight))


def build_plan(grid: Grid, plots: Sequence[Plot]) -> Plan:
    """Exact coverage of every plot on a grid."""
    pieces = [
        _piece(grid, plots[first : first + PIECE_PLOTS], first)
        for first in range(0, max(len(plots), 1), PIECE_PLOTS)
    ]
    whole = _Piece(*(np.concatenate(arrays) for arrays in zip(*pieces, strict=True)))
    return Plan(grid=grid, key=plan_key(grid, plots), **whole._asdict())


class _Piece(NamedTuple):
    """What a plan holds of some of its plots."""

    plot: Places
    rows: Places
    cols: Places
    weight: NDArray[np.float64]
    plot_weight: NDArray[np.float64]
    full_pixels: NDArray[np.int64]


def _piece(grid: Grid, plots: Sequence[Plot], first: int) -> _Piece:
    """The part of a plan for plots that are number ``first`` and following of all."""
    polygons = [projected(plot.polygon, grid.crs) for plot in plots]
    plot, cell, weight = _cover(grid, polygons)
    inner = [polygon.buffer(-INNER_BUFFER_M) for polygon in polygons]
    inner_plot, _, inner_weight = _cover(grid, inner)
    full = np.bincount(inner_plot[inner_weight >= FULL_SHARE_MIN], minlength=len(plots))
    order = np.lexsort((cell, plot))
    rows, cols = np.divmod(cell[order], grid.cols)
    return _Piece(
        plot=(plot[order] + first).astype(np.int32),
        rows=rows.astype(np.int32),
        cols=cols.astype(np.int32),
        weight=weight[order],
        plot_weight=np.array([polygon.area for polygon in polygons]) / grid.step**2,
        full_pixels=full.astype(np.int64),
    )


def plan_key(grid: Grid, plots: Sequence[Plot]) -> str:
    """What a plan depends on: its version, the grid, and the polygons in their order."""
    shapes = shapely.to_wkb(np.array([plot.polygon for plot in plots], dtype=object))
    parts = [f"{PLAN_VERSION}|{INNER_BUFFER_M}|{grid}".encode(), *shapes]
    return sha256_hex(b"".join(len(part).to_bytes(8, "big") + part for part in parts))


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
    some = weight > 0
    return plot[some], cell[some], weight[some]
