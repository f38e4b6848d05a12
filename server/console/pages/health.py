"""The page on the portfolio's health."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.console.desk import Desk
from server.console.exporting import Listed, export
from server.console.views.health import read_health
from server.services.centre import Work
from server.services.reports.catalogue import Asked, ReportName, report
from server.services.reports.loans import as_of
from server.services.reports.portfolio import Group
from server.store.engine import NotKnownError

# By the sections of the page.
REPORTS = {
    "par": ReportName.PAR,
    "ageing": ReportName.AGEING,
    "vintages": ReportName.VINTAGE,
    "provisioning": ReportName.PROVISIONING,
    "spread": ReportName.CONCENTRATION,
}
GROUPS = {ReportName.PAR: Group.VILLAGE}


def routes(desk: Desk) -> list[Route]:
    """The page's address."""

    def health(request: Request) -> Response:
        visitor = desk.visitor(request)
        with desk.reading(visitor) as tx:
            shown = read_health(tx, desk.today(tx), desk.centre.now_ms())
        return desk.page(request, "health.html", {"shown": shown}, visitor)

    def file(request: Request) -> Response:
        visitor = desk.visitor(request)
        key = request.path_params["key"]
        if key not in REPORTS:
            raise NotKnownError(f"expected one of {', '.join(REPORTS)}, got {key[:40]!r}")
        return export(desk, request, visitor, lambda work: _listed(work, REPORTS[key]))

    return [
        Route("/health", health, methods=["GET"]),
        Route("/health/{key}/export.{form}", file, methods=["GET"]),
    ]


def _listed(work: Work, name: ReportName) -> Listed:
    asked = Asked(as_of(work.today(), work.at_ms), GROUPS.get(name, Group.PRODUCT))
    return Listed(report(work.tx, name, asked), "all")
