"""The addresses under which each list is had as a file."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.console import lists
from server.console.desk import Desk, Visitor
from server.console.exporting import export
from server.console.pages.audit import read_search
from server.console.pages.queue import kind_of
from server.console.pages.users import LOOKERS
from server.console.reader_lists import Listed
from server.console.session import SESSION_S_MAX
from server.console.views.book import read_query
from server.console.views.plot_list import read_plot_query
from server.services.access import require_whole
from server.services.centre import RoleError, Work

Make = Callable[[Work, Request, Visitor], Listed]
VERDICTS = ("approve", "refer", "decline")


def routes(desk: Desk) -> list[Route]:
    """One address for each list and form."""
    return [
        Route(f"/{name}/export.{{form}}", _one(desk, make), methods=["GET"])
        for name, make in _LISTS.items()
    ]


def _one(desk: Desk, make: Make) -> Callable[[Request], Response]:
    def exported(request: Request) -> Response:
        visitor = desk.visitor(request)
        return export(desk, request, visitor, lambda work: make(work, request, visitor))

    return exported


def _lines(work: Work, request: Request, _: Visitor) -> Listed:
    return lists.lines_listed(work, read_query(request.query_params))


def _applications(work: Work, request: Request, _: Visitor) -> Listed:
    wanted = request.query_params.get("verdict", "")
    return lists.applications_listed(work, wanted if wanted in VERDICTS else "")


def _plots(work: Work, request: Request, _: Visitor) -> Listed:
    return lists.plots_listed(work, read_plot_query(request.query_params))


def _queue(work: Work, request: Request, visitor: Visitor) -> Listed:
    kind = kind_of(request.query_params.get("kind", ""))
    return lists.queue_listed(work, kind, visitor.actor)


def _trail(work: Work, request: Request, _: Visitor) -> Listed:
    return lists.trail_listed(work, read_search(request.query_params))


def _users(work: Work, _: Request, visitor: Visitor) -> Listed:
    require_whole(visitor.scope)
    if visitor.role not in LOOKERS:
        raise RoleError(f"expected a supervisor or an auditor, got {visitor.role.value}")
    return lists.users_listed(work, work.at_ms - SESSION_S_MAX * 1000)


_LISTS: dict[str, Make] = {
    "portfolio": _lines,
    "applications": _applications,
    "map": _plots,
    "queue": _queue,
    "audit": _trail,
    "users": _users,
    "visits": lambda work, _, __: lists.flags_listed(work),
    "stations": lambda work, _, __: lists.stations_listed(work),
    "cash": lambda work, _, __: lists.cash_listed(work),
}
