"""A list as a spreadsheet for its reader: money, shares and days as a spreadsheet's own.

An amount is a number in its currency's unit, exact from its minor units; how it is grouped and
how a day is spelt is the number format of the cell, in the reader's language wherever the file
is opened. Texts are strings and never formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import xlsxwriter

from core.units import PPM, SAFE_INTEGER_MAX, civil_date, minor_digits
from server.console.reader_lists import ReaderList
from server.console.words import language, say
from server.services.centre import RequestError
from server.services.reports.export import XLSX_ROWS_MAX
from server.services.reports.table import Cell, CellKind

NAME_CHARACTERS_MAX = 31  # of a sheet, as spreadsheets have it
CELL_CHARACTERS_MAX = 32_767  # likewise
_NOT_IN_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\'"))
_WIDTH_MAX = 48  # of a column [characters]
# CLDR's long days in a spreadsheet's letters; the number is the locale whose months it spells
# ([MS-LCID]).
_DAYS: Mapping[str, str] = {
    "sw": "[$-441]d mmmm yyyy",
    "hi": "[$-439]d mmmm yyyy",
    "zh": '[$-804]yyyy"年"m"月"d"日"',
    "mn": '[$-450]yyyy "оны" m"-р сарын" d',
}
_DAY = "d mmm yyyy"
# Of India: lakhs and crores; a spreadsheet groups by thousands only, so each size has its form.
_LAKHS = r"[>=10000000]##\,##\,##\,##0{tail};[>=100000]##\,##\,##0{tail};#,##0{tail}"


def write_sheet(shown: ReaderList, path: Path) -> int:
    """Write a list as XLSX; how many rows.

    Raises
    ------
    RequestError
        If it has more rows than a sheet can hold.
    """
    options = {
        "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
        "tmpdir": f"{path.parent}",
    }  # fmt: skip
    with xlsxwriter.Workbook(f"{path}", options) as book:
        book.set_properties({"title": shown.title, "comments": "\n".join(shown.about)})
        return _List(book, shown).write()


class _List:
    """The list's sheet, and one that tells what it is."""

    def __init__(self, book: xlsxwriter.Workbook, shown: ReaderList) -> None:
        self._book, self._shown = book, shown
        self._formats: dict[str, xlsxwriter.format.Format] = {}
        self._sheet = book.add_worksheet(_name(shown.title))

    def write(self) -> int:
        """Write both; how many rows."""
        shown, rows = self._shown, 0
        bold = self._book.add_format({"bold": True})
        for place, heading in enumerate(shown.headings):
            self._sheet.set_column(place, place, self._width(place))
            self._sheet.write_string(0, place, heading, bold)
        self._sheet.freeze_panes(1, 0)
        for row in shown.rows:
            rows += 1
            if rows > XLSX_ROWS_MAX:
                raise RequestError(f"expected at most {XLSX_ROWS_MAX} rows in XLSX: take CSV")
            for place, cell in enumerate(row):
                self._write_cell(rows, place, cell, self._currency(row))
        told = self._book.add_worksheet(_name(say("About this list")))
        for line, words in enumerate((shown.title, *shown.about)):
            told.write_string(line, 0, words)
        return rows

    def _width(self, place: int) -> int:
        return min(_WIDTH_MAX, max(12, len(self._shown.headings[place]) + 2))

    def _currency(self, row: tuple[Cell, ...]) -> str:
        at = self._shown.currency_at
        return "" if at is None else str(row[at])

    def _write_cell(self, line: int, place: int, cell: Cell, currency: str) -> None:
        kind = self._shown.kinds[place]
        if isinstance(cell, str):
            day = civil_date(cell) if kind is CellKind.DAY else None
            if day is None:
                self._sheet.write_string(line, place, cell[:CELL_CHARACTERS_MAX])
            else:
                self._sheet.write_datetime(line, place, day, self._format(_day()))
        elif abs(cell) > SAFE_INTEGER_MAX:  # a spreadsheet would round it
            self._sheet.write_string(line, place, f"{cell}")
        else:
            value, spelt = _number(cell, kind, currency)
            self._sheet.write_number(line, place, value, self._format(spelt))

    def _format(self, spelt: str) -> xlsxwriter.format.Format:
        if spelt not in self._formats:
            self._formats[spelt] = self._book.add_format({"num_format": spelt})
        return self._formats[spelt]


def _number(cell: int, kind: CellKind, currency: str) -> tuple[Decimal, str]:
    """A number's value and its format; nothing is rounded."""
    if kind is CellKind.PPM:
        return Decimal(cell) / PPM, "0.0%"
    digits = minor_digits(currency) if kind is CellKind.MINOR and currency else 0
    return Decimal(cell).scaleb(-digits), _grouped(f".{'0' * digits}" if digits else "")


def _grouped(tail: str) -> str:
    return _LAKHS.format(tail=tail) if language() == "hi" else f"#,##0{tail}"


def _day() -> str:
    return _DAYS.get(language(), _DAY)


def _name(title: str) -> str:
    """A title as a sheet may be named."""
    return title.translate(_NOT_IN_NAMES).strip()[:NAME_CHARACTERS_MAX] or "1"
