"""A district map's file opens before it is kept, and what stands beside it is held against it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ShapeError
from core.wire.tiles import HEADER_BYTES, read_basemap, require_root
from server.services.centre import RequestError
from server.services.maps import DistrictMap, add_map, maps_in
from tests.support.update_repository import basemap_bytes

TILE_TYPE_AT, VECTOR = 99, 1
APRIL = DistrictMap("2026-04", "ndvi", 0)


def given(folder: Path, data: bytes) -> Path:
    path = folder / "given.pmtiles"
    path.write_bytes(data)
    return path


def test_a_map_is_kept_whole_and_its_words_beside_it(tmp_path: Path):
    data = basemap_bytes()
    kept = add_map(tmp_path / "shown", given(tmp_path, data), APRIL)
    assert maps_in(tmp_path / "shown") == (kept,)
    assert sorted(each.name for each in (tmp_path / "shown").iterdir()) == [
        "2026-04-ndvi.json", "2026-04-ndvi.pmtiles",
    ]  # fmt: skip
    assert (tmp_path / "shown" / kept.name).read_bytes() == data


def test_a_map_of_lines_instead_of_pictures_is_refused(tmp_path: Path):
    data = bytearray(basemap_bytes())
    data[TILE_TYPE_AT] = VECTOR
    with pytest.raises(RequestError, match="expected tiles of PNG or WebP"):
        add_map(tmp_path / "shown", given(tmp_path, bytes(data)), APRIL)


def test_a_map_that_is_cut_off_is_refused_before_the_one_that_is_shown_gives_way(tmp_path: Path):
    whole = basemap_bytes()
    add_map(tmp_path / "shown", given(tmp_path, whole), APRIL)
    with pytest.raises(ShapeError, match=r"given\.pmtiles.*cut off"):
        add_map(tmp_path / "shown", given(tmp_path, whole[:-10]), APRIL)
    assert (tmp_path / "shown" / APRIL.name).read_bytes() == whole


@pytest.mark.parametrize("words", [b"{", b"\xff", b"[]", b"{}"])
def test_words_that_cannot_be_read_are_named_by_their_file(tmp_path: Path, words: bytes):
    add_map(tmp_path / "shown", given(tmp_path, basemap_bytes()), APRIL)
    (tmp_path / "shown" / "2026-05-ndvi.json").write_bytes(words)
    with pytest.raises(RequestError, match=r"2026-05-ndvi\.json.*add the map again"):
        maps_in(tmp_path / "shown")


def directory(*numbers: int) -> bytes:
    """Entries in the spelling of PMTiles, not compressed; each number is below 128."""
    return bytes(numbers)


@pytest.mark.parametrize(
    ("root", "told"),
    [
        (directory(1, 1, 0, 40, 1), "leaves"),  # a leaf directory where there are none
        (directory(1, 1, 1, 120, 127), None),
        (b"\xff" * 200, "64 bits"),
        (directory(0), "empty"),
        (directory(2, 1), "cut off"),
    ],
)
def test_an_entry_that_lies_nowhere_is_refused(root: bytes, told: str | None):
    plain = bytearray(basemap_bytes())
    plain[97] = 1  # directories that are not compressed
    plain[16:24] = len(root).to_bytes(8, "little")
    found = read_basemap(bytes(plain[:HEADER_BYTES]), len(plain))
    if told is None:
        assert require_root(found, root) == 1
        return
    with pytest.raises(ShapeError, match=told):
        require_root(found, root)
