"""The district's map as pictures: which tiles lie under a place, and their bytes.

Tiles come out of the file as they are; nothing is drawn or decoded here. A map of vector
tiles has no pictures in it, and is for tablets alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import ShapeError
from core.wire.tiles import HEADER_BYTES, Basemap, read_basemap, tile_at

TILE_BYTES_MAX = 1024 * 1024
PICTURES = {2: "image/png", 3: "image/jpeg", 4: "image/webp"}  # by the specification's number


@dataclass(frozen=True, slots=True)
class District:
    """A map of pictures, and the file that it is in."""

    path: Path
    map: Basemap

    @property
    def media_type(self) -> str:
        """What its tiles are."""
        return PICTURES[self.map.tile_type]

    def tile(self, z: int, x: int, y: int) -> bytes | None:
        """A tile's bytes; None if the map has none there.

        Raises
        ------
        ShapeError
            If the file cannot be read as a map.
        OSError
            If it cannot be read.
        """
        with self.path.open("rb") as file:

            def read(offset: int, length: int) -> bytes:
                file.seek(offset)
                return file.read(length)

            found = tile_at(self.map, read, z, x, y)
            if found is None:
                return None
            if found[1] > TILE_BYTES_MAX:
                raise ShapeError(f"expected tiles of at most {TILE_BYTES_MAX} bytes, got a larger")
            return read(*found)


def district_of(path_of: Callable[[], Path | None]) -> District | None:
    """The map in use, if it is here, whole, and made of pictures."""
    path = path_of()
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            found = read_basemap(file.read(HEADER_BYTES), path.stat().st_size)
    except (OSError, ShapeError):  # the station's updates say what is wrong with it
        return None
    return District(path, found) if found.tile_type in PICTURES else None
