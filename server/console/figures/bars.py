"""Bars side by side or one on the other, with their sums in words: for money and for shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

from markupsafe import Markup

from server.console.figures import canvas

BAR_HEIGHT = 15
# What a letter of a legend takes across, and one of Chinese: bold in the sun, larger on a tablet.
LETTER_PX, WIDE_LETTER_PX = 9.8, 17
LEGEND_ROW_PX = 24


@dataclass(frozen=True, slots=True)
class _Layout:
    """Sizes of a picture [px]; on a phone a row's name stands over its bars."""

    width: int
    left: int
    right: int
    name_high: int
    bar_high: int
    words_max: int

    def row_high(self, row: BarRow) -> float:
        """How high a row is."""
        bars = max(1, len(row.bars))
        return self.name_high + 8 + max(38 if not self.name_high else 0, self.bar_high * bars)


_WIDE = _Layout(width=960, left=250, right=150, name_high=0, bar_high=19, words_max=32)
_PHONE = _Layout(width=340, left=2, right=128, name_high=22, bar_high=20, words_max=40)


@dataclass(frozen=True, slots=True)
class BarRow:
    """A row of bars: its name, and each bar's parts and words; ``css`` names a part's class."""

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: parts one after the other as class and value, and what stands at its end."""

    parts: tuple[tuple[str, int], ...]
    words: str

    @property
    def total(self) -> int:
        """The whole length."""
        return sum(value for _, value in self.parts)


def bars_picture(
    rows: Sequence[BarRow], legend: Sequence[tuple[str, str]], title: str, style: str = ""
) -> Markup:
    """Rows of bars on one scale, with a legend of class and words on top.

    Parameters
    ----------
    style
        A stylesheet for a picture that stands alone, outside the console's pages.
    """
    wide = _drawn(_WIDE, rows, legend, title, style)
    if style:
        return wide
    phone = _drawn(_PHONE, rows, legend, title, style)
    return canvas.wide_or_phone(wide, phone)


def _drawn(
    layout: _Layout,
    rows: Sequence[BarRow],
    legend: Sequence[tuple[str, str]],
    title: str,
    style: str,
) -> Markup:
    most = max((bar.total for row in rows for bar in row.bars), default=0) or 1
    drawn, top = _legend(layout, legend)
    body = [_style(style), *drawn]
    for row in rows:
        body += _row(layout, row, top, most)
        top += layout.row_high(row)
    return canvas.picture(layout.width, round(max(top, layout.bar_high * 2)) + 8, title, body)


def _style(text: str) -> Markup:
    return Markup("<style>{}</style>").format(Markup(text)) if text else Markup("")  # noqa: S704 - our own constant


def _letter_px(letter: str) -> float:
    return WIDE_LETTER_PX if east_asian_width(letter) in "WF" else LETTER_PX


def _legend(layout: _Layout, legend: Sequence[tuple[str, str]]) -> tuple[list[Markup], float]:
    """Keys and words, on as many rows as they need; and where the bars begin."""
    drawn: list[Markup] = []
    x, y = float(layout.left), 8.0
    for css, words in legend:
        across = 34 + sum(map(_letter_px, words))
        if x > layout.left and x + across > layout.width:
            x, y = float(layout.left), y + LEGEND_ROW_PX
        drawn.append(canvas.box(x, y, 14, 14, css))
        drawn.append(canvas.text(x + 20, y + 12, words, "label-text"))
        x += across
    return drawn, y + LEGEND_ROW_PX + 8


def _row(layout: _Layout, row: BarRow, top: float, most: int) -> list[Markup]:
    longest = layout.words_max
    name = row.name if len(row.name) <= longest else f"{row.name[: longest - 1]}…"
    if layout.name_high:
        drawn = [canvas.text(layout.left, top + 15, name, "label-text")]
    else:
        middle = top + layout.row_high(row) / 2 + 4
        drawn = [canvas.text(layout.left - 12, middle, name, "label-text", "end")]
    room = layout.row_high(row) - layout.name_high - 8
    high = room / max(1, len(row.bars))
    thick = min(BAR_HEIGHT, high - 2)
    for place, bar in enumerate(row.bars):
        x = float(layout.left)
        y = top + layout.name_high + 4 + high * place + (high - thick) / 2
        for css, value in bar.parts:
            width = (layout.width - layout.left - layout.right) * value / most
            drawn.append(canvas.box(x, y, width, thick, css))
            x += width
        drawn.append(canvas.text(x + 8, y + thick - 2, bar.words, "axis-text"))
    return drawn
