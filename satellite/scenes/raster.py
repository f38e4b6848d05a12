"""The one door to rasterio: grids, windows of pixels, content hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from core.errors import HarvestlineError

HASH_CHUNK_BYTES = 1 << 20


class RasterError(HarvestlineError):
    """A raster is missing, broken, rotated, or its numbers cannot be trusted."""

    code = "HL-SAT-004"


@dataclass(frozen=True, slots=True)
class Grid:
    """A north-up pixel grid.

    ``left`` and ``top`` are the outer corner, ``step`` the pixel's side, all in the
    unit of ``crs`` [m]; ``rows`` and ``cols`` count pixels.
    """

    crs: str
    left: float
    top: float
    step: float
    rows: int
    cols: int

    def rows_of(self, y: NDArray[np.float64]) -> NDArray[np.int64]:
        """The row in which each northing lies; may fall outside the grid."""
        return np.floor((self.top - y) / self.step).astype(np.int64)

    def cols_of(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """The column in which each easting lies; may fall outside the grid."""
        return np.floor((x - self.left) / self.step).astype(np.int64)

    def centres(
        self, rows: NDArray[np.int64], cols: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Eastings and northings of pixel centres."""
        x = self.left + (cols.astype(np.float64) + 0.5) * self.step
        return x, self.top - (rows.astype(np.float64) + 0.5) * self.step


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open window of pixels: rows ``row0`` to ``row1``, columns ``col0`` to ``col1``."""

    row0: int
    row1: int
    col0: int
    col1: int

    def grown(self, pixels: int, grid: Grid) -> Box:
        """The box with a margin, cut at the grid's edge."""
        return Box(
            max(self.row0 - pixels, 0),
            min(self.row1 + pixels, grid.rows),
            max(self.col0 - pixels, 0),
            min(self.col1 + pixels, grid.cols),
        )


class Raster:
    """An open single-band raster."""

    def __init__(self, source: Any, path: Path) -> None:
        self._source = source
        self._path = path
        self.grid = _grid(source, path)

    @property
    def stated_scale(self) -> tuple[float, float] | None:
        """The file's own scale and offset; absent where it states the identity."""
        scale, offset = float(self._source.scales[0]), float(self._source.offsets[0])
        return None if (scale, offset) == (1.0, 0.0) else (scale, offset)

    @property
    def nodata(self) -> float | None:
        """The file's own nodata value."""
        value = self._source.nodata
        return None if value is None else float(value)

    @property
    def is_integer(self) -> bool:
        """Whether pixels are stored as integers."""
        return bool(np.issubdtype(np.dtype(self._source.dtypes[0]), np.integer))

    def read(self, box: Box) -> NDArray[Any]:
        """The stored numbers in a window: (row, col), the file's dtype.

        Raises
        ------
        RasterError
            If the window's blocks cannot be decoded.
        """
        window = Window(box.col0, box.row0, box.col1 - box.col0, box.row1 - box.row0)
        try:
            return np.asarray(self._source.read(1, window=window))
        except (RasterioError, OSError) as error:
            raise RasterError(f"expected whole blocks in {self._path}, got: {error}") from error


@contextmanager
def open_raster(path: Path) -> Iterator[Raster]:
    """Open a raster for reading.

    Raises
    ------
    RasterError
        If it is missing, not a raster, or its grid is rotated.
    """
    try:
        source = rasterio.open(path)
    except (RasterioError, OSError) as error:
        raise RasterError(f"expected a readable COG at {path}, got: {error}") from error
    with source:
        yield Raster(source, path)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises
    ------
    RasterError
        If the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(HASH_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise RasterError(f"expected a readable file at {path}, got: {error}") from error
    return digest.hexdigest()


def _grid(source: Any, path: Path) -> Grid:
    transform = source.transform
    if source.crs is None or not source.crs.is_projected:
        raise RasterError(f"expected a projected grid [m] in {path}, got {source.crs}")
    if transform.b != 0 or transform.d != 0 or transform.a <= 0 or transform.e != -transform.a:
        raise RasterError(f"expected a north-up grid of square pixels in {path}, got {transform}")
    return Grid(
        source.crs.to_string(),
        float(transform.c),
        float(transform.f),
        float(transform.a),
        int(source.height),
        int(source.width),
    )
