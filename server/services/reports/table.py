"""What a report is: named columns, and rows that come one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from core.units import PPM

Cell = str | int


class CellKind(Enum):
    """What a column holds."""

    TEXT = "text"
    MINOR = "minor units"  # of the currency in the row's column ``currency``
    COUNT = "count"
    PPM = "ppm"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Column:
    """A column; amounts are whole minor units, shares parts per million."""

    name: str
    kind: CellKind


@dataclass(frozen=True, slots=True)
class Report:
    """A table as of a day; the rows are read once, as they are written out.

    ``about`` is told in the file: which filter was in force, who asked, when.
    """

    name: str
    title: str
    as_of: str
    columns: tuple[Column, ...]
    rows: Iterable[tuple[Cell, ...]]
    about: str = ""

    def records(self) -> Iterator[dict[str, Cell]]:
        """The rows by column name."""
        names = [column.name for column in self.columns]
        for row in self.rows:
            yield dict(zip(names, row, strict=True))


def columns(*named: tuple[str, CellKind]) -> tuple[Column, ...]:
    """Columns from pairs."""
    return tuple(Column(*each) for each in named)


def text(*names: str) -> tuple[Column, ...]:
    """Columns of text."""
    return tuple(Column(name, CellKind.TEXT) for name in names)


def minor(*names: str) -> tuple[Column, ...]:
    """Columns of amounts."""
    return tuple(Column(name, CellKind.MINOR) for name in names)


def count(*names: str) -> tuple[Column, ...]:
    """Columns of counts."""
    return tuple(Column(name, CellKind.COUNT) for name in names)


def ppm(*names: str) -> tuple[Column, ...]:
    """Columns of shares."""
    return tuple(Column(name, CellKind.PPM) for name in names)


def share(part: int, whole: int) -> int:
    """A part of a whole [ppm], rounded down; 0 of nothing."""
    return part * PPM // whole if whole else 0
