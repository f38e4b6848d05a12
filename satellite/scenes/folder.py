"""A plain folder of Sentinel-2 L2A GeoTIFFs: scenes by their names.

Accepted, in any sub-folder down to ``DEPTH_MAX``, ``.tif`` or ``.tiff``:

- ESA's granule names: ``T36KTB_20210105T074319_B04_10m.tif``, also without ``_10m``.
- ``<anything>_<date>_<band>.tif`` or ``<date>_<band>.tif``: ``2021-01-05_B04.tif``,
  ``farm_20210105_red_10m.tif``; the date as YYYY-MM-DD, YYYYMMDD, YYYYMMDDTHHMMSS.
- ``<band>.tif`` in a folder whose name holds a date: ``2021-01-05/B04.tif``.

A folder named by a product id (``S2A_MSIL2A_20210105T074319_N0214_R092_T36KTB_…``) gives
satellite, baseline, tile and date to all below it; an ``MSIL1C`` one is refused. Bands are
named as in ``bands``; of one band at several resolutions the finest is taken. A raster
whose name tells no band or no date, and a JPEG 2000, is named and skipped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from satellite.scenes.bands import bands_of
from satellite.scenes.faults import CatalogError
from satellite.scenes.item import (
    Asset,
    Bbox,
    BrokenItem,
    Item,
    baseline_of,
    is_name,
    platform_of,
    require_level,
    tile_of,
)

DEPTH_MAX = 6  # a SAFE folder is GRANULE/…/IMG_DATA/R10m deep
FILES_MAX = 500_000
ACCEPTED = (
    "T36KTB_20210105T074319_B04_10m.tif, <date>_<band>.tif, or <date>/<band>.tif "
    "with the date as 2021-01-05, 20210105 or 20210105T074319"
)
_BAND = re.compile(r"(?:^|[_.-])([A-Za-z]{1,8}\d{0,2}[aA]?)(?:_(10|20|60)m)?$")
_DATE = re.compile(r"(?<!\d)(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?:T?(\d{6}))?(?!\d)")
_PRODUCT = re.compile(r"S2[ABCD]_MSIL(?:1C|2A)_\w+")
_GRANULE = re.compile(r"^T\d{2}[C-X][A-Z]{2}_\d{8}T\d{6}_")


@dataclass(slots=True)
class _Scene:
    """The files of one scene while the folder is walked: band name to (step [m], path)."""

    item_id: str
    when: datetime
    product: str
    files: dict[str, tuple[int, Path]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Folder:
    """Scenes by the names of GeoTIFFs.

    ``baseline`` is ESA's processing baseline of all of them (``05.10``), for names that
    do not carry it; empty if it is not known.
    """

    root: Path
    baseline: str = ""

    def items(self, bbox: Bbox | None, until: date | None) -> Iterator[Item | BrokenItem]:  # noqa: ARG002  # names tell no place
        """The scenes in order of time; after them what could not be told from its name.

        Raises
        ------
        CatalogError
            If the folder cannot be read, or holds no raster with an accepted name.
        """
        scenes: dict[str, _Scene] = {}
        broken: list[BrokenItem] = []
        for path in self._files():
            try:
                self._sort(path, scenes)
            except CatalogError as error:
                name = str(path.relative_to(self.root))
                broken.append(BrokenItem(name, error.code, str(error)))
        if not scenes:
            raise CatalogError(
                f"expected GeoTIFFs named like {ACCEPTED} in {self.root}, got "
                + ("; ".join(one.detail for one in broken[:3]) or "none")
            )
        for scene in sorted(scenes.values(), key=lambda s: (s.when, s.item_id)):
            yield self._item(scene)
        yield from broken

    def _files(self) -> Iterator[Path]:
        def refuse(error: OSError) -> None:
            raise CatalogError(f"expected a folder at {self.root}, got: {error}") from error

        found = 0
        for folder, folders, names in os.walk(self.root, onerror=refuse):
            folders.sort()
            if len(Path(folder).relative_to(self.root).parts) >= DEPTH_MAX:
                folders.clear()
            for name in sorted(names):
                if name.lower().endswith((".tif", ".tiff", ".jp2")):
                    found += 1
                    if found > FILES_MAX:
                        raise CatalogError(f"expected at most {FILES_MAX} rasters in {self.root}")
                    yield Path(folder) / name

    def _sort(self, path: Path, scenes: dict[str, _Scene]) -> None:
        if path.suffix.lower() == ".jp2":
            raise CatalogError(
                f"expected a GeoTIFF, got JPEG 2000 in {path.name}: "
                "convert it with gdal_translate -of COG"
            )
        stem, above = path.stem, path.relative_to(self.root).parts[:-1]
        product = next((m[0] for part in reversed(above) if (m := _PRODUCT.search(part))), "")
        require_level(product or stem, {})
        band, step_m = _band(stem, path)
        when = _when([stem, *([product] if product else []), *reversed(above)], path)
        item_id = _item_id(stem, product, above)
        if not is_name(item_id):
            raise CatalogError(f"expected a name of printable characters for {path}")
        scene = scenes.setdefault(item_id, _Scene(item_id, when, product))
        before = scene.files.get(band)
        if before is None or (step_m or 10**6) < before[0]:
            scene.files[band] = (step_m or 10**6, path)

    def _item(self, scene: _Scene) -> Item:
        name = scene.product or scene.item_id
        return Item(
            item_id=scene.item_id,
            path=next(iter(scene.files.values()))[1],
            acquired=f"{scene.when.isoformat()}Z",
            day=scene.when.date(),
            assets={band: Asset(path.name, path) for band, (_, path) in scene.files.items()},
            baseline=baseline_of(name, {}) or self.baseline or None,
            tile=tile_of(name, {}),
            platform=platform_of(name, {}),
            processed=_processed(name),
            mark=self.baseline,
        )


def _band(stem: str, path: Path) -> tuple[str, int]:
    found = _BAND.search(stem)
    bands = bands_of([found[1]]) if found else {}
    if not found or not bands:
        raise CatalogError(f"expected a name like {ACCEPTED}, got {path.name}: no band in it")
    return next(iter(bands)), int(found[2] or 0)


def _when(names: list[str], path: Path) -> datetime:
    for name in names:
        for found in _DATE.finditer(name):
            text = f"{found[1]}{found[2]}{found[3]}{found[4] or '000000'}"
            try:
                return datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007  # UTC by convention
            except ValueError:
                continue  # the 31st of a short month: not this date, perhaps a later one
    raise CatalogError(f"expected a name like {ACCEPTED}, got {path.name}: no date in it")


def _item_id(stem: str, product: str, above: tuple[str, ...]) -> str:
    if product:
        return product
    found = _BAND.search(stem)
    before = stem[: found.start()].strip("_.-") if found else stem
    # With a date in the file's own name the folder says nothing more; else it names the scene.
    return before if _DATE.search(before) else "_".join(filter(None, (*above, before)))


def _processed(name: str) -> str:
    # The last instant in a product's name is when the product was made (ESA, naming since 2016).
    found = re.search(r"_(\d{8}T\d{6})(?:\.SAFE)?$", name)
    return found[1] if found and _PRODUCT.match(name) else ""
