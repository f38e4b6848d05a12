"""From past harvests and their scenes to a yield model, with its honest skill.

Rows are plot-seasons. Every choice (rung, penalty, interval) is judged on seasons
that were left out of fitting; the table that is printed shows the same figures.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from satellite.yields.anomalies import FEATURES, Stand, features, stand_of
from satellite.yields.conformal import (
    coverage_by_season,
    season_offsets,
    tightened,
)
from satellite.yields.curves import SownSeries, aligned_curves
from satellite.yields.ladder import (
    Table,
    base_predictions,
    beats,
    left_out_predictions,
    plot_effects,
    relative_ridge,
)
from satellite.yields.model import (
    Checkpoint,
    CropModel,
    Normal,
    Prior,
    YieldModel,
    YieldModelError,
    error_scale,
)
from satellite.yields.normal import normal_by_age, normal_by_date
from satellite.yields.prior import Label, with_labels

Array = NDArray[np.float64]

COLUMNS = ("plot_id", "season_id", "crop", "sown_on", "harvested_on", "yield_kg_per_ha")
SEASONS_MIN = 3  # two to learn from and one to judge by
HARVESTS_MIN = 12
FIRST_CHECKPOINT_DAY = 30
CHECKPOINT_STEP_DAYS = 5
# Until then grain fills and a drought still takes from it (35 to 45 days from flowering,
# FAO-33), also where the past seasons held none that could have taught so.
AFTER_GREENEST_DAYS = 30
NO_WORSE_SHARE = 0.01  # of the error: less than this is chance
HARVESTED_SHARE_MAX = 0.1  # of the plots, by the last checkpoint
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
    harvests: Sequence[Harvest],
    plots: Sequence[Plot],
    series: Mapping[str, Series],
    index: Index,
    priors: Mapping[str, Prior] | None = None,
) -> YieldModel:
    """Fit a model for every crop with enough harvests, and the pastures' normal.

    Parameters
    ----------
    priors
        What is known of crops from their district (``prior``); one with too few harvests
        keeps its prior, moved by those that there are.

    Raises
    ------
    YieldModelError
        If no crop has enough seasons and harvests, or a prior.
    """
    places = {plot.plot_id: plot.lon_lat for plot in plots}
    crops: dict[str, CropModel] = {}
    refused: list[str] = []
    kept = dict(priors or {})
    for crop in sorted({harvest.crop for harvest in harvests}):
        rows = [harvest for harvest in harvests if harvest.crop == crop]
        seasons = len({harvest.season_id for harvest in rows})
        if (seasons < SEASONS_MIN or len(rows) < HARVESTS_MIN) and crop in kept:
            kept[crop] = _moved(kept[crop], rows, _Past(rows, series, places, index.levels))
        elif seasons < SEASONS_MIN or len(rows) < HARVESTS_MIN:
            refused.append(f"{crop} has {seasons} seasons and {len(rows)} harvests")
        else:
            crops[crop] = _crop_model(_Past(rows, series, places, index.levels))
            kept.pop(crop, None)
    if not crops and not kept:
        raise YieldModelError(
            f"expected a crop with at least {SEASONS_MIN} seasons and {HARVESTS_MIN} harvests, "
            f"got: {'; '.join(refused) or 'no harvests'}"
        )
    return YieldModel(index.name, crops, _pastures(plots, series), SOFTWARE, priors=kept)


def _moved(prior: Prior, rows: Sequence[Harvest], past: _Past) -> Prior:
    labels = [Label(row.season_id, row.yield_kg_per_ha) for row in rows]
    normal = past.normal()
    return with_labels(prior, labels, normal if normal.mean else None)


def _pastures(plots: Sequence[Plot], series: Mapping[str, Series]) -> dict[str, Normal]:
    pastures = [p.plot_id for p in plots if p.kind is EvidenceKind.PASTURE and p.plot_id in series]
    groups = {plot_id: [series[plot_id]] for plot_id in pastures}
    if pastures:
        groups["*"] = [series[plot_id] for plot_id in pastures]
    normals = {name: normal_by_date(group) for name, group in groups.items()}
    return {name: normal for name, normal in normals.items() if normal is not None}


class _Past:
    """One crop's harvests with what was seen of them, season by season."""

    def __init__(
        self,
        rows: Sequence[Harvest],
        series: Mapping[str, Series],
        places: Mapping[str, tuple[float, float]],
        levels: Levels,
    ) -> None:
        self.rows = rows
        lengths = np.array([(row.harvested_on - row.sown_on).days for row in rows], float)
        self.season_days = int(np.median(lengths))
        self.last_day = int(np.quantile(lengths, HARVESTED_SHARE_MAX))
        self.yields = np.array([row.yield_kg_per_ha for row in rows])
        self.season, self.season_names = _labels([row.season_id for row in rows])
        self.plot, self.plot_names = _labels([row.plot_id for row in rows])
        grown = [_sown_series(row, series) for row in rows]
        self._seen = np.flatnonzero([season is not None for season in grown])
        present = [season for season in grown if season is not None]
        self._curves = aligned_curves(present, [self.season_days] * len(present), levels)
        self._stands = [
            self._stand(label, present, places, levels) for label in sorted(self.season_names)
        ]

    def _stand(
        self,
        label: int,
        present: Sequence[SownSeries],
        places: Mapping[str, tuple[float, float]],
        levels: Levels,
    ) -> tuple[NDArray[np.int64], Stand]:
        # Today's season is no part of its normal, so neither may a past one be.
        own = self.season[self._seen] == label
        rows = self._seen[own]
        stand = stand_of(
            [season for season, is_own in zip(present, own, strict=True) if is_own],
            [places.get(self.rows[i].plot_id) for i in rows],
            self.normal(without=label),
            self.last_day,
            levels.dip,
        )
        return rows, stand

    def normal(self, without: int | None = None) -> Normal:
        """The crop's normal by age, of all seasons or of all but one."""
        curves = [
            curve
            for row, curve in zip(self._seen, self._curves, strict=True)
            if self.season[row] != without
        ]
        return normal_by_age(curves, len(self.season_names), self.season_days)

    def table(self, day: int) -> Table:
        """The harvests with what was known of each so many days after its sowing."""
        found = np.full((len(self.rows), len(FEATURES)), np.nan)
        for rows, stand in self._stands:
            if day and len(rows):
                found[rows] = features(stand, np.full(len(rows), day))
        return Table(self.yields, self.season, self.plot, found)


def _crop_model(past: _Past) -> CropModel:
    days = [0, *range(FIRST_CHECKPOINT_DAY, past.last_day + 1, CHECKPOINT_STEP_DAYS)]
    start, names = past.table(0), past.season_names
    checkpoints = [_checkpoint(day, past.table(day), names) for day in days]
    normal = past.normal()
    checkpoints = while_learning(checkpoints, _greenest_day(normal) + AFTER_GREENEST_DAYS)
    steady = tightened([checkpoint.offsets for checkpoint in checkpoints])
    return CropModel(
        average_kg_per_ha=float(base_predictions(start, start, with_plots=False)[0]),
        plot_effects={past.plot_names[p]: effect for p, effect in plot_effects(start).items()},
        checkpoints=tuple(
            replace(checkpoint, offsets=offsets)
            for checkpoint, offsets in zip(checkpoints, steady, strict=True)
        ),
        normal=normal,
        seasons=tuple(names[i] for i in sorted(names)),
        harvests=len(past.rows),
    )


def while_learning(checkpoints: list[Checkpoint], day_min: int) -> list[Checkpoint]:
    """The checkpoints up to the last one that tells as much as the best of the late ones.

    New green after a drought, or weeds in a ripe field, is not followed by the harvest:
    where past seasons show that late looks mislead, the estimate stands still before.
    """
    late = [point.rmse_kg_per_ha for point in checkpoints if point.day >= day_min]
    if not late:
        return checkpoints
    enough = min(late) * (1.0 + NO_WORSE_SHARE)
    last = max(
        point.day
        for point in checkpoints
        if point.day >= day_min and point.rmse_kg_per_ha <= enough
    )
    return [point for point in checkpoints if point.day <= last]


def _greenest_day(normal: Normal) -> int:
    return int(np.argmax(normal.mean)) * normal.step_days if normal.mean else 0


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
            ridge = relative_ridge(table, with_plots=with_plots)
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
