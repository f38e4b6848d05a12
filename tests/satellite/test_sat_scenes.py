"""Catalogs, band names, calibration, masks: what a scene is before any plot is looked at."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from satellite.indices import (
    INDICES,
    BandMissingError,
    IndexUnknownError,
    index_named,
    indices_from,
    require_bands,
    require_classes,
)
from satellite.scenes.bands import bands_of
from satellite.scenes.calibration import Calibration, calibrate, require_plausible
from satellite.scenes.catalog import Asset, CatalogError, Item, item_paths, read_item
from satellite.scenes.mask import clear_pixels
from satellite.scenes.raster import Box, RasterError, file_sha256, open_raster
from tests.support.tiny_scenes import ndvi_scene, write_catalog, write_raster, write_scene


def _item(**more: object) -> Item:
    fields = {"item_id": "s", "path": Path("s.json"), "acquired": "2022-05-01T08:00:00Z",
              "day": date(2022, 5, 1), "assets": {}}  # fmt: skip
    return Item(**(fields | more))


def test_both_providers_asset_names_mean_the_same_bands() -> None:
    earth_search = bands_of(["red", "nir", "nir08", "scl", "thumbnail"])
    planetary = bands_of(["B04", "B08", "B8A", "SCL", "visual"])
    assert set(earth_search) == set(planetary) == {"red", "nir", "nir08", "scl"}
    assert planetary["nir08"] == "B8A"


def test_catalog_links_are_followed_through_children_in_order(tmp_path: Path) -> None:
    inner = tmp_path / "2026"
    write_catalog(inner, [ndvi_scene("b", "2026-04-06", np.full((4, 4), 0.5), np.full((2, 2), 4))])
    first = write_scene(
        tmp_path, ndvi_scene("a", "2026-04-01", np.full((4, 4), 0.5), np.full((2, 2), 4))
    )
    links = [
        {"rel": "item", "href": "./a/a.json"},
        {"rel": "child", "href": "./2026/catalog.json"},
        {"rel": "item", "href": "./a/a.json"},
    ]
    (tmp_path / "catalog.json").write_text(json.dumps({"links": links}))
    paths = item_paths(tmp_path / "catalog.json")
    assert paths == [first, inner / "b" / "b.json"]
    assert [read_item(path).day for path in paths] == [date(2026, 4, 1), date(2026, 4, 6)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "STAC JSON"),
        ("[]", "JSON object"),
        ("{}", "links"),
        ('{"links": []}', "at least one item"),
        ('{"links": [{"rel": "item"}]}', "href"),
        ('{"links": [{"rel": "item", "href": "https://example.org/a.json"}]}', "on this machine"),
        ('{"links": [{"rel": "child", "href": "./catalog.json"}]}', "nested"),
    ],
)
def test_a_catalog_that_cannot_be_used_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "catalog.json"
    path.write_text(text)
    with pytest.raises(CatalogError, match=says):
        item_paths(path)


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({"id": "a"}, "properties"),
        ({"id": "a", "properties": {}, "assets": {"red": {"href": "r"}}}, "datetime"),
        ({"id": "a", "properties": {"datetime": "2026-01-01"}, "assets": {}}, "assets"),
        ({"id": "a", "properties": {"datetime": "2026-01-01"}, "assets": {"red": {}}}, "href"),
    ],
)
def test_an_item_without_id_date_or_assets_is_refused(
    tmp_path: Path, item: dict[str, object], says: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(item))
    with pytest.raises(CatalogError, match=says):
        read_item(path)


def test_ndvi_without_red_names_the_band_and_what_can_be_had() -> None:
    with pytest.raises(BandMissingError, match=r"no red .*NDRE") as caught:
        require_bands(index_named("ndvi"), ["rededge1", "nir08", "scl", "nir"], "scene-7")
    assert "scene-7" in str(caught.value)
    assert "scl" not in str(caught.value)


def test_a_scene_without_classification_is_refused() -> None:
    with pytest.raises(BandMissingError, match="scl"):
        require_classes(["red", "nir"], "scene-7")


def test_an_unknown_index_is_refused_with_the_known_ones() -> None:
    with pytest.raises(IndexUnknownError, match=r"ndvi.*got 'nvdi'"):
        index_named("nvdi")


def test_every_index_can_be_had_from_its_own_bands() -> None:
    for index in INDICES.values():
        assert index.name in indices_from(index.bands)


# stated scale/offset, boa_offset_applied, baseline -> what stored 2000 means
CALIBRATIONS = """
scale   offset  applied  baseline  reflectance
0.0001  -0.1    -        05.10     0.1
0.0001  0.0     -        02.08     0.2
0.0001  -0.1    true     05.10     0.2
0.0001  -0.1    false    05.10     0.1
-       -       -        02.14     0.2
-       -       -        04.00     0.1
-       -       true     05.10     0.2
"""


@pytest.mark.parametrize("line", CALIBRATIONS.strip().splitlines()[1:])
def test_scale_and_offset_are_settled_from_what_the_item_states(tmp_path: Path, line: str) -> None:
    scale, offset, applied, baseline, expected = line.split()
    path = tmp_path / "red.tif"
    write_raster(path, np.full((2, 2), 2000, np.uint16), 10.0)
    asset = Asset(
        "red",
        path,
        scale=None if scale == "-" else float(scale),
        offset=None if offset == "-" else float(offset),
    )
    item = _item(
        baseline=baseline, offset_applied={"-": None, "true": True, "false": False}[applied]
    )
    with open_raster(path) as raster:
        reading = calibrate(item, asset, raster)
    assert reading.reflectance(np.array([2000.0]))[0] == pytest.approx(float(expected))
    assert np.isnan(reading.reflectance(np.array([0.0]))[0]), "0 is nodata"


def test_numbers_whose_offset_nothing_settles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "red.tif"
    write_raster(path, np.full((2, 2), 2000, np.uint16), 10.0)
    with open_raster(path) as raster, pytest.raises(RasterError, match="cannot be settled"):
        calibrate(_item(), Asset("red", path), raster)


def test_an_offset_that_was_taken_off_twice_shows_in_the_pixels() -> None:
    applied_before = Calibration(1e-4, -0.1, 0.0).reflectance(np.full(100, 400.0))
    with pytest.raises(RasterError, match="applied twice"):
        require_plausible("scene-7", "red", applied_before)
    require_plausible("scene-7", "red", np.full(100, 0.04))
    require_plausible("scene-7", "red", np.full(100, np.nan))


def test_clear_is_one_pixel_away_from_cloud_but_beside_soil_and_snow() -> None:
    classes = np.array(
        [
            [4, 4, 4, 4, 9],
            [4, 4, 4, 4, 4],
            [2, 5, 7, 4, 4],
            [6, 5, 7, 11, 4],
            [0, 5, 7, 4, 4],
        ]
    )
    expected = np.array(
        [
            [1, 1, 1, 0, 0],
            [1, 1, 1, 0, 0],
            [0, 1, 1, 1, 1],
            [1, 1, 1, 0, 1],
            [0, 1, 1, 1, 1],
        ]
    )
    assert (clear_pixels(classes) == expected.astype(bool)).all()


def test_a_missing_a_broken_and_a_truncated_raster_are_named(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match=r"none\.tif"), open_raster(tmp_path / "none.tif"):
        pass
    (tmp_path / "text.tif").write_text("not a raster")
    with pytest.raises(RasterError, match=r"text\.tif"), open_raster(tmp_path / "text.tif"):
        pass
    whole = tmp_path / "whole.tif"
    write_raster(whole, np.random.default_rng(1).integers(1, 9999, (64, 64), np.uint16), 10.0)
    cut = tmp_path / "cut.tif"
    cut.write_bytes(whole.read_bytes()[:4000])
    with pytest.raises(RasterError, match=r"cut\.tif"), open_raster(cut) as raster:
        raster.read(Box(0, 64, 0, 64))
    with pytest.raises(RasterError, match=r"none\.tif"):
        file_sha256(tmp_path / "none.tif")
