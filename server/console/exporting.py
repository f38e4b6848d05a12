"""A list as a file: CSV, XLSX, PDF or GeoJSON, with the filter that was in force told in it.

CSV and GeoJSON are for programs, with the records' own names and codes whoever asks; XLSX and
PDF are for readers, in their language (:mod:`server.console.reader_lists`).

The file is written row by row beside the answer and sent from there, so that it is whole or
not at all and no list has to fit into memory. Texts that a spreadsheet would run are made
harmless (:mod:`server.services.reports.export`). Every export stands in the trail.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from core.wire.personal_data import DataClass
from server.console.desk import Desk, Visitor
from server.console.printing import typeset
from server.console.reader_lists import Listed, ReaderList, reader_list, word
from server.console.render import civil, instant
from server.console.sheet import write_sheet
from server.console.words import language, say, speaking
from server.services.centre import RequestError, Work
from server.services.reports.export import Format, write
from server.services.reports.table import CellKind
from server.store import people
from server.store.engine import NotKnownError

PDF_ROWS_MAX = 5_000
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "geojson": "application/geo+json",
}
FOR_PROGRAMS = ("csv", "geojson")  # in English, whoever asks
_TEMPLATE = "list.typ"
_LONG = re.compile(r"[\w-]{12}(?=[\w-])", re.ASCII)
_MAY_BREAK = "\u200b"


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
    form = where[0]
    now_ms = desk.centre.now_ms()
    with desk.reading(visitor) as tx, speaking("en" if form in FOR_PROGRAMS else language()):
        listed = make(desk.centre.work(tx, now_ms))
        rows = _write(listed, where, visitor.username, instant(now_ms))
    shown = f"{listed.report.name} {form}"
    desk.saw(visitor, shown, (DataClass.IDENTITY, DataClass.MONEY), *listed.farmer_ids, "")
    desk.centre.write(lambda work: _record(work, visitor, listed, (form, rows)))
    return f"{listed.report.name}-{civil(now_ms)}.{form}"


def _write(listed: Listed, where: tuple[str, Path], by: str, when: str) -> int:
    form, path = where
    if form == "xlsx":
        return write_sheet(reader_list(listed, by, when), path)
    if form == "pdf":
        return _pdf(reader_list(listed, by, when), path)
    about = f"filter: {listed.filter}; by {by}; {when}"
    told = replace(listed, report=replace(listed.report, about=about))
    if form == "csv":
        return write(told.report, Format.CSV, path)
    if listed.features is None:
        raise NotKnownError(f"expected csv, xlsx or pdf: {listed.report.name} has no shapes")
    return _geojson(told, path)


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


def _pdf(shown: ReaderList, path: Path) -> int:
    rows = list(islice(shown.rows, PDF_ROWS_MAX + 1))
    if len(rows) > PDF_ROWS_MAX:
        raise RequestError(f"expected at most {PDF_ROWS_MAX} rows in a PDF: take CSV or XLSX")
    told = {
        "title": shown.title,
        "about": " ".join(shown.about),
        "columns": shown.headings,
        "numbers": [kind not in (CellKind.TEXT, CellKind.DAY) for kind in shown.kinds],
        "rows": [[_breaking(word(shown, row, place)) for place in range(len(row))] for row in rows],
        "nothing": say("Nothing is in the list."),
    }
    path.write_bytes(typeset(_TEMPLATE, told, path.parent))
    return len(rows)


def _breaking(text: str) -> str:
    """A text whose ids and hashes may go on in the next line of their cell."""
    return _LONG.sub(lambda found: found[0] + _MAY_BREAK, text)
