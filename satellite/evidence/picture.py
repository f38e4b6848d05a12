"""The picture: every plot's looks, curve and season as small multiples, on one scale.

Every colour has a contrast of at least 4.5 to the paper, for it is also a text's;
the crop is written on each panel, so nothing hangs on colour alone.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from core.wire.evidence import EvidenceKind
from satellite.indices import Index
from satellite.series import Curve
from satellite.yields.estimate import Subject

PLOTS_MAX = 96  # panels on one picture; the tables hold the rest
PALETTE = ("#0B6E99", "#B35806", "#1B7837", "#9E4B97", "#8C6D00", "#C23B4B", "#00727A", "#4B5563")
INK, FAINT, PAPER = "#22302B", "#9AA5A0", "#FFFFFF"
EPOCH_DAY = date(1970, 1, 1).toordinal()
PANEL_WIDTH_IN, PANEL_HEIGHT_IN = 3.1, 1.9
FORMATS = ("png", "svg")
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "harvestline",
}


def curves_pictures(
    subjects: Sequence[Subject], index: Index, forms: Sequence[str] = FORMATS
) -> dict[str, bytes]:
    """All plots' curves as one picture, in each format (``png``, ``svg``)."""
    shown = sorted(subjects, key=lambda s: (s.season.declared.crop, s.plot.plot_id))[:PLOTS_MAX]
    with mpl.rc_context(STYLE):
        figure = _figure(shown, index)
        if len(subjects) > len(shown):
            more = f"{len(subjects) - len(shown)} more plots in series.csv"
            figure.text(0.99, 0.005, more, ha="right", color=FAINT)
        FigureCanvasAgg(figure)
        return {form: _saved(figure, form) for form in forms}


def _saved(figure: Figure, form: str) -> bytes:
    out = io.BytesIO()
    metadata = {"Date": None} if form == "svg" else {"Software": None}
    figure.savefig(out, format=form, dpi=110, metadata=metadata, facecolor=PAPER)
    return out.getvalue()


def _figure(subjects: Sequence[Subject], index: Index) -> Figure:
    columns = _columns(len(subjects))
    rows = max(math.ceil(len(subjects) / columns), 1)
    height = PANEL_HEIGHT_IN * rows + 0.95
    figure = Figure(figsize=(PANEL_WIDTH_IN * columns, height))
    figure.subplots_adjust(
        left=0.45 / (PANEL_WIDTH_IN * columns), right=0.99, wspace=0.08, hspace=0.42,
        top=1 - 0.80 / height, bottom=0.32 / height,
    )  # fmt: skip
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat:
        axis.set_autoscale_on(False)  # else every artist rescales all panels
    colours = _colours(subjects)
    for i, axis in enumerate(axes.flat):
        if i >= len(subjects):
            axis.set_visible(False)
            continue
        _panel(axis, subjects[i], colours[subjects[i].season.declared.crop])
        last_in_column = i + columns >= len(subjects)
        axis.tick_params(labelbottom=last_in_column, labelleft=i % columns == 0)
    low, high = _limits(subjects, index)
    axes.flat[0].set_ylim(low, high)
    axes.flat[0].set_xlim(*_span(subjects))
    locator = AutoDateLocator(minticks=3, maxticks=6)
    axes.flat[0].xaxis.set_major_locator(locator)  # the shared axes take it over
    axes.flat[0].xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    _heading(figure, subjects, index, height)
    return figure


def _columns(panels: int) -> int:
    return 3 if panels <= 9 else 5 if panels <= 25 else 8


def _colours(subjects: Sequence[Subject]) -> dict[str, str]:
    crops = sorted({subject.season.declared.crop for subject in subjects})
    return {crop: PALETTE[i % len(PALETTE)] for i, crop in enumerate(crops)}


def _panel(axis: Any, subject: Subject, colour: str) -> None:
    season, declared = subject.season, subject.season.declared
    axis.axvspan(_x(declared.first_day), _x(declared.last_day), color=colour, alpha=0.07, lw=0)
    if subject.curve is not None:
        _curve(axis, subject.curve, colour)
    used = [(_x(k.day), k.mean) for k in subject.series.looks if k.used]
    dropped = [
        (_x(k.day), k.mean) for k in subject.series.looks if not k.used and k.mean is not None
    ]
    if dropped:
        axis.plot(*zip(*dropped, strict=True), "x", ms=2.6, mew=0.6, color=FAINT, zorder=2)
    if used:
        axis.plot(*zip(*used, strict=True), "o", ms=2.4, mew=0, color=INK, alpha=0.75, zorder=4)
    for day, mark in ((season.start_day, "^"), (season.peak_day, "D"), (season.end_day, "v")):
        height = None if day is None or subject.curve is None else subject.curve.at(day)
        if day is not None and height is not None:
            axis.plot([_x(day)], [height], mark, ms=6, color=colour, mec=PAPER, mew=0.9, zorder=5)
    axis.set_title(
        subject.plot.plot_id, loc="left", fontsize=8, color=INK, pad=11, fontweight="bold"
    )
    axis.text(0, 1.025, _caption(subject), transform=axis.transAxes, fontsize=7, color=colour)
    axis.grid(axis="y", color=FAINT, alpha=0.25, lw=0.5)
    axis.tick_params(length=2, color=FAINT, labelcolor=INK, labelsize=7)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _curve(axis: Any, curve: Curve, colour: str) -> None:
    days = curve.days - EPOCH_DAY
    axis.fill_between(days, curve.low, curve.high, color=colour, alpha=0.22, lw=0, zorder=1)
    axis.plot(days, curve.mean, color=colour, lw=1.5, zorder=3)


def _caption(subject: Subject) -> str:
    season = subject.season
    crop = season.declared.crop or subject.plot.crop or "no crop declared"
    if subject.plot.kind is EvidenceKind.PASTURE:
        return f"{crop} · pasture"
    if season.declared.is_perennial:
        return f"{crop} · {season.stage.stage.value}"
    if not season.exists:
        return f"{crop} · {season.stage.stage.value} · no season seen"
    peak = "" if season.peak is None else f" · peak {season.peak:.2f}"
    return f"{crop} · {season.stage.stage.value}{peak}"


def _limits(subjects: Sequence[Subject], index: Index) -> tuple[float, float]:
    values = [k.mean for s in subjects for k in s.series.used if k.mean is not None]
    top = max([index.levels.closed * 1.5, *values])
    return min([0.0, *values]) - 0.02, top * 1.06


def _span(subjects: Sequence[Subject]) -> tuple[date, date]:
    first = min(s.series.looks[0].date for s in subjects)
    last = max(s.series.looks[-1].date for s in subjects)
    margin = timedelta(days=max((last - first).days // 40, 2))
    return first - margin, last + margin


def _heading(figure: Figure, subjects: Sequence[Subject], index: Index, height: float) -> None:
    first, last = _span(subjects)
    left = 0.45 / figure.get_figwidth()
    title = f"{index.name.upper()} by plot, {first:%B %Y} – {last:%B %Y}"
    figure.text(left, 1 - 0.24 / height, title, fontsize=13, color=INK, fontweight="bold")
    figure.text(
        left, 1 - 0.42 / height,
        "dots: looks used · crosses: cloud or too little seen · line and band: smoothed, 90 % · "
        "shaded: declared season · ▲ start  ◆ peak  ▼ end",
        fontsize=8, color=INK,
    )  # fmt: skip


def _x(day: int) -> float:
    # matplotlib's own number of a day; converting dates takes a third of the drawing
    return float(day - EPOCH_DAY)
