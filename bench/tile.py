"""Makes a Sentinel-2-like tile: tiled GeoTIFFs of a season over many plots, cheaply.

Every field greens up and ripens; pixels carry noise, so that a block compresses about as
badly as a real one. Clouds cover a few per cent of each date.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.enums import Resampling

from tests.support.tiny_scenes import CRS, LEFT, TOP, write_plots

STEP_M = 10.0
BLOCK = 512
DAYS_BETWEEN = 5
RED_DN, NOISE_DN = 1_800, 60  # reflectance 0.08 under the −1000 offset
CLOUD_SHARE = 0.03
CLOUD_PIXELS = 20  # side of a cloud, at 20 m


@dataclass(frozen=True, slots=True)
class Tile:
    """What was written: item files by date, the plots file, and the plots' rings."""

    root: Path
    items: tuple[Path, ...]
    plots: Path
    rings: dict[str, list[list[float]]]


def write_tile(root: Path, side: int, plots: int, days: Sequence[date], season: Any) -> Tile:
    """A square of ``side`` pixels with ``plots`` square plots, seen on some days.

    ``season`` holds the properties of every plot (crop, season_id, sown_on).
    """
    root.mkdir(parents=True)
    rings = _rings(side, plots)
    features = [
        {"type": "Feature", "properties": {"plot_id": name, **season},
         "geometry": {"type": "Polygon", "coordinates": [ring]}}
        for name, ring in rings.items()
    ]  # fmt: skip
    rng = np.random.default_rng(3)
    noise = rng.integers(-NOISE_DN, NOISE_DN, (side, side), dtype=np.int16)
    sown = date.fromisoformat(season["sown_on"])
    items = [_scene(root, day, (day - sown).days, noise, rng) for day in days]
    return Tile(root, tuple(items), write_plots(root / "plots.geojson", features), rings)


def dates(first: date, count: int) -> list[date]:
    """The days of so many passes."""
    return [first + timedelta(days=DAYS_BETWEEN * i) for i in range(count)]


def _rings(side: int, plots: int) -> dict[str, list[list[float]]]:
    """Squares of about a hectare on an even net, some of them turned, by plot id."""
    to_degrees = Transformer.from_crs(CRS, "OGC:CRS84", always_xy=True)
    across = int(np.ceil(np.sqrt(plots)))
    pitch = side * STEP_M / across
    rng = np.random.default_rng(2)
    half = rng.uniform(35.0, 65.0, plots).clip(max=0.45 * pitch)
    turn = rng.uniform(0.0, np.pi / 2, plots)
    corner = turn[:, None] + np.arange(5) * np.pi / 2
    x = LEFT + (np.arange(plots) % across + 0.5)[:, None] * pitch + half[:, None] * np.cos(corner)
    y = TOP - (np.arange(plots) // across + 0.5)[:, None] * pitch + half[:, None] * np.sin(corner)
    lon, lat = to_degrees.transform(x, y)
    return {
        f"plot-{i:05d}": [list(pair) for pair in zip(lon[i].tolist(), lat[i].tolist(), strict=True)]
        for i in range(plots)
    }


def _scene(root: Path, day: date, age_days: int, noise: Any, rng: np.random.Generator) -> Path:
    green = (
        0.18 + 0.60 / (1 + np.exp(-(age_days - 40) / 7)) - 0.4 / (1 + np.exp(-(age_days - 115) / 6))
    )
    side = noise.shape[0]
    nir = round(800 * (1 + green) / (1 - green)) + 1_000
    shifted = np.roll(noise, int(rng.integers(1, side)), axis=0)
    clouds = rng.random((side // 2 // CLOUD_PIXELS + 1,) * 2) < CLOUD_SHARE
    classes = np.kron(clouds, np.ones((CLOUD_PIXELS, CLOUD_PIXELS), bool))[: side // 2, : side // 2]
    name = f"S2A_37MBV_{day:%Y%m%d}"
    folder = root / name
    folder.mkdir()
    bands = {"scale": 0.0001, "offset": -0.1, "nodata": 0}
    _raster(folder / "red.tif", (RED_DN + shifted).astype(np.uint16), STEP_M)
    _raster(folder / "nir.tif", (nir + np.roll(noise, 7, axis=1)).astype(np.uint16), STEP_M)
    _raster(folder / "scl.tif", np.where(classes, 9, 4).astype(np.uint8), 2 * STEP_M)
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "links": [],
        "properties": {"datetime": f"{day}T07:50:00Z", "s2:processing_baseline": "05.10"},
        "assets": {
            "red": {"href": "./red.tif", "raster:bands": [bands]},
            "nir": {"href": "./nir.tif", "raster:bands": [bands]},
            "scl": {"href": "./scl.tif"},
        },
    }  # fmt: skip
    path = folder / f"{name}.json"
    path.write_text(json.dumps(item))
    return path


def _raster(path: Path, array: Any, step_m: float) -> None:
    with rasterio.open(
        path, "w", driver="GTiff", width=array.shape[1], height=array.shape[0], count=1,
        dtype=array.dtype, crs=CRS, transform=Affine(step_m, 0, LEFT, 0, -step_m, TOP),
        compress="deflate", zlevel=1, predictor=2, nodata=0, tiled=True, blockxsize=BLOCK,
        blockysize=BLOCK, num_threads=2,
    ) as file:  # fmt: skip
        file.write(array, 1)
        file.build_overviews([16], Resampling.nearest)
