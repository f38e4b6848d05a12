"""A line's statement as of any past day, by what was known on another; and as a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.units import civil_date, civil_day
from core.wire.personal_data import DataClass
from server.console.desk import Desk
from server.console.exporting import export
from server.console.reader_lists import Listed
from server.services.centre import MS_PER_MINUTE, RequestError, Work
from server.services.reports.table import Cell, CellKind, Report, columns, minor, text
from server.services.standing import zone_minutes
from server.services.statements import Statement, statement
from server.store import lines, registry
from server.store.engine import Tx
from server.store.lines import Line

_SHOWN = (DataClass.IDENTITY, DataClass.MONEY)


def routes(desk: Desk) -> list[Route]:
    """The statement's addresses."""

    def page(request: Request) -> Response:
        visitor = desk.visitor(request)
        with desk.reading(visitor) as tx:
            line, told = _read(desk, tx, request)
            farmer = registry.find_farmer(tx, line.farmer_id)
        desk.saw(visitor, "statement", _SHOWN, line.farmer_id)
        name = farmer.name if farmer else line.farmer_id
        context = {"line": line, "told": told, "name": name}
        return desk.page(request, "statement.html", context, visitor)

    def file(request: Request) -> Response:
        visitor = desk.visitor(request)
        return export(desk, request, visitor, lambda work: _listed(desk, work, request))

    return [
        Route("/lines/{line_id}/statement", page, methods=["GET"]),
        Route("/lines/{line_id}/statement/export.{form}", file, methods=["GET"]),
    ]


def _read(desk: Desk, tx: Tx, request: Request) -> tuple[Line, Statement]:
    line = lines.get(tx, request.path_params["line_id"])
    today = civil_day(desk.centre.now_ms(), zone_minutes(tx, line.farmer_id) * MS_PER_MINUTE)
    on, known = (_day(request, name, today) for name in ("on", "known_on"))
    return line, statement(tx, line, on, known)


def _day(request: Request, name: str, today: date) -> date:
    text_ = request.query_params.get(name, "")
    found = civil_date(text_) if text_ else today
    if found is None:
        raise RequestError(f"{name}: expected a day as YYYY-MM-DD, got {text_[:40]!r}")
    return found


def _listed(desk: Desk, work: Work, request: Request) -> Listed:
    line, told = _read(desk, work.tx, request)

    def rows() -> Iterator[tuple[Cell, ...]]:
        for row in told.rows:
            owed = row.owed
            yield (
                row.on.isoformat(), row.recorded_on.isoformat(), row.what, told.currency,
                row.amount_minor, owed.principal_minor, owed.interest_minor, owed.fee_minor,
                owed.penalty_minor, owed.total_minor,
            )  # fmt: skip

    named = (
        *columns(("on", CellKind.DAY), ("recorded_on", CellKind.DAY)), *text("what", "currency"),
        *minor("amount_minor", "principal_minor", "interest_minor", "fee_minor",
               "penalty_minor", "owed_minor"),
    )  # fmt: skip
    title = f"Statement of line {line.line_id}"
    report = Report("statement", title, told.on.isoformat(), named, rows())
    asked = {"facts up to": f"{told.on}", "as known on": f"{told.known_on}"}
    titled = {"line": line.line_id}
    return Listed(report, asked, title=titled, farmer_ids=(line.farmer_id,))
