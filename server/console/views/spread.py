"""How the book is spread over crops, villages and weather cells, against its caps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from server.console.figures.bars import Bar, BarRow, bars_picture
from server.console.views.section import Section, Table
from server.console.words import known_code, message, money, number, percent, say
from server.services.reports.spread import ALL
from server.services.reports.table import Cell

LARGEST = 5  # buckets of a dimension that the picture shows; the table has them all
_WORDS = {
    "crop": message("Crop {name}"),
    "village": message("Village {name}"),
    "cell": message("Weather cell {name}"),
}
_ALL = {
    "crop": message("Crop: all"),
    "village": message("Village: all"),
    "cell": message("Weather cell: all"),
}
_LEGEND = (
    ("ifrs-1", message("exposure")),
    ("late-4", message("of it above its cap")),
    ("ifrs-rest", message("free below")),
)

Record = Mapping[str, Cell]


def spread_section(found: Sequence[Record]) -> Section:
    """The picture of the largest buckets, and all of them in numbers."""
    title = say("Concentration by crop, village and weather cell")
    rows, shown = [], dict[tuple[Cell, Cell], int]()
    for row in found:
        place = (row["by"], row["currency"])
        shown[place] = shown.get(place, -1) + 1
        if row["bucket"] != ALL and shown[place] <= LARGEST:
            rows.append(BarRow(_name(row), (_bar(row),)))
    return Section(
        "spread",
        title,
        say(
            "What may come to be owed, with what stations may open: one drought takes a whole "
            "cell. Raises and new lines wait where a bucket has reached its cap; nothing is cut "
            "for it."
        ),
        bars_picture(rows, tuple((css, say(words)) for css, words in _LEGEND), title),
        Table(
            title,
            (
                say("Bucket"),
                say("Lines"),
                say("Exposure"),
                say("Of the book"),
                say("Cap"),
                say("Index (HHI)"),
            ),
            tuple(_told(row) for row in found),
        ),
    )


def _bar(row: Record) -> Bar:
    exposure, cap = int(row["exposure_minor"]), int(row["cap_minor"])
    if not row["stands"]:
        parts: tuple[tuple[str, int], ...] = (("ifrs-1", exposure),)
    else:
        above, free = max(0, exposure - cap), max(0, cap - exposure)
        parts = (("ifrs-1", exposure - above), ("late-4", above), ("ifrs-rest", free))
    return Bar(tuple(part for part in parts if part[1]), _share(row))


def _told(row: Record) -> tuple[str, ...]:
    cap, index = "", ""
    if row["bucket"] == ALL:
        index = number(int(row["hhi_points"]))
    elif not row["stands"]:
        cap = say("none")
    else:
        cap = _money(row, "cap_minor")
        cap = say("{cap}, above", cap=cap) if row["stands"] == "above" else cap
    lines, exposure = number(int(row["lines"])), _money(row, "exposure_minor")
    return _name(row), lines, exposure, _share(row), cap, index


def _name(row: Record) -> str:
    kind = str(row["by"])
    if row["bucket"] == ALL:
        return say(_ALL[kind])
    bucket = str(row["bucket"])
    return say(_WORDS[kind], name=known_code(bucket) if kind == "crop" else bucket)


def _money(row: Record, name: str) -> str:
    return money(int(row[name]), f"{row['currency']}").removesuffix(".00")


def _share(row: Record) -> str:
    return percent(int(row["share_ppm"]))
