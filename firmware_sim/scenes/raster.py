"""The simulator's only door to rasterio: rings to pixels, arrays to GeoTIFFs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.features import rasterize
from rasterio.transform import Affine
from rasterio.warp import transform_bounds

from firmware_sim.config import OutputFolderError


@dataclass(frozen=True, slots=True)
class Grid:
    """A square north-up grid: its north-west corner [m], pixel side [m] and count."""

    epsg: int
    west_m: float
    north_m: float
    pixel_m: int
    pixels: int

    def coarser(self, factor: int) -> Grid:
        """The same square with pixels that many times as long."""
        return Grid(
            self.epsg, self.west_m, self.north_m, self.pixel_m * factor, self.pixels // factor
        )

    def transform(self, pixel_m: float) -> Affine:
        """From pixel indices to coordinates [m], for pixels of that side [m]."""
        return Affine(pixel_m, 0.0, self.west_m, 0.0, -pixel_m, self.north_m)

    def bounds_degrees(self) -> tuple[float, float, float, float]:
        """West, south, east, north [degrees, CRS84]."""
        side_m = self.pixel_m * self.pixels
        box = (self.west_m, self.north_m - side_m, self.west_m + side_m, self.north_m)
        west, south, east, north = transform_bounds(CRS.from_epsg(self.epsg), "OGC:CRS84", *box)
        return float(west), float(south), float(east), float(north)


def burn(
    rings: Sequence[Sequence[tuple[float, float]]], grid: Grid, finer: int
) -> NDArray[np.int32]:
    """Which ring covers each sub-pixel: its position in ``rings``, or −1.

    Parameters
    ----------
    rings
        Open rings in the grid's coordinates [m].
    grid
        The pixels.
    finer
        Sub-pixels along a pixel's side.
    """
    size = grid.pixels * finer
    transform = grid.transform(grid.pixel_m / finer)
    shapes = [
        ({"type": "Polygon", "coordinates": [[*ring, ring[0]]]}, i) for i, ring in enumerate(rings)
    ]
    burnt = rasterize(shapes, (size, size), fill=-1, transform=transform, dtype="int32")
    return np.asarray(burnt, dtype=np.int32)


def write_cog(path: Path, values: NDArray[np.generic], grid: Grid) -> None:
    """Write one band as a cloud-optimised GeoTIFF with nodata 0.

    Raises
    ------
    OutputFolderError
        If the file cannot be written.
    """
    profile = {
        "driver": "COG",
        "width": grid.pixels,
        "height": grid.pixels,
        "count": 1,
        "dtype": values.dtype.name,
        "crs": CRS.from_epsg(grid.epsg),
        "transform": grid.transform(grid.pixel_m),
        "nodata": 0,
        "compress": "DEFLATE",
        "level": 1,
        "overviews": "NONE",
    }
    if values.dtype == np.uint16:
        profile["predictor"] = 2
    try:
        with rasterio.open(path, "w", **profile) as dataset:
            dataset.write(values, 1)
    except (RasterioError, OSError) as error:
        raise OutputFolderError(f"expected to write {path}: {error}") from error
