"""A line's page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.units import format_money
from server.console.desk import Desk
from server.console.figures.canvas import long_day
from server.console.figures.limit import limit_picture, meter
from server.console.views.line import LinePage, read_line


def routes(desk: Desk) -> list[Route]:
    """The address of each line."""

    def line(request: Request) -> Response:
        visitor = desk.visitor(request)
        line_id = request.path_params["line_id"]
        with desk.centre.store.reading() as tx:
            shown = read_line(tx, line_id, desk.today(tx), desk.centre.now_ms())
        context = {
            "shown": shown,
            "sentence": sentence(shown),
            "picture": limit_picture(shown.story, sentence(shown)),
            "meters": {
                term.sign: meter(term.share, "meter-bind" if term.binding else "meter-fill")
                for term in shown.terms
            },
        }
        return desk.page(request, "line.html", context, visitor)

    return [Route("/lines/{line_id}", line, methods=["GET"])]


def sentence(shown: LinePage) -> str:
    """The line in one plain sentence."""
    line, stands = shown.line, shown.stands
    limit = format_money(line.limit_minor, line.currency)
    drawn = format_money(stands.owed.principal_minor, line.currency)
    leased = format_money(stands.leased_minor, line.currency)
    if not line.is_open:
        return f"This line is closed; its limit was {limit}."
    waits = ", and new draws wait" if line.frozen else ""
    return (
        f"Of a limit of {limit}, {drawn} is drawn and {leased} is leased to {line.station} "
        f"and may be drawn there without a network{waits}; what is owed falls due on "
        f"{long_day(line.due_on)}."
    )
