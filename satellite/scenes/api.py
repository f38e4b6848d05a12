"""A STAC API, searched with pystac-client by box, date and collection, page by page.

The client's requests all go through ``web``: it bounds them, tries them again, and
keeps them from private networks. A ``next`` link leads to the host that was asked;
pages and items are bounded, and a page that comes again ends the search as a fault.
"""
# mypy: allow-subclassing-any
# pystac-client ships types of its own that its dependencies undo; its one class that is
# built upon here is the documented place to put another transport.

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode, urlsplit

from pystac.errors import STACError
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from satellite.scenes.faults import CatalogError
from satellite.scenes.item import COLLECTION, Bbox, BrokenItem, Item, parse_item
from satellite.scenes.place import Url
from satellite.scenes.web import Web

PAGE_ITEMS = 100
PAGE_BYTES_MAX = 50_000_000
PAGES_MAX = 2_000
FIRST_DAY = date(2015, 6, 23)  # Sentinel-2A's launch


@dataclass(frozen=True, slots=True)
class Api:
    """One search on a STAC API.

    ``since`` is the first day asked for; ``collection`` the API's name of the products.
    """

    root: Url
    collection: str = COLLECTION
    since: date = FIRST_DAY

    def items(self, bbox: Bbox | None, until: date | None) -> Iterator[Item | BrokenItem]:
        """The scenes that touch the box, up to a day.

        Raises
        ------
        CatalogError
            If the API's answers are not STAC, or its pages do not end.
        WebError
            If it does not answer.
        """
        seen: set[str] = set()
        with Web() as web:
            for page in self._pages(web, bbox, until):
                before = len(seen)
                features = page.get("features")
                for raw in features if isinstance(features, list) else []:
                    name = str(raw.get("id"))[:200] if isinstance(raw, dict) else "unnamed item"
                    if name not in seen:
                        seen.add(name)
                        yield self._item(raw, name)
                if len(seen) == before:
                    raise CatalogError(f"expected new items on each page of {self.root}, got old")
        if not seen:
            raise CatalogError(
                f"expected scenes of {self.collection} over the plots since {self.since} at "
                f"{self.root}, got none: check collection and since after #, and the plots"
            )

    def _item(self, raw: Any, name: str) -> Item | BrokenItem:
        try:
            if not isinstance(raw, dict):
                raise CatalogError(f"expected items from {self.root}, got {str(raw)[:80]}")
            return parse_item(raw, self.root, _self_link(raw, self.root))
        except CatalogError as error:
            return BrokenItem(name, error.code, str(error))

    def _pages(self, web: Web, bbox: Bbox | None, until: date | None) -> Iterator[dict[str, Any]]:
        last = until.isoformat() if until else ".."
        try:
            client = Client.open(self.root.text, stac_io=_WebIO(web, self.root))
            methods = {link.extra_fields.get("method") for link in client.get_links("search")}
            search = client.search(
                method="POST" if "POST" in methods else "GET",
                collections=[self.collection],
                bbox=None if bbox is None else list(bbox),
                datetime=f"{self.since.isoformat()}/{last}",
                limit=PAGE_ITEMS,
            )
            for i, page in enumerate(search.pages_as_dicts()):
                if i == PAGES_MAX:
                    raise CatalogError(f"expected at most {PAGES_MAX} pages of {self.root}")
                yield page
        except (APIError, STACError, LookupError, TypeError, AttributeError, ValueError,
                RecursionError, NotImplementedError) as error:  # fmt: skip
            # What a hostile or broken API makes the client stumble over: one family each.
            raise CatalogError(
                f"expected a STAC API at {self.root}, got {type(error).__name__}: {error}"
            ) from error


class _WebIO(StacApiIO):
    """pystac-client's transport, by way of ``web``."""

    def __init__(self, web: Web, root: Url) -> None:
        super().__init__()
        self._web = web
        self._root = root

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        """The text at an address; a path on this machine is refused."""
        if isinstance(source, str) and not source.lower().startswith(("http://", "https://")):
            raise CatalogError(f"expected an http(s) address from {self._root}, got {source[:80]}")
        text: str = super().read_text(source, *args, **kwargs)
        return text

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002  # an API's word is not law
        parameters: Mapping[str, Any] | None = None,
    ) -> str:
        """One request to the API's own host."""
        asked, own = urlsplit(href), urlsplit(self._root.text)
        if (asked.scheme, asked.netloc) != (own.scheme, own.netloc):
            raise CatalogError(f"expected links within {self._root}, got one to {Url(href)}")
        if (method or "GET").upper() == "POST":
            sent = {"content-type": "application/json"}
            body = json.dumps(dict(parameters or {})).encode()
            answer = self._web.ask(
                "POST", Url(href, self._root.private), PAGE_BYTES_MAX, sent, body
            )
        else:
            query = urlencode(
                {k: ",".join(map(str, v)) if isinstance(v, list | tuple) else v
                 for k, v in (parameters or {}).items() if v is not None}
            )  # fmt: skip
            joined = f"{href}{'&' if asked.query else '?'}{query}" if query else href
            answer = self._web.ask("GET", Url(joined, self._root.private), PAGE_BYTES_MAX)
        return answer.body.decode("utf-8")


def _self_link(raw: dict[str, Any], root: Url) -> Url:
    """Where relative hrefs of an item start from: its own link if it is of the API's host."""
    links = raw.get("links")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("rel") == "self":
            href = str(link.get("href") or "")
            if urlsplit(href)[:2] == urlsplit(root.text)[:2]:
                return Url(href, root.private)
    return root
