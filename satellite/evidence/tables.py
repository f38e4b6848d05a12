"""The tables in the output folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from core.units import PPM
from satellite.season.detect import SeasonSeen
from satellite.series import Series
from satellite.statistics.weighted import Spread
from satellite.yields.estimate import Outlook, Subject

SERIES_COLUMNS = (
    "plot_id", "date", "index", "mean", "std", "median", "p10", "p90", "valid_fraction", "scene_id",
)  # fmt: skip
SEASON_COLUMNS = (
    "plot_id", "kind", "crop", "season_id", "index", "as_of", "stage", "stage_observed_on",
    "start_on", "peak_on", "peak", "end_on", "clear_looks", "small_plot", "anomaly_ppm",
    "p10", "p50", "p90", "start_days_90", "peak_days_90", "end_days_90", "stage_percent",
)  # fmt: skip


def series_csv(series: Mapping[str, Iterable[Series]]) -> bytes:
    """Every look at every plot in which something was seen, by the name of the index."""
    rows = (
        (
            one.plot_id,
            look.date.isoformat(),
            index_name,
            f"{look.mean:.6f}",
            *_spread(look.spread),
            f"{look.valid_fraction:.6f}",
            look.scene_id,
        )
        for index_name, each in series.items()
        for one in each
        for look in one.looks
        if look.mean is not None
    )
    return _csv(SERIES_COLUMNS, rows)


def _spread(spread: Spread | None) -> tuple[str, ...]:
    # Absent only from looks of an older version whose scene is gone.
    return tuple(f"{x:.6f}" for x in spread) if spread else ("",) * len(Spread._fields)


def season_csv(subjects: Sequence[Subject], outlooks: Sequence[Outlook], index_name: str) -> bytes:
    """One line a plot: its declared season as seen so far."""
    rows = (
        _season_row(subject, outlook, index_name)
        for subject, outlook in zip(subjects, outlooks, strict=True)
    )
    return _csv(SEASON_COLUMNS, rows)


def _season_row(subject: Subject, outlook: Outlook, index_name: str) -> tuple[str, ...]:
    season, declared = subject.season, subject.season.declared
    inside = subject.series.between(declared.first_day, declared.last_day)
    estimate = outlook.estimate
    quantiles = (estimate.p10, estimate.p50, estimate.p90) if estimate else ("", "", "")
    return (
        subject.plot.plot_id,
        subject.plot.kind.value,
        declared.crop,
        declared.season_id,
        index_name,
        subject.series.looks[-1].date.isoformat(),
        season.stage.stage.value,
        _iso(season.stage.day),
        _iso(season.start_day),
        _iso(season.peak_day),
        "" if season.peak is None else f"{season.peak:.4f}",
        _iso(season.end_day),
        str(len(inside.used)),
        str(subject.series.is_small).lower(),
        "" if outlook.anomaly_ppm is None else str(outlook.anomaly_ppm),
        *map(str, quantiles),
        _number(season.start_days_90),
        _number(season.peak_days_90),
        _number(season.end_days_90),
        "" if season.chances is None else f"{_stage_percent(season):.0f}",
    )


def _stage_percent(season: SeasonSeen) -> float:
    """How sure it is that the plot stands at the stage that was confirmed [%]."""
    return 100 * season.chances.of(season.stage.stage) / PPM if season.chances else 0.0


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _iso(day: int | None) -> str:
    return "" if day is None else date.fromordinal(day).isoformat()


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()
