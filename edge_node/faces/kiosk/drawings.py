"""Drawings in SVG: banknotes of an amount, the limit over time. Each has words beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup, escape

from core.units import minor_digits
from edge_node.store.lines import LimitStep

WIDTH, HEIGHT, LEFT, BASE, TOP = 640, 170, 12, 164, 16
NOTES_MAX = 12
# What people hold in their hands, largest first [whole units of the currency].
NOTES: dict[str, tuple[int, ...]] = {
    "KES": (1000, 500, 200, 100, 50),
    "TZS": (10_000, 5000, 2000, 1000, 500),
    "UGX": (50_000, 20_000, 10_000, 5000, 2000, 1000),
    "CNY": (100, 50, 20, 10, 5),
}
_NOTES_ELSEWHERE = (100, 50, 20, 10, 5, 1)
COINS = (40, 20, 10, 5, 1)  # [whole units of the currency]


@dataclass(frozen=True, slots=True)
class Note:
    """So many notes of one value; ``rank`` 0 is the largest of its currency."""

    value_minor: int
    count: int
    rank: int


def notes_of(amount_minor: int, currency: str) -> tuple[Note, ...]:
    """An amount in banknotes, largest first; what no note can pay is left out."""
    unit = 10 ** minor_digits(currency)
    found, rest = [], amount_minor
    for rank, value in enumerate(NOTES.get(currency, _NOTES_ELSEWHERE)):
        count, rest = divmod(rest, value * unit)
        if count:
            found.append(Note(value * unit, count, rank))
    return tuple(found)


def note_values(currency: str) -> tuple[int, ...]:
    """The notes and coins of a currency, largest first [minor units]."""
    unit = 10 ** minor_digits(currency)
    notes = NOTES.get(currency, _NOTES_ELSEWHERE)
    return tuple(value * unit for value in (*notes, *(c for c in COINS if c < notes[-1])))


def note_steps(step_minor: int, most_minor: int, currency: str) -> tuple[int, ...]:
    """The notes by which an amount may be built: multiples of the step, within reach."""
    unit = 10 ** minor_digits(currency)
    largest = NOTES.get(currency, _NOTES_ELSEWHERE)[0] * unit
    values = {value * unit for value in NOTES.get(currency, _NOTES_ELSEWHERE)}
    values |= {largest * 5, largest * 10, step_minor}
    fitting = sorted(v for v in values if v % step_minor == 0 and v <= most_minor)
    return tuple(fitting[-4:])


def limit_curve(steps: Sequence[LimitStep], title: str) -> Markup:
    """The limit over time as a staircase; empty when there is nothing to compare."""
    if len(steps) < 2:
        return Markup()
    days = [date.fromisoformat(step.as_of).toordinal() for step in steps]
    span = max(max(days) - min(days), 1)
    most = max(step.limit_minor for step in steps) or 1
    xs = [LEFT + (WIDTH - 2 * LEFT - 40) * (day - min(days)) // span for day in days]
    ys = [BASE - (BASE - TOP) * step.limit_minor // most for step in steps]
    path = f"M{xs[0]} {ys[0]}" + "".join(f" H{x} V{y}" for x, y in zip(xs[1:], ys[1:], strict=True))
    path += f" H{WIDTH - LEFT}"
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="7" class="dot {step.movement}"/>'
        for x, y, step in zip(xs, ys, steps, strict=True)
    )
    area = f"{path} V{BASE} H{xs[0]} Z"
    return Markup(  # noqa: S704  (numbers and enum words only; the title is escaped)
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}"><path class="area" d="{area}"/>'
        f'<path class="step" d="{path}"/><line class="ground" x1="0" y1="{BASE}" x2="{WIDTH}" '
        f'y2="{BASE}"/>{dots}</svg>'
    )
