"""What was measured day by day: panels one under the other on the days of a season."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import TypeVar

from markupsafe import Markup

from server.console.figures import canvas
from server.console.figures.canvas import Frame, Size

T = TypeVar("T")
PANEL_PX, HEAD_PX, FOOT_PX, MARK_PX = 118, 34, 30, 14
GAP_DAYS_MAX = 3  # a longer silence breaks a line: nothing is drawn where nothing was told
WEEK_DAYS = 7
BAR_PX_MIN = 3.0  # thinner bars become weeks
# The same place for a day as in the curve's picture above.
_WIDE, _PHONE = Size(960, left=56, right=150), Size(340, left=40, right=6)


@dataclass(frozen=True, slots=True)
class Reading:
    """A day's value; ``thin`` if less than half of its readings came."""

    on: date
    value: float
    thin: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """A day's lowest and highest value."""

    on: date
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity: bars, a line, a band, and days that are marked under it.

    ``words`` names quantity and unit; ``weekly`` stands in its place where bars are sums of
    weeks; ``notes`` stand at its right end where there is room for them.
    """

    words: str
    weekly: str = ""
    bars: tuple[Reading, ...] = ()
    curve: tuple[Reading, ...] = ()
    band: tuple[Range, ...] = ()
    marks: tuple[date, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def values(self) -> list[float]:
        """Every value that is drawn."""
        ends = [value for one in self.band for value in (one.low, one.high)]
        return [*ends, *(one.value for one in (*self.bars, *self.curve))]


def daily_picture(
    panels: Sequence[Panel], span: tuple[date, date], title: str, about: str = ""
) -> Markup:
    """The panels on one scale of days, wide and for a phone."""
    told = [panel for panel in panels if panel.values]
    wide, phone = (_drawn(told, span, (title, about), size) for size in (_WIDE, _PHONE))
    return canvas.wide_or_phone(wide, phone)


def weeks_of(bars: Sequence[Reading]) -> tuple[Reading, ...]:
    """Sums of weeks from Monday; a week is thin if any of its days is."""
    by_week = groupby(
        sorted(bars, key=lambda one: one.on), key=lambda one: one.on - _since_monday(one.on)
    )
    found = []
    for monday, days in by_week:
        week = list(days)
        found.append(Reading(monday, sum(d.value for d in week), any(d.thin for d in week)))
    return tuple(found)


def _since_monday(day: date) -> timedelta:
    return timedelta(days=day.weekday())


def _drawn(
    panels: Sequence[Panel], span: tuple[date, date], words: tuple[str, str], size: Size
) -> Markup:
    top, body = 0.0, list[Markup]()
    frame = None
    for panel in panels:
        high = PANEL_PX + (MARK_PX if panel.marks else 0)
        frame, drawn = _panel(panel, span, (top + HEAD_PX, top + HEAD_PX + PANEL_PX), size)
        body += drawn
        top += HEAD_PX + high + 8
    if frame is not None:
        under = Frame(frame.first, frame.last, 0, 1, frame.left, frame.right, 0, top - 4)
        body += canvas.month_marks(under)
    return canvas.picture(size.width, round(top) + FOOT_PX, words[0], body, words[1])


def _panel(
    panel: Panel, span: tuple[date, date], place: tuple[float, float], size: Size
) -> tuple[Frame, list[Markup]]:
    across = (size.width - size.left - size.right) / max((span[1] - span[0]).days + 1, 1)
    weekly = bool(panel.bars) and across < BAR_PX_MIN
    bars = weeks_of(panel.bars) if weekly else panel.bars
    steps = _steps(panel, bars)
    frame = Frame(*span, steps[0], steps[-1], size.left, size.width - size.right, *place)
    head = panel.weekly if weekly else panel.words
    body = [
        canvas.text(2 if size.is_narrow else 8, place[0] - 14, head, "label-text"),
        *canvas.value_marks(frame, steps, [canvas.short_number(step) for step in steps]),
        *_band(frame, panel.band),
        *_bars(frame, bars, across * (WEEK_DAYS if weekly else 1)),
        *_lines(frame, panel.curve),
        *_marks(frame, panel, across),
        *([] if size.is_narrow else _notes(frame, panel)),
    ]
    return frame, body


def _notes(frame: Frame, panel: Panel) -> list[Markup]:
    """The first note strong, the others under it."""
    return [
        canvas.text(
            frame.right + 10, frame.top + 10 + (canvas.LABEL_PX + 2) * place, words,
            "axis-text" if place else "label-text",
        )
        for place, words in enumerate(panel.notes)
    ]  # fmt: skip


def _steps(panel: Panel, bars: Sequence[Reading]) -> list[float]:
    values = panel.values if not bars else [0.0, *(one.value for one in bars)]
    low, high = min(values), max(values)
    if bars:
        return canvas.value_steps(0.0, max(high, 1.0), 3)
    return canvas.value_steps(low, max(high, low + 1.0), 3)


def _band(frame: Frame, band: Sequence[Range]) -> list[Markup]:
    drawn = []
    for run in _runs([(one.on, one) for one in band]):
        upper = [(frame.x(one.on), frame.y(one.high)) for one in run]
        lower = [(frame.x(one.on), frame.y(one.low)) for one in reversed(run)]
        drawn.append(canvas.polygon([*upper, *lower], "warmth"))
    return drawn


def _bars(frame: Frame, bars: Sequence[Reading], across: float) -> list[Markup]:
    drawn = []
    for one in bars:
        x, y = frame.x(one.on), frame.y(one.value)
        thick = max(1.0, min(across * 0.8, frame.right - x))
        css = "rain thin" if one.thin else "rain"
        drawn.append(canvas.box(x, y, thick, frame.bottom - y, css))
    return drawn


def _lines(frame: Frame, curve: Sequence[Reading]) -> list[Markup]:
    drawn = []
    for run in _runs([(one.on, one) for one in curve]):
        points = [(frame.x(one.on), frame.y(one.value)) for one in run]
        if len(points) == 1:
            drawn.append(canvas.dot(*points[0], 3, "measured-dot"))
        drawn.append(canvas.polyline(points, "measured"))
    return drawn


def _runs(days: Sequence[tuple[date, T]]) -> list[list[T]]:
    """The same in runs without a longer silence between two days."""
    runs: list[list[T]] = []
    before: date | None = None
    for day, one in sorted(days, key=lambda each: each[0]):
        if before is None or (day - before).days > GAP_DAYS_MAX:
            runs.append([])
        runs[-1].append(one)
        before = day
    return runs


def _marks(frame: Frame, panel: Panel, across: float) -> list[Markup]:
    """A strip under the panel: each marked day as a block."""
    return [
        canvas.box(frame.x(day), frame.bottom + 4, max(across, 1.5), 7, "dry-day")
        for day in panel.marks
    ]
