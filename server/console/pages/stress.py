"""A stress test at the console: shocks are chosen, the book is put to them, nothing is written."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.console.desk import Desk
from server.console.exporting import export
from server.console.reader_lists import Listed
from server.console.stress_report import as_pdf
from server.console.views.stressed import (
    PRESETS,
    Wanted,
    read_wanted,
    scenario_of,
    sections_of,
)
from server.console.words import say, speaking
from server.services.access import require_whole
from server.services.centre import RequestError, Work
from server.services.stress.run import stress
from server.services.stress.table import table
from server.store import lines
from server.store.engine import Tx

LINES_MAX = 5_000  # beyond, a page would keep its officer waiting: the command does it


def routes(desk: Desk) -> list[Route]:
    """The addresses of the stress test."""

    def page(request: Request) -> Response:
        visitor = desk.visitor(request)
        require_whole(visitor.scope)
        wanted = read_wanted(request.query_params)
        with desk.reading(visitor) as tx:
            too_many = _too_many(tx)
        ran = wanted.is_asked and not too_many
        outcome = stress(desk.centre, scenario_of(wanted)) if ran else None
        context = {
            "wanted": wanted,
            "presets": PRESETS,
            "lines_max": LINES_MAX,
            "too_many": too_many,
            "outcome": outcome,
            "sections": sections_of(outcome) if outcome else (),
        }
        status = 422 if wanted.faults else 200
        return desk.page(request, "stress_page.html", context, visitor, status)

    def report(request: Request) -> Response:
        visitor = desk.visitor(request)
        require_whole(visitor.scope)
        outcome = stress(desk.centre, scenario_of(_asked(desk, request)))
        headers = {"content-disposition": 'attachment; filename="stress.pdf"'}
        return Response(as_pdf(outcome), media_type="application/pdf", headers=headers)

    def file(request: Request) -> Response:
        visitor = desk.visitor(request)
        require_whole(visitor.scope)
        wanted = _asked(desk, request)
        with speaking("en"):  # a program reads the scenario's title as it is, a person in words
            outcome = stress(desk.centre, scenario_of(wanted))

        def listed(_: Work) -> Listed:
            titled = {"title": say(outcome.scenario.title)}
            return Listed(table(outcome), wanted.shocks, title=titled)

        return export(desk, request, visitor, listed)

    return [
        Route("/stress", page, methods=["GET"]),
        Route("/stress/report.pdf", report, methods=["GET"]),
        Route("/stress/export.{form}", file, methods=["GET"]),
    ]


def _asked(desk: Desk, request: Request) -> Wanted:
    """What was asked, if it can be done.

    Raises
    ------
    RequestError
        If it cannot.
    """
    wanted = read_wanted(request.query_params)
    if not wanted.is_asked:
        raise RequestError("; ".join(wanted.faults) or "expected a shock, got none")
    with desk.centre.store.reading() as tx:
        if _too_many(tx):
            raise RequestError(
                f"expected at most {LINES_MAX} open lines: take `harvestline-server stress`"
            )
    return wanted


def _too_many(tx: Tx) -> bool:
    return lines.open_count(tx, LINES_MAX + 1) > LINES_MAX
