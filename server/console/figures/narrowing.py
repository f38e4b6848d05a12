"""How the expected harvest narrowed: the span of eight chances in ten, look after look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from server.console.figures import canvas
from server.console.figures.canvas import Frame, Size
from server.console.words import number, say, short_day

HEIGHT, TOP, FOOT = 250, 34, 32
_WIDE, _PHONE = Size(960, left=56, right=176), Size(340, left=46, right=92)


@dataclass(frozen=True, slots=True)
class Estimate:
    """One evidence's yield quantiles [kg/ha, or ppm of normal forage]."""

    as_of: str
    p10: int
    p50: int
    p90: int

    @property
    def on(self) -> date:
        """Its day."""
        return date.fromisoformat(self.as_of)


def narrowing_picture(
    estimates: Sequence[Estimate], span: tuple[date, date], unit: str, title: str
) -> Markup:
    """The fan from P10 to P90 with the middle in it, each end named; wide and for a phone."""
    ordered = sorted(estimates, key=lambda one: one.as_of)
    wide, phone = (_drawn(ordered, span, (unit, title), size) for size in (_WIDE, _PHONE))
    return canvas.wide_or_phone(wide, phone)


def narrowing_words(estimates: Sequence[Estimate], unit: str) -> str:
    """From how wide to how narrow the span became, in a sentence."""
    ordered = sorted(estimates, key=lambda one: one.as_of)
    first, last = ordered[0], ordered[-1]
    now = {"now": last.p90 - last.p10, "unit": unit, "day": short_day(last.as_of)}
    if len(ordered) == 1:
        return say("On {day} eight chances in ten lie within {now} {unit}.", **now)
    return say(
        "On {day} eight chances in ten lie within {now} {unit}; on {first} it was {was}.",
        **now, first=short_day(first.as_of), was=first.p90 - first.p10,
    )  # fmt: skip


def _drawn(
    ordered: Sequence[Estimate], span: tuple[date, date], words: tuple[str, str], size: Size
) -> Markup:
    unit, title = words
    steps = canvas.nice_steps(max(e.p90 for e in ordered) * 1.02)
    first, last = min(span[0], ordered[0].on), max(span[1], ordered[-1].on)
    frame = Frame(
        first, last, 0.0, steps[-1], size.left, size.width - size.right, TOP, HEIGHT - FOOT
    )
    body = [
        canvas.text(2 if size.is_narrow else 8, 16, unit, "label-text"),
        *canvas.value_marks(frame, steps, [number(round(value)) for value in steps]),
        *_fan(frame, ordered),
        *_ends(frame, ordered[-1], size),
        *canvas.month_marks(frame),
    ]
    return canvas.picture(size.width, HEIGHT, title, body, narrowing_words(ordered, unit))


def _fan(frame: Frame, ordered: Sequence[Estimate]) -> list[Markup]:
    xs = [frame.x(each.on) for each in ordered]
    upper = [(x, frame.y(each.p90)) for x, each in zip(xs, ordered, strict=True)]
    lower = [(x, frame.y(each.p10)) for x, each in zip(xs, ordered, strict=True)]
    middle = [(x, frame.y(each.p50)) for x, each in zip(xs, ordered, strict=True)]
    drawn = [
        canvas.polygon([*upper, *reversed(lower)], "fan"),
        canvas.polyline(upper, "fan-edge"),
        canvas.polyline(middle, "median"),
        canvas.polyline(lower, "floor-line"),
    ]
    for (x, low), (_, high), each in zip(lower, upper, ordered, strict=True):
        words = (
            f"{short_day(each.as_of)}: P10 {number(each.p10)}, P50 {number(each.p50)}, "
            f"P90 {number(each.p90)}"
        )
        drawn.append(canvas.line(x, low, x, high, "fan-rib"))
        drawn.append(canvas.dot(x, low, 4, "floor-mark", words))
    return drawn


def _ends(frame: Frame, last: Estimate, size: Size) -> list[Markup]:
    """The newest look's three figures, each named beside where its line ends."""
    values = (last.p90, last.p50, last.p10)
    if size.is_narrow:
        names = ("P90", "P50", "P10")
    else:
        names = (
            say("P90: one in ten above"),
            say("P50: the middle"),
            say("P10: the limit rests here"),
        )
    x = frame.x(last.on) + 10
    heights = canvas.apart(
        [frame.y(value) + 4 for value in values], TOP, HEIGHT - FOOT, 2 * canvas.LABEL_PX + 4
    )
    drawn = []
    for value, name, y in zip(values, names, heights, strict=True):
        drawn.append(canvas.text(x, y - 8, number(value), "label-text"))
        drawn.append(canvas.text(x, y + 7, name))
    return drawn
