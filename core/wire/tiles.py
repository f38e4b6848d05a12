"""A basemap's file: the header and root directory of PMTiles, version 3.

The layout is that of https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md:
127 bytes of header, then directories and tiles by offset and length. What is read here
is what proves that a map opens: sizes that fit the file, bounds on the globe, and a
root directory whose entries lie inside the tiles, or inside the leaf directories.
"""

from __future__ import annotations

import bisect
import itertools
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.errors import ShapeError

HEADER_BYTES = 127
ROOT_BYTES_MAX = 16_384 - HEADER_BYTES  # so says the specification
ROOT_INFLATED_BYTES_MAX = 1024 * 1024
ZOOM_MAX = 24
DIRECTORIES_DEEP_MAX = 4  # so says the specification: the root, and leaves below it
LON_E7_MAX, LAT_E7_MAX = 1_800_000_000, 900_000_000
_MAGIC = b"PMTiles\x03"
_GZIP, _PLAIN = 2, 1
_VARINT_BITS_MAX = 63
_GZIP_WINDOW = 31  # zlib reads gzip's own header and trailer
_FIELDS = struct.Struct("<8Q3Q6B4iB2i")


@dataclass(frozen=True, slots=True)
class Basemap:
    """What a map says of itself.

    ``bounds_e7`` are west, south, east, north [degrees × 10⁷]; ``tile_type`` is the
    specification's number: 1 vector, 2 PNG, 3 JPEG, 4 WebP.
    """

    root_offset: int
    root_bytes: int
    leaves_offset: int
    leaves_bytes: int
    tiles_offset: int
    tiles_bytes: int
    gzipped: bool
    tile_type: int
    min_zoom: int
    max_zoom: int
    bounds_e7: tuple[int, int, int, int]


def read_basemap(header: bytes, file_bytes: int) -> Basemap:
    """A map's header, held against the size of its file.

    Raises
    ------
    ShapeError
        If it is no PMTiles of version 3, contradicts itself, or the file is cut off.
    """
    if len(header) < HEADER_BYTES or not header.startswith(_MAGIC):
        raise ShapeError("expected a PMTiles file of version 3, got other bytes")
    values = _FIELDS.unpack_from(header, len(_MAGIC))
    root_offset, root_bytes = values[:2]
    leaves_offset, leaves_bytes, tiles_offset, tiles_bytes = values[4:8]
    compression, tile_type, min_zoom, max_zoom = values[12], *values[14:17]
    west, south, east, north = values[17:21]
    found = Basemap(
        root_offset, root_bytes, leaves_offset, leaves_bytes, tiles_offset, tiles_bytes,
        compression == _GZIP, tile_type, min_zoom, max_zoom, (west, south, east, north),
    )  # fmt: skip
    faults = [words for words, broken in _faults(found, compression, file_bytes) if broken]
    if faults:
        raise ShapeError(f"expected a map that holds together: {'; '.join(faults)}")
    return found


def _faults(found: Basemap, compression: int, file_bytes: int) -> Iterator[tuple[str, bool]]:
    west, south, east, north = found.bounds_e7
    yield "directories of another compression", compression not in (_PLAIN, _GZIP)
    yield "an empty or huge root directory", not 0 < found.root_bytes <= ROOT_BYTES_MAX
    yield "a root outside the file", found.root_offset + found.root_bytes > file_bytes
    yield (
        "no tiles, or a file that is cut off",
        (found.tiles_bytes == 0 or found.tiles_offset + found.tiles_bytes > file_bytes),
    )
    yield (
        "leaf directories outside the file",
        found.leaves_bytes > 0 and found.leaves_offset + found.leaves_bytes > file_bytes,
    )
    yield "zooms that make no range", not found.min_zoom <= found.max_zoom <= ZOOM_MAX
    on_globe = -LON_E7_MAX <= west < east <= LON_E7_MAX and (
        -LAT_E7_MAX <= south < north <= LAT_E7_MAX
    )
    yield "bounds that are no part of the globe", not on_globe


def tile_at(
    found: Basemap, read: Callable[[int, int], bytes], z: int, x: int, y: int
) -> tuple[int, int] | None:
    """Where a tile lies in the file: offset and length [bytes]; None if the map has none.

    Parameters
    ----------
    read
        Gives so many bytes from an offset of the file.

    Raises
    ------
    ShapeError
        If a directory cannot be read.
    """
    wanted = tile_id(z, x, y)
    start, length = found.root_offset, found.root_bytes
    for _ in range(DIRECTORIES_DEEP_MAX):
        entry = _entry_for(_entries(found, read(start, length), length), wanted)
        if entry is None:
            return None
        first, run, length, offset = entry
        if run:
            return (found.tiles_offset + offset, length) if wanted < first + run else None
        start = found.leaves_offset + offset
    raise ShapeError(f"expected at most {DIRECTORIES_DEEP_MAX} directories to a tile, got more")


def tile_id(z: int, x: int, y: int) -> int:
    """A tile's number: all zooms below it, then its place on the Hilbert curve of its own.

    Raises
    ------
    ShapeError
        If there is no such tile.
    """
    if not (0 <= z <= ZOOM_MAX and 0 <= x < 2**z and 0 <= y < 2**z):
        raise ShapeError(f"expected a tile on the globe, got {z}/{x}/{y}")
    number = ((1 << 2 * z) - 1) // 3
    half = (1 << z) >> 1
    while half:
        right, low = int(x & half > 0), int(y & half > 0)
        number += half * half * ((3 * right) ^ low)
        if not low:
            if right:
                x, y = half - 1 - (x & (half - 1)), half - 1 - (y & (half - 1))
            x, y = y, x
        half //= 2
    return number


def _entries(found: Basemap, data: bytes, length: int) -> list[tuple[int, int, int, int]]:
    """A directory's entries: first tile, run of tiles (0 for a leaf), length, offset."""
    numbers = _varints(_inflated(found, data, length))
    try:
        count = next(numbers)
        ids = list(itertools.accumulate(next(numbers) for _ in range(count)))
        runs = [next(numbers) for _ in range(count)]
        lengths = [next(numbers) for _ in range(count)]
        told = [next(numbers) for _ in range(count)]
    except (StopIteration, RuntimeError) as error:
        raise ShapeError("expected a whole directory, it is cut off") from error
    offsets: list[int] = []
    for n, offset in enumerate(told):
        follows = offsets[-1] + lengths[n - 1] if n else 0
        offsets.append(offset - 1 if offset else follows)
    return list(zip(ids, runs, lengths, offsets, strict=True))


def _entry_for(
    entries: list[tuple[int, int, int, int]], wanted: int
) -> tuple[int, int, int, int] | None:
    """The last entry that begins at a tile or before it."""
    place = bisect.bisect_right(entries, wanted, key=lambda entry: entry[0])
    return entries[place - 1] if place else None


def require_root(found: Basemap, root: bytes) -> int:
    """Refuse a root directory of which an entry lies nowhere; how many entries it has.

    Raises
    ------
    ShapeError
        If it cannot be read or is empty, or an entry lies outside the tiles, or outside the
        leaf directories if it is one of those.
    """
    entries = _entries(found, root, found.root_bytes)
    if not entries:
        raise ShapeError("expected a map with tiles, its root directory is empty")
    for _first, run, length, offset in entries:
        inside, there = ("tiles", found.tiles_bytes) if run else ("leaves", found.leaves_bytes)
        if offset + length > there:
            raise ShapeError(f"expected entries inside the {there} bytes of {inside}, got another")
    return len(entries)


def _inflated(found: Basemap, root: bytes, size_bytes: int) -> bytes:
    if len(root) != size_bytes:
        raise ShapeError(f"expected {size_bytes} bytes of a directory, got {len(root)}")
    if not found.gzipped:
        return root
    inflating = zlib.decompressobj(_GZIP_WINDOW)
    try:
        data = inflating.decompress(root, ROOT_INFLATED_BYTES_MAX)
    except zlib.error as error:
        raise ShapeError(f"expected a gzipped root directory: {error}") from error
    if not inflating.eof:
        raise ShapeError(f"expected a root of at most {ROOT_INFLATED_BYTES_MAX} bytes, got more")
    return data


def _varints(data: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        if shift > _VARINT_BITS_MAX:
            raise ShapeError("expected numbers of at most 64 bits in a directory, got a longer one")
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield value
            value = shift = 0
