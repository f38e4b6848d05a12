"""A plot's season as the satellites saw it: looks, smoothed curve, marks, stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from core.wire.evidence import Evidence, Stage
from server.console.figures import canvas
from server.console.figures.canvas import Frame

WIDTH, HEIGHT = 960, 380
STRIP_HEIGHT = 210
E4 = 10_000
INDEX_MARKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class StageSeen:
    """A stage and the day on which it was first known to be seen."""

    stage: Stage
    on: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """One evidence's yield quantiles [kg/ha, or ppm of normal forage]."""

    as_of: str
    p10: int
    p50: int
    p90: int


def curve_picture(evidence: Evidence, stages: Sequence[StageSeen], title: str) -> Markup:
    """Looks, curve with its band, the season's marks, and the stages across the top."""
    span = _span(evidence)
    frame = Frame(*span, low=0.0, high=1.0, left=56, right=WIDTH - 16, top=52, bottom=HEIGHT - 32)
    body = [
        *_stage_bands(frame, stages, evidence.as_of),
        *canvas.value_marks(frame, INDEX_MARKS, [f"{v:.1f}" for v in INDEX_MARKS]),
        canvas.text(8, 40, evidence.index.upper(), "label-text"),
        *_band_and_curve(frame, evidence),
        *_season_marks(frame, evidence),
        *_looks(frame, evidence),
        *canvas.month_marks(frame),
    ]
    return canvas.picture(WIDTH, HEIGHT, title, body)


def estimate_picture(
    estimates: Sequence[Estimate], span: tuple[date, date], unit: str, title: str
) -> Markup:
    """How the expected yield narrowed: P10 to P90 as a bar, the median as a line across."""
    steps = canvas.nice_steps(max(e.p90 for e in estimates) * 1.02)
    frame = Frame(*span, 0.0, steps[-1], 56, WIDTH - 16, top=30, bottom=STRIP_HEIGHT - 32)
    labels = [f"{value:,.0f}" for value in steps]
    body = [
        canvas.text(8, 16, unit, "label-text"),
        *canvas.value_marks(frame, steps, labels),
    ]
    for each in estimates:
        x = frame.x(date.fromisoformat(each.as_of))
        middle, low = frame.y(each.p50), frame.y(each.p10)
        body.append(canvas.line(x, low, x, frame.y(each.p90), "quantile"))
        body.append(canvas.line(x - 7, middle, x + 7, middle, "median"))
        words = (
            f"{canvas.short_day(each.as_of)}: P10 {each.p10:,}, P50 {each.p50:,}, P90 {each.p90:,}"
        )
        body.append(canvas.dot(x, low, 4, "floor-mark", words))
    body += canvas.month_marks(frame)
    return canvas.picture(WIDTH, STRIP_HEIGHT, title, body)


def season_span(evidence: Evidence) -> tuple[date, date]:
    """First and last day that both pictures share."""
    return _span(evidence)


def _span(evidence: Evidence) -> tuple[date, date]:
    days = [o.day for o in evidence.observations] + [p.day for p in evidence.curve]
    found = sorted(date.fromisoformat(day) for day in [*days, evidence.as_of])
    first, last = found[0], found[-1]
    return first - timedelta(days=3), max(last, first + timedelta(days=30)) + timedelta(days=4)


def _stage_bands(frame: Frame, stages: Sequence[StageSeen], as_of: str) -> list[Markup]:
    """One strip across the top: from a stage's first look to the next stage's."""
    drawn: list[Markup] = []
    ends = [*(s.on for s in stages[1:]), as_of][: len(stages)]
    for seen, end in zip(stages, ends, strict=True):
        left, right = frame.x(date.fromisoformat(seen.on)), frame.x(date.fromisoformat(end))
        css = f"stage-{seen.stage.rank}"
        drawn.append(canvas.box(left, frame.top - 26, right - left, 22, css))
        # A narrow strip has no room for its word; the table names it.
        if right - left > 8 * len(seen.stage.value):
            drawn.append(canvas.text(left + 6, frame.top - 10, seen.stage.value, "label-text"))
    return drawn


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
    marks = (("start", season.start_on), ("peak", season.peak_on), ("end", season.end_on))
    drawn: list[Markup] = []
    for name, on in marks:
        if on is None:
            continue
        x = frame.x(date.fromisoformat(on))
        drawn.append(canvas.line(x, frame.top, x, frame.bottom, "season-mark"))
        drawn.append(canvas.text(x + 5, frame.top + 14, f"{name} {canvas.short_day(on)}"))
    return drawn


def _looks(frame: Frame, evidence: Evidence) -> list[Markup]:
    drawn: list[Markup] = []
    for look in evidence.observations:
        x, y = frame.x(date.fromisoformat(look.day)), frame.y(look.mean_e4 / E4)
        seen = f"{look.mean_e4 / E4:.2f}, {look.valid_ppm / 1e4:.0f} % seen"
        words = f"{canvas.short_day(look.day)}: {seen}"
        css = "look" if look.used else "look-unused"
        drawn.append(canvas.dot(x, y, 5 if look.used else 4, css, words))
    return drawn
