"""Small figures for the model card: SVG text, drawn from integers, without a library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from core.scoring.points import FeatureTable
from core.units import PPM
from server.training.measure import CalibrationBin

WIDTH, HEIGHT, MARGIN = 320, 220, 34
INK, SOFT, FIELD, OCHRE, RULE = "#1d2119", "#474a3c", "#2f7d4b", "#c98a1b", "#ddd3bb"


def discrimination(curve: Sequence[tuple[float, float]]) -> str:
    """The ROC curve against chance."""
    path = " ".join(f"{_x(alarm)},{_y(hit)}" for alarm, hit in curve)
    body = (
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="{RULE}" '
        'stroke-dasharray="4 4"/>'
        f'<polyline points="{path}" fill="none" stroke="{FIELD}" stroke-width="2.5"/>'
    )
    return _figure(body, "share of repaid loans refused", "share of defaults found")


def promises(bins: Sequence[CalibrationBin]) -> str:
    """Promised against observed default rates; a dot's area is its number of loans."""
    top = max([1, *(max(b.promised_ppm, b.observed_ppm) for b in bins)]) * 1.1
    most = max([1, *(b.loans_count for b in bins)])
    dots = "".join(
        f'<circle cx="{_x(b.promised_ppm / top)}" cy="{_y(b.observed_ppm / top)}" '
        f'r="{3 + 7 * (b.loans_count / most) ** 0.5:.1f}" fill="{OCHRE}" fill-opacity="0.75" '
        f'stroke="{INK}" stroke-width="0.5"/>'
        for b in bins
    )
    line = (
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="{SOFT}" '
        'stroke-dasharray="4 4"/>'
    )
    percent = f"{top / PPM:.0%}"
    return _figure(line + dots, f"promised (0 to {percent})", f"observed (0 to {percent})")


def feature_shape(table: FeatureTable) -> str:
    """A feature's points by bin, with its missing points as a dashed line."""
    values = (*table.points, table.missing_points, 0)
    low, high = min(values), max(values)
    span = max(high - low, 1)
    count = len(table.points)
    level = [(value - low) / span for value in table.points]
    corners = [(x / count, y) for i, y in enumerate(level) for x in (i, i + 1)]
    path = " ".join(f"{_x(x)},{_y(y)}" for x, y in corners)
    zero, missing = -low / span, (table.missing_points - low) / span
    body = (
        f'<line x1="{_x(0)}" y1="{_y(zero)}" x2="{_x(1)}" y2="{_y(zero)}" stroke="{RULE}"/>'
        f'<line x1="{_x(0)}" y1="{_y(missing)}" x2="{_x(1)}" y2="{_y(missing)}" stroke="{OCHRE}" '
        'stroke-dasharray="2 4" stroke-width="1.5"/>'
        f'<polyline points="{path}" fill="none" stroke="{FIELD}" stroke-width="2.5"/>'
        + _text(MARGIN, HEIGHT - 20, "start", "lowest")
        + _text(WIDTH - 8, HEIGHT - 20, "end", "highest")
    )
    return _figure(body, "bins in order", f"points {low:+d} to {high:+d}")


def _x(share: float) -> str:
    return f"{MARGIN + share * (WIDTH - MARGIN - 8):.1f}"


def _y(share: float) -> str:
    return f"{HEIGHT - MARGIN - share * (HEIGHT - MARGIN - 18):.1f}"


def _text(x: float, y: float, anchor: str, words: str) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="11" fill="{SOFT}">'
        f"{escape(words)}</text>"
    )


def _figure(body: str, across: str, up: str) -> str:
    frame = (
        f'<path d="M{_x(0)} {_y(1)}V{_y(0)}H{_x(1)}" fill="none" stroke="{SOFT}"/>'
        + _text((WIDTH + MARGIN) / 2, HEIGHT - 6, "middle", across)
        + _text(MARGIN - 8, 12, "start", up)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(up)} against {escape(across)}" font-family="sans-serif">'
        f"{frame}{body}</svg>"
    )
