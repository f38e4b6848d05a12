"""Imagery on the web: where an address may lead, what is fetched, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from satellite.scenes.faults import CatalogError, RasterError, WebError
from satellite.scenes.identity import content_hash, statement
from satellite.scenes.item import Asset, BrokenItem, Item
from satellite.scenes.place import Url, join
from satellite.scenes.raster import BLOCK_BYTES_MAX, Box, open_raster
from satellite.scenes.remote import CHUNK_BYTES, RemoteFile
from satellite.scenes.source import SILENT_ITEMS_MAX, open_source
from satellite.scenes.web import Web, WebLimits, json_object, require_open
from tests.support.tiny_scenes import CRS, ndvi_scene, write_catalog, write_raster
from tests.support.tiny_web import TinyWeb

PUBLIC = Url("https://stac.example.org/v1/catalog.json")


def _pixels(rows: int = 8) -> Any:
    return np.arange(rows * rows, dtype=np.uint16).reshape(rows, rows) + 1


def _big(path: Path, rows: int) -> np.ndarray[Any, Any]:
    """A tiled raster of noise, which compression cannot make small."""
    data = np.random.default_rng(7).integers(1, 60_000, (rows, rows), np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", width=rows, height=rows, count=1, dtype="uint16", crs=CRS,
        transform=Affine(10, 0, 300_000, 0, -10, 9_890_000), tiled=True, blockxsize=256,
        blockysize=256, compress="deflate", nodata=0,
    ) as file:  # fmt: skip
        file.write(data, 1)
    return data


# -- where an address may lead


@pytest.mark.parametrize(
    "href",
    [
        "file:///etc/passwd", "FILE:///etc/passwd", "file://localhost/etc/passwd",
        "s3://bucket/key", "ftp://example.org/a", "data:application/json,{}", "https:\\\\x\\y",
        "http://stac.example.org/a.tif", "/vsicurl/x\0", "https://[::1",
    ],
)  # fmt: skip
def test_the_web_never_leads_to_this_machine_nor_back_from_https(href: str) -> None:
    with pytest.raises(CatalogError, match="expected"):
        join(PUBLIC, href)


def test_a_path_on_the_web_stays_on_the_web() -> None:
    assert join(PUBLIC, "/etc/passwd") == Url("https://stac.example.org/etc/passwd")
    assert join(PUBLIC, "../../../etc/passwd") == Url("https://stac.example.org/etc/passwd")
    assert join(PUBLIC, "//other.example.org/a.tif") == Url("https://other.example.org/a.tif")
    assert join(PUBLIC, "/vsigzip//etc/passwd") == Url(
        "https://stac.example.org/vsigzip//etc/passwd"
    )


@pytest.mark.parametrize(
    "text",
    ["http://127.0.0.1:9/a", "http://[::1]/a", "http://10.0.0.1/a", "http://192.168.1.1/a",
     "http://[::ffff:127.0.0.1]/a", "http://0.0.0.0/a", "http://169.254.169.254/latest"],
)  # fmt: skip
def test_a_public_catalog_does_not_lead_into_a_private_network(text: str) -> None:
    with pytest.raises(WebError, match="address"):
        require_open(Url(text))


def test_not_even_a_private_catalog_leads_to_the_machines_own_metadata() -> None:
    require_open(Url("http://127.0.0.1:9/a", private=True))
    with pytest.raises(WebError, match=r"169\.254\.169\.254"):
        require_open(Url("http://169.254.169.254/latest", private=True))


def test_json_of_no_depth_that_python_can_read_is_refused() -> None:
    with pytest.raises(CatalogError, match="STAC JSON"):
        json_object(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "there")
    with pytest.raises(CatalogError, match="STAC JSON"):
        json_object(b'{"a":' + b"9" * 10_000 + b"}", "there")


def test_catalogs_in_a_loop_end(tmp_path: Path) -> None:
    for a, b in (("a", "b"), ("b", "a")):
        links = [{"rel": "child", "href": f"{b}.json"}] * 3
        (tmp_path / f"{a}.json").write_text(json.dumps({"links": links}))
    with pytest.raises(CatalogError, match="nested"):
        list(open_source(tmp_path / "a.json").items(None, None))


# -- the web, by a real server


def test_a_catalog_on_the_web_is_read_like_one_on_disk(tmp_path: Path) -> None:
    scene = ndvi_scene("a", "2026-04-01", np.full((4, 4), 0.5), np.full((2, 2), 4))
    write_catalog(tmp_path, [scene])
    (here,) = open_source(tmp_path / "catalog.json").items(None, None)
    with TinyWeb(tmp_path) as web:
        (there,) = open_source(Path(f"{web.url}/catalog.json")).items(None, None)
        assert isinstance(here, Item)
        assert isinstance(there, Item)
        bands = ("red", "nir", "scl")
        with (
            open_raster(here.assets["red"].path) as one,
            open_raster(there.assets["red"].path) as other,
        ):
            assert one.grid == other.grid
            assert (one.read(Box(0, 4, 0, 4)) == other.read(Box(0, 4, 0, 4))).all()
        assert content_hash(there, bands) == content_hash(here, bands), "small files hash whole"


def test_an_item_that_leads_to_this_machine_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    scenes = [
        ndvi_scene(name, "2026-04-01", np.full((4, 4), 0.5), np.full((2, 2), 4)) for name in "ab"
    ]
    write_catalog(tmp_path, scenes)
    path = tmp_path / "a" / "a.json"
    path.write_text(path.read_text().replace("./red.tif", f"file://{tmp_path}/a/red.tif"))
    with TinyWeb(tmp_path) as web:
        broken, item = open_source(f"{web.url}/catalog.json").items(None, None)
    assert isinstance(broken, BrokenItem)
    assert "never leads to files on this machine" in broken.detail
    assert isinstance(item, Item)


def test_a_redirect_to_this_machines_files_is_refused_and_one_on_the_host_followed(
    tmp_path: Path,
) -> None:
    (tmp_path / "catalog.json").write_text("{}")
    with TinyWeb(tmp_path) as server, Web() as web:
        url = Url(f"{server.url}/catalog.json", private=True)
        server.faults = [(302, "file:///etc/passwd")]
        with pytest.raises(WebError, match="never leads to files"):
            web.json(url, 1000)
        server.faults = [(302, "http://169.254.169.254/latest")]
        with pytest.raises(WebError, match=r"169\.254"):
            web.json(url, 1000)
        server.faults = [(302, "/catalog.json")]
        assert web.json(url, 1000) == {}
        server.faults = [(302, "/catalog.json")] * 9
        with pytest.raises(WebError, match="redirects"):
            web.json(url, 1000)


def test_a_busy_server_is_tried_again_and_a_refusal_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}')
    pauses: list[float] = []
    with TinyWeb(tmp_path) as server, Web(WebLimits(), pauses.append) as web:
        url = Url(f"{server.url}/a.json?token=SECRET", private=True)
        server.faults = [(503, ""), (429, "")]
        assert web.json(url, 100) == {"a": 1}
        assert pauses == [0.5, 1.0]
        server.faults, server.asked = [(403, "")], []
        with pytest.raises(WebError, match="HTTP 403: it asks for a signature") as caught:
            web.json(url, 100)
        assert len(server.asked) == 1
        assert "SECRET" not in str(caught.value)
        server.faults, server.asked = [(503, "")] * 9, []
        with pytest.raises(WebError, match="4 tries: HTTP 503"):
            web.json(url, 100)
        assert len(server.asked) == 4
        server.faults = []
        with pytest.raises(WebError, match="at most 4 bytes"):
            web.json(url, 4)


def test_a_host_that_is_gone_ends_the_round_and_not_after_every_item(tmp_path: Path) -> None:
    scenes = [
        ndvi_scene(f"s{i}", "2026-04-01", np.full((4, 4), 0.5), np.full((2, 2), 4))
        for i in range(SILENT_ITEMS_MAX + 2)
    ]
    write_catalog(tmp_path, scenes)
    with TinyWeb(tmp_path) as web:
        source = open_source(f"{web.url}/catalog.json")
        web.on_get = lambda path: web.faults.append((404, "")) if "/s" in path else None
        found = []
        with pytest.raises(WebError, match="3 items in a row"):
            found.extend(source.items(None, None))
        web.on_get, web.faults = lambda _path: None, []


def test_a_large_file_is_read_in_pieces_and_cited_by_its_head(tmp_path: Path) -> None:
    data = _big(tmp_path / "big.tif", 2048)
    size = (tmp_path / "big.tif").stat().st_size
    with TinyWeb(tmp_path) as web:
        url = Url(f"{web.url}/big.tif", private=True)
        with open_raster(url) as raster:
            box = Box(300, 340, 300, 340)
            assert (raster.read(box) == data[300:340, 300:340]).all()
        fetched = len(web.asked)
        assert fetched <= 6
        head = hashlib.sha256((tmp_path / "big.tif").read_bytes()[:CHUNK_BYTES]).hexdigest()
        said = statement(Asset("red", url))
        assert said.startswith(f"head:{head};size={size};etag=")
        declared = statement(Asset("red", url, checksum="1220" + "ab" * 32))
        assert declared == "declared:1220" + "ab" * 32
        web.asked.clear()
        with open_raster(url) as raster:
            assert (raster.read(Box(0, 2048, 0, 2048)) == data).all()
        assert len(web.asked) <= 40, "pieces grow while reading on"


def test_a_checksum_that_the_bytes_do_not_bear_out_is_refused(tmp_path: Path) -> None:
    write_raster(tmp_path / "red.tif", _pixels(), 10.0)
    digest = hashlib.sha256((tmp_path / "red.tif").read_bytes()).hexdigest()
    with TinyWeb(tmp_path) as web:
        for path in (tmp_path / "red.tif", Url(f"{web.url}/red.tif", private=True)):
            assert statement(Asset("red", path, checksum=f"1220{digest}")) == digest
            with pytest.raises(RasterError, match="file:checksum"):
                statement(Asset("red", path, checksum="1220" + "0" * 64))


@pytest.mark.parametrize("etags", [True, False])
def test_a_file_that_changes_while_it_is_read_is_a_fault(tmp_path: Path, etags: bool) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(3 * CHUNK_BYTES))
    with (
        TinyWeb(tmp_path, etags=etags) as web,
        RemoteFile(Url(f"{web.url}/a.bin", private=True)) as remote,
    ):
        remote.read(0, 10)
        path.write_bytes(bytes(3 * CHUNK_BYTES + 1))
        with pytest.raises(WebError, match=r"412|one version"):
            remote.read(2 * CHUNK_BYTES, 10)


def test_a_server_without_ranges_gives_small_files_and_is_named_for_large_ones(
    tmp_path: Path,
) -> None:
    write_raster(tmp_path / "red.tif", _pixels(), 10.0)
    _big(tmp_path / "big.tif", 512)
    with TinyWeb(tmp_path, ranges=False) as web:
        with open_raster(Url(f"{web.url}/red.tif", private=True)) as raster:
            assert (raster.read(Box(0, 8, 0, 8)) == _pixels()).all()
        with (
            pytest.raises(WebError, match="bytes"),
            open_raster(Url(f"{web.url}/big.tif", private=True)),
        ):
            pass


def test_a_link_that_breaks_amid_a_raster_is_told_as_such(tmp_path: Path) -> None:
    _big(tmp_path / "big.tif", 1024)
    with TinyWeb(tmp_path) as web, open_raster(Url(f"{web.url}/big.tif", private=True)) as raster:
        web.faults = [(404, "")] * 50
        with pytest.raises(WebError, match="HTTP 404"):
            raster.read(Box(0, 1024, 0, 1024))


# -- rasters that nobody vouches for


def test_a_raster_that_only_points_elsewhere_is_not_opened(tmp_path: Path) -> None:
    write_raster(tmp_path / "secret.tif", _pixels(), 10.0)
    vrt = (
        '<VRTDataset rasterXSize="8" rasterYSize="8"><VRTRasterBand dataType="UInt16" band="1">'
        f"<SimpleSource><SourceFilename>{tmp_path}/secret.tif</SourceFilename>"
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    (tmp_path / "red.tif").write_text(vrt)
    with (
        pytest.raises(RasterError, match=r"readable COG.*red\.tif"),
        open_raster(tmp_path / "red.tif"),
    ):
        pass


def test_a_raster_whose_blocks_would_fill_the_memory_is_refused_before_it_is_read(
    tmp_path: Path,
) -> None:
    side = 8192
    assert side * side * 2 > BLOCK_BYTES_MAX
    with rasterio.open(
        tmp_path / "bomb.tif", "w", driver="GTiff", width=side, height=side, count=1,
        dtype="uint16", crs=CRS, transform=Affine(10, 0, 0, 0, -10, 0), tiled=True,
        blockxsize=side, blockysize=side, compress="deflate", SPARSE_OK=True,
    ):  # fmt: skip
        pass
    assert (tmp_path / "bomb.tif").stat().st_size < 10_000
    with (
        pytest.raises(RasterError, match="rewrite it as a COG"),
        open_raster(tmp_path / "bomb.tif"),
    ):
        pass


def test_a_raster_of_several_bands_or_of_absurd_size_is_refused(tmp_path: Path) -> None:
    for name, rows, count, says in (("rgb", 8, 3, "one band"), ("wide", 70_000, 1, "a side")):
        with rasterio.open(
            tmp_path / f"{name}.tif", "w", driver="GTiff", width=rows, height=8, count=count,
            dtype="uint8", crs=CRS, transform=Affine(10, 0, 0, 0, -10, 0), SPARSE_OK=True,
        ):  # fmt: skip
            pass
        with pytest.raises(RasterError, match=says), open_raster(tmp_path / f"{name}.tif"):
            pass
