"""Bars side by side or one on the other, with their sums in words: for money and for shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from server.console.figures import canvas

WIDTH = 960
ROW_HEIGHT = 46
LEFT, RIGHT = 250, 150
BAR_HEIGHT = 15
TOP = 40
WORDS_MAX = 32


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
    most = max((bar.total for row in rows for bar in row.bars), default=0) or 1
    height = TOP + ROW_HEIGHT * max(1, len(rows)) + 8
    body = [_style(style), *_legend(legend)]
    for place, row in enumerate(rows):
        body += _row(row, TOP + ROW_HEIGHT * place, most)
    return canvas.picture(WIDTH, height, title, body)


def _style(text: str) -> Markup:
    return Markup("<style>{}</style>").format(Markup(text)) if text else Markup("")  # noqa: S704 - our own constant


def _legend(legend: Sequence[tuple[str, str]]) -> list[Markup]:
    drawn: list[Markup] = []
    x = float(LEFT)
    for css, words in legend:
        drawn.append(canvas.box(x, 8, 14, 14, css))
        drawn.append(canvas.text(x + 20, 20, words, "label-text"))
        x += 34 + 8.2 * len(words)
    return drawn


def _row(row: BarRow, top: float, most: int) -> list[Markup]:
    name = row.name if len(row.name) <= WORDS_MAX else f"{row.name[: WORDS_MAX - 1]}…"
    middle = top + ROW_HEIGHT / 2 + 4
    drawn = [canvas.text(LEFT - 12, middle, name, "label-text", "end")]
    high = (ROW_HEIGHT - 8) / max(1, len(row.bars))
    thick = min(BAR_HEIGHT, high - 2)
    for place, bar in enumerate(row.bars):
        x, y = float(LEFT), top + 4 + high * place + (high - thick) / 2
        for css, value in bar.parts:
            width = (WIDTH - LEFT - RIGHT) * value / most
            drawn.append(canvas.box(x, y, width, thick, css))
            x += width
        drawn.append(canvas.text(x + 8, y + thick - 2, bar.words, "axis-text"))
    return drawn
