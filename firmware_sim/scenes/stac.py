"""STAC 1.1 items and the catalog that lists them, in the style of public archives."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from firmware_sim.config import OutputFolderError
from firmware_sim.scenes.raster import Grid

GRID_CODE = "37MBU"
BASELINE = "05.10"
SCALE = 0.0001
OFFSET = -0.1  # since baseline 04.00: DN = reflectance · 10,000 + 1,000
CATALOG = "catalog.json"
_EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
]
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"


def scene_id(day: date) -> str:
    """The scene's name, after the tile and day."""
    return f"S2_{GRID_CODE}_{day:%Y%m%d}_0_L2A"


def item(day: date, grid: Grid, cloud_percent: float) -> dict[str, Any]:
    """The STAC item of a scene with red, nir and scl on the grid and twice its pixel."""
    west, south, east, north = (round(degree, 9) for degree in grid.bounds_degrees())
    corners = [[east, south], [east, north], [west, north], [west, south], [east, south]]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": _EXTENSIONS,
        "id": scene_id(day),
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        "bbox": [west, south, east, north],
        "properties": {
            "platform": "sentinel-2",
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "gsd": 10,
            "eo:cloud_cover": cloud_percent,
            "proj:code": f"EPSG:{grid.epsg}",
            "grid:code": f"MGRS-{GRID_CODE}",
            "s2:processing_baseline": BASELINE,
            "datetime": f"{day.isoformat()}T07:45:31Z",
        },
        "links": [
            {"rel": "root", "href": f"../{CATALOG}", "type": "application/json"},
            {"rel": "parent", "href": f"../{CATALOG}", "type": "application/json"},
        ],
        "assets": {
            "red": _band("B04", "red", grid),
            "nir": _band("B08", "nir", grid),
            "scl": _mask(grid.coarser(2)),
        },
    }


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a document by a temporary file and a rename.

    Raises
    ------
    OutputFolderError
        If the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputFolderError(f"expected to write {path}: {error}") from error


def rewrite_catalog(folder: Path, title: str) -> None:
    """List every finished item of the folder in its catalog, oldest first.

    Raises
    ------
    OutputFolderError
        If the folder cannot be written.
    """
    names = sorted(path.name for path in folder.glob("S2_*") if path.is_dir())
    links = [{"rel": "root", "href": f"./{CATALOG}", "type": "application/json"}]
    links += [
        {"rel": "item", "href": f"./{name}/{name}.json", "type": "application/geo+json"}
        for name in names
    ]
    document = {
        "type": "Catalog",
        "id": "sentinel-2-l2a-kijani-simulated",
        "stac_version": "1.1.0",
        "description": title,
        "links": links,
    }
    write_json(folder / CATALOG, document)


def put_in_place(part: Path, final: Path) -> None:
    """Rename a finished item folder to its name; an older one of that name goes.

    Raises
    ------
    OutputFolderError
        If the folder cannot be renamed.
    """
    try:
        if final.exists():
            shutil.rmtree(final)
        part.rename(final)
    except OSError as error:
        raise OutputFolderError(f"expected to put {final} in place: {error}") from error


def _band(name: str, common_name: str, grid: Grid) -> dict[str, Any]:
    layer = {
        "nodata": 0,
        "data_type": "uint16",
        "spatial_resolution": grid.pixel_m,
        "scale": SCALE,
        "offset": OFFSET,
    }
    return {
        **_asset(f"./{name}.tif", grid),
        "raster:bands": [layer],
        "eo:bands": [{"name": name, "common_name": common_name}],
        "roles": ["data"],
    }


def _mask(grid: Grid) -> dict[str, Any]:
    layer = {"nodata": 0, "data_type": "uint8", "spatial_resolution": grid.pixel_m}
    return {
        **_asset("./SCL.tif", grid),
        "raster:bands": [layer],
        "roles": ["data", "classification"],
    }


def _asset(href: str, grid: Grid) -> dict[str, Any]:
    side = float(grid.pixel_m)
    return {
        "href": href,
        "type": _COG,
        "gsd": grid.pixel_m,
        "proj:shape": [grid.pixels, grid.pixels],
        "proj:transform": [side, 0.0, grid.west_m, 0.0, -side, grid.north_m],
    }
