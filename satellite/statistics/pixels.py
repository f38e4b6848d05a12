"""The plot-pixel store: what each scene's blocks held at the plots, kept to be used again.

A file once decoded need not be decoded for another index, another threshold or a
repeat: its plot pixels lie here in the file's own numbers, so that a repeat gives the
same bits. One zarr group a plan (grid and polygons), in it one a band, in it one
array (pixel,) a date, named for the SHA-256 of the file that it was read from: a
scene that was processed again is another array, and is never taken for the first.

An array is written beside its place, flushed to the disk, and renamed into it, whole;
two workers that do the same do no harm. Its checksum is verified on reading, and what
does not hold counts as absent: it is decoded anew. What a killed worker left half
written is removed by whoever opens the store next while nobody writes.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from core.canonical import sha256_hex
from satellite.config import OutputError
from satellite.scenes.calibration import Calibration
from satellite.scenes.raster import Grid, file_sha256
from satellite.statistics.gather import Gathered

FORMAT = "harvestline-pixels-1"
CHUNK_PIXELS_MAX = 1 << 22  # the plots of one date are one chunk, or a few alike
CODEC = BloscCodec(cname="zstd", clevel=5, shuffle="bitshuffle")
PART = ".part-"
LOCK = ".writing"  # shared by all that write; whoever has it alone may clear up


@dataclass(frozen=True, slots=True)
class StoreSize:
    """What the store holds: arrays, pixels in them, and bytes on disk of the pixels."""

    arrays: int
    pixels: int
    bytes: int


class PixelStore:
    """A folder of plot pixels; several processes may use one at a time.

    Raises
    ------
    OutputError
        If the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("arrays", "assets", "files"):
            _made(folder / name)
        self._clear_up()

    def sha256_of(self, path: Path) -> str:
        """The hash of a file's content, read once as long as its size and time stay.

        A file that is gone keeps the hash that it last had here: its pixels remain.

        Raises
        ------
        RasterError
            If it cannot be read and was never seen.
        """
        note = self._folder / "files" / f"{sha256_hex(str(path.absolute()).encode())}.json"
        known = _read_json(note)
        try:
            stat = path.stat()
        except OSError:
            return str(known["sha256"]) if "sha256" in known else file_sha256(path)
        mark = [stat.st_size, stat.st_mtime_ns]
        if known.get("mark") != mark:
            known = {"mark": mark, "sha256": file_sha256(path)}
            self._write_json(note, known)
        return str(known["sha256"])

    def grid(self, sha256: str) -> Grid | None:
        """The grid of a file whose pixels are here."""
        found = _read_json(self._asset(sha256)).get("grid")
        return None if found is None else Grid(**found)

    def calibration(
        self, sha256: str, statement: str, settle: Callable[[], Calibration]
    ) -> Calibration:
        """How a file's numbers are read, as it was settled for what its item states.

        Parameters
        ----------
        statement
            What the item says that could change the answer.
        settle
            Asked if the statement is new; it may look at the file.
        """
        known = _read_json(self._asset(sha256))
        settled = known.get("settled", {})
        key = sha256_hex(statement.encode())
        if key not in settled:
            found = settle()
            note = {**known, "settled": {**settled, key: asdict(found)}}
            self._write_json(self._asset(sha256), note)
            return found
        return Calibration(**settled[key])

    def read(self, plan_key: str, band: str, sha256: str) -> Gathered | None:
        """The pixels of one plan in one file; None if they are not here, or not whole."""
        path = self._array(plan_key, band, sha256)
        if not path.is_dir():
            return None
        try:
            array = zarr.open_array(path, mode="r")
            values = np.asarray(array[:])
            facts = dict(array.attrs)
        except (OSError, ValueError, KeyError, RuntimeError):
            return None
        if facts.get("format") != FORMAT or facts.get("crc32") != _crc32(values):
            return None
        if values.ndim == 1:
            return Gathered(values, None)
        return Gathered(values[0], values[1].astype(np.bool_))

    def write(self, plan_key: str, band: str, sha256: str, grid: Grid, pixels: Gathered) -> None:
        """Keep the pixels of one plan in one file; a repeat changes nothing."""
        note = self._asset(sha256)
        if self.grid(sha256) is None:
            self._write_json(note, {**_read_json(note), "grid": asdict(grid)})
        path = self._array(plan_key, band, sha256)
        _made(path.parent)
        values = pixels.stored
        if pixels.inside is not None:
            values = np.stack([values, pixels.inside.astype(values.dtype)])
        try:
            with self._writing():
                part = Path(tempfile.mkdtemp(dir=self._folder, prefix=PART))
                try:
                    _write_array(part / "array", values)
                    _renamed(part / "array", path)
                finally:
                    shutil.rmtree(part, ignore_errors=True)
        except OSError as error:
            raise OutputError(f"expected to keep pixels at {path}, got: {error}") from error

    def size(self) -> StoreSize:
        """What is kept, without reading it."""
        files = [path for path in (self._folder / "arrays").rglob("*") if path.is_file()]
        heads = [json.loads(path.read_bytes()) for path in files if path.name == "zarr.json"]
        arrays = [head["shape"][-1] for head in heads if head["node_type"] == "array"]
        return StoreSize(len(arrays), sum(arrays), sum(path.stat().st_size for path in files))

    def _write_json(self, path: Path, value: Mapping[str, Any]) -> None:
        try:
            with self._writing():
                with tempfile.NamedTemporaryFile(
                    dir=self._folder, prefix=PART, delete=False
                ) as part:
                    part.write(json.dumps(value).encode())
                    part.flush()
                    os.fsync(part.fileno())
                Path(part.name).replace(path)
        except OSError as error:
            raise OutputError(f"expected to write {path}, got: {error}") from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """While this lasts, nobody clears up."""
        with (self._folder / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)  # given back when the file is closed
            yield

    def _clear_up(self) -> None:
        """Remove what was half written by a worker that is no more."""
        left = list(self._folder.glob(f"{PART}*"))
        if not left:
            return
        try:
            with (self._folder / LOCK).open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for part in self._folder.glob(f"{PART}*"):
                    if part.is_dir():
                        shutil.rmtree(part, ignore_errors=True)
                    else:
                        part.unlink(missing_ok=True)
        except OSError:
            # Someone writes, perhaps into one of them, or the folder may only be read. What
            # is left is in nobody's way: the next to open the store clears up.
            return

    def _array(self, plan_key: str, band: str, sha256: str) -> Path:
        return self._folder / "arrays" / plan_key / band / sha256

    def _asset(self, sha256: str) -> Path:
        return self._folder / "assets" / f"{sha256}.json"


def _write_array(path: Path, values: NDArray[Any]) -> None:
    pixels = max(values.shape[-1], 1)
    chunks = (*values.shape[:-1], -(-pixels // -(-pixels // CHUNK_PIXELS_MAX)))
    array = zarr.create_array(
        path,
        shape=values.shape,
        chunks=chunks,
        dtype=values.dtype,
        compressors=CODEC,
        fill_value=0,
        attributes={"format": FORMAT, "crc32": _crc32(values)},
    )
    array[...] = values
    for made in (*path.rglob("*"), path):
        _flushed(made)


def _flushed(path: Path) -> None:
    """Have a file or folder on the disk, not in the machine's memory only."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _crc32(values: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(values).view(np.uint8).data)


def _renamed(part: Path, path: Path) -> None:
    try:
        part.rename(path)
    except OSError:
        # Already there: another worker's, or one that is not whole. Ours is as good or better.
        shutil.rmtree(path, ignore_errors=True)
        part.rename(path)


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"expected a folder for pixels at {folder}, got: {error}") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
