"""The page on the portfolio's health."""

from __future__ import annotations

from datetime import date

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.console.desk import Desk, Visitor
from server.console.exporting import export
from server.console.health_kept import RETRY_MS, SMALL_LINES_MAX, HealthKeeper, Looked
from server.console.reader_lists import Listed
from server.console.views.health import told_health
from server.services.centre import Work
from server.services.reports.catalogue import Asked, ReportName, report
from server.services.reports.loans import as_of
from server.services.reports.portfolio import Group
from server.services.reports.together import HealthRecords, read_health_records
from server.store import line_pages, rulebooks
from server.store.engine import NotKnownError

REFRESH_S = 2  # of a page whose figures are still reckoned
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
    keeper = HealthKeeper()

    def health(request: Request) -> Response:
        visitor = desk.visitor(request)
        with desk.reading(visitor) as tx:
            on, now_ms = desk.today(tx), desk.centre.now_ms()
            is_small = line_pages.count_upto(tx, SMALL_LINES_MAX + 1) <= SMALL_LINES_MAX
            found = read_health_records(tx, on, now_ms) if is_small else None
        looked = Looked(found)
        if found is None:
            looked = keeper.look(visitor.scope, on, now_ms, lambda: reckoned(visitor, on, now_ms))
        answer = desk.page(request, "health.html", _told(looked, on, is_small=is_small), visitor)
        if looked.found is None:
            waits_s = REFRESH_S if looked.failed_at_ms is None else RETRY_MS // 1000
            answer.headers["refresh"] = f"{waits_s}"
        return answer

    def reckoned(visitor: Visitor, on: date, now_ms: int) -> HealthRecords:
        with desk.reading(visitor) as tx:
            return read_health_records(tx, on, now_ms)

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


def _told(looked: Looked, on: date, *, is_small: bool) -> dict[str, object]:
    """What the page fills in: the figures, of when they are, and whether newer ones failed."""
    found = looked.found
    return {
        "shown": None if found is None else told_health(found, on),
        "known_at_ms": found.known_at_ms if found else 0,
        "failed_at_ms": looked.failed_at_ms,
        "is_small": is_small,
    }


def _listed(work: Work, name: ReportName) -> Listed:
    asked = Asked(as_of(work.today(), work.at_ms), GROUPS.get(name, Group.PRODUCT))
    told = {}
    if name is ReportName.PROVISIONING:
        rules = rulebooks.provisioning_on(work.tx, asked.then.on)
        told["rules version"] = f"{rules.version}"
    return Listed(report(work.tx, name, asked), beside=told)
