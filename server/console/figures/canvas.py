"""A frame with two axes, and the escaped pieces of SVG that are drawn inside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup, escape

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NICE = (1, 2, 2.5, 5, 10)
FORTNIGHTS_DAYS_MAX = 75  # a shorter span is marked every fourteen days


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


def picture(width: int, height: int, title: str, body: Iterable[Markup]) -> Markup:
    """A whole picture with the sentence that stands for it."""
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" '
        'aria-label="{}"><title>{}</title>{}</svg>'
    ).format(width, height, title, title, Markup("").join(body))


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
        words = f"{day.day} {_MONTHS[day.month - 1]}" if day.day != 1 else _MONTHS[day.month - 1]
        drawn.append(text(x, frame.bottom + 19, words, anchor="middle"))
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


def nice_steps(high: float, count: int = 4) -> list[float]:
    """Round values from 0 to at least ``high``, about ``count`` of them."""
    if high <= 0:
        return [0.0, 1.0]
    raw = high / count
    power = 10.0 ** (len(str(int(raw))) - 1) if raw >= 1 else 0.1
    step = next(n * power for n in _NICE if n * power >= raw)
    return [step * i for i in range(int(-(-high // step)) + 1)]


def short_day(day: str) -> str:
    """``2026-05-20`` as people of the field write it: ``20 May``."""
    found = date.fromisoformat(day)
    return f"{found.day} {_MONTHS[found.month - 1]}"


def long_day(day: str) -> str:
    """``2026-05-20`` as ``20 May 2026``."""
    return f"{short_day(day)} {day[:4]}"


def safe(words: str) -> Markup:
    """Words, escaped."""
    return escape(words)
