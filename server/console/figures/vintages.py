"""Vintages as curves: months since opening across, the share that is late up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from core.units import PPM
from server.console.figures import canvas
from server.console.words import say

TOP, BOTTOM, LEFT = 20, 42, 48
MARK_PX_MIN = 26  # two months' numbers stand so far apart at least
LINES_MAX = 12
MONTHS_MIN = 3
STYLES = 6  # so many ways in which a curve is drawn


@dataclass(frozen=True, slots=True)
class Vintage:
    """Loans of a month: pairs of months since opening and the late share [ppm]."""

    name: str
    points: tuple[tuple[int, int], ...]


def vintages_picture(vintages: Sequence[Vintage], title: str) -> Markup:
    """A curve for each of the newest vintages, named at its end; wide, and for a phone."""
    return canvas.wide_or_phone(
        _drawn(vintages, title, _Size(960, 300, 150)), _drawn(vintages, title, _Size(340, 300, 112))
    )


@dataclass(frozen=True, slots=True)
class _Size:
    """A picture's size, and what its names take at the right [px]."""

    width: int
    height: int
    right: int


def _drawn(vintages: Sequence[Vintage], title: str, size: _Size) -> Markup:
    shown = list(vintages)[-LINES_MAX:]
    months = max([MONTHS_MIN, *(point[0] for each in shown for point in each.points)])
    most = max([1, *(point[1] for each in shown for point in each.points)])
    steps = canvas.nice_steps(max(4.0, 100.0 * most / PPM))
    wide, high = size.width - LEFT - size.right, size.height - TOP - BOTTOM

    def place(month: int, ppm: int) -> tuple[float, float]:
        return LEFT + wide * month / months, TOP + high * (1 - 100 * ppm / PPM / steps[-1])

    body: list[Markup] = []
    for step in steps:
        y = TOP + high * (1 - step / steps[-1])
        body.append(canvas.line(LEFT, y, LEFT + wide, y, "grid-line"))
        body.append(canvas.text(LEFT - 8, y + 4, f"{step:g} %", anchor="end"))
    every = max(1, -(-months * MARK_PX_MIN // wide))
    for month in range(0, months + 1, every):
        x, bottom = LEFT + wide * month / months, TOP + high
        body.append(canvas.line(x, bottom, x, bottom + 5, "axis"))
        body.append(canvas.text(x, bottom + 19, f"{month}", anchor="middle"))
    body.append(
        canvas.text(LEFT + wide / 2, size.height - 6, say("months since opening"), anchor="middle")
    )
    ends: list[float] = []
    for number, each in enumerate(shown):
        points = [place(*point) for point in each.points]
        css = f"vintage vintage-{number % STYLES}"
        body.append(canvas.polyline(points, css))
        x, y = points[-1]
        label = _free(ends, y)
        ends.append(label)
        body.append(canvas.dot(x, y, 4, f"vintage-end vintage-end-{number % STYLES}", each.name))
        body.append(canvas.text(LEFT + wide + 12, label + 4, each.name))
    return canvas.picture(size.width, size.height, title, body)


def _free(taken: Sequence[float], wanted: float) -> float:
    """A height for a label at which no other stands."""
    y, step = wanted, 16 if wanted < TOP + 16 * LINES_MAX else -16
    while any(abs(y - other) < abs(step) for other in taken):
        y += step
    return y
