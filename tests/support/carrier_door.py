"""The carriers' door of a station on 127.0.0.1, before pages that only say that they are there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from edge_node.faces.carrier import Beside, Cargo, Door, carrier
from tests.support.centre import Served

TOKEN = "carrier-token-of-station-kijani-0001"
RIGHT = {"authorization": f"Bearer {TOKEN}"}
PAGES_STATUS = 418  # what the pages answer: nothing of ours does


class Turned:
    """A monotonic clock that a test turns [ms]."""

    at_ms = 1_000

    def __call__(self) -> int:
        return self.at_ms


async def pages(scope, receive, send):
    await send({"type": "http.response.start", "status": PAGES_STATUS, "headers": []})
    await send({"type": "http.response.body", "body": b"pages"})


@contextlib.contextmanager
def served_door(cargo: Cargo, elapsed_ms: Callable[[], int]) -> Iterator[str]:
    """The address of a door that takes and gives this cargo."""
    served = Served(Beside(pages, carrier(Door(TOKEN, elapsed_ms), cargo)))
    try:
        yield served.url
    finally:
        served.close()
