"""A list as a file: CSV, XLSX, PDF or GeoJSON, with the filter that was in force told in it.

The file is written row by row beside the answer and sent from there, so that it is whole or
not at all and no list has to fit into memory. Texts that a spreadsheet would run are made
harmless (:mod:`server.services.reports.export`). Every export stands in the trail.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typst
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from core.units import PPM, format_money
from core.wire.personal_data import DataClass
from server.console.desk import Desk, Visitor
from server.console.render import FOLDER, civil, instant
from server.services.centre import RequestError, Work
from server.services.reports.export import Format, write
from server.services.reports.table import Cell, CellKind, Report
from server.store import people
from server.store.engine import NotKnownError

PDF_ROWS_MAX = 5_000
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "geojson": "application/geo+json",
}
_TEMPLATE = "list.typ"
Features = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list that may be exported: its rows as a report, and as shapes where it has any.

    ``filter`` says in words what was asked for; the farmers on it are told of the look.
    """

    report: Report
    filter: str
    features: Features | None = None
    farmer_ids: tuple[str, ...] = ()


def export(
    desk: Desk, request: Request, visitor: Visitor, make: Callable[[Work], Listed]
) -> Response:
    """The file of a list in the form that the address names.

    Raises
    ------
    NotKnownError
        If the list cannot be had in that form.
    RequestError
        If it has more rows than the form can hold.
    """
    form = str(request.path_params["form"])
    if form not in MEDIA:
        raise NotKnownError(f"expected one of {', '.join(MEDIA)}, got {form[:20]!r}")
    with ExitStack() as stack:
        scratch = stack.enter_context(TemporaryDirectory(prefix="harvestline-export-"))
        path = Path(scratch) / f"list.{form}"
        name = _written(desk, visitor, make, (form, path))
        kept = stack.pop_all()  # until it has been sent
    return FileResponse(
        path, media_type=MEDIA[form], filename=name, background=BackgroundTask(kept.close)
    )


def _written(
    desk: Desk, visitor: Visitor, make: Callable[[Work], Listed], where: tuple[str, Path]
) -> str:
    """Write the file; what it is called."""
    form, path = where
    now_ms = desk.centre.now_ms()
    with desk.reading(visitor) as tx:
        found = make(desk.centre.work(tx, now_ms))
        told = f"filter: {found.filter}; by {visitor.username}; {instant(now_ms)}"
        listed = replace(found, report=replace(found.report, about=told))
        rows = _write(listed, form, path)
    shown = f"{found.report.name} {form}"
    desk.saw(visitor, shown, (DataClass.IDENTITY, DataClass.MONEY), *found.farmer_ids, "")
    desk.centre.write(lambda work: _record(work, visitor, found, (form, rows)))
    return f"{found.report.name}-{civil(now_ms)}.{form}"


def _write(listed: Listed, form: str, path: Path) -> int:
    if form in ("csv", "xlsx"):
        return write(listed.report, Format(form), path)
    if form == "pdf":
        return _pdf(listed.report, path)
    if listed.features is None:
        raise NotKnownError(f"expected csv, xlsx or pdf: {listed.report.name} has no shapes")
    return _geojson(listed, path)


def _record(work: Work, visitor: Visitor, listed: Listed, what: tuple[str, int]) -> None:
    detail = {"filter": listed.filter, "form": what[0], "rows": what[1]}
    subject = ("list", listed.report.name)
    people.record(work.tx, work.at_ms, visitor.actor, "list_exported", subject, detail)


def _geojson(listed: Listed, path: Path) -> int:
    head = {"title": listed.report.title, "about": listed.report.about}
    rows = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "harvestline": ')
        file.write(json.dumps(head, ensure_ascii=False) + ', "features": [')
        for feature in listed.features or ():
            file.write(("," if rows else "") + "\n" + json.dumps(feature, ensure_ascii=False))
            rows += 1
        file.write("\n]}\n")
    return rows


def _pdf(report: Report, path: Path) -> int:
    rows = list(islice(iter(report.rows), PDF_ROWS_MAX + 1))
    if len(rows) > PDF_ROWS_MAX:
        raise RequestError(f"expected at most {PDF_ROWS_MAX} rows in a PDF: take CSV or XLSX")
    at = next((i for i, c in enumerate(report.columns) if c.name == "currency"), None)
    told = {
        "title": report.title, "about": report.about, "as_of": report.as_of,
        "columns": [_heading(column.name) for column in report.columns],
        "numbers": [column.kind not in (CellKind.TEXT, CellKind.DAY) for column in report.columns],
        "rows": [
            [_word(cell, report.columns[i].kind, row, at) for i, cell in enumerate(row)]
            for row in rows
        ],
    }  # fmt: skip
    folder = path.parent
    words = (FOLDER / "templates" / _TEMPLATE).read_text(encoding="utf-8")
    (folder / _TEMPLATE).write_text(words, encoding="utf-8")
    (folder / "told.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    try:
        path.write_bytes(bytes(typst.compile(folder / _TEMPLATE, root=folder)))
    except RuntimeError as error:
        raise RequestError(f"expected to set the list: {error}") from error
    return len(rows)


def _heading(name: str) -> str:
    return name.removesuffix("_minor").removesuffix("_ppm").replace("_", " ").capitalize()


def _word(cell: Cell, kind: CellKind, row: tuple[Cell, ...], currency_at: int | None) -> str:
    if kind is CellKind.PPM and isinstance(cell, int):
        return f"{100 * cell / PPM:.1f} %"
    if kind is CellKind.MINOR and isinstance(cell, int) and currency_at is not None:
        currency = str(row[currency_at])
        return format_money(cell, currency).removeprefix(f"{currency} ") if currency else f"{cell}"
    return f"{cell}"
