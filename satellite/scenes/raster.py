"""The one door to rasterio: grids, windows of pixels, content hashes.

A raster may come from anyone. So GDAL opens plain GeoTIFFs only (a VRT can name any
file or address), looks at no neighbouring files, and decodes no block larger than a
stated bound. Rasters on the web are read through ``remote``, never by GDAL itself.
"""

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

from satellite.scenes.faults import RasterError, WebError
from satellite.scenes.place import Place, Url
from satellite.scenes.remote import RemoteFile

__all__ = ["Box", "Grid", "Raster", "RasterError", "file_sha256", "open_raster"]

HASH_CHUNK_BYTES = 1 << 20
SIDE_PIXELS_MAX = 65_536  # a Sentinel-2 tile has 10,980
BLOCK_BYTES_MAX = 64 << 20  # decoded; four 512-pixel blocks of uint16 are 2 MiB
SAMPLE_PIXELS = 512  # side of what `sample` looks at
OVERVIEW_PIXELS_MAX = 4_096  # side up to which a raster without overviews is read whole
# No listing of the folder, no .aux.xml: a raster is its own file and nothing beside it.
# And a bound on decoded blocks: GDAL's own is a twentieth of the machine's memory, where a
# stream of blocks needs no more than two rows of the classification (it is read with margins).
BLOCK_CACHE_BYTES_MAX = 16 << 20
GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_CACHEMAX": BLOCK_CACHE_BYTES_MAX,
}


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

    def __init__(self, source: Any, path: Place, remote: RemoteFile | None = None) -> None:
        self._source = source
        self._path = path
        self._remote = remote
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
        return self._read(window=window)

    def sample(self) -> NDArray[Any]:
        """Stored numbers from all over the raster: (row, col), at most ``SAMPLE_PIXELS`` a side.

        From an overview, or from the whole where it is small; from its middle where it
        is large and has no overviews. Rasters of one grid give the same places.

        Raises
        ------
        RasterError
            If the blocks cannot be decoded.
        """
        rows, cols = self.grid.rows, self.grid.cols
        if max(rows, cols) > OVERVIEW_PIXELS_MAX and not self._source.overviews(1):
            row0, col0 = (rows - SAMPLE_PIXELS) // 2, (cols - SAMPLE_PIXELS) // 2
            return self.read(
                Box(max(row0, 0), max(row0, 0) + min(SAMPLE_PIXELS, rows),
                    max(col0, 0), max(col0, 0) + min(SAMPLE_PIXELS, cols))
            )  # fmt: skip
        return self._read(out_shape=(min(rows, SAMPLE_PIXELS), min(cols, SAMPLE_PIXELS)))

    def _read(self, **where: Any) -> NDArray[Any]:
        try:
            found = np.asarray(self._source.read(1, **where))
        except (RasterioError, OSError) as error:
            _raise_fault(self._remote)
            raise RasterError(f"expected whole blocks in {self._path}, got: {error}") from error
        _raise_fault(self._remote)
        return found


@contextmanager
def open_raster(path: Place) -> Iterator[Raster]:
    """Open a raster for reading, on this machine or on the web.

    Raises
    ------
    RasterError
        If it is missing, not a GeoTIFF of one band, too large to be one of Sentinel-2,
        or its grid is rotated.
    WebError
        If its address does not answer.
    """
    if isinstance(path, Url):
        with RemoteFile(path) as remote, _opened(path, remote) as source:
            yield Raster(source, path, remote)
    else:
        with _opened(path, None) as source:
            yield Raster(source, path)


@contextmanager
def _opened(path: Place, remote: RemoteFile | None) -> Iterator[Any]:
    # GDAL asks the opener for a test file first; a name without an address keeps tokens out.
    opener = {} if remote is None else {"opener": lambda *_, **__: remote.reader()}
    name = path if remote is None else "remote.tif"
    # Kept until the raster is closed: GDAL forgets the bound of its cache with it.
    with rasterio.Env(**GDAL):
        try:
            source = rasterio.open(name, driver="GTiff", **opener)
        except (RasterioError, OSError) as error:
            _raise_fault(remote)
            raise RasterError(f"expected a readable COG at {path}, got: {error}") from error
        with source:
            _require_bounded(source, path)
            yield source


def _raise_fault(remote: RemoteFile | None) -> None:
    # An exception cannot pass through GDAL: the reader keeps it, and it is raised here.
    if remote is not None and remote.fault is not None:
        raise WebError(str(remote.fault)) from remote.fault


def _require_bounded(source: Any, path: Place) -> None:
    kind = np.dtype(source.dtypes[0]) if source.count else None
    if source.count != 1 or kind is None or kind.kind not in "uif":
        raise RasterError(
            f"expected one band of real numbers in {path}, got {source.count} of {source.dtypes}"
        )
    if max(source.height, source.width) > SIDE_PIXELS_MAX:
        raise RasterError(
            f"expected at most {SIDE_PIXELS_MAX} pixels a side in {path}, "
            f"got {source.height} × {source.width}"
        )
    rows, cols = source.block_shapes[0]
    if rows * cols * kind.itemsize > BLOCK_BYTES_MAX:
        raise RasterError(
            f"expected blocks of at most {BLOCK_BYTES_MAX} bytes in {path}, got {rows} × {cols} "
            f"pixels: rewrite it as a COG (gdal_translate -of COG)"
        )


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


def _grid(source: Any, path: Place) -> Grid:
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
