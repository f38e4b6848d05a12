"""A stress test in pictures: limits, and what may be expected to fail, by crop and village."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from core.units import PPM
from server.console.figures.bars import Bar, BarRow, bars_picture
from server.console.words import known, money, percent, say
from server.services.stress.run import Cell, Outcome, Side

ROWS_MAX = 14
# A picture that stands alone cannot ask the console's tokens: the same colours, spelled out.
STYLE = (
    "text{font-family:'Noto Sans','Liberation Sans','Libertinus Serif','Noto Sans Devanagari',"
    "'Droid Sans Fallback',sans-serif;font-size:14px;"
    "fill:#1d2119}.axis-text{font-size:13px;fill:#474a3c}.label-text{font-size:14px}"
    ".bar-before{fill:#8d8163}.bar-after{fill:#b3301d}"
)


def risk_picture(outcome: Outcome, *, alone: bool = False) -> Markup:
    """Principal that is late by 90 days, or may be expected to fail, before and after."""
    title = say("{title}: principal at risk by crop and village", title=outcome.scenario.title)
    return _picture(outcome, title, lambda side: side.at_risk_minor, alone=alone)


def limit_picture(outcome: Outcome, *, alone: bool = False) -> Markup:
    """Limits before and after."""
    title = say("{title}: limits by crop and village", title=outcome.scenario.title)
    return _picture(outcome, title, lambda side: side.limit_minor, alone=alone)


def whole_picture(outcome: Outcome) -> Markup:
    """The whole book before and after, by currency: limits, losses, what is at risk."""
    amounts: tuple[tuple[str, Callable[[Side], int]], ...] = (
        (say("Limits"), lambda side: side.limit_minor),
        (say("Could still be drawn"), lambda side: side.drawable_minor),
        (say("Principal at risk"), lambda side: side.at_risk_minor),
        (say("Expected loss"), lambda side: side.expected_loss_minor),
    )
    rows = []
    for cell in outcome.totals:
        several = f" {cell.currency}" if len(outcome.totals) > 1 else ""
        for name, amount in amounts:
            bars = tuple(
                Bar(((css, amount(side)),), _words(amount(side), cell.currency))
                for css, side in (("bar-before", cell.before), ("bar-after", cell.after))
            )
            rows.append(BarRow(f"{name}{several}", bars))
    return bars_picture(rows, _legend(), say("The whole book before and after the shock"))


def worst_cells(outcome: Outcome) -> tuple[Cell, ...]:
    """The crops and villages that lose most, at most as many as a picture holds."""
    ranked = sorted(
        outcome.cells,
        key=lambda cell: (cell.before.at_risk_minor - cell.after.at_risk_minor, cell.crop),
    )
    return tuple(ranked[:ROWS_MAX])


def _picture(outcome: Outcome, title: str, amount: Callable[[Side], int], *, alone: bool) -> Markup:
    rows = [_row(cell, amount) for cell in worst_cells(outcome)]
    return bars_picture(rows, _legend(), title, STYLE if alone else "")


def _legend() -> tuple[tuple[str, str], ...]:
    return (("bar-before", say("as it stands")), ("bar-after", say("after the shock")))


def _row(cell: Cell, amount: Callable[[Side], int]) -> BarRow:
    sides: Sequence[tuple[str, int]] = (
        ("bar-before", amount(cell.before)),
        ("bar-after", amount(cell.after)),
    )
    bars = tuple(Bar(((css, value),), _words(value, cell.currency)) for css, value in sides)
    crop = known(cell.crop)
    return BarRow(f"{crop}, {cell.village}" if cell.village else crop, bars)


def _words(value: int, currency: str) -> str:
    return money(value, currency).removesuffix(".00")


def share(part: int, whole: int) -> str:
    """A share of a whole as people read it, rounded down to whole ppm; a dash of nothing."""
    return percent(part * PPM // whole) if whole else "–"
