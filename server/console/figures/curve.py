"""A plot's season as the satellites saw it, against past years and the plots around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from markupsafe import Markup

from core.wire.evidence import Evidence, Stage
from server.console.figures import canvas
from server.console.figures.canvas import Frame, Size
from server.console.words import message, say, short_day

HEIGHT, TOP, FOOT = 400, 64, 32
E4 = 10_000
INDEX_MARKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
NAME_GAP_PX, NAME_LETTER_PX = 10, 9  # before a line's name, and of it a letter in bold
MARK_LABEL_PX, MARK_LETTER_PX = 88, 8  # what a mark's name and day take across, or a letter of it
_WIDE, _PHONE = Size(960, left=56, right=150), Size(340, left=34, right=10)
STAGE_WORDS = {
    Stage.SOWING: message("sowing"),
    Stage.EMERGENCE: message("emergence"),
    Stage.VEGETATIVE: message("vegetative"),
    Stage.HEADING: message("heading"),
    Stage.RIPENING: message("ripening"),
    Stage.HARVESTED: message("harvested"),
}


@dataclass(frozen=True, slots=True)
class StageSeen:
    """A stage and the day on which it was first known to be seen."""

    stage: Stage
    on: str


@dataclass(frozen=True, slots=True)
class BandPoint:
    """Several curves on one day: the lowest, the middle and the highest [index]."""

    on: date
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Around:
    """What the curve is held against: the plot's own past years, and plots around it today."""

    past: tuple[BandPoint, ...] = ()
    past_years: int = 0
    near: tuple[BandPoint, ...] = ()
    near_plots: int = 0


def curve_picture(
    evidence: Evidence, stages: Sequence[StageSeen], around: Around, title: str
) -> Markup:
    """Looks, curve, the bands around it, the season's marks and stages; wide and for a phone."""
    names = (say("this plot"), say("plots around"), say("own past years"))
    right = max(_WIDE.right, NAME_GAP_PX + round(NAME_LETTER_PX * max(map(len, names))))
    sizes = (replace(_WIDE, right=right), _PHONE)
    wide, phone = (_drawn(evidence, stages, around, title, size) for size in sizes)
    return canvas.wide_or_phone(wide, phone)


def season_span(evidence: Evidence) -> tuple[date, date]:
    """First and last day that a season's pictures share."""
    days = [o.day for o in evidence.observations] + [p.day for p in evidence.curve]
    found = sorted(date.fromisoformat(day) for day in [*days, evidence.as_of])
    first, last = found[0], found[-1]
    return first - timedelta(days=3), max(last, first + timedelta(days=30)) + timedelta(days=4)


def _drawn(
    evidence: Evidence, stages: Sequence[StageSeen], around: Around, title: str, size: Size
) -> Markup:
    span = season_span(evidence)
    frame = Frame(*span, 0.0, 1.0, size.left, size.width - size.right, TOP, HEIGHT - FOOT)
    body = [
        *_stage_bands(frame, stages, evidence.as_of),
        *canvas.value_marks(frame, INDEX_MARKS, [canvas.short_number(v) for v in INDEX_MARKS]),
        canvas.text(2 if size.is_narrow else 8, 20, evidence.index.upper(), "label-text"),
        *_past(frame, around),
        *_near(frame, around),
        *_band_and_curve(frame, evidence),
        *_season_marks(frame, evidence),
        *_looks(frame, evidence),
        *([] if size.is_narrow else _names(frame, evidence, around)),
        *canvas.month_marks(frame),
    ]
    return canvas.picture(size.width, HEIGHT, title, body)


def _stage_bands(frame: Frame, stages: Sequence[StageSeen], as_of: str) -> list[Markup]:
    """One strip across the top: from a stage's first look to the next stage's."""
    drawn: list[Markup] = []
    ends = [*(s.on for s in stages[1:]), as_of][: len(stages)]
    for seen, end in zip(stages, ends, strict=True):
        left, right = frame.x(date.fromisoformat(seen.on)), frame.x(date.fromisoformat(end))
        css = f"stage-{seen.stage.rank}"
        drawn.append(canvas.box(left, frame.top - 34, right - left, 22, css))
        words = say(STAGE_WORDS[seen.stage])
        # A narrow strip has no room for its word; the row of stages above names it.
        if right - left > canvas.LETTER_PX * 1.15 * len(words) + 12:
            drawn.append(canvas.text(left + 6, frame.top - 18, words, "stage-text"))
    return drawn


def _past(frame: Frame, around: Around) -> list[Markup]:
    if not around.past:
        return []
    middle = [(frame.x(p.on), frame.y(p.middle)) for p in around.past]
    return [
        canvas.polygon(_outline(frame, around.past), "past-band"),
        canvas.polyline(middle, "past-line"),
    ]


def _near(frame: Frame, around: Around) -> list[Markup]:
    if not around.near:
        return []
    middle = [(frame.x(p.on), frame.y(p.middle)) for p in around.near]
    return [
        canvas.polygon(_outline(frame, around.near), "near-band"),
        canvas.polyline(middle, "near-line"),
    ]


def _outline(frame: Frame, points: Sequence[BandPoint]) -> list[tuple[float, float]]:
    upper = [(frame.x(p.on), frame.y(p.high)) for p in points]
    lower = [(frame.x(p.on), frame.y(p.low)) for p in reversed(points)]
    return [*upper, *lower]


def _band_and_curve(frame: Frame, evidence: Evidence) -> list[Markup]:
    points = [(frame.x(date.fromisoformat(p.day)), p) for p in evidence.curve]
    if not points:
        return []
    upper = [(x, frame.y(p.high_e4 / E4)) for x, p in points]
    lower = [(x, frame.y(p.low_e4 / E4)) for x, p in reversed(points)]
    middle = [(x, frame.y(p.mean_e4 / E4)) for x, p in points]
    return [canvas.polygon([*upper, *lower], "band"), canvas.polyline(middle, "curve")]


def _season_marks(frame: Frame, evidence: Evidence) -> list[Markup]:
    season = evidence.season
    marks = (
        (message("start {day}"), season.start_on),
        (message("peak {day}"), season.peak_on),
        (message("end {day}"), season.end_on),
    )
    drawn: list[Markup] = []
    taken: list[tuple[int, float, float]] = []  # row, from, to [px]
    for words, on in marks:
        if on is None:
            continue
        x = frame.x(date.fromisoformat(on))
        told = say(words, day=short_day(on))
        drawn.append(canvas.line(x, frame.top, x, frame.bottom, "season-mark"))
        across = max(MARK_LABEL_PX, MARK_LETTER_PX * len(told))
        ends = x + across > frame.right
        reach = (x - across, x) if ends else (x, x + across)
        beside = {n for n, left, right in taken if left < reach[1] and reach[0] < right}
        row = min(set(range(len(marks))) - beside)
        taken.append((row, *reach))
        place, anchor = (x - 5, "end") if ends else (x + 5, "start")
        y = frame.top + 14 + canvas.LABEL_PX * row
        drawn.append(canvas.text(place, y, told, "axis-text", anchor))
    return drawn


def _looks(frame: Frame, evidence: Evidence) -> list[Markup]:
    drawn: list[Markup] = []
    for look in evidence.observations:
        x, y = frame.x(date.fromisoformat(look.day)), frame.y(look.mean_e4 / E4)
        words = say(
            "{day}: {value}, {share} % seen", day=short_day(look.day),
            value=f"{look.mean_e4 / E4:.2f}", share=round(look.valid_ppm / E4),
        )  # fmt: skip
        css = "look" if look.used else "look-unused"
        drawn.append(canvas.dot(x, y, 5 if look.used else 4, css, words))
    return drawn


def _names(frame: Frame, evidence: Evidence, around: Around) -> list[Markup]:
    """Each line's name beside its end."""
    ended = []
    if evidence.curve:
        last = evidence.curve[-1]
        ended.append((last.mean_e4 / E4, say("this plot"), "name-own"))
    if around.near:
        ended.append((around.near[-1].middle, say("plots around"), "name-near"))
    if around.past:
        # Past years go on beyond today: their name stands where today's does.
        today = min(around.past, key=lambda p: abs((p.on - frame.last).days))
        ended.append((today.middle, say("own past years"), "name-past"))
    heights = canvas.apart(
        [frame.y(value) + 4 for value, _, _ in ended], frame.top + 8, frame.bottom
    )
    return [
        canvas.text(frame.right + NAME_GAP_PX, y, words, f"end-name {css}")
        for (_, words, css), y in zip(ended, heights, strict=True)
    ]
