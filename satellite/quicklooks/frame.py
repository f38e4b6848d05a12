"""The square of ground that a plot's pictures show: the same on every date.

It follows from the plot alone, so that a picture made next year lies over one made
today: the plot's own UTM zone, whole pixels, the plot in the middle with some land
around it. Cells are squares of the band's pixel size; a picture shows them enlarged,
never blended, so that one square is one measurement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from satellite.scenes.raster import Box, Raster
from satellite.statistics.plots import Plot

SIDE_PX = 240  # of the ground in a picture
# Cells a side: divisors of the side, so that every cell has the same whole number of pixels.
CELLS = (16, 20, 24, 30, 40, 48, 60, 80, 120)
AROUND = 1.3  # a plot takes at most 1/1.3 of the side
EDGE_CELLS = 2
SUBSAMPLES = 4  # a side, for the share of a cell that lies in the plot
PLOT_CRS = "OGC:CRS84"
UTM_ZONE_DEGREES = 6

Ground = NDArray[np.float64]
Change = Callable[[NDArray[Any]], NDArray[Any]]


def _unchanged(values: NDArray[Any]) -> NDArray[Any]:
    return values


class Cells(Protocol):
    """Ground in cells: a projection, and the centres of columns and rows [m]."""

    @property
    def crs(self) -> str:
        """The projection."""
        ...

    def centres(self) -> tuple[Ground, Ground]:
        """Eastings by column and northings by row of the cells' centres [m]."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """A square of cells.

    ``left`` and ``top`` are the outer corner, ``step`` the cell's side, in the unit of
    ``crs`` [m]; ``cells`` counts cells a side.
    """

    crs: str
    left: float
    top: float
    step: float
    cells: int

    @property
    def side_m(self) -> float:
        """The side of the ground that is shown [m]."""
        return self.cells * self.step

    @property
    def cell_px(self) -> int:
        """The side of a cell in a picture [pixels]."""
        return SIDE_PX // self.cells

    def centres(self) -> tuple[Ground, Ground]:
        """Eastings by column and northings by row of the cells' centres [m]."""
        along: Ground = (np.arange(self.cells, dtype=np.float64) + 0.5) * self.step
        return np.add(self.left, along), np.subtract(self.top, along)

    def pixels(self, ring: Ground) -> list[tuple[float, float]]:
        """A ring of (x, y) [m] in a picture's pixels."""
        scale = self.cell_px / self.step
        x, y = (ring[:, 0] - self.left) * scale, (self.top - ring[:, 1]) * scale
        return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]


@dataclass(frozen=True, slots=True)
class Framed:
    """A plot in its frame: its rings [m], and the share of each cell in it (row, col) [0–1]."""

    plot: Plot
    frame: Frame
    rings: tuple[Ground, ...]
    share: Ground


def framed(plot: Plot, step: float) -> Framed:
    """A plot in the frame that follows from it and the bands' pixel size [m]."""
    lon, lat = plot.lon_lat
    crs = utm_of(lon, lat)
    polygon = shapely.transform(plot.polygon, lambda at: np.column_stack(
        transformer(PLOT_CRS, crs).transform(at[:, 0], at[:, 1])))  # fmt: skip
    west, south, east, north = polygon.bounds
    wanted = max(east - west, north - south) * AROUND / step + EDGE_CELLS
    coarser = max(int(np.ceil(wanted / CELLS[-1])), 1)  # a pasture of kilometres: every n-th pixel
    cell = step * coarser
    cells = next(n for n in CELLS if n >= min(wanted / coarser, CELLS[-1]))
    left = np.floor(((west + east) / 2 - cells * cell / 2) / step) * step
    top = np.ceil(((south + north) / 2 + cells * cell / 2) / step) * step
    frame = Frame(crs, float(left), float(top), cell, cells)
    rings = tuple(np.asarray(r.coords)[:, :2] for r in (polygon.exterior, *polygon.interiors))
    return Framed(plot, frame, rings, _share(frame, polygon))


def utm_of(lon: float, lat: float) -> str:
    """The UTM zone of a place [degrees], as an EPSG code."""
    zone = min(int((lon + 180) // UTM_ZONE_DEGREES) + 1, 60)
    return f"EPSG:{32600 + zone if lat >= 0 else 32700 + zone}"


def on_frame(
    raster: Raster, frame: Cells, change: Change = _unchanged, margin: int = 0
) -> tuple[Ground, NDArray[np.bool_]]:
    """The numbers of a raster at the cells' centres, and which cells lie on it: (row, col).

    A coarser band gives each of its pixels to several cells; another projection is
    looked up cell by cell.

    Parameters
    ----------
    change
        Applied to the raster's own pixels before they are looked up.
    margin
        So many pixels more are read around for it [pixels].

    Raises
    ------
    RasterError
        If blocks are broken.
    """
    grid = raster.grid
    rows, cols = _cells_of(raster, frame)
    inside = (rows >= 0) & (rows < grid.rows) & (cols >= 0) & (cols < grid.cols)
    found = np.zeros(inside.shape)
    if not inside.any():
        return found, inside
    at_rows, at_cols = rows[inside], cols[inside]
    tight = Box(int(at_rows.min()), int(at_rows.max()) + 1,
                int(at_cols.min()), int(at_cols.max()) + 1)  # fmt: skip
    box = tight.grown(margin, grid)
    values = change(raster.read(box))
    found[inside] = values[at_rows - box.row0, at_cols - box.col0]
    return found, inside


def _cells_of(raster: Raster, frame: Cells) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    x, y = frame.centres()
    grid = raster.grid
    if grid.crs == frame.crs:
        rows, cols = np.meshgrid(grid.rows_of(y), grid.cols_of(x), indexing="ij")
        return rows, cols
    all_y, all_x = np.meshgrid(y, x, indexing="ij")
    there_x, there_y = transformer(frame.crs, grid.crs).transform(all_x, all_y)
    return grid.rows_of(np.asarray(there_y)), grid.cols_of(np.asarray(there_x))


def _share(frame: Frame, polygon: shapely.Polygon) -> Ground:
    n = frame.cells * SUBSAMPLES
    along = (np.arange(n) + 0.5) * (frame.step / SUBSAMPLES)
    y, x = np.meshgrid(frame.top - along, frame.left + along, indexing="ij")
    shapely.prepare(polygon)
    inside = shapely.contains_xy(polygon, x, y).astype(np.float64)
    shares: Ground = inside.reshape(frame.cells, SUBSAMPLES, frame.cells, SUBSAMPLES).mean((1, 3))
    return shares


@cache
def transformer(source: str, target: str) -> Transformer:
    """From one projection to another, x before y."""
    return Transformer.from_crs(source, target, always_xy=True)
