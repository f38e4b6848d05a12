"""Writes small STAC catalogs of COG-like scenes, with answers that a reader can work out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from pyproj import Transformer
from shapely import Polygon, transform

CRS = "EPSG:32737"
LEFT, TOP = 300_000.0, 9_890_000.0  # near the equator, Kenya


@dataclass(frozen=True)
class Scene:
    """One scene: arrays of stored numbers by asset name, and the pixel of each [m]."""

    item_id: str
    day: str
    assets: Mapping[str, Any]
    step_m: Mapping[str, float]
    baseline: str = "05.10"
    bands: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)


def dn(reflectance: Any, offset: float = -0.1) -> Any:
    """Stored numbers of a reflectance under baseline 04.00 and later."""
    return np.round((np.asarray(reflectance, float) - offset) * 10_000).astype(np.uint16)


def ndvi_scene(item_id: str, day: str, ndvi: Any, scl: Any, **more: Any) -> Scene:
    """A scene whose NDVI at 10 m is as given; its classification is at 20 m."""
    ndvi = np.asarray(ndvi, float)
    red = np.full(ndvi.shape, 0.08)
    nir = red * (1 + ndvi) / (1 - ndvi)
    band = {"scale": 0.0001, "offset": -0.1, "nodata": 0}
    return Scene(
        item_id,
        day,
        {"red": dn(red), "nir": dn(nir), "scl": np.asarray(scl, np.uint8)},
        {"red": 10.0, "nir": 10.0, "scl": 20.0},
        bands={"red": band, "nir": band},
        **more,
    )


def write_scene(root: Path, scene: Scene) -> Path:
    """Write a scene's rasters and item; returns the item's path."""
    folder = root / scene.item_id
    folder.mkdir(parents=True, exist_ok=True)
    assets = {}
    for name, array in scene.assets.items():
        path = folder / f"{name}.tif"
        write_raster(path, np.asarray(array), scene.step_m[name])
        assets[name] = {"href": f"./{name}.tif"}
        if name in scene.bands:
            assets[name]["raster:bands"] = [dict(scene.bands[name])]
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": scene.item_id,
        "properties": {
            "datetime": f"{scene.day}T07:50:00Z",
            "s2:processing_baseline": scene.baseline,
            **scene.properties,
        },
        "assets": assets,
        "links": [],
    }
    path = folder / f"{scene.item_id}.json"
    path.write_text(json.dumps(item))
    return path


def write_raster(path: Path, array: Any, step_m: float) -> None:
    """A single-band GeoTIFF at the usual corner."""
    with rasterio.open(
        path, "w", driver="GTiff", width=array.shape[1], height=array.shape[0], count=1,
        dtype=array.dtype, crs=CRS, transform=Affine(step_m, 0, LEFT, 0, -step_m, TOP),
        compress="deflate", nodata=0,
    ) as file:  # fmt: skip
        file.write(array, 1)


def write_catalog(root: Path, scenes: Sequence[Scene]) -> Path:
    """Write scenes and a catalog that links to them; an older catalog is replaced by rename."""
    return link_catalog(root, [write_scene(root, scene) for scene in scenes])


def link_catalog(root: Path, items: Sequence[Path]) -> Path:
    """A catalog of items that were written before."""
    links = [{"rel": "item", "href": f"./{path.relative_to(root)}"} for path in items]
    text = json.dumps({"type": "Catalog", "stac_version": "1.0.0", "id": "tiny", "links": links})
    root.mkdir(parents=True, exist_ok=True)
    part = root / "catalog.json.part"
    part.write_text(text)
    part.replace(root / "catalog.json")
    return root / "catalog.json"


def box_ring(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    """A rectangle given in metres east and south of the corner, as a ring in CRS84."""
    to_degrees = Transformer.from_crs(CRS, "OGC:CRS84", always_xy=True)
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    return [list(to_degrees.transform(LEFT + x, TOP - y)) for x, y in corners]


def in_degrees(shape: Polygon) -> Polygon:
    """A polygon given in metres east and south of the corner, in CRS84."""
    to_degrees = Transformer.from_crs(CRS, "OGC:CRS84", always_xy=True)
    return transform(
        shape,
        lambda xy: np.column_stack(to_degrees.transform(LEFT + xy[:, 0], TOP - xy[:, 1])),
    )


def plot_feature(
    plot_id: str, ring: Sequence[Sequence[float]], **properties: Any
) -> dict[str, Any]:
    """A plot as a GeoJSON feature."""
    return {
        "type": "Feature",
        "properties": {"plot_id": plot_id, **properties},
        "geometry": {"type": "Polygon", "coordinates": [list(map(list, ring))]},
    }


def write_plots(path: Path, features: Sequence[Mapping[str, Any]]) -> Path:
    """A plots file."""
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path
