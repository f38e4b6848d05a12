"""From past harvests and their scenes to a yield model, with its honest skill.

Rows are plot-seasons. Every choice (rung, penalty, interval) is judged on seasons
that were left out of fitting; the table that is printed shows the same figures.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.wire.evidence import EvidenceKind
from satellite import SOFTWARE
from satellite.indices import Index, Levels
from satellite.season.calendar import crop_name
from satellite.series import Series
from satellite.statistics.plots import Plot
from satellite.yields.conformal import coverage_by_season, error_scale, season_offsets
from satellite.yields.curves import FEATURES, SownSeries, aligned_curves, features, sown_offset_days
from satellite.yields.ladder import (
    Table,
    base_predictions,
    beats,
    fit_ridge,
    left_out_predictions,
    plot_effects,
)
from satellite.yields.model import Checkpoint, CropModel, Normal, YieldModel, YieldModelError
from satellite.yields.normal import normal_by_age, normal_by_date

Array = NDArray[np.float64]

COLUMNS = ("plot_id", "season_id", "crop", "sown_on", "harvested_on", "yield_kg_per_ha")
SEASONS_MIN = 3  # two to learn from and one to judge by
HARVESTS_MIN = 12
FIRST_CHECKPOINT_DAY = 15
CHECKPOINT_STEP_DAYS = 5
YIELD_MAX_KG_PER_HA = 200_000.0  # beets stay below


@dataclass(frozen=True, slots=True)
class Harvest:
    """One plot's harvest in one season."""

    plot_id: str
    season_id: str
    crop: str
    sown_on: date
    harvested_on: date
    yield_kg_per_ha: float


def read_harvests(path: Path) -> list[Harvest]:
    """The rows of a harvests file.

    Raises
    ------
    YieldModelError
        If a column or value is missing or wrong; the message names the line.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise YieldModelError(f"expected columns {', '.join(missing)} in {path}")
            return [_harvest(row, path, i) for i, row in enumerate(reader, start=2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise YieldModelError(f"expected harvests in CSV at {path}, got: {error}") from error


def train(
    harvests: Sequence[Harvest], plots: Sequence[Plot], series: Mapping[str, Series], index: Index
) -> YieldModel:
    """Fit a model for every crop with enough harvests, and the pastures' normal.

    Raises
    ------
    YieldModelError
        If no crop has enough seasons and harvests.
    """
    crops: dict[str, CropModel] = {}
    refused: list[str] = []
    for crop in sorted({harvest.crop for harvest in harvests}):
        rows = [harvest for harvest in harvests if harvest.crop == crop]
        seasons = len({harvest.season_id for harvest in rows})
        if seasons < SEASONS_MIN or len(rows) < HARVESTS_MIN:
            refused.append(f"{crop} has {seasons} seasons and {len(rows)} harvests")
        else:
            crops[crop] = _crop_model(rows, series, index.levels)
    if not crops:
        raise YieldModelError(
            f"expected a crop with at least {SEASONS_MIN} seasons and {HARVESTS_MIN} harvests, "
            f"got: {'; '.join(refused) or 'no harvests'}"
        )
    return YieldModel(index.name, crops, _pastures(plots, series), SOFTWARE)


def _pastures(plots: Sequence[Plot], series: Mapping[str, Series]) -> dict[str, Normal]:
    pastures = [p.plot_id for p in plots if p.kind is EvidenceKind.PASTURE and p.plot_id in series]
    groups = {plot_id: [series[plot_id]] for plot_id in pastures}
    if pastures:
        groups["*"] = [series[plot_id] for plot_id in pastures]
    normals = {name: normal_by_date(group) for name, group in groups.items()}
    return {name: normal for name, normal in normals.items() if normal is not None}


def _crop_model(rows: Sequence[Harvest], series: Mapping[str, Series], levels: Levels) -> CropModel:
    sown = np.array([row.sown_on.timetuple().tm_yday for row in rows], float)
    usual = _circular_mean_day(sown)
    lengths = [(row.harvested_on - row.sown_on).days for row in rows]
    season_days = int(np.median(lengths))
    seasons, names = _labels([row.season_id for row in rows])
    plot_labels, plot_names = _labels([row.plot_id for row in rows])
    yields = np.array([row.yield_kg_per_ha for row in rows])
    grown = [_sown_series(row, series) for row in rows]
    empty = np.full((len(rows), len(FEATURES)), np.nan)
    table = Table(yields, seasons, plot_labels, empty)
    effects = plot_effects(table)
    days = [0, *range(FIRST_CHECKPOINT_DAY, season_days + 1, CHECKPOINT_STEP_DAYS)]
    offsets = np.array([sown_offset_days(row.sown_on, usual) for row in rows])
    checkpoints = []
    for day in days:
        seen = empty if day == 0 else _features(grown, day, offsets, levels)
        checkpoints.append(_checkpoint(day, Table(yields, seasons, plot_labels, seen), names))
    curves = aligned_curves(_present(grown), [season_days] * len(_present(grown)), levels)
    return CropModel(
        average_kg_per_ha=float(base_predictions(table, table, with_plots=False)[0]),
        sown_day_of_year=usual,
        plot_effects={plot_names[p]: effect for p, effect in effects.items()},
        checkpoints=tuple(checkpoints),
        normal=normal_by_age(curves, len(names), season_days),
        seasons=tuple(names[i] for i in sorted(names)),
        harvests=len(rows),
    )


def _checkpoint(day: int, table: Table, names: dict[int, str]) -> Checkpoint:
    truth = table.yield_kg_per_ha
    average = left_out_predictions(table, with_plots=False, with_ridge=False)
    best, rung, with_plots, ridge = average, "average", False, None
    by_plot = left_out_predictions(table, with_plots=True, with_ridge=False)
    if beats(table, by_plot, best):
        best, rung, with_plots = by_plot, "plot_average", True
    seen = table.seen
    if seen.sum() >= HARVESTS_MIN and len(np.unique(table.season[seen])) >= SEASONS_MIN:
        stepped = left_out_predictions(table, with_plots=with_plots, with_ridge=True)
        if beats(table, stepped, best):
            best, rung = stepped, "season_ridge"
            known = table.only(seen)
            base = base_predictions(table, known, with_plots=with_plots)
            ridge = fit_ridge(known.features, known.yield_kg_per_ha - base, known.season)
    mean = float(truth.mean())
    scaled = (truth - best) / error_scale(best, mean)
    return Checkpoint(
        day=day,
        rung=rung,
        offsets=season_offsets(scaled, table.season),
        skill=1.0 - _mse(truth, best) / _mse(truth, average),
        rmse_kg_per_ha=float(np.sqrt(_mse(truth, best))),
        average_rmse_kg_per_ha=float(np.sqrt(_mse(truth, average))),
        coverage=coverage_by_season(scaled, table.season, names),
        with_plots=with_plots,
        ridge=ridge,
    )


def _features(
    grown: Sequence[SownSeries | None], day: int, offsets: Array, levels: Levels
) -> Array:
    found = np.full((len(grown), len(FEATURES)), np.nan)
    rows = [i for i, season in enumerate(grown) if season is not None]
    curves = aligned_curves(_present(grown), [day] * len(rows), levels)
    for i, curve in zip(rows, curves, strict=True):
        if curve is not None:
            found[i] = features(curve, float(offsets[i]))
    return found


def _present(grown: Sequence[SownSeries | None]) -> list[SownSeries]:
    return [season for season in grown if season is not None]


def _sown_series(row: Harvest, series: Mapping[str, Series]) -> SownSeries | None:
    if row.plot_id not in series:
        return None
    first, last = row.sown_on.toordinal(), row.harvested_on.toordinal()
    return SownSeries(series[row.plot_id].between(first, last), first)


def _labels(names: Sequence[str]) -> tuple[NDArray[np.int64], dict[int, str]]:
    order = {name: i for i, name in enumerate(sorted(set(names)))}
    return np.array([order[name] for name in names]), {i: name for name, i in order.items()}


def _mse(truth: Array, predicted: Array) -> float:
    return float(np.mean((truth - predicted) ** 2))


def _circular_mean_day(days: Array) -> float:
    angle = days / 365.25 * 2 * np.pi
    mean = float(np.arctan2(np.sin(angle).mean(), np.cos(angle).mean()))
    return mean % (2 * np.pi) / (2 * np.pi) * 365.25


def _harvest(row: dict[str, str | None], path: Path, line: int) -> Harvest:
    try:
        harvest = Harvest(
            plot_id=str(row["plot_id"]),
            season_id=str(row["season_id"]),
            crop=crop_name(str(row["crop"])),
            sown_on=date.fromisoformat(str(row["sown_on"])),
            harvested_on=date.fromisoformat(str(row["harvested_on"])),
            yield_kg_per_ha=float(str(row["yield_kg_per_ha"])),
        )
    except ValueError as error:
        raise YieldModelError(
            f"expected dates and a number at {path}:{line}, got: {error}"
        ) from error
    if harvest.harvested_on <= harvest.sown_on:
        raise YieldModelError(f"expected harvested_on after sown_on at {path}:{line}")
    if not 0 <= harvest.yield_kg_per_ha <= YIELD_MAX_KG_PER_HA:
        raise YieldModelError(
            f"expected a yield of 0 to {YIELD_MAX_KG_PER_HA:.0f} kg/ha at {path}:{line}, "
            f"got {harvest.yield_kg_per_ha}"
        )
    return harvest
