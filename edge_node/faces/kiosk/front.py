"""The kiosk's front: what pages and the JSON interface share of one running station."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from core.wire.registry import Farmer
from edge_node.faces.kiosk.station_page import StationState
from edge_node.faces.kiosk.teller import Teller
from edge_node.faces.kiosk.visits import Visits

COOKIE = "visit"


@dataclass(frozen=True, slots=True)
class Front:
    """Who acts, who is there, how the station is, and what it shares with the centre alone.

    ``shared_secret`` gives the latter for one use; without it no codes are shown.
    """

    teller: Teller
    visits: Visits
    station_state: Callable[[], StationState]
    shared_secret: Callable[[bytes], bytes] | None = None

    def identify(self, card: str, source: str) -> Farmer | None:
        """Whose card it is; None if nobody's, or too many were tried from this address."""
        if self.visits.rests(source):
            return None
        farmer = self.teller.identify(card)
        if farmer is None:
            self.visits.fail(source)
        return farmer

    def set_cookie(self, response: Response, cookie: str) -> None:
        """Hand the visit's cookie to the screen that it belongs to, and to no other page."""
        response.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", path="/")


def source_of(request: Request) -> str:
    """The address that a request comes from."""
    return request.client.host if request.client else ""
