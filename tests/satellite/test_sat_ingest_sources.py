"""The real command on every kind of source: the same evidence, resumable, only what is new."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from satellite.scenes.faults import CatalogError
from satellite.scenes.identity import hash_of
from satellite.scenes.source import open_source
from satellite.statistics.store import Store
from tests.satellite.test_sat_bad_input import ingest
from tests.support.stac_api import stac_api, with_addresses
from tests.support.tiny_scenes import (
    Scene,
    box_ring,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
)
from tests.support.tiny_web import TinyWeb

COLLECTION = "sentinel-2-l2a"


def _scene(i: int, **more: Any) -> Scene:
    ndvi = np.full((16, 16), 0.3 + 0.02 * i)
    return ndvi_scene(f"s{i:02d}", f"2026-04-{i + 1:02d}", ndvi, np.full((8, 8), 4), **more)


def _plots(root: Path) -> Path:
    return write_plots(root / "plots.geojson", [plot_feature("p", box_ring(10, 10, 70, 70))])


def _items(root: Path) -> list[dict[str, Any]]:
    links = json.loads((root / "catalog.json").read_text())["links"]
    paths = [root / link["href"] for link in links if link["rel"] == "item"]
    return [json.loads(path.read_text()) for path in paths]


def _placed(item: dict[str, Any], day: str | None = None) -> dict[str, Any]:
    (x0, y0), _, (x1, y1) = box_ring(0, 0, 160, 160)[:3]
    west, east, south, north = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    found = {**item, "geometry": {"type": "Polygon", "coordinates": [ring]},
             "bbox": [west, south, east, north]}  # fmt: skip
    if day is not None:
        found["properties"] = {**item["properties"], "datetime": f"{day}T07:50:00Z"}
    return found


def _rows(out: Path) -> list[dict[str, str]]:
    with (out / "series.csv").open() as file:
        return list(csv.DictReader(file))


def _evidence(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "evidence").iterdir()}


# -- a STAC API, real


def test_an_api_is_searched_by_box_date_and_collection_page_by_page(tmp_path: Path) -> None:
    root = tmp_path / "stac"
    write_catalog(root, [_scene(0)])
    (item,) = _items(root)
    near = [_placed({**item, "id": f"n{i:03d}"}, (date(2026, 1, 1) + timedelta(i)).isoformat())
            for i in range(120)]  # fmt: skip
    far = {**_placed({**item, "id": "far"}), "bbox": [10.0, 50.0, 10.1, 50.1],
           "geometry": {"type": "Point", "coordinates": [10.05, 50.05]}}  # fmt: skip
    other = with_addresses(_placed({**item, "id": "other"}), "landsat-c2-l2", "http://127.0.0.1:9")
    items = [with_addresses(one, COLLECTION, "http://127.0.0.1:9") for one in (*near, far)]
    ring = box_ring(10, 10, 70, 70)
    bbox = (min(p[0] for p in ring), min(p[1] for p in ring),
            max(p[0] for p in ring), max(p[1] for p in ring))  # fmt: skip
    with stac_api(tmp_path, [*items, other]) as url:
        found = [one.item_id for one in open_source(url).items(bbox, None)]
        assert sorted(found) == [f"n{i:03d}" for i in range(120)], "two pages, none twice"
        since = open_source(f"{url}#since=2026-02-01&collection={COLLECTION}")
        assert len(list(since.items(bbox, None))) == 120 - 31
        with pytest.raises(CatalogError, match=r"scenes of landsat .*got none"):
            list(open_source(f"{url}#collection=landsat").items(bbox, None))
        with pytest.raises(CatalogError, match="since=YYYY-MM-DD"):
            open_source(f"{url}#since=yesterday")


def test_an_api_that_leads_to_another_host_or_in_circles_is_refused(tmp_path: Path) -> None:
    root = {"type": "Catalog", "stac_version": "1.0.0", "id": "api", "description": "x",
            "conformsTo": ["https://api.stacspec.org/v1.0.0/core",
                           "https://api.stacspec.org/v1.0.0/item-search"]}  # fmt: skip
    page = {"type": "FeatureCollection", "features": [_placed(
        {"type": "Feature", "stac_version": "1.0.0", "id": "a", "links": [],
         "properties": {"datetime": "2026-04-01T00:00:00Z"},
         "assets": {"red": {"href": "file:///etc/passwd"}}})]}  # fmt: skip
    with TinyWeb(tmp_path) as web:
        for href, says in (("https://elsewhere.example.org/search", "links within"),
                           (f"{web.url}/search.json", "new items on each page"),
                           ("file:///etc/passwd", "links within")):  # fmt: skip
            links = [{"rel": "search", "href": f"{web.url}/search.json", "method": "GET",
                      "type": "application/geo+json"},
                     {"rel": "root", "href": f"{web.url}/index.json"},
                     {"rel": "self", "href": f"{web.url}/index.json"}]  # fmt: skip
            (tmp_path / "index.json").write_text(json.dumps({**root, "links": links}))
            following = {**page, "links": [{"rel": "next", "href": href, "method": "GET"}]}
            (tmp_path / "search.json").write_text(json.dumps(following))
            found = []
            with pytest.raises(CatalogError, match=says):
                found.extend(open_source(f"{web.url}/index.json").items(None, None))


def test_four_kinds_of_source_give_the_same_evidence_byte_for_byte(tmp_path: Path) -> None:
    root, plots = tmp_path / "stac", _plots(tmp_path)
    write_catalog(root, [_scene(i) for i in range(6)])
    kept = ingest(root / "catalog.json", plots, tmp_path / "kept")
    assert kept.facts["observations"] == 6
    (tmp_path / "saved.json").write_text(json.dumps(
        {"type": "FeatureCollection", "features": [
            {**item, "assets": {n: {**a, "href": f"stac/{item['id']}/{n}.tif"}
                                for n, a in item["assets"].items()}} for item in _items(root)]}
    ))  # fmt: skip
    with TinyWeb(root) as web:
        items = [with_addresses(_placed(item), COLLECTION, web.url) for item in _items(root)]
        with stac_api(tmp_path, items) as api:
            for name, source in (("web", f"{web.url}/catalog.json"), ("api", api),
                                 ("saved", tmp_path / "saved.json")):  # fmt: skip
                done = ingest(source, plots, tmp_path / name)
                assert (done.code, done.facts["scenes_new"]) == (0, 6), done.error
                assert _evidence(tmp_path / name) == _evidence(tmp_path / "kept")
                assert (tmp_path / name / "series.csv").read_bytes() == (
                    tmp_path / "kept" / "series.csv"
                ).read_bytes()
            web.asked.clear()
            again = ingest(api, plots, tmp_path / "api")
            assert (again.facts["scenes_new"], again.facts["scenes_known"]) == (0, 6)
            assert web.asked == [], "nothing is new, so no pixel is asked for"


def test_a_folder_gives_the_same_numbers(tmp_path: Path) -> None:
    root, plots = tmp_path / "stac", _plots(tmp_path)
    write_catalog(root, [_scene(i) for i in range(4)])
    ingest(root / "catalog.json", plots, tmp_path / "kept")
    folder = tmp_path / "folder"
    folder.mkdir()
    for i in range(4):
        for band, name in (("red", "B04_10m"), ("nir", "B08_10m"), ("scl", "SCL_20m")):
            source = root / f"s{i:02d}" / f"{band}.tif"
            shutil.copy(source, folder / f"T37MBS_202604{i + 1:02d}T075000_{name}.tif")
    done = ingest(f"{folder}#baseline=05.10", plots, tmp_path / "out")
    assert (done.code, done.facts["scenes_new"]) == (0, 4), done.error
    for mine, kept in zip(_rows(tmp_path / "out"), _rows(tmp_path / "kept"), strict=True):
        assert {**mine, "scene_id": ""} == {**kept, "scene_id": ""}


# -- resumed


def test_a_run_that_is_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    root, plots = tmp_path / "stac", _plots(tmp_path)
    write_catalog(root, [_scene(i) for i in range(8)])
    ingest(root / "catalog.json", plots, tmp_path / "whole")
    reached, dead = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        if path.endswith("s05/red.tif") and not dead.is_set():
            reached.set()
            dead.wait(60)

    with TinyWeb(root) as web:
        web.on_get = hold
        process = subprocess.Popen(
            [sys.executable, "-m", "satellite.app", "ingest", f"{web.url}/catalog.json",
             "--plots", plots, "--out", tmp_path / "out", "--no-picture", "--json"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert reached.wait(60), "it never came to the sixth scene"
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
        dead.set()
        web.asked.clear()
        done = ingest(f"{web.url}/catalog.json", plots, tmp_path / "out")
        pixels = {path.split("/")[1] for path, _ in web.asked if path.endswith(".tif")}
    assert (done.facts["scenes_known"], done.facts["scenes_new"]) == (5, 3)
    assert pixels == {"s05", "s06", "s07"}
    assert _evidence(tmp_path / "out") == _evidence(tmp_path / "whole")


def test_a_scene_behind_a_broken_link_is_read_the_next_time(tmp_path: Path) -> None:
    root, plots = tmp_path / "stac", _plots(tmp_path)
    write_catalog(root, [_scene(i) for i in range(4)])
    with TinyWeb(root) as web:
        web.on_get = lambda path: web.faults.append((404, "")) if "s02/red.tif" in path else None
        done = ingest(f"{web.url}/catalog.json", plots, tmp_path / "out")
        (broken,) = done.facts["broken"]
        assert (broken["subject_id"], broken["code"]) == ("s02", "HL-SAT-013")
        assert done.facts["observations"] == 3
        web.on_get, web.asked = lambda _path: None, []
        done = ingest(f"{web.url}/catalog.json", plots, tmp_path / "out")
        assert (done.facts["broken"], done.facts["observations"]) == ([], 4)
        assert {path.split("/")[1] for path, _ in web.asked if path.endswith(".tif")} == {"s02"}


def test_a_host_that_is_gone_ends_with_unavailable_and_keeps_what_was_read(tmp_path: Path) -> None:
    root, plots = tmp_path / "stac", _plots(tmp_path)
    write_catalog(root, [_scene(i) for i in range(8)])
    gone = ("s03", "s04", "s05", "s06", "s07")
    with TinyWeb(root) as web:
        web.on_get = lambda path: (
            web.faults.append((404, ""))
            if path.endswith(".tif") and path.split("/")[1] in gone
            else None
        )
        done = ingest(f"{web.url}/catalog.json", plots, tmp_path / "out")
        assert done.code == 5
        assert "3 scenes in a row" in done.error
        web.on_get = lambda _path: None
        done = ingest(f"{web.url}/catalog.json", plots, tmp_path / "out")
        assert (done.code, done.facts["observations"]) == (0, 8)


# -- what evidence cites


def test_evidence_cites_a_scene_whose_assets_stay_known_by_hash(tmp_path: Path) -> None:
    root, plots, out = tmp_path / "stac", _plots(tmp_path), tmp_path / "out"
    catalog = write_catalog(root, [_scene(i) for i in range(3)])
    ingest(catalog, plots, out)
    cited = {s["scene_id"]: s["sha256"] for s in json.loads(_evidence(out)["p.json"])["scenes"]}
    write_catalog(root, [_scene(0, baseline="05.11"), _scene(1), _scene(2)])
    red = root / "s00" / "red.tif"
    red.write_bytes(red.read_bytes() + b"\0")
    ingest(catalog, plots, out)
    again = {s["scene_id"]: s["sha256"] for s in json.loads(_evidence(out)["p.json"])["scenes"]}
    assert again["s00"] != cited["s00"]
    assert again["s01"] == cited["s01"]
    store = Store(out / "state.sqlite")
    for name, sha256 in (*cited.items(), *again.items()):
        found = store.assets(sha256)
        assert hash_of(found) == sha256
        assert [note.name for note in found] == ["nir", "red", "scl"]
        assert all(f"/{name}/" in note.place for note in found)
    (note,) = [n for n in store.assets(again["s00"]) if n.name == "red"]
    assert note.statement == hashlib.sha256(red.read_bytes()).hexdigest()
    store.close()


# -- tiles and projections


def _tile(
    root: Path, item_id: str, crs: str, corner: tuple[float, float], ndvi: float
) -> dict[str, Any]:
    """An item of 32 × 32 pixels of one NDVI, whose upper left corner is given [m]."""
    folder = root / item_id
    folder.mkdir(parents=True)
    red = 0.08
    for name, step, value in (("red", 10, red), ("nir", 10, red * (1 + ndvi) / (1 - ndvi)),
                              ("scl", 20, None)):  # fmt: skip
        side = 320 // step
        data = np.full((side, side), 4 if value is None else round((value + 0.1) * 10_000))
        with rasterio.open(
            folder / f"{name}.tif", "w", driver="GTiff", width=side, height=side, count=1,
            dtype="uint16", crs=crs, transform=Affine(step, 0, corner[0], 0, -step, corner[1]),
            nodata=0,
        ) as file:  # fmt: skip
            file.write(data.astype(np.uint16), 1)
    assets = {n: {"href": f"{item_id}/{n}.tif"} for n in ("red", "nir", "scl")}
    stated = {"datetime": "2023-04-01T07:50:00Z", "s2:processing_baseline": "05.09"}
    return {"type": "Feature", "id": item_id, "assets": assets, "links": [], "properties": stated}


def _ring(crs: str, x: float, y: float, width: float, height: float) -> list[list[float]]:
    to_degrees = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    corners = ((0, 0), (width, 0), (width, -height), (0, -height), (0, 0))
    return [list(to_degrees.transform(x + dx, y + dy)) for dx, dy in corners]


def _saved(root: Path, items: list[dict[str, Any]]) -> Path:
    (root / "saved.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    return root / "saved.json"


def test_tiles_of_both_hemispheres_are_read_each_in_its_own_projection(tmp_path: Path) -> None:
    north, south = ("EPSG:32637", (300_000, 1_000_320)), ("EPSG:32737", (300_000, 9_000_320))
    items = [_tile(tmp_path, "S2A_37PBK_20230401_0_L2A", *north, 0.3),
             _tile(tmp_path, "S2A_37LBE_20230401_0_L2A", *south, 0.4)]  # fmt: skip
    features = [plot_feature(name, _ring(crs, x + 50, y - 50, 100, 100))
                for name, (crs, (x, y)) in (("north", north), ("south", south))]  # fmt: skip
    plots = write_plots(tmp_path / "plots.geojson", features)
    done = ingest(_saved(tmp_path, items), plots, tmp_path / "out")
    assert (done.code, done.facts["skipped"]) == (0, [])
    found = {row["plot_id"]: float(row["mean"]) for row in _rows(tmp_path / "out")}
    assert found == pytest.approx({"north": 0.3, "south": 0.4}, abs=1e-3)


def test_a_plot_on_the_edge_of_a_zone_is_seen_whole_by_the_tile_that_holds_it(
    tmp_path: Path,
) -> None:
    # 39° E is the edge of zones 37 and 38: the same ground, in two projections.
    to_37 = Transformer.from_crs("OGC:CRS84", "EPSG:32737", always_xy=True)
    to_38 = Transformer.from_crs("OGC:CRS84", "EPSG:32738", always_xy=True)
    x37, y37 = (round(v, -1) for v in to_37.transform(39.0, -4.0))
    x38, y38 = (round(v, -1) for v in to_38.transform(39.0, -4.0))
    west, east = (x37 - 160, y37 + 160), (x38 + 10, y38 + 160)
    items = [_tile(tmp_path, "S2A_37MFR_20230401_0_L2A", "EPSG:32737", west, 0.3),
             _tile(tmp_path, "S2A_38MKA_20230401_0_L2A", "EPSG:32738", east, 0.5)]  # fmt: skip
    feature = plot_feature("edge", _ring("EPSG:32737", x37 - 50, y37 + 50, 100, 100))
    plots = write_plots(tmp_path / "plots.geojson", [feature])
    done = ingest(_saved(tmp_path, items), plots, tmp_path / "out")
    (row,) = _rows(tmp_path / "out")
    assert done.facts["scenes_new"] == 2
    assert row["scene_id"] == "S2A_37MFR_20230401_0_L2A"
    assert float(row["mean"]) == pytest.approx(0.3, abs=1e-3)
    assert float(row["valid_fraction"]) == pytest.approx(1.0, abs=1e-6)


def test_a_plot_across_two_tiles_is_joined_by_what_each_shows(tmp_path: Path) -> None:
    crs, x, y = "EPSG:32737", 300_000, 9_000_320
    items = [_tile(tmp_path, "S2A_37LBE_20230401_0_L2A", crs, (x, y), 0.3),
             _tile(tmp_path, "S2A_37LCE_20230401_0_L2A", crs, (x + 320, y), 0.5)]  # fmt: skip
    feature = plot_feature("across", _ring(crs, x + 320 - 75, y - 50, 100, 100))  # ¾ and ¼
    plots = write_plots(tmp_path / "plots.geojson", [feature])
    ingest(_saved(tmp_path, items), plots, tmp_path / "out")
    (row,) = _rows(tmp_path / "out")
    assert row["scene_id"] == "S2A_37LBE_20230401_0_L2A+S2A_37LCE_20230401_0_L2A"
    assert float(row["mean"]) == pytest.approx(0.75 * 0.3 + 0.25 * 0.5, abs=2e-3)
    assert float(row["valid_fraction"]) == pytest.approx(1.0, abs=1e-5)


# -- the real sets


@pytest.mark.parametrize(
    ("name", "index", "plots", "bands"),
    [
        ("sentinel2_flanders_2019", "ndvi", 15, ("B04", "B08", "SCL")),
        ("sentinel2_tanzania_2021", "ndre", 5, ("B05", "B8A", "SCL")),
    ],
)
def test_the_real_sets_give_the_same_series_from_every_kind_of_source(
    data_folder: Path, tmp_path: Path, name: str, index: str, plots: int, bands: tuple[str, ...]
) -> None:
    stac, declared = data_folder / name / "stac", data_folder / name / "plots.geojson"
    folder = tmp_path / "folder"
    folder.mkdir()
    for item in _items(stac)[:16]:
        when = item["properties"]["datetime"].replace("-", "").replace(":", "").rstrip("Z")
        for band in bands:
            (folder / f"{item['id']}_{when}_{band}.tif").symlink_to(
                stac / item["id"] / f"{band}.tif"
            )
    seen = {}
    with TinyWeb(stac) as web:
        items = [with_addresses(item, COLLECTION, web.url) for item in _items(stac)[:16]]
        kept = _saved(tmp_path, items)
        with stac_api(tmp_path, items) as api:
            for kind, source in (("api", api), ("saved", kept),
                                 ("folder", f"{folder}#baseline=02.08")):  # fmt: skip
                done = ingest(source, declared, tmp_path / kind, "--index", index)
                assert (done.code, done.facts["plots"]) == (0, plots), done.error
                assert done.facts["scenes_broken"] == 0
                seen[kind] = [{**row, "scene_id": ""} for row in _rows(tmp_path / kind)]
    assert seen["api"] == seen["saved"] == seen["folder"]
    assert len(seen["api"]) >= 30
