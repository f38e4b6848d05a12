"""District maps of the newest composites: PMTiles files in a folder, one a month and kind.

A map is put there by the lender's own hands (``harvestline-server map add``) and read by
the console in ranges; what it is of stands in a small file beside it.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.errors import ShapeError
from core.shape import decode, encode
from core.wire.tiles import HEADER_BYTES, ROOT_BYTES_MAX, Basemap, read_basemap, require_root
from server.services.centre import RequestError
from server.store.engine import NotKnownError
from server.store.whole_files import whole

MAP_BYTES_MAX = 1024**3
ATTRIBUTION_CHARACTERS_MAX = 200
_RASTERS = {2: "PNG", 4: "WebP"}
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_KIND = re.compile(r"[a-z][a-z0-9_]{1,30}")


@dataclass(frozen=True, slots=True)
class DistrictMap:
    """A map of one month: ``kind`` is an index's name, ``true_color`` or ``false_color``."""

    month: str
    kind: str
    size_bytes: int
    attribution: str = ""

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.month}-{self.kind}.pmtiles"


def add_map(folder: Path, source: Path, found: DistrictMap) -> DistrictMap:
    """Copy a PMTiles file of pictures into the folder; another of the same name gives way.

    Raises
    ------
    RequestError
        If the month, kind or words are not what they should be, or the tiles are neither
        WebP nor PNG, or the file cannot be copied.
    ShapeError
        If it is no PMTiles that opens.
    """
    if not _MONTH.fullmatch(found.month):
        raise RequestError(f"expected a month as 2026-04, got {found.month[:20]!r}")
    if not _KIND.fullmatch(found.kind):
        raise RequestError(f"expected a kind as ndvi or true_color, got {found.kind[:40]!r}")
    if len(found.attribution) > ATTRIBUTION_CHARACTERS_MAX:
        raise RequestError(f"expected at most {ATTRIBUTION_CHARACTERS_MAX} characters of words")
    tiles, size_bytes = open_map(source, MAP_BYTES_MAX)
    if tiles.tile_type not in _RASTERS:
        raise RequestError(
            f"expected tiles of {' or '.join(_RASTERS.values())} in {source}, got another kind"
        )
    kept = DistrictMap(found.month, found.kind, size_bytes, found.attribution)
    path = folder / kept.name
    try:
        with whole(path) as part:
            shutil.copyfile(source, part)
        with whole(path.with_suffix(".json")) as part:
            part.write_text(json.dumps(encode(kept)), encoding="utf-8")
    except OSError as error:
        raise RequestError(f"expected to copy {source} to {folder}: {error}") from error
    return kept


def maps_in(folder: Path) -> tuple[DistrictMap, ...]:
    """The maps of a folder, newest month first; words without their map are passed over.

    Raises
    ------
    RequestError
        If the words of a map cannot be read; it names the file.
    """
    found = []
    for words in folder.glob("*.json"):
        kept = _words_of(words)
        if (folder / kept.name).is_file() and words.stem == Path(kept.name).stem:
            found.append(kept)
    return tuple(sorted(found, key=lambda one: (one.month, one.kind), reverse=True))


def _words_of(file: Path) -> DistrictMap:
    try:
        return decode(DistrictMap, json.loads(file.read_bytes()))
    except (OSError, ValueError, ShapeError) as error:
        raise RequestError(
            f"expected the words of a map in {file}: {error}; add the map again, or remove both"
        ) from error


def map_path(folder: Path, name: str) -> Path:
    """The file of a map.

    Raises
    ------
    NotKnownError
        If there is no such map.
    """
    if name not in {one.name for one in maps_in(folder)}:
        raise NotKnownError(f"expected a map that was added, got {name[:80]!r}")
    return folder / name


def open_map(file: Path, bytes_max: int) -> tuple[Basemap, int]:
    """What a map's file says of itself, and its size [bytes].

    Raises
    ------
    RequestError
        If the file cannot be read or is too large.
    ShapeError
        If it is no PMTiles that opens.
    """
    try:
        size_bytes = file.stat().st_size
        with file.open("rb") as read:
            found = read_basemap(read.read(HEADER_BYTES), size_bytes)
            read.seek(found.root_offset)
            require_root(found, read.read(min(found.root_bytes, ROOT_BYTES_MAX)))
    except OSError as error:
        raise RequestError(f"expected a readable file at {file}: {error}") from error
    except ShapeError as error:
        raise ShapeError(f"{file}: {error}") from error
    if size_bytes > bytes_max:
        raise RequestError(f"expected at most {bytes_max} bytes in {file}, got {size_bytes}")
    return found, size_bytes
