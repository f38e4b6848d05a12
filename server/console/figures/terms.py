"""A limit's history with each term of the rule: which one was lowest at every review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from core.units import minor_digits
from server.console.figures import canvas
from server.console.figures.canvas import Frame, Size
from server.console.words import figure, money, number, say, short_day

HEIGHT, TOP, FOOT = 300, 34, 32
ROOM = 1.35  # of the highest limit: what stands above is named at the edge, not drawn
DAYS_MIN = 21
_WIDE, _PHONE = Size(960, left=56, right=150), Size(340, left=36, right=96)


@dataclass(frozen=True, slots=True)
class Term:
    """One term over the reviews: a day and an amount each [minor units]."""

    sign: str
    words: str
    points: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class TermsStory:
    """The limit in force by day, the rule's terms, and where each review was bound."""

    currency: str
    limits: tuple[tuple[str, int], ...]
    terms: tuple[Term, ...]
    bound: tuple[tuple[str, int, str], ...]  # day, amount, sign
    until: str


def terms_picture(story: TermsStory, title: str) -> Markup:
    """The limit as steps under the terms' lines, each named at its end; wide and for a phone."""
    wide, phone = (_drawn(story, title, size) for size in (_WIDE, _PHONE))
    return canvas.wide_or_phone(wide, phone)


def _drawn(story: TermsStory, title: str, size: Size) -> Markup:
    scale = 10 ** minor_digits(story.currency)
    top = max(amount for _, amount in story.limits) / scale * ROOM
    steps = canvas.nice_steps(max(top, 1.0))
    first, until = date.fromisoformat(story.limits[0][0]), date.fromisoformat(story.until)
    last = max(until, first + timedelta(days=DAYS_MIN))
    frame = Frame(
        first - timedelta(days=1), last, 0.0, steps[-1] * scale,
        size.left, size.width - size.right, TOP, HEIGHT - FOOT,
    )  # fmt: skip
    corners = _corners(frame, story.limits, until)
    body = [
        canvas.text(2 if size.is_narrow else 8, 16, story.currency, "label-text"),
        canvas.polygon(
            [(corners[0][0], frame.bottom), *corners, (corners[-1][0], frame.bottom)], "limit-area"
        ),
        *canvas.value_marks(frame, [s * scale for s in steps], [_short(s) for s in steps]),
        *_lines(frame, story),
        canvas.polyline(corners, "limit-line"),
        *_bound(frame, story, 3 if size.is_narrow else 5),
        *_names(frame, story, size),
        *canvas.month_marks(frame),
    ]
    return canvas.picture(size.width, HEIGHT, title, body)


def _short(value: float) -> str:
    """An amount on an axis: thousands as k, so that a phone has room for it."""
    return f"{number(round(value / 1000))}k" if value >= 10_000 else number(round(value))


def _corners(
    frame: Frame, steps: Sequence[tuple[str, int]], until: date
) -> list[tuple[float, float]]:
    ends = [*(date.fromisoformat(on) for on, _ in steps[1:]), until]
    corners: list[tuple[float, float]] = []
    for (on, amount), end in zip(steps, ends, strict=True):
        y = frame.y(amount)
        corners += [(frame.x(date.fromisoformat(on)), y), (frame.x(end), y)]
    return corners


def _lines(frame: Frame, story: TermsStory) -> list[Markup]:
    drawn = []
    for place, term in enumerate(story.terms):
        points = [(frame.x(date.fromisoformat(on)), frame.y(value)) for on, value in term.points]
        drawn.append(canvas.polyline(points, f"vintage vintage-{place % 6}"))
    return drawn


def _bound(frame: Frame, story: TermsStory, radius: int) -> list[Markup]:
    drawn = []
    for on, amount, sign in story.bound:
        words = say(
            "{day}: {sign} was the lowest, {amount}", day=short_day(on), sign=sign,
            amount=money(amount, story.currency),
        )  # fmt: skip
        drawn.append(
            canvas.dot(frame.x(date.fromisoformat(on)), frame.y(amount), radius, "bound-dot", words)
        )
    return drawn


def _names(frame: Frame, story: TermsStory, size: Size) -> list[Markup]:
    """Each term's sign and last amount at the right; an arrow where it stands above."""
    ended = [(term, term.points[-1][1]) for term in story.terms if term.points]
    heights = canvas.apart(
        [frame.y(amount) + 4 for _, amount in ended], TOP + 4, HEIGHT - FOOT, canvas.LABEL_PX + 4
    )
    drawn = []
    x = frame.right + 8
    scale = 10 ** minor_digits(story.currency)
    for place, ((term, amount), y) in enumerate(zip(ended, heights, strict=True)):
        over = "↑ " if amount > frame.high else ""
        told = _short(amount / scale) if size.is_narrow else figure(amount, story.currency)
        drawn.append(canvas.box(x, y - 9, 9, 9, f"vintage-end-{place % 6}"))
        drawn.append(canvas.text(x + 13, y, f"{over}{term.sign} {told}", "label-text"))
    return drawn
