"""The first page: what needs whoever has logged in."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.console.desk import Desk, Visitor
from server.console.views.today import read_today
from server.services.second_factor import ENROLLING


def routes(desk: Desk) -> list[Route]:
    """The page's address."""

    def today(request: Request) -> Response:
        visitor = desk.visitor(request)
        with desk.reading(visitor) as tx:
            work = desk.centre.work(tx, desk.centre.now_ms())
            shown = read_today(work, whole=visitor.scope.is_whole)
            on = desk.today(tx).isoformat()
        ask = _is_asked(desk, visitor)
        return desk.page(
            request, "today.html", {"shown": shown, "on": on, "ask_factor": ask}, visitor
        )

    return [Route("/", today, methods=["GET"])]


def _is_asked(desk: Desk, visitor: Visitor) -> bool:
    """Whether who approves has no second factor yet."""
    return visitor.role in ENROLLING and not desk.holds_second_factor(visitor)
