from __future__ import annotations

import itertools
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from firmware_sim.config import OutputFolderError, SettingError
from firmware_sim.district.imagery import (
    finish_catalog,
    ground_on,
    landscape_of,
    scene_days,
    scene_rng,
    sky_share,
    write_item,
    write_scene,
)
from firmware_sim.scenes.optics import index_of_canopy
from tests.support.kijani import SEED, village_and_season
from tests.support.requirements import require

DAY = date(2026, 5, 29)
ASSETS = {"red": "B04.tif", "nir": "B08.tif", "scl": "SCL.tif"}


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return np.asarray(dataset.read(1))


@pytest.fixture(scope="module")
def season_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("season")
    district, truth = village_and_season()
    for day in scene_days(truth.spec.first_day, truth.spec.last_day):
        write_item(folder, day, truth, district, scene_rng(SEED, day))
    finish_catalog(folder)
    return folder


def item_of(folder: Path, day: date) -> dict[str, Any]:
    name = f"S2_37MBU_{day:%Y%m%d}_0_L2A"
    item: dict[str, Any] = json.loads((folder / name / f"{name}.json").read_text())
    return item


def clear_days(folder: Path, percent_max: float) -> list[date]:
    spec = village_and_season()[1].spec
    return [
        day
        for day in scene_days(spec.first_day, spec.last_day)
        if item_of(folder, day)["properties"]["eo:cloud_cover"] <= percent_max
    ]


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    district, truth = village_and_season()
    for name in ("one", "two"):
        write_scene(tmp_path / name, DAY, truth, district, scene_rng(SEED, DAY))
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert len([path for path in files if path.suffix in (".tif", ".json")]) == 5
    for path in files:
        if (tmp_path / "one" / path).is_file():
            assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_bands_are_cogs_with_the_metadata_that_the_item_states(season_folder: Path) -> None:
    item = item_of(season_folder, DAY)
    assert set(item["assets"]) == set(ASSETS)
    for key, href in ASSETS.items():
        asset = item["assets"][key]
        assert asset["href"] == f"./{href}"
        with rasterio.open(season_folder / item["id"] / href) as dataset:
            assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert dataset.crs.to_epsg() == 32737
            assert [dataset.height, dataset.width] == asset["proj:shape"]
            assert list(dataset.transform)[:6] == asset["proj:transform"]
            assert dataset.nodata == asset["raster:bands"][0]["nodata"] == 0
            assert dataset.dtypes[0] == asset["raster:bands"][0]["data_type"]
            assert dataset.transform.a == asset["gsd"]
            assert dataset.read(1).min() > 0
    assert item["assets"]["red"]["proj:shape"] == [250, 250]
    assert item["assets"]["red"]["raster:bands"][0]["offset"] == -0.1
    assert item["assets"]["nir"]["raster:bands"][0]["scale"] == 0.0001
    assert item["properties"]["s2:processing_baseline"] == "05.10"
    assert item["properties"]["proj:code"] == "EPSG:32737"
    west, south, east, north = item["bbox"]
    assert west < 37.1 < east
    assert south < -1.05 < north


def test_offset_in_the_pixels_is_the_one_in_the_metadata(season_folder: Path) -> None:
    """Dark leaves in red reflect a few hundredths: their DN lies just above 1,000."""
    day = clear_days(season_folder, 1.0)[0]
    red = read(season_folder / item_of(season_folder, day)["id"] / "B04.tif")
    assert 1_100 < np.percentile(red, 1) < 2_000


def test_catalog_lists_every_item_once_in_order(season_folder: Path) -> None:
    catalog = json.loads((season_folder / "catalog.json").read_text())
    links = [link["href"] for link in catalog["links"] if link["rel"] == "item"]
    assert links == sorted(set(links))
    assert len(links) == 35
    assert all((season_folder / href).is_file() for href in links)
    assert "SIMULATED" in catalog["description"]


def test_later_scene_joins_the_catalog_and_a_repeat_changes_nothing(tmp_path: Path) -> None:
    district, truth = village_and_season()
    for day in (DAY + timedelta(days=5), DAY, DAY):
        write_scene(tmp_path, day, truth, district, scene_rng(SEED, day))
    (tmp_path / ".S2_37MBU_20260608_0_L2A.part").mkdir()
    finish_catalog(tmp_path)
    links = json.loads((tmp_path / "catalog.json").read_text())["links"]
    hrefs = [link["href"] for link in links if link["rel"] == "item"]
    assert [href[11:19] for href in hrefs] == ["20260529", "20260603"]


def test_clear_plot_shows_what_grows_on_it(season_folder: Path) -> None:
    district, truth = village_and_season()
    land = landscape_of(district)
    checked = 0
    for day in clear_days(season_folder, 0.5):
        folder = season_folder / item_of(season_folder, day)["id"]
        red, nir = (read(folder / name) * 1e-4 - 0.1 for name in ("B04.tif", "B08.tif"))
        ground = ground_on(district, truth, truth.day_index(day))
        expected = index_of_canopy(ground.green_lai, ground.dry_lai, ground.wetness)
        for row in range(len(district.plots)):
            inside = (land.first == row) & (land.first_share == 1)
            seen = float(((nir - red) / (nir + red))[inside].mean())
            assert seen == pytest.approx(expected[row], abs=0.13)
            checked += 1
    assert checked >= 67


def test_about_half_of_all_looks_are_clouded(season_folder: Path) -> None:
    district, truth = village_and_season()
    land = landscape_of(district)
    lost = []
    for day in scene_days(truth.spec.first_day, truth.spec.last_day):
        scl = read(season_folder / item_of(season_folder, day)["id"] / "SCL.tif")
        unseen = ~np.isin(np.repeat(np.repeat(scl, 2, axis=0), 2, axis=1), (4, 5))
        lost += [float(unseen[land.first == row].mean()) > 0.4 for row in range(67)]
    assert 0.3 < np.mean(lost) < 0.6


def test_wet_days_are_cloudier() -> None:
    _, truth = village_and_season()
    rain = truth.weather.rain_mm.mean(axis=0)
    shares = np.array(
        [
            np.mean([sky_share(truth, i, np.random.default_rng([i, k])) for k in range(20)])
            for i in range(truth.spec.days)
        ]
    )
    assert shares[rain > 5].mean() > shares[rain == 0].mean() + 0.15


def test_satellite_keeps_one_rhythm_through_the_years() -> None:
    days = list(scene_days(date(2025, 12, 1), date(2026, 3, 1)))
    assert {(b - a).days for a, b in itertools.pairwise(days)} == {5}
    assert set(scene_days(date(2026, 1, 10), date(2026, 2, 1))) <= set(days)
    assert set(scene_days(date(2026, 1, 1), date(2026, 2, 1), 10)) <= set(days)


def test_folder_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    district, truth = village_and_season()
    blocked = tmp_path / "scenes"
    blocked.write_text("not a folder")
    with pytest.raises(OutputFolderError, match="expected a writable folder"):
        write_scene(blocked, DAY, truth, district, scene_rng(SEED, DAY))


def test_scene_outside_the_season_is_refused(tmp_path: Path) -> None:
    district, truth = village_and_season()
    with pytest.raises(SettingError, match="expected a day from"):
        write_scene(tmp_path, date(2027, 1, 1), truth, district, scene_rng(SEED, DAY))
    assert list(tmp_path.iterdir()) == []


def test_item_has_the_shape_of_a_real_archive(season_folder: Path) -> None:
    real_folder = require("data") / "sentinel2_flanders_2019" / "stac"
    real_path = min(real_folder.glob("S2_*/*.json"))
    real, ours = json.loads(real_path.read_text()), item_of(season_folder, DAY)
    assert set(ours) == set(real)
    assert set(ours["properties"]) == set(real["properties"])
    for key in ASSETS:
        assert set(ours["assets"][key]) == set(real["assets"][key])
        band, real_band = ours["assets"][key]["raster:bands"], real["assets"][key]["raster:bands"]
        assert set(band[0]) == set(real_band[0])
