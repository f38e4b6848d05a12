"""The picture that goes with a flag: what an officer should see before setting out.

One glance, no legend to learn: the plot's own line is dark and thick, its neighbours
are a pale band, and the sentence on top says what does not fit.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from shapely import Polygon

from satellite.hazards.crowd import Watched
from satellite.integrity.boundary import OUTSIDE_M, BoundaryReading, core_depth_m
from satellite.integrity.ground import in_metres
from satellite.integrity.patches import Patch

INK, FAINT, PAPER = "#22302B", "#9AA5A0", "#FFFFFF"
OWN, AROUND, ALARM = "#0B6E99", "#1B7837", "#B3261E"
EPOCH_DAY = date(1970, 1, 1).toordinal()
STYLE = {"font.family": "DejaVu Sans", "font.size": 9, "axes.edgecolor": FAINT,
         "axes.linewidth": 0.6, "hatch.linewidth": 0.7}  # fmt: skip
SIZE_IN = (8.0, 4.2)
MEDIA_TYPE = "image/png"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of days to shade, with its words [ordinals]."""

    first: int
    last: int
    words: str


def growth_picture(
    title: str,
    one: Watched,
    neighbours: Sequence[Watched],
    spans: Sequence[Span] = (),
    marks: Sequence[tuple[int, str]] = (),
) -> bytes:
    """A plot's looks and curve over its neighbours', as PNG.

    Parameters
    ----------
    spans
        Windows that the declared crop should keep to.
    marks
        Days to point at, with their words.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE_IN)
        axis = figure.subplots()
        first, last = _days_shown(one, marks)
        for span in spans:
            axis.axvspan(_x(span.first), _x(span.last), color=AROUND, alpha=0.10, lw=0)
            middle = _x((max(span.first, first) + min(span.last, last)) // 2)
            axis.text(middle, 0.02, span.words, ha="center", color=AROUND, fontsize=8,
                      transform=axis.get_xaxis_transform())  # fmt: skip
        _neighbours(axis, neighbours, first, last)
        _own(axis, one, first, last)
        for k, (day, words) in enumerate(marks):
            axis.axvline(_x(day), color=ALARM, lw=1.2, ls="--")
            axis.text(_x(day), 1.01 + 0.05 * (k % 2), f" {words}", color=ALARM, fontsize=8,
                      transform=axis.get_xaxis_transform(), ha="center")  # fmt: skip
        axis.set_xlim(_x(first), _x(last))
        axis.set_ylim(min(-0.02, axis.get_ylim()[0]), 0.95)
        axis.set_ylabel("greenness (index)")
        _dates(axis)
        _tidy(axis)
        axis.legend(loc="upper left", frameon=False, fontsize=8, ncols=2)
        return _finished(figure, title, top=0.80)


def boundary_picture(title: str, patch: Patch, reading: BoundaryReading) -> bytes:
    """Where the crop is within the declared boundary, and how it differs from outside."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE_IN)
        left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
        rows, cols = patch.inside.shape
        extent = (0.0, cols * patch.pixel_m, 0.0, rows * patch.pixel_m)
        shown = left.imshow(
            np.ma.masked_invalid(reading.crop_share), extent=extent, vmin=0, vmax=1,
            cmap="YlGn", interpolation="nearest",
        )  # fmt: skip
        left.set_facecolor("#ECEEED")
        origin = (patch.west_m, patch.north_m - rows * patch.pixel_m)
        core_m = core_depth_m(patch)
        _ring(left, patch.polygon, origin, color=ALARM, lw=2.0)
        _ring(left, patch.polygon.buffer(-core_m), origin, color=OWN, lw=1.4)
        for away_m in OUTSIDE_M:
            _ring(left, patch.polygon.buffer(away_m), origin, color=INK, lw=0.8, ls=":")
        _label(left, patch, origin, core_m)
        around = patch.polygon.buffer(OUTSIDE_M[1] + patch.pixel_m).bounds
        shown_m = (*left.set_xlim(around[0] - origin[0], around[2] - origin[0]),
                   *left.set_ylim(around[1] - origin[1], around[3] - origin[1]))  # fmt: skip
        _scale_bar(left, shown_m)
        bar = figure.colorbar(shown, ax=left, shrink=0.7, pad=0.02, ticks=(0, 0.5, 1))
        bar.ax.set_yticklabels(("like outside", "half", "like its core"), fontsize=8)
        days = [_x(day) for day in reading.days.tolist()]
        right.plot(days, reading.core, "-o", ms=3, color=OWN, lw=1.8, label="core of the plot")
        right.plot(days, reading.outside, ":s", ms=3, color=INK, label="outside the boundary")
        right.set_ylim(min(0.0, right.get_ylim()[0]), 0.95)
        right.set_ylabel("greenness (index)")
        right.legend(frameon=False, fontsize=8, loc="lower left")
        _dates(right)
        _tidy(right)
        return _finished(figure, title, top=0.82)


def overlap_picture(title: str, mine: tuple[str, Polygon], other: tuple[str, Polygon]) -> bytes:
    """Two plots and the land that both claim; polygons in degrees."""
    origin = mine[1].bounds[0], mine[1].bounds[1]
    new, pledged = in_metres(mine[1], origin), in_metres(other[1], origin)
    shared = shapely.intersection(new, pledged)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.6, 5.2))
        axis = figure.subplots()
        for piece in shapely.get_parts(shared):
            if isinstance(piece, Polygon):
                x, y = piece.exterior.xy
                axis.fill(x, y, facecolor="#F6D5D2", edgecolor=ALARM, hatch="///", lw=0)
        _ring(axis, pledged, (0, 0), color=INK, lw=3.2, label=f"pledged before: {other[0]}")
        _ring(axis, new, (0, 0), color=OWN, lw=1.8, ls="--", label=f"pledged now: {mine[0]}")
        axis.set_aspect("equal")
        axis.margins(0.12)
        limits = (*axis.get_xlim(), *axis.get_ylim())
        _scale_bar(axis, limits)
        figure.legend(frameon=False, loc="lower center", ncols=2, fontsize=8)
        return _finished(figure, title, top=0.86, bottom=0.09)


def _days_shown(one: Watched, marks: Sequence[tuple[int, str]]) -> tuple[int, int]:
    declared = one.season.declared
    first = min([declared.first_day - 5, *(day - 5 for day, _ in marks)])
    seen = one.series.looks[-1].day
    return first, max([min(seen, declared.last_day), *(day + 10 for day, _ in marks)])


def _neighbours(axis: Any, neighbours: Sequence[Watched], first: int, last: int) -> None:
    days = np.arange(first, last + 1)
    table = np.full((len(neighbours), len(days)), np.nan)
    for k, one in enumerate(neighbours):
        if one.curve is not None:
            a, b = max(one.curve.first_day, first), min(one.curve.last_day, last)
            if a <= b:
                table[k, a - first : b - first + 1] = one.curve.window(a, b)
    seen = np.isfinite(table).sum(axis=0) >= 3
    if not seen.any():
        return
    low, middle, high = np.nanquantile(table[:, seen], (0.1, 0.5, 0.9), axis=0)
    x = days[seen] - EPOCH_DAY
    axis.fill_between(x, low, high, color=AROUND, alpha=0.20, lw=0,
                      label=f"{len(neighbours)} neighbours, same crop declared")  # fmt: skip
    axis.plot(x, middle, color=AROUND, lw=1.0)


def _own(axis: Any, one: Watched, first: int, last: int) -> None:
    used = [(_x(k.day), k.mean) for k in one.series.used if first <= k.day <= last]
    if one.curve is not None:
        days = np.arange(max(one.curve.first_day, first), min(one.curve.last_day, last) + 1)
        value = one.curve.window(first, last)
        axis.plot(days - EPOCH_DAY, value, color=OWN, lw=2.4, label="this plot")
    if used:
        axis.plot(*zip(*used, strict=True), "o", ms=4, color=INK, zorder=5, label="clear looks")


def _ring(axis: Any, shape: Any, origin: tuple[float, float], **style: Any) -> None:
    label = style.pop("label", None)
    for piece in shapely.get_parts(shape):
        if isinstance(piece, Polygon) and not piece.is_empty:
            x, y = (np.asarray(c) for c in piece.exterior.xy)
            axis.plot(x - origin[0], y - origin[1], label=label, **style)


def _label(axis: Any, patch: Patch, origin: tuple[float, float], core_m: float) -> None:
    west, south, east, north = patch.polygon.bounds
    box = {"facecolor": PAPER, "alpha": 0.8, "lw": 0, "pad": 1.0}
    middle = patch.polygon.representative_point()
    axis.text((west + east) / 2 - origin[0], north - origin[1], "declared", color=ALARM,
              ha="center", va="bottom", fontsize=8, bbox=box)  # fmt: skip
    if not patch.polygon.buffer(-core_m).is_empty:
        axis.text(middle.x - origin[0], middle.y - origin[1], "core", color=OWN, ha="center",
                  va="center", fontsize=8, bbox=box)  # fmt: skip
    axis.text((west + east) / 2 - origin[0], south - origin[1] - OUTSIDE_M[0], "outside",
              color=INK, ha="center", va="top", fontsize=8, bbox=box)  # fmt: skip


def _scale_bar(axis: Any, extent: tuple[float, ...]) -> None:
    west, east, south, north = extent
    length = next(m for m in (500, 200, 100, 50, 20, 10, 5) if m <= 0.4 * (east - west) or m == 5)
    x, y = west + 0.05 * (east - west), south + 0.04 * (north - south)
    axis.plot([x, x + length], [y, y], color=INK, lw=3, solid_capstyle="butt")
    axis.text(x + length / 2, y + 0.015 * (north - south), f"{length} m", ha="center",
              va="bottom", fontsize=8, color=INK)  # fmt: skip
    axis.set_xticks([])
    axis.set_yticks([])


def _dates(axis: Any) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=7)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def _tidy(axis: Any) -> None:
    axis.grid(axis="y", color=FAINT, alpha=0.25, lw=0.5)
    axis.tick_params(length=2, color=FAINT, labelcolor=INK, labelsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _finished(figure: Figure, title: str, top: float, bottom: float = 0.10) -> bytes:
    figure.subplots_adjust(left=0.09, right=0.97, top=top, bottom=bottom, wspace=0.32)
    figure.text(0.02, 0.975, title, fontsize=10.5, color=INK, fontweight="bold", va="top")
    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100, metadata={"Software": None}, facecolor=PAPER)
    return out.getvalue()


def _x(day: int) -> float:
    return float(day - EPOCH_DAY)
