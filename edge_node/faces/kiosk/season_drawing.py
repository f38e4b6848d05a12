"""Drawings of a season in SVG: the field as it stands beside a usual one, and the curve."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup, escape

from core.units import PPM
from core.wire.records import GrowthPoint
from edge_node.faces.kiosk.season import Growth

WIDTH, HEIGHT, GROUND = 640, 240, 206
PLANTS = 5
USUAL_TALL = {"sowing": 0, "emergence": 34, "vegetative": 92, "heading": 138, "ripening": 142}
CURVE_HEIGHT, CURVE_TOP, CURVE_BASE = 220, 14, 196
TALL_PPM_MIN, TALL_PPM_MAX = 300_000, 1_400_000
_E4 = 10_000


def field_drawing(growth: Growth, said: str, usual_said: str, now_said: str) -> Markup:
    """The field now beside the same in a usual year: plants as tall as they are green."""
    tall = USUAL_TALL.get(growth.stage, 0)
    share = min(TALL_PPM_MAX, max(TALL_PPM_MIN, PPM + (growth.against_ppm or 0)))
    left = _row(24, tall, growth.stage, "usual")
    right = _row(344, tall * share // PPM, growth.stage, "now")
    return Markup(  # noqa: S704  (numbers and known words only; what is said is escaped)
        f'<svg class="field-drawing" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(said)}"><rect class="earth" x="8" y="{GROUND}" width="296" '
        f'height="10" rx="5"/><rect class="earth" x="336" y="{GROUND}" width="296" height="10" '
        f'rx="5"/>{left}{right}<text x="156" y="236">{escape(usual_said)}</text>'
        f'<text x="484" y="236">{escape(now_said)}</text></svg>'
    )


def growth_curve(growth: Growth, said: str) -> Markup:
    """The season's greenness as a line, what is usual as marks; empty where it is not known."""
    if len(growth.points) < 2:
        return Markup()
    both = [*growth.points, *growth.usual]
    days = [date.fromisoformat(each.day).toordinal() for each in both]
    first, span = min(days), max(max(days) - min(days), 1)
    most = max(*(each.mean_e4 for each in both), _E4 // 10)

    def place(points: Sequence[GrowthPoint]) -> list[tuple[int, int]]:
        return [
            (
                16 + (WIDTH - 32) * (date.fromisoformat(each.day).toordinal() - first) // span,
                CURVE_BASE - (CURVE_BASE - CURVE_TOP) * max(each.mean_e4, 0) // most,
            )
            for each in points
        ]

    now, usual = place(growth.points), place(growth.usual)
    line = " ".join(f"{x},{y}" for x, y in now)
    marks = "".join(f'<circle class="usual-mark" cx="{x}" cy="{y}" r="6"/>' for x, y in usual)
    band = " ".join(f"{x},{y}" for x, y in usual)
    x, y = now[-1]
    return Markup(  # noqa: S704  (numbers only; what is said is escaped)
        f'<svg class="growth-curve" viewBox="0 0 {WIDTH} {CURVE_HEIGHT}" role="img" '
        f'aria-label="{escape(said)}"><polyline class="usual-line" points="{band}"/>{marks}'
        f'<line class="ground" x1="0" y1="{CURVE_BASE}" x2="{WIDTH}" y2="{CURVE_BASE}"/>'
        f'<polyline class="now-line" points="{line}"/><circle class="now-dot" cx="{x}" cy="{y}" '
        f'r="9"/></svg>'
    )


def _row(left: int, tall: int, stage: str, kind: str) -> str:
    step = 52
    found = [_plant(left + 26 + n * step, tall, stage) for n in range(PLANTS)]
    return f'<g class="crop {kind} {escape(stage)}">{"".join(found)}</g>'


def _plant(x: int, tall: int, stage: str) -> str:
    if stage == "sowing":
        return f'<ellipse class="seed" cx="{x}" cy="{GROUND + 5}" rx="7" ry="4"/>'
    if stage == "harvested":
        return f'<path class="stem" d="M{x} {GROUND} v-22 M{x - 8} {GROUND} v-14"/>'
    top = GROUND - max(tall, 12)
    leaves = "".join(
        f'<path class="leaf" d="M{x} {y} q{side * 20} -4 {side * 22} -22 q{-side * 20} 4 '
        f'{-side * 22} 22z"/>'
        for y, side in ((GROUND - max(tall, 12) * n // 4, 1 if n % 2 else -1) for n in (1, 2, 3))
    )
    ear = stage in ("heading", "ripening")
    head = f'<ellipse class="ear" cx="{x}" cy="{top - 8}" rx="7" ry="16"/>' if ear else ""
    return f'<path class="stem" d="M{x} {GROUND} V{top}"/>{leaves}{head}'
