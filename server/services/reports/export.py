"""A report as text, JSON, CSV, XLSX or Parquet: row by row, whole numbers, nothing that runs.

Amounts stay minor units beside the currency's column. A text that a spreadsheet would take
for a formula is quoted with an apostrophe in CSV (OWASP, "CSV injection") and written as a
string, never as a formula, in XLSX. A file is there whole or not at all.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from core.units import SAFE_INTEGER_MAX, format_money
from server.services.centre import RequestError
from server.services.reports.table import Cell, CellKind, Report
from server.store.whole_files import require_place_for_file

BATCH_ROWS = 10_000
XLSX_ROWS_MAX = 1_048_000  # below what a sheet can hold
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_TEXT_KINDS = (CellKind.TEXT, CellKind.DAY)


class Format(Enum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"

    @property
    def is_binary(self) -> bool:
        """Whether it can only be written into a file."""
        return self in (Format.XLSX, Format.PARQUET)


def write(report: Report, form: Format, out: Path) -> int:
    """Write a report into a file, whole or not at all; how many rows.

    Raises
    ------
    RequestError
        If the file cannot be written, or the format cannot hold so many rows.
    """
    beside = out.with_name(f".{out.name}.part")
    try:
        require_place_for_file(out)
        if form.is_binary:
            rows = {Format.XLSX: _xlsx, Format.PARQUET: _parquet}[form](report, beside)
        else:
            with beside.open("w", encoding="utf-8", newline="") as file:
                rows = print_to(report, form, file)
        beside.replace(out)
    except OSError as error:
        raise RequestError(f"expected to write {out}: {error}") from error
    finally:
        beside.unlink(missing_ok=True)
    return rows


def print_to(report: Report, form: Format, file: TextIO) -> int:
    """Write a report as text, JSON or CSV; how many rows.

    Raises
    ------
    RequestError
        If the format needs a file of its own.
    """
    if form.is_binary:
        raise RequestError(f"expected --out FILE for {form.value}, which is no text")
    writers: dict[Format, Callable[[Report, TextIO], int]] = {
        Format.TEXT: _text,
        Format.JSON: _json,
        Format.CSV: _csv,
    }
    return writers[form](report, file)


def _csv(report: Report, file: TextIO) -> int:
    writer = csv.writer(file, lineterminator="\r\n")
    if report.about:
        writer.writerow([f"# {report.title}: {report.about}"])
    writer.writerow([column.name for column in report.columns])
    rows = 0
    for row in report.rows:
        writer.writerow([harmless(cell) for cell in row])
        rows += 1
    return rows


def harmless(cell: Cell) -> Cell:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return f"'{cell}"
    return cell


def _json(report: Report, file: TextIO) -> int:
    head = {
        "report": report.name,
        "title": report.title,
        "as_of": report.as_of,
        "columns": [{"name": c.name, "kind": c.kind.value} for c in report.columns],
    }
    file.write(json.dumps(head)[:-1] + ', "rows": [')
    rows = 0
    for record in report.records():
        file.write(("," if rows else "") + "\n" + json.dumps(record, ensure_ascii=False))
        rows += 1
    file.write("\n]}\n")
    return rows


def _text(report: Report, file: TextIO) -> int:
    """Aligned by the widest of each run of rows; amounts as people write them."""
    file.write(f"{report.title}, as of {report.as_of}\n")
    names = [_heading(column.name) for column in report.columns]
    kinds = [column.kind for column in report.columns]
    at = next((i for i, c in enumerate(report.columns) if c.name == "currency"), None)
    total = 0
    for run in _runs(report, 1_000):
        shown = [[_word(cell, kinds[i], row, at) for i, cell in enumerate(row)] for row in run]
        widths = [max(len(row[i]) for row in [names, *shown]) for i in range(len(names))]
        heading = [names] if total == 0 else []
        for row in [*heading, *shown]:
            cells = [
                word.ljust(widths[i]) if kinds[i] in _TEXT_KINDS else word.rjust(widths[i])
                for i, word in enumerate(row)
            ]
            file.write("  ".join(cells).rstrip() + "\n")
        total += len(run)
    if total == 0:
        file.write("Nothing to tell.\n")
    return total


def _heading(name: str) -> str:
    return name.removesuffix("_minor").removesuffix("_ppm").replace("_", " ")


def _word(cell: Cell, kind: CellKind, row: tuple[Cell, ...], currency_at: int | None) -> str:
    if kind is CellKind.PPM and isinstance(cell, int):
        return f"{cell / 10_000:.2f} %"
    if kind is CellKind.MINOR and isinstance(cell, int) and currency_at is not None:
        currency = str(row[currency_at])
        return format_money(cell, currency).removeprefix(f"{currency} ")
    return f"{cell}".replace("\n", " ").replace("\t", " ")


def _runs(report: Report, size: int) -> Iterator[list[tuple[Cell, ...]]]:
    rows = iter(report.rows)
    while run := list(islice(rows, size)):
        yield run


def _xlsx(report: Report, path: Path) -> int:
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "tmpdir": f"{path.parent}",
    }
    rows = 0
    with xlsxwriter.Workbook(f"{path}", options) as book:
        sheet = book.add_worksheet(report.name[:31])
        bold, whole = book.add_format({"bold": True}), book.add_format({"num_format": "0"})
        book.set_properties({"title": report.title, "comments": f"as of {report.as_of}"})
        for place, column in enumerate(report.columns):
            sheet.write_string(0, place, column.name, bold)
        sheet.freeze_panes(1, 0)
        for row in report.rows:
            rows += 1
            if rows > XLSX_ROWS_MAX:
                raise RequestError(f"expected at most {XLSX_ROWS_MAX} rows in XLSX: take parquet")
            for place, cell in enumerate(row):
                if isinstance(cell, int) and abs(cell) <= SAFE_INTEGER_MAX:
                    sheet.write_number(rows, place, cell, whole)
                else:
                    sheet.write_string(rows, place, f"{cell}")
        if report.about:
            told = book.add_worksheet("about")
            for line, words in enumerate((report.title, report.about, f"as of {report.as_of}")):
                told.write_string(line, 0, words)
    return rows


def _parquet(report: Report, path: Path) -> int:
    fields = [
        pa.field(
            column.name,
            pa.string() if column.kind in _TEXT_KINDS else pa.int64(),
            nullable=False,
            metadata={"kind": column.kind.value},
        )
        for column in report.columns
    ]
    told = {"report": report.name, "title": report.title, "as_of": report.as_of}
    schema = pa.schema(fields, metadata=told)
    rows = 0
    with pq.ParquetWriter(os.fspath(path), schema, compression="zstd") as writer:
        for run in _runs(report, BATCH_ROWS):
            arrays = [
                pa.array(list(column), type=field.type)
                for column, field in zip(zip(*run, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            rows += len(run)
    return rows
