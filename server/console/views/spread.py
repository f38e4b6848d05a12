"""How the book is spread over crops, villages and weather cells, against its caps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.units import PPM, format_money
from server.console.figures.bars import Bar, BarRow, bars_picture
from server.console.views.section import Section, Table
from server.services.reports.spread import ALL
from server.services.reports.table import Cell

LARGEST = 5  # buckets of a dimension that the picture shows; the table has them all
_WORDS = {"crop": "Crop", "village": "Village", "cell": "Weather cell"}
_LEGEND = (("ifrs-1", "exposure"), ("late-4", "of it above its cap"), ("ifrs-rest", "free below"))

Record = Mapping[str, Cell]


def spread_section(found: Sequence[Record]) -> Section:
    """The picture of the largest buckets, and all of them in numbers."""
    title = "Concentration by crop, village and weather cell"
    rows, shown = [], dict[tuple[Cell, Cell], int]()
    for row in found:
        place = (row["by"], row["currency"])
        shown[place] = shown.get(place, -1) + 1
        if row["bucket"] != ALL and shown[place] <= LARGEST:
            rows.append(BarRow(f"{_WORDS[str(row['by'])]} {row['bucket']}", (_bar(row),)))
    return Section(
        "spread", title,
        "What may come to be owed, with what stations may open: one drought takes a whole cell. "
        "Raises and new lines wait where a bucket has reached its cap; nothing is cut for it.",
        bars_picture(rows, _LEGEND, title),
        Table(title, ("Bucket", "Lines", "Exposure", "Of the book", "Cap", "Index (HHI)"),
              tuple(_told(row) for row in found)),
    )  # fmt: skip


def _bar(row: Record) -> Bar:
    exposure, cap = int(row["exposure_minor"]), int(row["cap_minor"])
    if not row["stands"]:
        parts: tuple[tuple[str, int], ...] = (("ifrs-1", exposure),)
    else:
        above, free = max(0, exposure - cap), max(0, cap - exposure)
        parts = (("ifrs-1", exposure - above), ("late-4", above), ("ifrs-rest", free))
    return Bar(tuple(part for part in parts if part[1]), _share(row))


def _told(row: Record) -> tuple[str, ...]:
    kind = _WORDS[str(row["by"])]
    if row["bucket"] == ALL:
        name, cap, index = f"{kind}: all", "", f"{int(row['hhi_points']):,}"
    else:
        name, index = f"{kind} {row['bucket']}", ""
        cap = _money(row, "cap_minor") if row["stands"] else "none"
        cap += ", above" if row["stands"] == "above" else ""
    return name, f"{row['lines']}", _money(row, "exposure_minor"), _share(row), cap, index


def _money(row: Record, name: str) -> str:
    return format_money(int(row[name]), f"{row['currency']}").removesuffix(".00")


def _share(row: Record) -> str:
    return f"{100 * int(row['share_ppm']) / PPM:.1f} %"
