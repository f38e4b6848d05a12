"""A district at a glance: the median of what was clear in a month or a third of one.

Works in blocks, so that a whole tile needs the memory of one block times the period's
scenes. The median of a period with one clear look is that look; where there was none
the map is empty, and says so by its nodata.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from satellite.indices import Index
from satellite.quicklooks.colours import is_true, light
from satellite.quicklooks.frame import PLOT_CRS, transformer, utm_of
from satellite.quicklooks.look import OpenScene, bands_for, colours_from, index_of
from satellite.scenes.cog import BLOCK_PIXELS, CogForm, CogWriter, write_cog
from satellite.scenes.faults import RasterError
from satellite.scenes.item import Item
from satellite.scenes.raster import Box, Grid
from satellite.statistics.plots import Plot

Values = NDArray[np.float64]
E4 = 10_000
NO_INDEX = -32_768
NO_COLOUR = 0  # stored colours begin at 1
AROUND_M = 500.0  # ground around the plots
SIDE_CELLS_MAX = 32_768
SCENES_MAX = 80  # of one period; a tile is pictured some twelve times a month
DEKAD_DAYS = 10


class Period(Enum):
    """How much time one map covers."""

    MONTH = "month"
    DEKAD = "dekad"

    def label(self, day: date) -> str:
        """The period's name: ``2026-04``, or ``2026-04-d2`` for a dekad."""
        if self is Period.MONTH:
            return f"{day:%Y-%m}"
        return f"{day:%Y-%m}-d{min((day.day - 1) // DEKAD_DAYS, 2) + 1}"


@dataclass(frozen=True, slots=True)
class Patch:
    """A block of a grid, as ground to look scenes up on."""

    grid: Grid
    box: Box

    @property
    def crs(self) -> str:
        """Its projection."""
        return self.grid.crs

    def centres(self) -> tuple[Values, Values]:
        """Eastings by column and northings by row of its cells' centres [m]."""
        cols, rows = (
            np.arange(self.box.col0, self.box.col1),
            np.arange(self.box.row0, self.box.row1),
        )
        step = self.grid.step
        return np.add(self.grid.left, (cols + 0.5) * step), np.subtract(
            self.grid.top, (rows + 0.5) * step
        )


def district_grid(plots: Sequence[Plot], step: float, around_m: float = AROUND_M) -> Grid:
    """The grid of a district's maps: all plots with some ground around them.

    Raises
    ------
    RasterError
        If the plots lie too far apart for one map.
    """
    middle = shapely.MultiPoint([plot.lon_lat for plot in plots]).centroid
    crs = utm_of(middle.x, middle.y)
    bounds = np.array([_bounds(plot, crs) for plot in plots])
    left, bottom = (np.floor((bounds[:, :2].min(0) - around_m) / step) * step).tolist()
    right, top = (np.ceil((bounds[:, 2:].max(0) + around_m) / step) * step).tolist()
    rows, cols = round((top - bottom) / step), round((right - left) / step)
    if max(rows, cols) > SIDE_CELLS_MAX:
        raise RasterError(
            f"expected plots within {SIDE_CELLS_MAX * step / 1000:.0f} km for one map, got "
            f"{max(rows, cols) * step / 1000:.0f} km: draw maps by district"
        )
    return Grid(crs, left, top, step, rows, cols)


def _bounds(plot: Plot, crs: str) -> tuple[float, float, float, float]:
    moved = shapely.transform(plot.polygon, lambda at: np.column_stack(
        transformer(PLOT_CRS, crs).transform(at[:, 0], at[:, 1])))  # fmt: skip
    west, south, east, north = moved.bounds
    return west, south, east, north


def write_composite(
    items: Sequence[Item], grid: Grid, index: Index, folder: Path, name: str
) -> dict[str, Path]:
    """The maps of one period's scenes, by kind: the index, and colours where bands allow.

    Raises
    ------
    RasterError
        If a scene is broken or the period has more than ``SCENES_MAX``.
    OutputError
        If the folder cannot be written.
    """
    if not 0 < len(items) <= SCENES_MAX:
        raise RasterError(f"expected 1 to {SCENES_MAX} scenes in {name}, got {len(items)}")
    colours = colours_from(set.intersection(*(set(item.assets) for item in items)))
    tags = {"PERIOD": name, "SCENES": " ".join(sorted(item.item_id for item in items)),
            "MEDIAN_OF": "clear pixels"}  # fmt: skip
    paths = {index.name: folder / f"{name}-{index.name}.tif"}
    with ExitStack() as stack:
        scenes = [OpenScene(item, bands_for(item, index), stack) for item in items]
        form = CogForm((index.name.upper(),), "int16", NO_INDEX, 1 / E4)
        whole = stack.enter_context(write_cog(paths[index.name], grid, form, tags))
        shown = None
        if colours is not None:
            kind = "true_color" if is_true(colours) else "false_color"
            paths[kind] = folder / f"{name}-{kind}.tif"
            rgb = CogForm(colours, "uint8", NO_COLOUR, is_rgb=True)
            shown = stack.enter_context(write_cog(paths[kind], grid, rgb, tags))
        for box in blocks(grid):
            _block(scenes, Patch(grid, box), index, whole, shown)
    return paths


def blocks(grid: Grid, side: int = BLOCK_PIXELS) -> Iterator[Box]:
    """A grid's blocks, by row."""
    for row in range(0, grid.rows, side):
        for col in range(0, grid.cols, side):
            yield Box(row, min(row + side, grid.rows), col, min(col + side, grid.cols))


def _block(
    scenes: Sequence[OpenScene],
    patch: Patch,
    index: Index,
    whole: CogWriter,
    shown: CogWriter | None,
) -> None:
    colours = colours_from(set.intersection(*(set(scene.item.assets) for scene in scenes))) or ()
    wanted = tuple(dict.fromkeys((*index.bands, *colours)))
    values: list[Values] = []
    seen: dict[str, list[Values]] = {name: [] for name in colours}
    for scene in scenes:
        clear, _ = scene.clear(patch)
        if not clear.any():
            continue
        bands = {name: np.where(clear, scene.band(name, patch), np.nan) for name in wanted}
        values.append(index_of(index, bands))
        for name, layers in seen.items():
            layers.append(bands[name])
    box = patch.box
    shape = (box.row1 - box.row0, box.col1 - box.col0)
    middle = median(values, shape)
    stored = np.where(
        np.isfinite(middle), np.clip(np.round(middle * E4), -E4 * 3, E4 * 3), NO_INDEX
    )
    whole.write(box, stored.astype(np.int16)[None])
    if shown is not None and colours:
        lit = np.stack([median(seen[name], shape) for name in colours])
        pixels = np.moveaxis(light(lit, colours), -1, 0)
        known = np.isfinite(lit).all(0)
        shown.write(box, np.where(known, np.maximum(pixels, 1), NO_COLOUR).astype(np.uint8))


def median(layers: Sequence[Values], shape: tuple[int, int]) -> Values:
    """The median of what is finite, cell by cell; NaN where nothing is."""
    if not layers:
        return np.full(shape, np.nan)
    ordered = np.sort(np.stack(layers), axis=0)  # NaN goes last
    count = np.isfinite(ordered).sum(0)
    low = np.maximum((count - 1) // 2, 0)
    high = np.minimum(count // 2, len(layers) - 1)
    pair = [np.take_along_axis(ordered, at[None], 0)[0] for at in (low, high)]
    found: Values = np.where(count > 0, (pair[0] + pair[1]) / 2, np.nan)
    return found
