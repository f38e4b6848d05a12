"""One scene as its STAC item states it: Sentinel-2 L2A, its bands and their numbers.

Plain JSON: a STAC object model costs more than the pixels. What an item says of
scale, offset and processing is parsed here; what is decided from it is in
``calibration``. Every text of an item is somebody else's: lengths, counts and
numbers are bounded.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from core.canonical import sha256_hex
from satellite.scenes.bands import bands_of
from satellite.scenes.faults import CatalogError
from satellite.scenes.place import Place, Url, join

COLLECTION = "sentinel-2-l2a"  # so named by Earth Search and by the Planetary Computer
ITEM_BYTES_MAX = 1_000_000
ASSETS_MAX = 200
ID_CHARACTERS_MAX = 200

Bbox = tuple[float, float, float, float]

# Ids of ESA, of Earth Search and of the Planetary Computer all carry level, satellite, tile.
_PLATFORM = re.compile(r"(?:^|_)S2([ABCD])(?:_|$)")
_TILE = re.compile(r"(?:^|[_-])T?(\d{1,2}[C-HJ-NP-X][A-HJ-NP-Z]{2})(?:[_.]|$)")
_LEVEL = re.compile(r"(?:^|_)(?:MSI)?(L1C|L2A)(?:_|$)", re.IGNORECASE)
_BASELINE = re.compile(r"_N(\d{2})(\d{2})_")


@dataclass(frozen=True, slots=True)
class Asset:
    """One band's file and what the item says about its numbers.

    ``scale`` and ``offset`` turn a stored number into reflectance; absent where the
    item does not state them. ``checksum`` is the item's ``file:checksum`` (a multihash
    in hexadecimal), empty where it states none.
    """

    name: str
    path: Place
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One scene.

    ``acquired`` is the ISO 8601 instant, ``day`` its civil date [UTC], ``baseline``
    the ESA processing baseline (e.g. ``04.00``), ``offset_applied`` what Earth
    Search says of the −1000 offset; both absent where not stated. ``tile`` is the
    MGRS tile (``36KTB``), ``platform`` the satellite (``A``), ``processed`` when the
    product was made [ISO 8601]; empty where not known. ``mark`` changes with what the
    item states; ``bbox`` is west, south, east, north [degrees].
    ``offset_settled`` is the offset [reflectance] once ``calibration.settle`` found it.
    """

    item_id: str
    path: Place
    acquired: str
    day: date
    assets: dict[str, Asset]
    baseline: str | None = None
    offset_applied: bool | None = None
    tile: str = ""
    platform: str = ""
    processed: str = ""
    mark: str = ""
    bbox: Bbox | None = None
    offset_settled: float | None = None

    def with_tokens(self, service: Url) -> Item:
        """The same scene, its files on the web with a token of that service."""
        assets = {
            band: replace(asset, path=replace(asset.path, token_at=service))
            if isinstance(asset.path, Url)
            else asset
            for band, asset in self.assets.items()
        }
        return replace(self, assets=assets)

    def touches(self, bbox: Bbox | None) -> bool:
        """Whether the scene may show something of a box; true where that is not known."""
        if bbox is None or self.bbox is None:
            return True
        west, south, east, north = self.bbox
        if north < bbox[1] or south > bbox[3]:
            return False
        # A box whose west lies east of its east crosses the antimeridian (RFC 7946, 5.2).
        spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        wanted = [(bbox[0], bbox[2])]
        if bbox[0] > bbox[2]:
            wanted = [(bbox[0], 180.0), (-180.0, bbox[2])]
        return any(a <= d and c <= b for a, b in spans for c, d in wanted)


@dataclass(frozen=True, slots=True)
class BrokenItem:
    """A scene that could not be made an item of: its name, the error's number, and why."""

    item_id: str
    code: str
    detail: str


def parse_item(raw: dict[str, Any], place: Place, base: Place | None = None) -> Item:
    """An item from its JSON.

    Parameters
    ----------
    place
        Where the item itself is.
    base
        What its relative hrefs start from, if not ``place``.

    Raises
    ------
    CatalogError
        If it lacks an id, a date or assets, is not Sentinel-2 L2A, or leads astray.
    """
    properties, assets = raw.get("properties"), raw.get("assets")
    item_id = raw.get("id")
    if not (isinstance(item_id, str) and isinstance(properties, dict)):
        raise CatalogError(f"expected a STAC item with id and properties in {place}")
    if not is_name(item_id):
        raise CatalogError(f"expected a printable id (1 to {ID_CHARACTERS_MAX} chars) in {place}")
    if not isinstance(assets, dict) or not 0 < len(assets) <= ASSETS_MAX:
        raise CatalogError(f"expected 1 to {ASSETS_MAX} assets in item {item_id}, got other")
    require_level(item_id, properties)
    acquired = properties.get("datetime") or properties.get("start_datetime")
    bands = bands_of(assets)
    found = {band: _asset(name, assets[name], base or place) for band, name in bands.items()}
    return Item(
        item_id=item_id,
        path=place,
        acquired=str(acquired)[:40],
        day=_day(acquired, item_id),
        assets=found,
        baseline=baseline_of(item_id, properties),
        offset_applied=_flag(properties),
        tile=tile_of(item_id, properties),
        platform=platform_of(item_id, properties),
        processed=_text(
            properties, "s2:generation_time", "processing:datetime", "created", "updated"
        )
        or "",
        mark=_mark(item_id, properties, found),
        bbox=_bbox(raw.get("bbox")),
    )


def is_name(text: str) -> bool:
    """Whether a text can name a scene in evidence: printable, in NFC, of bounded length."""
    return (
        0 < len(text) <= ID_CHARACTERS_MAX
        and text.isprintable()
        and unicodedata.is_normalized("NFC", text)
    )


def require_level(item_id: str, properties: dict[str, Any]) -> None:
    """Refuse top-of-atmosphere products: their index is another number.

    Raises
    ------
    CatalogError
        If the id, product or level says L1C.
    """
    stated = [str(properties.get(key) or "") for key in
              ("processing:level", "s2:product_type", "s2:product_uri", "collection")]  # fmt: skip
    for text in (item_id, *stated):
        found = _LEVEL.search(text.upper().replace("-", "_").replace("S2MSI1C", "L1C"))
        if (found is not None and found[1] == "L1C") or text.upper() in ("L1", "LEVEL-1C"):
            raise CatalogError(
                f"expected Sentinel-2 L2A (surface reflectance), got L1C in {item_id}: "
                "use the L2A collection, or process it with Sen2Cor"
            )


def tile_of(item_id: str, properties: dict[str, Any]) -> str:
    """The MGRS tile, e.g. ``36KTB``; empty where neither properties nor id tell."""
    parts = [properties.get(key) for key in
             ("mgrs:utm_zone", "mgrs:latitude_band", "mgrs:grid_square")]  # fmt: skip
    stated = _text(properties, "s2:mgrs_tile", "grid:code") or ""
    if all(part is not None for part in parts):
        stated = "".join(map(str, parts))
    found = _TILE.search(stated.upper().replace("MGRS-", "")) or _TILE.search(item_id.upper())
    return found[1].zfill(5) if found else ""


def platform_of(item_id: str, properties: dict[str, Any]) -> str:
    """The satellite's letter; empty where neither properties nor id tell."""
    stated = str(properties.get("platform") or "").lower()
    found = re.fullmatch(r"sentinel-?2([abcd])", stated)
    if found:
        return found[1].upper()
    letter = _PLATFORM.search(item_id.upper())
    return letter[1] if letter else ""


def baseline_of(item_id: str, properties: dict[str, Any]) -> str | None:
    """The processing baseline as ``NN.NN``, stated or written in the product's name."""
    stated = _text(properties, "s2:processing_baseline", "processing:version")
    if stated is not None:
        return stated
    for text in (str(properties.get("s2:product_uri") or ""), item_id):
        found = _BASELINE.search(text)
        if found:
            return f"{found[1]}.{found[2]}"
    return None


def _day(acquired: Any, item_id: str) -> date:
    try:
        return date.fromisoformat(str(acquired)[:10])
    except ValueError as error:
        raise CatalogError(
            f"expected an ISO 8601 datetime in item {item_id}, got {str(acquired)[:40]!r}"
        ) from error


def _asset(name: str, raw: Any, base: Place) -> Asset:
    if not isinstance(raw, dict) or not isinstance(raw.get("href"), str):
        raise CatalogError(f"expected an href for asset {name} in {base}")
    bands = raw.get("raster:bands") or raw.get("bands") or [{}]
    band = bands[0] if isinstance(bands, list) and isinstance(bands[0], dict) else {}
    checksum = raw.get("file:checksum")
    return Asset(
        name,
        join(base, raw["href"]),
        scale=_number(band, raw, "scale"),
        offset=_number(band, raw, "offset"),
        nodata=_number(band, raw, "nodata"),
        checksum=checksum[:200].lower() if isinstance(checksum, str) else "",
    )


def _number(band: dict[str, Any], asset: dict[str, Any], key: str) -> float | None:
    # raster extension v1 has `scale` in raster:bands, v2 `raster:scale` in bands or the asset;
    # STAC 1.1 has a plain `nodata` in both.
    names = ((band, key), (band, f"raster:{key}"), (asset, f"raster:{key}"), (asset, key))
    for source, name in names:
        value = source.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return None


def _text(properties: dict[str, Any], *names: str) -> str | None:
    return next((str(properties[n])[:200] for n in names if properties.get(n) is not None), None)


def _flag(properties: dict[str, Any]) -> bool | None:
    value = properties.get("earthsearch:boa_offset_applied")
    return value if isinstance(value, bool) else None


def _bbox(raw: Any) -> Bbox | None:
    if not isinstance(raw, list) or len(raw) not in (4, 6):
        return None
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in raw):
        return None
    half = len(raw) // 2
    return float(raw[0]), float(raw[1]), float(raw[half]), float(raw[half + 1])


def _mark(item_id: str, properties: dict[str, Any], assets: dict[str, Asset]) -> str:
    stated = ("updated", "created", "s2:generation_time", "s2:processing_baseline",
              "earthsearch:boa_offset_applied")  # fmt: skip
    where = {
        band: f"{asset.path.bare if isinstance(asset.path, Url) else asset.path}"
        f"|{asset.scale}|{asset.offset}|{asset.checksum}"
        for band, asset in assets.items()
    }
    facts = {key: str(properties[key])[:200] for key in stated if key in properties}
    return sha256_hex(json.dumps([item_id, where, facts], sort_keys=True).encode())
