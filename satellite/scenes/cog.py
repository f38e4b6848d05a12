"""Cloud-optimised GeoTIFFs: written block by block, read at any size.

Pixels go to a plain tiled file first, and GDAL's COG driver copies it into the layout
that a reader over HTTP wants: overviews before the whole, tiles, no gaps. The same
pixels give the same bytes: nothing of the time or the machine is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window

from satellite.config import OutputError
from satellite.scenes.faults import RasterError
from satellite.scenes.raster import Box, Grid

BLOCK_PIXELS = 512
RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


@dataclass(frozen=True, slots=True)
class CogForm:
    """What the bands of a file are.

    ``names`` one a band, ``dtype`` of all; ``nodata`` is a stored number and ``scale``
    turns a stored number into the value. ``is_rgb`` marks three bands as colours.
    """

    names: tuple[str, ...]
    dtype: str
    nodata: float
    scale: float = 1.0
    is_rgb: bool = False


class CogWriter:
    """Takes blocks of an open file."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def write(self, box: Box, values: NDArray[Any]) -> None:
        """Write a block: (band, row, col), the file's dtype."""
        window = Window(box.col0, box.row0, box.col1 - box.col0, box.row1 - box.row0)
        self._target.write(values, window=window)


@contextmanager
def write_cog(
    path: Path, grid: Grid, form: CogForm, tags: Mapping[str, str]
) -> Iterator[CogWriter]:
    """Open a file for blocks; on leaving it becomes a COG and takes its place by rename.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    plain, part = path.with_name(f".{path.name}.plain"), path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(
            plain, "w", driver="GTiff", width=grid.cols, height=grid.rows,
            count=len(form.names), dtype=form.dtype, crs=grid.crs, nodata=form.nodata,
            transform=Affine(grid.step, 0, grid.left, 0, -grid.step, grid.top), tiled=True,
            blockxsize=BLOCK_PIXELS, blockysize=BLOCK_PIXELS, compress="deflate", zlevel=1,
            interleave="pixel" if form.is_rgb else "band",
            photometric="rgb" if form.is_rgb else "minisblack",
        ) as target:  # fmt: skip
            target.scales = (form.scale,) * len(form.names)
            for i, name in enumerate(form.names, start=1):
                target.set_band_description(i, name)
            if form.is_rgb:
                target.colorinterp = RGB
            target.update_tags(**tags)
            yield CogWriter(target)
        copy_raster(
            str(plain), str(part), driver="COG", compress="deflate", level=9, predictor="yes",
            blocksize=BLOCK_PIXELS, overview_resampling="average", num_threads=1,
        )  # fmt: skip
        part.replace(path)
    except (RasterioError, OSError) as error:
        raise OutputError(f"expected to write {path}, got: {error}") from error
    finally:
        for file in (plain, part):
            file.unlink(missing_ok=True)


class CogReader:
    """Reads windows of an open COG at the size that is wanted."""

    def __init__(self, source: Any, path: Path) -> None:
        self._source = source
        self._path = path
        transform = source.transform
        self.grid = Grid(source.crs.to_string(), float(transform.c), float(transform.f),
                         float(transform.a), int(source.height), int(source.width))  # fmt: skip
        self.scale = float(source.scales[0])
        self.nodata = float(source.nodata)

    def shrunk(self, box: Box, rows: int, cols: int) -> NDArray[Any]:
        """A window as (band, rows, cols): averages of what is data, from the overviews.

        Raises
        ------
        RasterError
            If the window's blocks cannot be decoded.
        """
        window = Window(box.col0, box.row0, box.col1 - box.col0, box.row1 - box.row0)
        whole = (rows, cols) == (box.row1 - box.row0, box.col1 - box.col0)
        resampling = Resampling.nearest if whole else Resampling.average
        try:
            return np.asarray(
                self._source.read(window=window, out_shape=(self._source.count, rows, cols),
                                  resampling=resampling)
            )  # fmt: skip
        except (RasterioError, OSError) as error:
            raise RasterError(f"expected whole blocks in {self._path}, got: {error}") from error


@contextmanager
def open_cog(path: Path) -> Iterator[CogReader]:
    """Open a COG of ours for reading.

    Raises
    ------
    RasterError
        If it is missing or not a raster.
    """
    try:
        source = rasterio.open(path)
    except (RasterioError, OSError) as error:
        raise RasterError(f"expected a readable COG at {path}, got: {error}") from error
    with source:
        yield CogReader(source, path)
