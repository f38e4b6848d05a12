"""Pages of a list: a bounded number of rows, in an order that never changes, and a cursor.

A cursor is opaque and checked: it says where to go on in one list with one set of
filters, and is refused for any other. Rows that come while somebody turns pages are seen
or not, but no row is seen twice and none that was there is left out.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response

from core.canonical import canonical_hash, sha256_hex
from server.services.centre import RequestError

LIMIT_MAX = 200
LIMIT = 50
CURSOR_CHARS_MAX = 512
_CHECK_CHARS = 16

Cursor = Annotated[
    str | None,
    Query(max_length=CURSOR_CHARS_MAX, description="`next` of the page before, as it came"),
]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many rows at most")]


@dataclass(frozen=True, slots=True)
class Listed:
    """One list: its name, the filters that were asked for, and the columns that order it."""

    name: str
    filters: Mapping[str, str]
    key: tuple[str, ...]

    def cursor(self, row: Mapping[str, Any]) -> str:
        """Where to go on after a row."""
        place = [row[column] for column in self.key]
        return _text(json.dumps([place, self._check(place)]).encode())

    def after(self, cursor: str | None) -> tuple[Any, ...] | None:
        """The place that a cursor names; None for the first page.

        Raises
        ------
        RequestError
            If the cursor is not one that this list gave.
        """
        if cursor is None:
            return None
        try:
            place, check = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            known = isinstance(place, list) and check == self._check(place)
        except (ValueError, TypeError, RecursionError, binascii.Error):
            known = False
        if not known:
            raise RequestError("cursor: expected one that this list gave, with the same filters")
        return tuple(place)

    def _check(self, place: Sequence[Any]) -> str:
        told = {"list": self.name, "filters": dict(self.filters), "place": list(place)}
        return canonical_hash(told)[:_CHECK_CHARS]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def paged(
    request: Request,
    listed: Listed,
    found: Sequence[Mapping[str, Any]],
    limit: int,
    shown: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> Response:
    """A page as it is answered, with the way to the next one.

    Parameters
    ----------
    found
        One row more than ``limit``, if there are more.
    """
    rows, more = found[:limit], len(found) > limit
    body: dict[str, Any] = {"items": [shown(row) for row in rows]}
    headers = {}
    if more:
        body["next"] = listed.cursor(rows[-1])
        asked = {**listed.filters, "limit": str(limit), "cursor": body["next"]}
        headers["Link"] = f'<{request.url.path}?{urlencode(asked)}>; rel="next"'
    return answered(request, body, headers)


def answered(
    request: Request, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """A body with its tag; nothing but the tag to who has it already."""
    answer = JSONResponse(dict(body), headers=dict(headers or {}))
    tag = f'"{sha256_hex(bytes(answer.body))[:32]}"'
    answer.headers["ETag"] = tag
    answer.headers["Cache-Control"] = "private, no-cache"
    known = [each.strip().removeprefix("W/") for each in _if_none_match(request).split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": tag})
    return answer


def _if_none_match(request: Request) -> str:
    return request.headers.get("if-none-match", "")
