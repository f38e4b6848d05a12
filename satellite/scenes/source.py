"""Where imagery comes from: one word for a STAC API, a static catalog, or a folder.

``open_source`` takes what a user types after ``ingest``:

- ``https://…`` or ``http://…``: a STAC API (its root page has a ``search`` link) or a
  static catalog on the web. After ``#`` may stand ``collection=NAME`` and
  ``since=YYYY-MM-DD``, joined by ``&``, for an API.
- of these, and of a saved search, ``sign=URL`` names a service of tokens for files that
  are given to signed addresses only (see ``tokens``); the Planetary Computer's is known.
- a JSON file: a static catalog, or a saved search (a FeatureCollection of items).
- a folder with a ``catalog.json``: that catalog.
- any other folder: GeoTIFFs by name, see ``folder``; after ``#`` may stand
  ``baseline=NN.NN``, ESA's processing baseline, where the names do not carry it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from satellite.scenes.catalog import CATALOG_BYTES_MAX, ITEMS_MAX, file_object, item_places
from satellite.scenes.faults import CatalogError, WebError
from satellite.scenes.folder import Folder
from satellite.scenes.item import COLLECTION, ITEM_BYTES_MAX, Bbox, BrokenItem, Item, parse_item
from satellite.scenes.place import WEB, Place, Url, is_web
from satellite.scenes.tokens import service_of
from satellite.scenes.web import Web, is_private

Found = Item | BrokenItem
CATALOG_FILES = ("catalog.json", "collection.json")
SILENT_ITEMS_MAX = 3  # in a row: the host is gone, and each costs all its tries


class Source(Protocol):
    """Something that can be asked for scenes."""

    def items(self, bbox: Bbox | None, until: date | None) -> Iterator[Found]:
        """The scenes that may touch a box, and by name those that cannot be used.

        ``bbox`` is west, south, east, north [degrees] and ``until`` a last day; both
        narrow what is asked for where the source can, so a later scene may still come.
        """
        ...


@dataclass(frozen=True, slots=True)
class StaticCatalog:
    """A catalog whose links lead to its items."""

    root: Place

    def items(self, bbox: Bbox | None, until: date | None) -> Iterator[Found]:  # noqa: ARG002
        """All items in the order of the links; those that lie elsewhere are left out.

        Raises
        ------
        CatalogError
            If the catalog itself cannot be used.
        WebError
            If it does not answer, or ``SILENT_ITEMS_MAX`` items in a row do not.
        """
        silent = 0
        with Web() as web:
            for place in item_places(self.root, lambda at: _read(at, CATALOG_BYTES_MAX, web)):
                found = self._item(place, web)
                if isinstance(found, BrokenItem):
                    silent = silent + 1 if found.code == WebError.code else 0
                    if silent == SILENT_ITEMS_MAX:
                        raise WebError(f"{silent} items in a row do not answer; {found.detail}")
                    yield found
                elif found.touches(bbox):
                    silent = 0
                    yield found

    def _item(self, place: Place, web: Web) -> Found:
        try:
            return parse_item(_read(place, ITEM_BYTES_MAX, web), place)
        except (CatalogError, WebError) as error:
            return BrokenItem(place.name.removesuffix(".json"), error.code, str(error))


def _read(place: Place, bytes_max: int, web: Web) -> dict[str, Any]:
    if isinstance(place, Url):
        return web.json(place, bytes_max)
    return file_object(place, bytes_max)


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A FeatureCollection of items in a file, as a search of an API gives it."""

    root: Path

    def items(self, bbox: Bbox | None, until: date | None) -> Iterator[Found]:  # noqa: ARG002
        """All items of the file; those that lie elsewhere are left out."""
        features = file_object(self.root, CATALOG_BYTES_MAX).get("features")
        if not isinstance(features, list) or not 0 < len(features) <= ITEMS_MAX:
            raise CatalogError(f"expected 1 to {ITEMS_MAX} items in {self.root}, got other")
        for i, raw in enumerate(features):
            try:
                if not isinstance(raw, dict):
                    raise CatalogError(f"expected an item at {i} of {self.root}")
                found = parse_item(raw, self.root)
            except CatalogError as error:
                yield BrokenItem(f"{self.root.stem} item {i}", error.code, str(error))
            else:
                if found.touches(bbox):
                    yield found


@dataclass(frozen=True, slots=True)
class Signed:
    """A source whose files are read with tokens of a service."""

    source: Source
    service: Url

    def items(self, bbox: Bbox | None, until: date | None) -> Iterator[Found]:
        """The source's scenes."""
        for found in self.source.items(bbox, until):
            yield found if isinstance(found, BrokenItem) else found.with_tokens(self.service)


def open_source(text: str | Path) -> Source:
    """The source that a user named; an address is asked once to tell what it is.

    Raises
    ------
    CatalogError
        If nothing is there, or an option after ``#`` is not known.
    WebError
        If an address does not answer.
    """
    named = _address(str(text))
    place, _, words = named.partition("#")
    options = _options(words, place)
    service = _service(place, options)
    source = _on_web(place, options) if is_web(place) else _on_disk(Path(place), options)
    return source if service is None else Signed(source, service)


def _service(place: str, options: Mapping[str, str]) -> Url | None:
    named, host = _address(options.get("sign", "")), urlsplit(place).hostname or ""
    text = service_of(host, named, options.get("collection", COLLECTION))
    if not text:
        return None
    if not is_web(text):
        raise CatalogError(f"expected sign= with an http(s) address after # of {place}, got {text}")
    return Url(text, private=is_private(Url(text)))


def _on_disk(path: Path, options: Mapping[str, str]) -> Source:
    if path.is_dir():
        catalog = next((path / n for n in CATALOG_FILES if (path / n).is_file()), None)
        if catalog is None:
            return Folder(path, options.get("baseline", ""))
        path = catalog
    raw = file_object(path, CATALOG_BYTES_MAX)
    return SavedSearch(path) if raw.get("type") == "FeatureCollection" else StaticCatalog(path)


def _on_web(place: str, options: Mapping[str, str]) -> Source:
    url = Url(place, private=is_private(Url(place)))
    with Web() as web:
        raw = web.json(url, CATALOG_BYTES_MAX)
    links = raw.get("links")
    rels = [link.get("rel") for link in links or [] if isinstance(link, dict)]
    if "search" not in rels and "conformsTo" not in raw:
        return StaticCatalog(url)
    from satellite.scenes.api import FIRST_DAY, Api  # noqa: PLC0415  # 0.5 s to load

    try:
        since = date.fromisoformat(options.get("since", FIRST_DAY.isoformat()))
    except ValueError as error:
        raise CatalogError(f"expected since=YYYY-MM-DD after # of {url}, got: {error}") from error
    return Api(url, options.get("collection", COLLECTION), since)


def _options(words: str, place: str) -> dict[str, str]:
    options = dict(parse_qsl(words, keep_blank_values=True))
    unknown = set(options) - {"baseline", "collection", "sign", "since"}
    if unknown or (words and not options):
        raise CatalogError(
            f"expected collection=, since=, sign= or baseline= after # of {place}, got {words!r}"
        )
    return options


def _address(text: str) -> str:
    # A path type on the command line folds the two slashes of an address into one.
    for scheme in WEB:
        if text.startswith(f"{scheme}:/") and not text.startswith(f"{scheme}://"):
            return f"{scheme}://{text.removeprefix(f'{scheme}:/')}"
    return text
