"""How a line's limit moved, with what was drawn and leased under it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from core.units import minor_digits
from server.console.figures import canvas
from server.console.figures.canvas import Frame
from server.console.words import code, money, say, short_day

HEIGHT = 340
WIDE, PHONE = canvas.Size(960, 84, 18), canvas.Size(340, 60, 12)
MARKER_PX = 10  # a marker's radius
BAR_WIDTH, BAR_HEIGHT = 200, 12


@dataclass(frozen=True, slots=True)
class Step:
    """From this day on, an amount [minor units]."""

    on: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Marker:
    """A numbered movement on the limit's line."""

    number: int
    on: str
    amount_minor: int
    movement: str


@dataclass(frozen=True, slots=True)
class LimitStory:
    """All that the picture shows; ``until`` is today, or the day that the line closed."""

    currency: str
    limits: tuple[Step, ...]
    drawn: tuple[Step, ...]
    leased: tuple[Step, ...]
    markers: tuple[Marker, ...]
    until: str


def limit_picture(story: LimitStory, title: str) -> Markup:
    """The limit in steps, drawn and leased below it, movements as numbers; wide and for a phone."""
    return canvas.wide_or_phone(_drawn(story, title, WIDE), _drawn(story, title, PHONE))


def _drawn(story: LimitStory, title: str, size: canvas.Size) -> Markup:
    until = date.fromisoformat(story.until)
    first = date.fromisoformat(story.limits[0].on)
    last = max(until, first + timedelta(days=21))
    scale = 10 ** minor_digits(story.currency)
    top = max(
        [s.amount_minor for s in story.limits]
        + [d.amount_minor + _at(story.leased, d.on) for d in story.drawn]
    )
    steps = canvas.nice_steps(top / scale * 1.1)
    frame = Frame(
        first - timedelta(days=2), last, 0.0, steps[-1] * scale,
        size.left, size.width - size.right, 30, HEIGHT - 32,
    )  # fmt: skip
    days = sorted({s.on for s in (*story.drawn, *story.leased)})
    stacked = tuple(Step(day, _at(story.drawn, day) + _at(story.leased, day)) for day in days)
    body = [
        canvas.text(8, 16, story.currency, "label-text"),
        canvas.polygon(_area(frame, story.limits, until), "limit-area"),
        canvas.polygon(_area(frame, stacked, until), "leased-area"),
        canvas.polygon(_area(frame, story.drawn, until), "drawn-area"),
        *canvas.value_marks(frame, [s * scale for s in steps], [f"{s:,.0f}" for s in steps]),
        canvas.polyline(_corners(frame, story.limits, until), "limit-line"),
        *_markers(frame, story),
        *canvas.month_marks(frame),
    ]
    return canvas.picture(size.width, HEIGHT, title, body)


def _at(steps: Sequence[Step], day: str) -> int:
    return next((s.amount_minor for s in reversed(steps) if s.on <= day), 0)


def _corners(frame: Frame, steps: Sequence[Step], until: date) -> list[tuple[float, float]]:
    if not steps:
        return []  # nobody drew yet, or nothing is leased
    corners: list[tuple[float, float]] = []
    ends = [*(date.fromisoformat(s.on) for s in steps[1:]), until]
    for step, end in zip(steps, ends, strict=True):
        y = frame.y(step.amount_minor)
        corners += [(frame.x(date.fromisoformat(step.on)), y), (frame.x(end), y)]
    return corners


def _area(frame: Frame, steps: Sequence[Step], until: date) -> list[tuple[float, float]]:
    corners = _corners(frame, steps, until)
    if not corners:
        return []
    return [(corners[0][0], frame.bottom), *corners, (corners[-1][0], frame.bottom)]


def _markers(frame: Frame, story: LimitStory) -> list[Markup]:
    """Each movement's number; one that would hide another's is left to the list below."""
    drawn: list[Markup] = []
    before = (-math.inf, -math.inf)
    for marker in story.markers:
        x, y = frame.x(date.fromisoformat(marker.on)), frame.y(marker.amount_minor)
        if math.dist(before, (x, y)) < MARKER_PX:
            continue
        before = (x, y)
        words = say(
            "{number}: {movement} {day}, {amount}",
            number=f"{marker.number}",
            movement=code(marker.movement),
            day=short_day(marker.on),
            amount=money(marker.amount_minor, story.currency),
        )
        drawn.append(canvas.dot(x, y, MARKER_PX, f"dot-{marker.movement}", words))
        drawn.append(canvas.text(x, y + 4, str(marker.number), "dot-text", "middle"))
    return drawn


def split_bar(limit_minor: int, drawn_minor: int, leased_minor: int) -> Markup:
    """A small bar: what is drawn and leased of a limit. The figures stand beside it."""
    whole = max(limit_minor, drawn_minor + leased_minor, 1)
    drawn, leased = BAR_WIDTH * drawn_minor / whole, BAR_WIDTH * leased_minor / whole
    return _bar(
        "split",
        [
            canvas.box(0, 0, BAR_WIDTH * limit_minor / whole, BAR_HEIGHT, "tone-limit"),
            canvas.box(0, 0, drawn, BAR_HEIGHT, "tone-drawn"),
            canvas.box(drawn, 0, leased, BAR_HEIGHT, "tone-leased"),
        ],
    )


def meter(share: float, css: str = "meter-fill") -> Markup:
    """A small bar that is filled to a share [0–1]."""
    width = BAR_WIDTH * min(max(share, 0.0), 1.0)
    track = canvas.box(0, 0, BAR_WIDTH, BAR_HEIGHT, "meter-track")
    return _bar("meter", [track, canvas.box(0, 0, width, BAR_HEIGHT, css)])


def points_bar(points: int, most: int) -> Markup:
    """Points won to the right of the middle, lost to the left."""
    half = BAR_WIDTH / 2
    width = half * min(abs(points) / max(most, 1), 1.0)
    start = half if points >= 0 else half - width
    css = "points-won" if points >= 0 else "points-lost"
    return _bar(
        "meter",
        [
            canvas.box(0, 0, BAR_WIDTH, BAR_HEIGHT, "meter-track"),
            canvas.box(start, 0, width, BAR_HEIGHT, css),
            canvas.line(half, 0, half, BAR_HEIGHT, "axis"),
        ],
    )


def _bar(css: str, body: Sequence[Markup]) -> Markup:
    """A bar that stretches with its cell and says nothing to a screen reader."""
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(css, BAR_WIDTH, BAR_HEIGHT, Markup("").join(body))
