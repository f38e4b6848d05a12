"""A frame with two axes, and the escaped pieces of SVG that are drawn inside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup, escape

from server.console.words import short_day, short_month

_NICE = (1, 2, 2.5, 5, 10)
NARROW_PX = 500
LABEL_PX = 15  # what a line of words takes
LETTER_PX = 6.4  # and a letter of it across
FORTNIGHTS_DAYS_MAX = 75  # a shorter span is marked every fourteen days
MARK_PX_HALF = 18  # of a month's name, the longest of all languages


@dataclass(frozen=True, slots=True)
class Frame:
    """Days across, values up; the inner box in user units [px]."""

    first: date
    last: date
    low: float
    high: float
    left: float
    right: float
    top: float
    bottom: float

    def x(self, day: date) -> float:
        """Where a day stands; days outside are held at the edge."""
        span = max((self.last - self.first).days, 1)
        held = min(max((day - self.first).days, 0), span)
        return self.left + (self.right - self.left) * held / span

    def y(self, value: float) -> float:
        """Where a value stands; values outside are held at the edge."""
        held = min(max(value, self.low), self.high)
        span = self.high - self.low or 1.0
        return self.bottom - (self.bottom - self.top) * (held - self.low) / span


@dataclass(frozen=True, slots=True)
class Size:
    """A picture's width, what its values take at the left and its names at the right [px]."""

    width: int
    left: int = 56
    right: int = 16

    @property
    def is_narrow(self) -> bool:
        """Whether it is for a phone."""
        return self.width < NARROW_PX


def picture(width: int, height: int, title: str, body: Iterable[Markup], about: str = "") -> Markup:
    """A whole picture with the sentence that stands for it, and what more there is to say."""
    told = Markup("<desc>{}</desc>").format(about) if about else Markup("")
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" '
        'aria-label="{}"><title>{}</title>{}{}</svg>'
    ).format(width, height, title, title, told, Markup("").join(body))


def wide_or_phone(wide: Markup, phone: Markup) -> Markup:
    """One picture in two sizes; the style sheet shows the one that fits."""
    return Markup('<div class="if-wide">{}</div><div class="if-phone">{}</div>').format(wide, phone)


def text(x: float, y: float, words: str, css: str = "axis-text", anchor: str = "start") -> Markup:
    """Words at a place."""
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>').format(
        x, y, css, anchor, words
    )


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    """A straight line."""
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>').format(
        x1, y1, x2, y2, css
    )


def box(x: float, y: float, width: float, height: float, css: str) -> Markup:
    """A filled box; one without area is left out."""
    if width <= 0 or height <= 0:
        return Markup("")
    return Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="{}"/>').format(
        x, y, width, height, css
    )


def dot(x: float, y: float, radius: float, css: str, words: str = "") -> Markup:
    """A dot that says what it is when it is pointed at."""
    return Markup(
        '<circle cx="{:.1f}" cy="{:.1f}" r="{}" class="{}"><title>{}</title></circle>'
    ).format(x, y, radius, css, words)


def polyline(points: Sequence[tuple[float, float]], css: str) -> Markup:
    """A line through points."""
    return Markup('<polyline points="{}" class="{}"/>').format(_points(points), css)


def polygon(points: Sequence[tuple[float, float]], css: str) -> Markup:
    """A filled outline."""
    return Markup('<polygon points="{}" class="{}"/>').format(_points(points), css)


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def month_marks(frame: Frame) -> list[Markup]:
    """A mark under the frame for each month, or each fortnight of a short span."""
    drawn = [line(frame.left, frame.bottom, frame.right, frame.bottom, "axis")]
    for day in _mark_days(frame.first, frame.last):
        x = frame.x(day)
        drawn.append(line(x, frame.bottom, x, frame.bottom + 5, "axis"))
        words = short_day(day.isoformat()) if day.day != 1 else short_month(day.month)
        at_end = frame.right - x < MARK_PX_HALF  # where a word about its middle would be cut
        drawn.append(text(x, frame.bottom + 19, words, anchor="end" if at_end else "middle"))
    return drawn


def _mark_days(first: date, last: date) -> list[date]:
    if (last - first).days <= FORTNIGHTS_DAYS_MAX:
        count = (last - first).days // 14
        return [first + timedelta(days=14 * i) for i in range(count + 1)]
    days, day = [], first.replace(day=1)
    while day <= last:
        if day >= first:
            days.append(day)
        day = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return days


def value_marks(frame: Frame, values: Sequence[float], words: Sequence[str]) -> list[Markup]:
    """A faint line across the frame for each value, with its words at the left."""
    drawn: list[Markup] = []
    for value, label in zip(values, words, strict=True):
        y = frame.y(value)
        drawn.append(line(frame.left, y, frame.right, y, "grid-line"))
        drawn.append(text(frame.left - 8, y + 4, label, anchor="end"))
    return drawn


def apart(wanted: Sequence[float], low: float, high: float, step: float = LABEL_PX) -> list[float]:
    """Heights for labels near the wanted ones, none nearer to the next than a step.

    They keep their order, and stay within the bounds where there is room for all.
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    found = [0.0] * len(wanted)
    at = low
    for place in order:
        at = found[place] = max(wanted[place], at)
        at += step
    at = high
    for place in reversed(order):
        at = found[place] = min(found[place], at)
        at -= step
    return found


def value_steps(low: float, high: float, count: int = 4) -> list[float]:
    """Round values from at most ``low`` to at least ``high``, about ``count`` of them."""
    span = max(high - low, 1e-9)
    power = 10.0 ** math.floor(math.log10(span / count))
    step = next(n * power for n in _NICE if n * power >= span / count - 1e-12)
    first = math.floor(low / step)
    return [step * i for i in range(first, math.ceil(high / step) + 1)]


def short_number(value: float) -> str:
    """A value of an axis as short as it can be: no nought behind the point."""
    return f"{value:,.1f}".removesuffix(".0").replace("-", "−")


def nice_steps(high: float, count: int = 4) -> list[float]:
    """Round values from 0 to at least ``high``, about ``count`` of them."""
    if high <= 0:
        return [0.0, 1.0]
    raw = high / count
    power = 10.0 ** (len(str(int(raw))) - 1) if raw >= 1 else 0.1
    step = next(n * power for n in _NICE if n * power >= raw)
    return [step * i for i in range(int(-(-high // step)) + 1)]


def safe(words: str) -> Markup:
    """Words, escaped."""
    return escape(words)
