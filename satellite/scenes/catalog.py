"""A static STAC catalog, on disk or on the web, read as far as this room needs it.

A catalog is polled every second, so it is walked as plain JSON. Children are followed
within bounds: so deep, so many, none twice on one way down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from satellite.scenes.faults import CatalogError
from satellite.scenes.item import ITEM_BYTES_MAX, Asset, BrokenItem, Item, parse_item
from satellite.scenes.place import Place, Url, is_web, join
from satellite.scenes.web import Web, json_object

__all__ = [
    "Asset", "BrokenItem", "CatalogError", "Item", "file_object", "item_paths", "item_places",
    "read_item",
]  # fmt: skip

CATALOG_BYTES_MAX = 50_000_000
LINK_DEPTH_MAX = 8
CATALOGS_MAX = 10_000
ITEMS_MAX = 500_000

ReadCatalog = Callable[[Place], dict[str, Any]]


def item_paths(catalog: Path) -> list[Path]:
    """The files of all items that a catalog on disk links to, children included, in order.

    Raises
    ------
    CatalogError
        If the catalog is not readable STAC, nests too deep, or has no items.
    """
    found = item_places(catalog, lambda place: file_object(place, CATALOG_BYTES_MAX))
    return [place for place in found if isinstance(place, Path)]


def item_places(catalog: Place, read: ReadCatalog) -> list[Place]:
    """Where all items are that a catalog links to, children included, in order.

    Parameters
    ----------
    read
        Reads one catalog's JSON.

    Raises
    ------
    CatalogError
        If it is not readable STAC, nests too deep, is too large, or has no items.
    """
    found = list(dict.fromkeys(_Walk(read).items(catalog, LINK_DEPTH_MAX)))
    if not found:
        raise CatalogError(f"expected at least one item link in {catalog}, got none")
    return found


def read_item(path: Place) -> Item:
    """One item, parsed.

    Raises
    ------
    CatalogError
        If the file is missing, not a STAC item, or lacks an id, a date or assets.
    WebError
        If its address does not answer.
    """
    if isinstance(path, Path):
        return parse_item(file_object(path, ITEM_BYTES_MAX), path)
    with Web() as web:
        return parse_item(web.json(path, ITEM_BYTES_MAX), path)


def file_object(place: Place, bytes_max: int) -> dict[str, Any]:
    """The JSON object in a file on this machine.

    Raises
    ------
    CatalogError
        If it is missing, too large, or not a JSON object.
    """
    if isinstance(place, Url):
        raise CatalogError(f"expected a path on this machine, got {place}: mirror it first")
    try:
        with place.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise CatalogError(f"expected STAC JSON at {place}, got: {error}") from error
    if len(data) > bytes_max:
        raise CatalogError(f"expected at most {bytes_max} bytes in {place}, got more")
    return json_object(data, place)


class _Walk:
    def __init__(self, read: ReadCatalog) -> None:
        self._read = read
        self._catalogs = 0
        self._items = 0

    def items(self, place: Place, depth_left: int) -> Iterator[Place]:
        self._catalogs += 1
        if depth_left == 0 or self._catalogs > CATALOGS_MAX:
            raise CatalogError(
                f"expected at most {LINK_DEPTH_MAX} nested and {CATALOGS_MAX} catalogs, "
                f"got more at {place}"
            )
        links = self._read(place).get("links")
        if not isinstance(links, list):
            raise CatalogError(f"expected a STAC catalog with links at {place}")
        for link in links:
            if not isinstance(link, dict) or not isinstance(link.get("href"), str):
                raise CatalogError(f"expected links with an href in {place}, got {str(link)[:80]}")
            if link.get("rel") == "item":
                yield self._counted(_link(place, link["href"]))
            elif link.get("rel") == "child":
                yield from self.items(_link(place, link["href"]), depth_left - 1)

    def _counted(self, place: Place) -> Place:
        self._items += 1
        if self._items > ITEMS_MAX:
            raise CatalogError(f"expected at most {ITEMS_MAX} items, got more at {place}")
        return place


def _link(base: Place, href: str) -> Place:
    # A catalog on disk that leads away is half a mirror: its scenes would come and go.
    if isinstance(base, Path) and is_web(href):
        raise CatalogError(
            f"expected a path on this machine in {base}, got {href}: mirror it first"
        )
    return join(base, href)
