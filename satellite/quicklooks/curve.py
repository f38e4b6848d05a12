"""A plot's season as one small picture: what each look measured, the curve, the stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from PIL import Image, ImageDraw

from satellite.indices import Index
from satellite.quicklooks.canvas import INK, PAPER, SOFT, Picture, font
from satellite.quicklooks.colours import RAMP, RGB, Scale, scale_of

WIDTH_PX, HEIGHT_PX = 496, 250
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 40, 12, 34, 30
RULE: RGB = (221, 211, 187)
BAND: RGB = (188, 217, 180)
LINE: RGB = (47, 125, 75)
SEASON: RGB = (251, 244, 226)
DOT_PX = 4
VALUE_STEPS = 5
MONTHS_MAX = 13
MARGIN_DAYS = 3


@dataclass(frozen=True, slots=True)
class Dot:
    """One look: its day, the index, and whether it was used."""

    day: date
    value: float
    used: bool


@dataclass(frozen=True, slots=True)
class Band:
    """The smoothed curve: days (ordinals), the index and its 90 % band on each."""

    days: Sequence[int]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class CurveStory:
    """What the picture tells; ``season`` is the declared season's first and last day."""

    title: str
    dots: Sequence[Dot]
    band: Band | None = None
    season: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where days and values lie on the picture [pixels]."""

    first: int
    last: int
    scale: Scale
    width: int
    height: int

    def x(self, day: int) -> float:
        part = (day - self.first) / max(self.last - self.first, 1)
        return LEFT_PX + part * (self.width - LEFT_PX - RIGHT_PX)

    def y(self, value: float) -> float:
        part = (value - self.scale.low) / (self.scale.high - self.scale.low)
        return self.height - BOTTOM_PX - min(max(part, 0), 1) * (self.height - TOP_PX - BOTTOM_PX)


def curve_image(
    story: CurveStory, index: Index, width: int = WIDTH_PX, height: int = HEIGHT_PX
) -> Picture:
    """The picture of a season, ``width`` × ``height`` [pixels]."""
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    days = [dot.day.toordinal() for dot in story.dots]
    days += list(story.band.days) if story.band else []
    days += [day.toordinal() for day in story.season or ()]
    axes = _Axes(
        min(days, default=1) - MARGIN_DAYS,
        max(days, default=2) + MARGIN_DAYS,
        scale_of(index),
        width,
        height,
    )
    if story.season:
        first, last = (axes.x(day.toordinal()) for day in story.season)
        draw.rectangle((first, TOP_PX, last, height - BOTTOM_PX), fill=SEASON)
    _grid(draw, axes)
    if story.band:
        _band(draw, axes, story.band)
    else:
        used = [(axes.x(d.day.toordinal()), axes.y(d.value)) for d in story.dots if d.used]
        draw.line(used, fill=LINE, width=2, joint="curve")
    for dot in story.dots:
        _dot(draw, axes, dot)
    draw.text((6, 8), story.title, fill=INK, font=font(14, bold=True))
    signs = f"{index.name.upper()}, ● used  ○ left out"
    draw.text((width - 8, 10), signs, fill=SOFT, font=font(12), anchor="ra")
    return image


def _grid(draw: ImageDraw.ImageDraw, axes: _Axes) -> None:
    low, high = axes.scale.low, axes.scale.high
    bottom = axes.height - BOTTOM_PX
    for i, colour in enumerate(RAMP):  # the legend of the chips, upright beside the axis
        step = (high - low) / len(RAMP)
        draw.rectangle((LEFT_PX - 8, axes.y(low + (i + 1) * step), LEFT_PX - 3,
                        axes.y(low + i * step)), fill=colour)  # fmt: skip
    for i in range(VALUE_STEPS + 1):
        value = low + (high - low) * i / VALUE_STEPS
        y = axes.y(value)
        draw.line((LEFT_PX, y, axes.width - RIGHT_PX, y), fill=RULE)
        draw.text((LEFT_PX - 12, y), f"{value:.1f}", fill=SOFT, font=font(11), anchor="rm")
    months = _months(axes.first, axes.last)
    every = max(-(-len(months) // MONTHS_MAX), 1)
    for month in months[::every]:
        x = axes.x(month.toordinal())
        draw.line((x, bottom, x, bottom + 4), fill=SOFT)
        text = f"{month:%b}" + (f"\n{month.year}" if month.month <= every else "")
        draw.multiline_text((x, bottom + 5), text, fill=SOFT, font=font(10), anchor="ma",
                            align="center", spacing=0)  # fmt: skip


def _months(first: int, last: int) -> list[date]:
    found: list[date] = []
    day = date.fromordinal(max(first, 1))
    year, month = day.year, day.month
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        start = date(year, month, 1)
        if start.toordinal() > last:
            return found
        found.append(start)


def _band(draw: ImageDraw.ImageDraw, axes: _Axes, band: Band) -> None:
    upper = [(axes.x(d), axes.y(v)) for d, v in zip(band.days, band.high, strict=True)]
    lower = [(axes.x(d), axes.y(v)) for d, v in zip(band.days, band.low, strict=True)]
    if len(upper) > 1:
        draw.polygon([*upper, *reversed(lower)], fill=BAND)
    points = [(axes.x(d), axes.y(v)) for d, v in zip(band.days, band.mean, strict=True)]
    for a, b in pairwise(points):
        draw.line((a, b), fill=LINE, width=2)


def _dot(draw: ImageDraw.ImageDraw, axes: _Axes, dot: Dot) -> None:
    x, y = axes.x(dot.day.toordinal()), axes.y(dot.value)
    box = (x - DOT_PX, y - DOT_PX, x + DOT_PX, y + DOT_PX)
    if dot.used:
        draw.ellipse(box, fill=INK, outline=PAPER)
    else:
        draw.ellipse(box, fill=PAPER, outline=SOFT)
