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

from core.shape import decode, encode
from server.services.centre import RequestError
from server.store.engine import NotKnownError

MAP_BYTES_MAX = 1024**3
ATTRIBUTION_CHARACTERS_MAX = 200
_HEADER_BYTES = 127
_MAGIC, _VERSION = b"PMTiles", 3
_TILE_TYPE_AT = 99
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
        If the month, kind or words are not what they should be, or the file is no PMTiles
        of WebP or PNG tiles, or cannot be copied.
    """
    if not _MONTH.fullmatch(found.month):
        raise RequestError(f"expected a month as 2026-04, got {found.month[:20]!r}")
    if not _KIND.fullmatch(found.kind):
        raise RequestError(f"expected a kind as ndvi or true_color, got {found.kind[:40]!r}")
    if len(found.attribution) > ATTRIBUTION_CHARACTERS_MAX:
        raise RequestError(f"expected at most {ATTRIBUTION_CHARACTERS_MAX} characters of words")
    try:
        size_bytes = _require_tiles(source)
        kept = DistrictMap(found.month, found.kind, size_bytes, found.attribution)
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{kept.name}.part"
        shutil.copyfile(source, part)
        words = folder / f".{kept.name}.json.part"
        words.write_text(json.dumps(encode(kept)), encoding="utf-8")
        part.replace(folder / kept.name)
        words.replace((folder / kept.name).with_suffix(".json"))
    except OSError as error:
        raise RequestError(f"expected to copy {source} to {folder}: {error}") from error
    return kept


def maps_in(folder: Path) -> tuple[DistrictMap, ...]:
    """The maps of a folder, newest month first; files that are no maps are passed over."""
    found = []
    for words in sorted(folder.glob("*.json"), reverse=True):
        kept = decode(DistrictMap, json.loads(words.read_text(encoding="utf-8")))
        if (folder / kept.name).is_file() and words.stem == Path(kept.name).stem:
            found.append(kept)
    return tuple(sorted(found, key=lambda one: (one.month, one.kind), reverse=True))


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


def _require_tiles(source: Path) -> int:
    size_bytes = source.stat().st_size
    with source.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or header[:7] != _MAGIC or header[7] != _VERSION:
        raise RequestError(f"expected a PMTiles file of version {_VERSION} at {source}")
    if header[_TILE_TYPE_AT] not in _RASTERS:
        raise RequestError(f"expected tiles of WebP or PNG in {source}, got another kind")
    if size_bytes > MAP_BYTES_MAX:
        raise RequestError(f"expected at most {MAP_BYTES_MAX} bytes, got {size_bytes}")
    return size_bytes
