"""A small figure with two axes as SVG text; values in, marks out, no library."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

INK, SOFT, RULE, PAPER = "#1d2119", "#5a5d4e", "#e4dcc6", "#fffdf8"
FIELD, OCHRE, CLAY, SKY = "#2f7d4b", "#c98a1b", "#b4482e", "#3f6f8f"
LEFT, RIGHT, TOP, BOTTOM = 50, 22, 14, 40
FONT = "'Libertinus Serif',Georgia,serif"
TICKS = 4

Say = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its range, where it is marked, how a value is said, and what it shows."""

    low: float
    high: float
    title: str
    say: Say = "{:g}".format
    marks: tuple[float, ...] | None = None

    def share(self, value: float) -> float:
        """Where a value lies on the axis, 0 to 1."""
        return (value - self.low) / ((self.high - self.low) or 1.0)

    def ticks(self) -> tuple[float, ...]:
        """The values that are written beside it: those given, or round ones."""
        return round_ticks(self.low, self.high) if self.marks is None else self.marks


@dataclass(slots=True)
class Canvas:
    """A figure under way; ``drawn`` is what stands in it so far."""

    across: Axis
    up: Axis
    label: str
    width: int = 340
    height: int = 230
    left: int = LEFT
    drawn: list[str] = field(default_factory=list)

    def x(self, value: float) -> float:
        """Where a value lies across [px]."""
        return self.left + self.across.share(value) * (self.width - self.left - RIGHT)

    def y(self, value: float) -> float:
        """Where a value lies up [px]."""
        return self.height - BOTTOM - self.up.share(value) * (self.height - BOTTOM - TOP)

    def line(
        self, points: Sequence[tuple[float, float]], colour: str, width: float = 2, dash: str = ""
    ) -> None:
        """A line through points."""
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.drawn.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" '
            f'stroke-linejoin="round" stroke-linecap="round"{dashed}/>'
        )

    def area(self, points: Sequence[tuple[float, float]], colour: str, opacity: float) -> None:
        """A filled shape."""
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self.drawn.append(f'<polygon points="{path}" fill="{colour}" fill-opacity="{opacity}"/>')

    def box(
        self, corner: tuple[float, float], other: tuple[float, float], colour: str, opacity: float
    ) -> None:
        """A filled rectangle between two corners."""
        xs = sorted((self.x(corner[0]), self.x(other[0])))
        ys = sorted((self.y(corner[1]), self.y(other[1])))
        self.drawn.append(
            f'<rect x="{xs[0]:.1f}" y="{ys[0]:.1f}" width="{xs[1] - xs[0]:.1f}" '
            f'height="{ys[1] - ys[0]:.1f}" fill="{colour}" fill-opacity="{opacity:.3f}"/>'
        )

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        """A round mark."""
        self.drawn.append(
            f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="{radius:.1f}" fill="{colour}" '
            f'stroke="{PAPER}" stroke-width="1"/>'
        )

    def words(self, x: float, y: float, text: str, **how: str | float) -> None:
        """Words at a place [px]; ``anchor``, ``colour`` and ``size`` [px] change how."""
        self.drawn.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{how.get("anchor", "start")}" '
            f'font-size="{how.get("size", 11)}" fill="{how.get("colour", SOFT)}">'
            f"{escape(text)}</text>"
        )

    def svg(self) -> str:
        """The figure with its frame."""
        parts = [*self._frame(), *self.drawn]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'role="img" aria-label="{escape(self.label)}" font-family="{FONT}">'
            f"{''.join(parts)}</svg>"
        )

    def _frame(self) -> list[str]:
        within, self.drawn = self.drawn, []
        for value in self.up.ticks():
            self.line([(self.across.low, value), (self.across.high, value)], RULE, 0.8)
            self.words(self.left - 6, self.y(value) + 4, self.up.say(value), anchor="end")
        for value in self.across.ticks():
            said = self.across.say(value)
            self.words(self.x(value), self.height - BOTTOM + 15, said, anchor="middle")
        base = self.up.low
        self.line([(self.across.low, base), (self.across.high, base)], SOFT, 0.8)
        middle = (self.left + self.width - RIGHT) / 2
        self.words(middle, self.height - 7, self.across.title, anchor="middle", colour=INK)
        if self.up.title:
            self._aside(self.up.title)
        frame, self.drawn = self.drawn, within
        return frame

    def _aside(self, text: str) -> None:
        middle = (self.height - BOTTOM + TOP) / 2
        self.drawn.append(
            f'<text x="12" y="{middle:.1f}" transform="rotate(-90 12 {middle:.1f})" '
            f'text-anchor="middle" font-size="11" fill="{INK}">{escape(text)}</text>'
        )


def round_ticks(low: float, high: float) -> tuple[float, ...]:
    """About four values that people would choose between two."""
    span = (high - low) or 1.0
    rough = span / TICKS
    unit: float = 10 ** math.floor(math.log10(rough))
    step = next(unit * k for k in (1, 2, 2.5, 5, 10) if unit * k >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(step * i for i in range(first, last + 1))


def percent(share: float) -> str:
    """A share in per cent, without a decimal that says nothing."""
    value = share * 100
    return f"{value:.1f} %" if abs(value - round(value)) > 0.05 else f"{value:.0f} %"


def short(value: float) -> str:
    """A number as it fits under an axis: 12k, 3.5M."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= unit:
            divisor = 1e3 if letter == "k" else unit
            return f"{value / divisor:.3g}{letter}"
    return f"{value:g}"
