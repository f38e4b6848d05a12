"""Maps as PMTiles: one file of web-mercator tiles that a page reads by ranges, also offline.

Zoom levels end where a tile's pixel is no larger than the map's, and begin where the
map fits four tiles. Values are averaged before they are coloured, so that no colour
appears that is not on the legend.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pmtiles.tile import Compression, TileType, tileid_to_zxy, zxy_to_tileid
from pmtiles.writer import Writer

from satellite.config import OutputError
from satellite.quicklooks.colours import Scale, index_colours
from satellite.quicklooks.frame import PLOT_CRS, transformer
from satellite.scenes.cog import CogReader, open_cog
from satellite.scenes.faults import RasterError
from satellite.scenes.raster import Box, Grid

TILE_PX = 256
MERCATOR = "EPSG:3857"
HALF_M = math.pi * 6_378_137.0  # of the square of EPSG:3857
ZOOM_MAX = 18
FIRST_TILES_MAX = 4
TILES_MAX = 300_000
COLOUR_QUALITY = 82  # lossy; an index is lossless, its colours are its values
E7 = 10**7

Pixels = NDArray[np.uint8]
Paint = Callable[[NDArray[Any]], Pixels]


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of the pyramid."""

    zoom: int
    x: int
    y: int

    def centres(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mercator eastings and northings of its pixels' centres: (row, col) each [m]."""
        side = 2 * HALF_M / 2**self.zoom
        along = (np.arange(TILE_PX) + 0.5) * (side / TILE_PX)
        x, y = np.meshgrid(-HALF_M + self.x * side + along, HALF_M - self.y * side - along)
        return x, y


def rgba_of_index(scale: Scale, cog: CogReader) -> Paint:
    """Paints an index: its ramp's colours, clear where there is no value."""

    def paint(stored: NDArray[Any]) -> Pixels:
        known = stored[0] != cog.nodata
        colours = index_colours(np.where(known, stored[0] * cog.scale, 0.0), scale)
        return _with_alpha(colours, known)

    return paint


def rgba_of_colours(cog: CogReader) -> Paint:
    """Paints colours as they are, clear where there are none."""

    def paint(stored: NDArray[Any]) -> Pixels:
        known = (stored != cog.nodata).all(0)
        return _with_alpha(np.moveaxis(stored, 0, -1).astype(np.uint8), known)

    return paint


def write_pmtiles(cog_path: Path, path: Path, scale: Scale | None, name: str) -> int:
    """Write a COG's tiles; how many. ``scale`` is an index's; absent for colours.

    Raises
    ------
    RasterError
        If the COG cannot be read, or would need more than ``TILES_MAX`` tiles.
    OutputError
        If the file cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    with open_cog(cog_path) as cog:
        paint = rgba_of_colours(cog) if scale is None else rgba_of_index(scale, cog)
        try:
            with part.open("wb") as file:
                writer = Writer(file)
                count = 0
                for tile in tiles_of(cog.grid):
                    data = _tile_bytes(cog, tile, paint, lossless=scale is not None)
                    if data is not None:
                        writer.write_tile(zxy_to_tileid(tile.zoom, tile.x, tile.y), data)
                        count += 1
                if not count:
                    raise RasterError(f"expected pixels in {cog_path}, got an empty map")
                writer.finalize(_header(cog.grid), {"name": name, "format": "webp"})
            part.replace(path)
        except OSError as error:
            raise OutputError(f"expected to write {path}, got: {error}") from error
        finally:
            part.unlink(missing_ok=True)
    return count


def zooms(grid: Grid) -> tuple[int, int]:
    """The first and the last zoom level of a map."""
    _, south, _, north = bounds(grid)
    ground = 2 * HALF_M * math.cos(math.radians((south + north) / 2)) / TILE_PX
    last = min(math.ceil(math.log2(ground / grid.step)), ZOOM_MAX)
    first = last
    while first > 0 and len(list(_at(grid, first))) > FIRST_TILES_MAX:
        first -= 1
    return first, last


def tiles_of(grid: Grid) -> list[Tile]:
    """A map's tiles in the order of their ids.

    Raises
    ------
    RasterError
        If they are more than ``TILES_MAX``.
    """
    first, last = zooms(grid)
    found = [tile for zoom in range(first, last + 1) for tile in _at(grid, zoom)]
    if len(found) > TILES_MAX:
        raise RasterError(f"expected at most {TILES_MAX} tiles, got {len(found)}: a smaller map")
    ids = sorted(zxy_to_tileid(tile.zoom, tile.x, tile.y) for tile in found)
    return [Tile(*tileid_to_zxy(each)) for each in ids]


def bounds(grid: Grid) -> tuple[float, float, float, float]:
    """A grid's west, south, east and north [degrees]."""
    right, bottom = grid.left + grid.cols * grid.step, grid.top - grid.rows * grid.step
    found = transformer(grid.crs, PLOT_CRS).transform_bounds(grid.left, bottom, right, grid.top)
    return float(found[0]), float(found[1]), float(found[2]), float(found[3])


def _at(grid: Grid, zoom: int) -> Iterator[Tile]:
    west, south, east, north = bounds(grid)
    (x0, y0), (x1, y1) = _tile_at(west, north, zoom), _tile_at(east, south, zoom)
    for y in range(y0, y1 + 1):
        for x in range(x0, x1 + 1):
            yield Tile(zoom, x, y)


def _tile_at(lon: float, lat: float, zoom: int) -> tuple[int, int]:
    count = 2**zoom
    x = (lon + 180) / 360 * count
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * count
    return min(max(int(x), 0), count - 1), min(max(int(y), 0), count - 1)


def _tile_bytes(cog: CogReader, tile: Tile, paint: Paint, *, lossless: bool) -> bytes | None:
    grid = cog.grid
    x, y = tile.centres()
    there = transformer(MERCATOR, grid.crs).transform(x, y)
    rows, cols = grid.rows_of(np.asarray(there[1])), grid.cols_of(np.asarray(there[0]))
    inside = (rows >= 0) & (rows < grid.rows) & (cols >= 0) & (cols < grid.cols)
    if not inside.any():
        return None
    box = Box(int(rows[inside].min()), int(rows[inside].max()) + 1,
              int(cols[inside].min()), int(cols[inside].max()) + 1)  # fmt: skip
    ground = 2 * HALF_M * math.cos(math.atan(math.sinh(float(y.mean()) / 6_378_137.0)))
    shrink = max(ground / 2**tile.zoom / TILE_PX / grid.step, 1.0)
    height = max(round((box.row1 - box.row0) / shrink), 1)
    width = max(round((box.col1 - box.col0) / shrink), 1)
    stored = cog.shrunk(box, height, width)
    at_rows = np.clip((rows - box.row0) * height // (box.row1 - box.row0), 0, height - 1)
    at_cols = np.clip((cols - box.col0) * width // (box.col1 - box.col0), 0, width - 1)
    painted = paint(stored)[at_rows, at_cols]
    painted[~inside] = 0
    return _webp(painted, lossless=lossless) if painted[..., 3].any() else None


def _webp(painted: Pixels, *, lossless: bool) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(painted, "RGBA")
    if lossless:
        image.save(out, "WEBP", lossless=True, quality=75, method=3, exact=True)
    else:
        image.save(out, "WEBP", quality=COLOUR_QUALITY, method=4)
    return out.getvalue()


def _with_alpha(colours: Pixels, known: NDArray[np.bool_]) -> Pixels:
    alpha = np.where(known, 255, 0).astype(np.uint8)[..., None]
    found: Pixels = np.concatenate([np.where(known[..., None], colours, 0), alpha], axis=-1)
    return found.astype(np.uint8)


def _header(grid: Grid) -> dict[str, Any]:
    west, south, east, north = bounds(grid)
    first, last = zooms(grid)
    return {
        "version": 3,
        "tile_type": TileType.WEBP,
        "tile_compression": Compression.NONE,
        "min_lon_e7": round(west * E7), "min_lat_e7": round(south * E7),
        "max_lon_e7": round(east * E7), "max_lat_e7": round(north * E7),
        "center_zoom": (first + last) // 2,
        "center_lon_e7": round((west + east) / 2 * E7),
        "center_lat_e7": round((south + north) / 2 * E7),
    }  # fmt: skip
