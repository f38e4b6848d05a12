"""Where imagery comes from: folders by their names, and items as providers write them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from satellite.scenes.faults import CatalogError
from satellite.scenes.folder import Folder
from satellite.scenes.item import Asset, BrokenItem, Item, parse_item
from satellite.scenes.place import Url
from satellite.scenes.source import open_source
from tests.support.tiny_scenes import write_raster

PUBLIC = Url("https://stac.example.org/v1/catalog.json")


def _pixels(rows: int = 8) -> Any:
    return np.arange(rows * rows, dtype=np.uint16).reshape(rows, rows) + 1


# -- folders of GeoTIFFs: name -> item id, day, band, baseline, tile, platform
NAMES = """
T36KTB_20210105T074319_B04_10m.tif|T36KTB_20210105T074319|2021-01-05|red|-|36KTB|-
T36KTB_20210105T074319_B08.tif|T36KTB_20210105T074319|2021-01-05|nir|-|36KTB|-
2021-01-05_B04.tif|2021-01-05|2021-01-05|red|-|-|-
farm_20210105_red_10m.tif|farm_20210105|2021-01-05|red|-|-|-
20210105T074319_SCL.tiff|20210105T074319|2021-01-05|scl|-|-|-
2021-01-05/B8A.tif|2021-01-05|2021-01-05|nir08|-|-|-
2021-01-05/east_B8A.tif|2021-01-05_east|2021-01-05|nir08|-|-|-
S2A_MSIL2A_20210105T074319_N0214_R092_T36KTB_20210106T010203/T36KTB_20210105T074319_B04_10m.tif|S2A_MSIL2A_20210105T074319_N0214_R092_T36KTB_20210106T010203|2021-01-05|red|02.14|36KTB|A
S2B_MSIL2A_20230105T074319_N0509_R092_T36KTB_20230106T010203.SAFE/IMG/R20m/T36KTB_20230105T074319_B11_20m.tif|S2B_MSIL2A_20230105T074319_N0509_R092_T36KTB_20230106T010203|2023-01-05|swir16|05.09|36KTB|B
"""


@pytest.mark.parametrize("line", NAMES.strip().splitlines())
def test_a_scene_is_known_by_the_names_of_its_files(tmp_path: Path, line: str) -> None:
    name, item_id, day, band, baseline, tile, platform = line.split("|")
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_raster(path, _pixels(), 10.0)
    (item,) = open_source(tmp_path).items(None, None)
    assert isinstance(item, Item)
    assert (item.item_id, item.day, list(item.assets)) == (item_id, date.fromisoformat(day), [band])
    assert (item.baseline or "-", item.tile or "-", item.platform or "-") == (
        baseline, tile, platform,
    )  # fmt: skip


def test_the_finest_of_a_band_is_taken_and_scenes_come_in_order_of_time(tmp_path: Path) -> None:
    for name in ("20210110_B02_20m.tif", "20210110_B02_10m.tif", "20210105_B02.tif"):
        write_raster(tmp_path / name, _pixels(), 10.0)
    first, second = Folder(tmp_path).items(None, None)
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert (first.item_id, second.item_id) == ("20210105", "20210110")
    assert second.assets["blue"].name == "20210110_B02_10m.tif"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("20210105_dem.tif", "no band"),
        ("B04.tif", "no date"),
        ("20211341_B04.tif", "no date"),
        ("20210105_B04.jp2", "gdal_translate"),
        ("S2A_MSIL1C_20210105T074319_N0209_R092_T36KTB_20210105T095218/B04.tif", "got L1C"),
    ],
)
def test_a_file_whose_name_does_not_tell_is_named_and_the_rest_goes_on(
    tmp_path: Path, name: str, says: str
) -> None:
    write_raster(tmp_path / "20210105_B08.tif", _pixels(), 10.0)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    item, broken = Folder(tmp_path).items(None, None)
    assert isinstance(item, Item)
    assert isinstance(broken, BrokenItem)
    assert says in broken.detail
    assert broken.item_id == name


def test_a_folder_without_an_accepted_name_says_which_are(tmp_path: Path) -> None:
    (tmp_path / "photo.tif").write_bytes(b"x")
    with pytest.raises(CatalogError, match=r"<date>_<band>\.tif.*photo\.tif"):
        list(open_source(tmp_path).items(None, None))
    with pytest.raises(CatalogError, match=r"expected STAC JSON at .*nowhere"):
        open_source(tmp_path / "nowhere")


def test_the_baseline_of_a_folder_can_be_said(tmp_path: Path) -> None:
    write_raster(tmp_path / "20230105_B08.tif", _pixels(), 10.0)
    (item,) = open_source(f"{tmp_path}#baseline=05.10").items(None, None)
    assert isinstance(item, Item)
    assert item.baseline == "05.10"
    with pytest.raises(CatalogError, match="collection=, since=, sign= or baseline="):
        open_source(f"{tmp_path}#baselin=05.10")


# -- items


def _raw(**more: Any) -> dict[str, Any]:
    item = {"id": "S2A_36KTB_20210105_0_L2A", "properties": {"datetime": "2021-01-05T07:43:19Z"},
            "assets": {"red": {"href": "./red.tif"}}}  # fmt: skip
    return {**item, **more}


EARTH_SEARCH = {
    "id": "S2A_36KTB_20230105_1_L2A",
    "properties": {
        "datetime": "2023-01-05T07:57:12Z", "platform": "sentinel-2a",
        "mgrs:utm_zone": 36, "mgrs:latitude_band": "K", "mgrs:grid_square": "TB",
        "s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": True,
        "created": "2023-01-06T00:00:00Z",
    },
    "assets": {
        "red": {"href": "B04.tif", "raster:bands": [{"scale": 0.0001, "offset": -0.1}]},
        "red-jp2": {"href": "s3://sentinel-s2-l2a/B04.jp2"},
        "thumbnail": {"href": "t.jpg"},
    },
}  # fmt: skip
PLANETARY = {
    "id": "S2A_MSIL2A_20230105T074319_R092_T36KTB_20240801T010203",
    "properties": {
        "datetime": "2023-01-05T07:43:19.024Z", "platform": "Sentinel-2A", "s2:mgrs_tile": "36KTB",
        "s2:processing_baseline": "05.09", "s2:generation_time": "2024-08-01T01:02:03.0Z",
    },
    "assets": {
        "B04": {"href": "https://blobs.example.org/B04.tif?sig=SECRET"},
        "SCL": {"href": "https://blobs.example.org/SCL.tif?sig=SECRET",
                "bands": [{"nodata": 0, "raster:scale": 1}]},
    },
}  # fmt: skip


def test_the_items_of_both_providers_are_understood() -> None:
    one, other = parse_item(EARTH_SEARCH, PUBLIC), parse_item(PLANETARY, PUBLIC)
    for item in (one, other):
        assert (item.tile, item.platform, item.baseline) == ("36KTB", "A", "05.09")
    assert (one.assets["red"].scale, one.assets["red"].offset) == (0.0001, -0.1)
    assert one.assets["red"].path == Url("https://stac.example.org/v1/B04.tif")
    assert one.offset_applied is True
    assert other.processed == "2024-08-01T01:02:03.0Z"
    assert other.assets["scl"].scale == 1.0, "raster extension v2 inside bands"
    again = json.loads(json.dumps(PLANETARY).replace("SECRET", "RENEWED"))
    assert parse_item(again, PUBLIC).mark == other.mark, "a new signature is no new scene"
    assert "SECRET" not in str(other.assets["red"].path)


@pytest.mark.parametrize(
    "more",
    [
        {"id": "S2A_MSIL1C_20210105T074319_N0209_R092_T36KTB_20210105T095218"},
        {"id": "S2A_36KTB_20210105_0_L1C"},
        {"properties": {"datetime": "2021-01-05", "processing:level": "L1"}},
        {"properties": {"datetime": "2021-01-05", "s2:product_type": "S2MSI1C"}},
    ],
)
def test_top_of_atmosphere_is_refused_by_name(more: dict[str, Any]) -> None:
    with pytest.raises(CatalogError, match=r"L2A.*got L1C"):
        parse_item(_raw(**more), PUBLIC)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"id": "a\u0000b"}, "printable id"),
        ({"id": "e\u0301"}, "printable id"),
        ({"id": "x" * 201}, "printable id"),
        ({"assets": {f"a{i}": {"href": "a.tif"} for i in range(201)}}, "200 assets"),
        ({"assets": {"red": {"href": "a" * 5000}}}, "characters"),
    ],
)
def test_an_item_beyond_its_bounds_is_refused(more: dict[str, Any], says: str) -> None:
    with pytest.raises(CatalogError, match=says):
        parse_item(_raw(**more), PUBLIC)


def test_numbers_that_are_not_finite_are_no_statement() -> None:
    band = {"scale": float("nan"), "offset": float("inf"), "nodata": True}
    raw = _raw(
        assets={"red": {"href": "r.tif", "raster:bands": [band]}}, bbox=[0, 0, float("nan"), 1]
    )
    item = parse_item(raw, PUBLIC)
    assert item.assets["red"] == Asset("red", Url("https://stac.example.org/v1/r.tif"))
    assert item.bbox is None


@pytest.mark.parametrize(
    ("bbox", "wanted", "touches"),
    [
        ([10, 0, 11, 1], (10.5, 0.5, 10.6, 0.6), True),
        ([10, 0, 11, 1], (11.5, 0.5, 11.6, 0.6), False),
        ([10, 0, -5, 11, 1, 5], (10.5, 2.0, 10.6, 3.0), False),
        ([179, -18, -179, -17], (-179.5, -17.5, -179.4, -17.4), True),
        ([179, -18, -179, -17], (0.0, -17.5, 1.0, -17.4), False),
        ([178, -18, 179.9, -17], (179.8, -17.5, -179.9, -17.4), True),
        (None, (0.0, 0.0, 1.0, 1.0), True),
    ],
)
def test_a_scene_elsewhere_is_left_alone_also_beside_the_antimeridian(
    bbox: Any, wanted: Any, touches: bool
) -> None:
    assert parse_item(_raw(bbox=bbox), PUBLIC).touches(wanted) is touches
