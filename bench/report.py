"""What a bench hands back: a table to read, a note on how, and lines for the README."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the README's table: what was measured, and the peer or limit beside it."""

    what: str
    value: str
    beside: str


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one bench.

    Parameters
    ----------
    title
        What is compared.
    headings, rows
        The table.
    note
        How it was measured, and what it does not say.
    figures
        The README's lines.
    numbers
        Every value unrounded, for programs; the name ends in its unit.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    figures: tuple[Figure, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)

    def markdown(self) -> str:
        """The table with its title and note."""
        return (
            f"## {self.title}\n\n{table(self.headings, self.rows)}\n\n{self.note}".rstrip() + "\n"
        )


def report_of(found: Mapping[str, Any]) -> Report:
    """A report as it was written to a JSON file."""
    return Report(
        title=found["title"],
        headings=tuple(found["headings"]),
        rows=tuple(tuple(row) for row in found["rows"]),
        note=found["note"],
        figures=tuple(Figure(**figure) for figure in found["figures"]),
        numbers=found["numbers"],
    )


def as_json(report: Report) -> dict[str, Any]:
    """A report as plain values."""
    return dataclasses.asdict(report)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns padded so that it reads well on a terminal too."""
    widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]

    def line(cells: Sequence[str]) -> str:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        return f"| {' | '.join(padded)} |"

    return "\n".join([line(headings), line(["-" * width for width in widths]), *map(line, rows)])


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to measure, and where.

    Parameters
    ----------
    scratch
        A folder of this run, deleted afterwards; the told village is shared in it.
    repeats
        Each figure is the median of so many.
    days
        How much of a season the village has behind it [d].
    village
        A village that was told before, to spare the telling; None to tell one.
    lines
        How many lines a book holds, where a bench measures books of more than one size.
    """

    scratch: Path
    repeats: int
    days: int
    village: Path | None = None
    lines: tuple[int, ...] = ()
