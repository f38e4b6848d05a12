"""A list as its reader has it, as XLSX or PDF: headings, codes, numbers and days in their language.

CSV and GeoJSON are for programs: they keep the records' own names and codes, in English, whoever
asks. Here every heading is said; a text that is a code of the records or one of our own
sentences is, too; names, ids and what a lender wrote stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from core.lending.terms import CashMonth
from core.units import civil_date
from server.console.list_words import FILTERS, HEADINGS, TITLES, WHOLE
from server.console.words import (
    cash_months,
    code,
    fact,
    figure,
    known_code,
    long_day,
    number,
    percent,
    say,
)
from server.services.reports.table import Cell, CellKind, Column, Report

# Columns that the records keep as text, for some rows have none, and that hold a day or a share.
_DAYS = frozenset({"at", "raised_on", "moved_on", "due_on", "last_clear_on"})
_SHARES = ("_ppm", "_ppm_of_normal")
_COUNTS = ("_kg_per_ha",)
# Columns whose texts are ids or free words: nothing in them is a code, however it reads.
_VERBATIM = frozenset({
    "line", "application", "plot", "plot_or_line", "item", "evidence", "sha256", "hash", "user",
    "subject", "name", "owner", "farmer", "person", "software", "currency", "season", "actor",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listed:
    """A list that may be exported: its rows as a report, and as shapes where it has any.

    ``asked`` is what the list was asked for, by the names of its filter; ``whole`` names it where
    nothing was. ``title`` fills the list's title, and ``beside`` is told to readers besides. The
    farmers on it are told of the look.
    """

    report: Report
    asked: Mapping[str, str] = field(default_factory=dict)
    whole: str = "all"
    title: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    features: Iterable[Mapping[str, object]] | None = None
    farmer_ids: tuple[str, ...] = ()

    @property
    def filter(self) -> str:
        """What was asked for, as the trail and CSV have it."""
        return ", ".join(f"{name} {value}" for name, value in self.asked.items()) or self.whole


@dataclass(frozen=True, slots=True)
class ReaderList:
    """A list in the language that is spoken now; its rows are read once.

    Texts are in words already, days are dates as in the records; amounts, shares and counts are
    whole numbers still, for a sheet to hold as numbers and :func:`word` to spell.
    """

    title: str
    about: tuple[str, ...]
    headings: tuple[str, ...]
    kinds: tuple[CellKind, ...]
    currency_at: int | None
    rows: Iterator[tuple[Cell, ...]]


def reader_list(listed: Listed, by: str, when: str) -> ReaderList:
    """A list for whoever reads it: who asked for it and when is told in it."""
    report = listed.report
    kinds = tuple(_kind(column) for column in report.columns)
    says = [_saying(column) for column in report.columns]
    return ReaderList(
        title=_title(listed),
        about=(
            say("As of {day}.", day=long_day(report.as_of)),
            say("Shown: {filter}.", filter=_filter(listed)),
            say("Made for {name}, {when}.", name=by, when=when),
        ),
        headings=tuple(heading(column.name) for column in report.columns),
        kinds=kinds,
        currency_at=next((i for i, c in enumerate(report.columns) if c.name == "currency"), None),
        rows=(
            tuple(told(cell) if isinstance(cell, str) else cell
                  for told, cell in zip(says, row, strict=True))
            for row in report.rows
        ),
    )  # fmt: skip


def heading(name: str) -> str:
    """What a column is called."""
    return say(HEADINGS[name])


def word(shown: ReaderList, row: tuple[Cell, ...], place: int) -> str:
    """A cell in words and figures."""
    cell, kind = row[place], shown.kinds[place]
    if isinstance(cell, str):
        return long_day(cell) if kind is CellKind.DAY and civil_date(cell) else cell
    currency = str(row[shown.currency_at]) if shown.currency_at is not None else ""
    if kind is CellKind.PPM:
        return percent(cell)
    if kind is CellKind.MINOR and currency:
        return figure(cell, currency)
    return number(cell)


def facts(detail: Mapping[str, object]) -> str:
    """The facts of a line of the trail; what is no text is spelt as JSON."""
    told = {code(name): value for name, value in detail.items() if value != ""}
    return "; ".join(f"{name}: {fact(value)}" for name, value in told.items())


def _kind(column: Column) -> CellKind:
    if column.kind is not CellKind.TEXT:
        return column.kind
    if column.name in _DAYS:
        return CellKind.DAY
    if column.name.endswith(_SHARES):
        return CellKind.PPM
    return CellKind.COUNT if column.name.endswith(_COUNTS) else CellKind.TEXT


def _saying(column: Column) -> Callable[[str], str]:
    """How the texts of a column are said."""
    if column.kind is not CellKind.TEXT or column.name in _VERBATIM:
        return str
    if column.name == "own_months":
        return _months
    if column.name == "detail":
        return lambda text: facts(json.loads(text))
    return known_code


def _months(text: str) -> str:
    """``6=1 8=2`` as people read it; the records keep it so."""
    told = (each.partition("=") for each in text.split())
    return cash_months([CashMonth(int(month), int(weight)) for month, _, weight in told])


def _title(listed: Listed) -> str:
    wanted = TITLES.get(listed.report.name)
    return say(wanted, **listed.title) if wanted else listed.report.title


def _filter(listed: Listed) -> str:
    asked, beside = _named(listed.asked), _named(listed.beside)
    return "; ".join([*(asked or [say(WHOLE.get(listed.whole, listed.whole))]), *beside])


def _named(told: Mapping[str, str]) -> list[str]:
    return [f"{say(FILTERS[name])}: {known_code(value)}" for name, value in told.items()]
