"""A static STAC catalog on disk, read as far as this room needs it.

Plain JSON: a catalog is polled every second, and a STAC object model costs more
than the pixels. Item links are relative (or absolute) paths. What an item says of
a band's scale and offset is parsed here; what is decided from it is in
``calibration``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from core.errors import HarvestlineError
from satellite.scenes.bands import bands_of

ITEM_BYTES_MAX = 1_000_000
CATALOG_BYTES_MAX = 50_000_000
LINK_DEPTH_MAX = 8


class CatalogError(HarvestlineError):
    """A catalog or an item is missing, not STAC, or empty."""

    code = "HL-SAT-002"


@dataclass(frozen=True, slots=True)
class Asset:
    """One band's file and what the item says about its numbers.

    ``scale`` and ``offset`` turn a stored number into reflectance; absent where the
    item does not state them.
    """

    name: str
    path: Path
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One scene.

    ``acquired`` is the ISO 8601 instant, ``day`` its civil date [UTC], ``baseline``
    the ESA processing baseline (e.g. ``04.00``), ``offset_applied`` what Earth
    Search says of the −1000 offset; both absent where not stated.
    """

    item_id: str
    path: Path
    acquired: str
    day: date
    assets: dict[str, Asset]
    baseline: str | None = None
    offset_applied: bool | None = None


def item_paths(catalog: Path) -> list[Path]:
    """The files of all items that a catalog links to, children included, in order.

    Raises
    ------
    CatalogError
        If the catalog is not readable STAC, nests too deep, or has no items.
    """
    found = list(dict.fromkeys(_walk(catalog, LINK_DEPTH_MAX)))
    if not found:
        raise CatalogError(f"expected at least one item link in {catalog}, got none")
    return found


def read_item(path: Path) -> Item:
    """One item, parsed.

    Raises
    ------
    CatalogError
        If the file is missing, not a STAC item, or lacks an id, a date or assets.
    """
    raw = _read_json(path, ITEM_BYTES_MAX)
    properties, assets = raw.get("properties"), raw.get("assets")
    if not (isinstance(raw.get("id"), str) and isinstance(properties, dict)):
        raise CatalogError(f"expected a STAC item with id and properties in {path}")
    if not isinstance(assets, dict) or not assets:
        raise CatalogError(f"expected assets in item {raw['id']}, got none")
    acquired = properties.get("datetime") or properties.get("start_datetime")
    try:
        day = date.fromisoformat(str(acquired)[:10])
    except ValueError as error:
        raise CatalogError(
            f"expected an ISO 8601 datetime in item {raw['id']}, got {acquired!r}"
        ) from error
    bands = bands_of(assets)
    return Item(
        item_id=raw["id"],
        path=path,
        acquired=str(acquired),
        day=day,
        assets={band: _asset(name, assets[name], path) for band, name in bands.items()},
        baseline=_text(properties, "s2:processing_baseline", "processing:version"),
        offset_applied=_flag(properties),
    )


def _walk(path: Path, depth_left: int) -> Iterator[Path]:
    if depth_left == 0:
        raise CatalogError(f"expected at most {LINK_DEPTH_MAX} nested catalogs, got more at {path}")
    links = _read_json(path, CATALOG_BYTES_MAX).get("links")
    if not isinstance(links, list):
        raise CatalogError(f"expected a STAC catalog with links at {path}")
    for link in links:
        if not isinstance(link, dict) or not isinstance(link.get("href"), str):
            raise CatalogError(f"expected links with an href in {path}, got {str(link)[:80]}")
        if link.get("rel") == "item":
            yield _resolve(path, link["href"])
        elif link.get("rel") == "child":
            yield from _walk(_resolve(path, link["href"]), depth_left - 1)


def _resolve(base: Path, href: str) -> Path:
    if "://" in href and not href.startswith("file://"):
        raise CatalogError(
            f"expected a path on this machine in {base}, got {href}: mirror it first"
        )
    return (base.parent / href.removeprefix("file://")).resolve()


def _read_json(path: Path, bytes_max: int) -> dict[str, Any]:
    try:
        data = path.read_bytes()
        if len(data) > bytes_max:
            raise CatalogError(f"expected at most {bytes_max} bytes in {path}, got {len(data)}")
        value = json.loads(data)
    except (OSError, ValueError) as error:
        raise CatalogError(f"expected STAC JSON at {path}, got: {error}") from error
    if not isinstance(value, dict):
        raise CatalogError(f"expected a JSON object at {path}, got {type(value).__name__}")
    return value


def _asset(name: str, raw: Any, item_path: Path) -> Asset:
    if not isinstance(raw, dict) or not isinstance(raw.get("href"), str):
        raise CatalogError(f"expected an href for asset {name} in {item_path}")
    bands = raw.get("raster:bands") or raw.get("bands") or [{}]
    band = bands[0] if isinstance(bands, list) and isinstance(bands[0], dict) else {}
    return Asset(
        name,
        _resolve(item_path, raw["href"]),
        scale=_number(band, raw, "scale"),
        offset=_number(band, raw, "offset"),
        nodata=_number(band, raw, "nodata"),
    )


def _number(band: dict[str, Any], asset: dict[str, Any], key: str) -> float | None:
    # raster extension v1 has `scale` in raster:bands, v2 `raster:scale` in bands or the asset.
    for source, name in ((band, key), (band, f"raster:{key}"), (asset, f"raster:{key}")):
        value = source.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def _text(properties: dict[str, Any], *names: str) -> str | None:
    return next((str(properties[n]) for n in names if properties.get(n) is not None), None)


def _flag(properties: dict[str, Any]) -> bool | None:
    value = properties.get("earthsearch:boa_offset_applied")
    return value if isinstance(value, bool) else None
