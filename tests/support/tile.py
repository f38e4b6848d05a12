"""Writes a full Sentinel-2 tile and plots all over it, seeded, for benches."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter
from scipy.signal import lfilter

from tests.support.tiny_scenes import CRS, LEFT, TOP, plot_feature, write_plots

SIDE = 10_980
BLOCK = 1024
PLOTS = 10_000
PATCH = 12  # pixels of a patch of one texture: 120 m
PLOT_M2 = 7_000.0  # median; log-normal with a deviation of 0.7
CLOUD_SHARE = 0.2
# Stored numbers of the two bands. Within a patch a row of pixels is a first-order
# autoregression: neighbours are alike, as on the ground, yet two pixels of a plot seldom tie.
NUMBERS = {"red": 1_800.0, "nir": 4_000.0}
ALIKE = 0.95  # correlation of neighbours
INNOVATION_DN = 18.0  # so that deflate halves the bands, as it does real tiles


def write_tile(root: Path) -> tuple[Path, Path]:
    """A tile's item and the plots on it: (item's path, plots' path)."""
    root.mkdir(parents=True)
    rng = np.random.default_rng(11)
    patches = rng.normal(0.0, 1.0, (SIDE // PATCH + 2, SIDE // PATCH + 2)).astype(np.float32)
    for name, base in NUMBERS.items():
        texture = partial(_texture, patches, base, rng)
        _write(root / f"{name}.tif", SIDE, 10.0, np.dtype(np.uint16), texture)
    blur = gaussian_filter(rng.standard_normal(patches.shape), 6)
    cloud = blur > np.quantile(blur, 1 - CLOUD_SHARE)
    classes = partial(_classes, patches, cloud, rng)
    _write(root / "scl.tif", SIDE // 2, 20.0, np.dtype(np.uint8), classes)
    return _item(root), write_plots(root / "plots.geojson", _features(rng))


def _texture(patches: Any, base: float, rng: Any, rows: Any, cols: Any) -> Any:
    value = base * (1 + 0.15 * patches[rows // PATCH][:, cols // PATCH])
    noise = INNOVATION_DN * rng.standard_normal(value.shape, dtype=np.float32)
    value += lfilter([1.0], [1.0, -ALIKE], noise, axis=1)
    return np.clip(np.rint(value, out=value), 1_050, 15_000, out=value)


def _classes(patches: Any, cloud: Any, rng: Any, rows: Any, cols: Any) -> Any:
    rows, cols = rows * 2 // PATCH, cols * 2 // PATCH
    speckle = 0.4 * rng.standard_normal((len(rows), len(cols)))
    ground = np.where(patches[rows][:, cols] + speckle > 0, 4, 5)
    return np.where(cloud[rows][:, cols], 9, ground)


def _write(path: Path, side: int, step_m: float, kind: np.dtype[Any], values: Any) -> None:
    # Block by block like a COG; overviews would double the time, and nothing here reads them.
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, count=1, dtype=kind, crs=CRS,
        transform=Affine(step_m, 0, LEFT, 0, -step_m, TOP), nodata=0, tiled=True,
        blockxsize=BLOCK, blockysize=BLOCK, compress="deflate", zlevel=1,
        predictor=2 if kind.itemsize > 1 else 1,
    ) as file:  # fmt: skip
        for row in range(0, side, BLOCK):
            rows = np.arange(row, min(row + BLOCK, side))
            window = Window(0, row, side, len(rows))
            file.write(values(rows, np.arange(side)).astype(kind), 1, window=window)


def _item(root: Path) -> Path:
    band = {"scale": 0.0001, "offset": -0.1, "nodata": 0}
    assets: dict[str, Any] = {"scl": {"href": "./scl.tif"}}
    assets |= {name: {"href": f"./{name}.tif", "raster:bands": [band]} for name in NUMBERS}
    properties = {"datetime": "2026-04-01T07:50:00Z", "s2:processing_baseline": "05.10"}
    item = {"type": "Feature", "stac_version": "1.0.0", "id": "tile", "links": []}
    path = root / "tile.json"
    path.write_text(json.dumps({**item, "properties": properties, "assets": assets}))
    return path


def _features(rng: np.random.Generator) -> list[dict[str, Any]]:
    across = int(np.ceil(np.sqrt(PLOTS)))
    pitch_m = SIDE * 10 / across
    to_degrees = Transformer.from_crs(CRS, "OGC:CRS84", always_xy=True)
    features = []
    for i in range(PLOTS):
        row, col = divmod(i, across)
        x, y = (np.array([col, row]) + 0.5 + rng.uniform(-0.1, 0.1, 2)) * pitch_m
        area_m2 = np.clip(rng.lognormal(np.log(PLOT_M2), 0.7), 400, 200_000)
        width = np.sqrt(area_m2 * rng.uniform(0.6, 1.7))
        height = area_m2 / width
        box = shapely.affinity.rotate(
            shapely.box(x - width / 2, y - height / 2, x + width / 2, y + height / 2),
            rng.uniform(0, 90),
        )
        ring = [(LEFT + x, TOP - y) for x, y in box.exterior.coords]
        features.append(plot_feature(f"p{i:05d}", [to_degrees.transform(*xy) for xy in ring]))
    return features
