"""A backtest forward in time: each season told from those before it, as it would have been.

Choices are frozen before the first held-out season (``choice``); averages, slopes and
errors are those known when each season's months were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from satellite.yields.district.bounds import Bounds, Pooling, interval
from satellite.yields.district.choice import ALARM_SHARE, SEASONS_MIN, Choice, choose, nrmse
from satellite.yields.district.rungs import Base, Rungs, base_yields, left_out, predicted
from satellite.yields.district.table import DistrictTable, YieldTableError

Array = NDArray[np.float64]

WORSE_SHARE_MAX = 0.05  # of the average's error, before a district counts as worse
SEASON_COVER_MIN = 0.85


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of the held-out seasons, all (unit, season) [kg/ha]."""

    units: tuple[str, ...]
    seasons: tuple[int, ...]
    choice: Choice
    truth: Array
    told: Array
    average: Array
    trend: Array
    low: Array
    high: Array
    pooled_low: Array
    pooled_high: Array

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where a harvest is known to be compared with."""
        return np.asarray(np.isfinite(self.truth) & np.isfinite(self.told))


def told_forward(table: DistrictTable, first_season: int) -> Told:
    """Every season from one on, told from the seasons before it.

    Raises
    ------
    YieldTableError
        If too few seasons lie before, or none after.
    """
    past = table.before(first_season)
    if len(past.harvested) < SEASONS_MIN:
        known = ", ".join(str(past.seasons[i]) for i in past.harvested) or "none"
        raise YieldTableError(
            f"expected {SEASONS_MIN} seasons with yields before {first_season}, got {known}: "
            "begin later with --from"
        )
    held_out = [table.seasons[i] for i in table.harvested if table.seasons[i] >= first_season]
    if not held_out:
        raise YieldTableError(f"expected yields in {first_season} or later")
    choice = choose(past)
    columns = [_season(table.until(season), choice) for season in held_out]
    stacked = [np.stack(parts, axis=1) for parts in zip(*columns, strict=True)]
    truth = table.yields[:, [table.seasons.index(season) for season in held_out]]
    return Told(table.units, tuple(held_out), choice, truth, *stacked)


def _season(known: DistrictTable, choice: Choice) -> tuple[Array, ...]:
    """Told, average, trend, and both intervals of the last season of a table."""
    learn, now = known.harvested, len(known.seasons) - 1
    told = predicted(known, choice.rungs, learn, now)
    told_then = left_out(known, choice.rungs, learn)
    errors = known.yields[:, list(learn)] - told_then
    pooled = Bounds(Pooling.POOLED, choice.bounds.spread)
    return (
        told,
        base_yields(known, Base.AVERAGE, learn, now),
        predicted(known, Rungs(Base.TREND), learn, now),
        *interval(told, errors, told_then, choice.bounds),
        *interval(told, errors, told_then, pooled),
    )


@dataclass(frozen=True, slots=True)
class SeasonSkill:
    """One held-out season: errors [% of its mean], R², coverage, width [kg/ha]."""

    season: int
    nrmse: float
    nrmse_average: float
    nrmse_trend: float
    mape: float
    r2: float
    covered: float
    width_kg_per_ha: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """How a harvest below 70 % of average was foreseen; shares of district-seasons."""

    below: float
    auc: float | None
    hit: float | None
    false_alarm: float | None
    base_rate: float


@dataclass(frozen=True, slots=True)
class Skill:
    """The whole backtest in numbers; ``districts`` are RMSE over the average's."""

    nrmse: float
    nrmse_average: float
    nrmse_trend: float
    r2: float
    skill_over_average: float
    skill_over_trend: float
    seasons: tuple[SeasonSkill, ...]
    covered: float
    seasons_covered: int
    width_kg_per_ha: float
    width_over_pooled: float
    districts: tuple[tuple[str, float], ...]
    districts_no_worse: float
    alarm: Alarm

    @property
    def nrmse_median(self) -> float:
        """The median over seasons, as CY-Bench reports it [%]."""
        return float(np.median([season.nrmse for season in self.seasons]))


def skill_of(told: Told) -> Skill:
    """The backtest's figures."""
    known, truth = told.known, told.truth
    seasons = tuple(_season_skill(told, i) for i in range(len(told.seasons)))
    inside = ((told.low <= truth) & (truth <= told.high))[known]
    width = float((told.high - told.low)[known].mean())
    districts = _districts(told)
    error, over_average, over_trend = (
        float(np.mean((part - truth)[known] ** 2)) for part in (told.told, told.average, told.trend)
    )
    return Skill(
        nrmse=nrmse(told.told, truth),
        nrmse_average=nrmse(told.average, truth),
        nrmse_trend=nrmse(told.trend, truth),
        r2=1.0 - error / float(np.var(truth[known])),
        skill_over_average=1.0 - error / over_average,
        skill_over_trend=1.0 - error / over_trend,
        seasons=seasons,
        covered=float(inside.mean()),
        seasons_covered=sum(season.covered >= SEASON_COVER_MIN for season in seasons),
        width_kg_per_ha=width,
        width_over_pooled=width / float((told.pooled_high - told.pooled_low)[known].mean()),
        districts=districts,
        districts_no_worse=float(
            np.mean([ratio <= 1.0 + WORSE_SHARE_MAX for _, ratio in districts])
        ),
        alarm=_alarm(told),
    )


def _season_skill(told: Told, i: int) -> SeasonSkill:
    rows = told.known[:, i]
    truth, said = told.truth[rows, i], told.told[rows, i]
    spread = float(np.var(truth))
    positive = truth > 0
    return SeasonSkill(
        season=told.seasons[i],
        nrmse=nrmse(said, truth),
        nrmse_average=nrmse(told.average[rows, i], truth),
        nrmse_trend=nrmse(told.trend[rows, i], truth),
        mape=float(100.0 * np.mean(np.abs(said - truth)[positive] / truth[positive])),
        r2=1.0 - float(np.mean((said - truth) ** 2)) / spread if spread > 0 else 0.0,
        covered=float(np.mean((told.low[rows, i] <= truth) & (truth <= told.high[rows, i]))),
        width_kg_per_ha=float(np.mean(told.high[rows, i] - told.low[rows, i])),
    )


def _districts(told: Told) -> tuple[tuple[str, float], ...]:
    """Each district's error over that of its average, worst first."""
    found: list[tuple[str, float]] = []
    for unit, truth, said, average in zip(
        told.units, told.truth, told.told, told.average, strict=True
    ):
        rows = np.isfinite(truth) & np.isfinite(said)
        naive = float(np.mean((average - truth)[rows] ** 2)) if rows.any() else 0.0
        if naive > 0.0:
            found.append((unit, float(np.sqrt(np.mean((said - truth)[rows] ** 2) / naive))))
    return tuple(sorted(found, key=lambda pair: -pair[1]))


def _alarm(told: Told) -> Alarm:
    known = told.known
    share = (told.told / told.average)[known]
    bad = (told.truth / told.average)[known] < ALARM_SHARE
    raised = share <= told.choice.alarm_below
    return Alarm(
        below=told.choice.alarm_below,
        auc=rank_auc(-share, bad),
        hit=float(raised[bad].mean()) if bad.any() else None,
        false_alarm=float(raised[~bad].mean()) if not bad.all() else None,
        base_rate=float(bad.mean()),
    )


def rank_auc(score: Array, is_case: NDArray[np.bool_]) -> float | None:
    """Chance that a case outranks another row, ties counting half; absent without both."""
    cases, others = score[is_case], score[~is_case]
    if not len(cases) or not len(others):
        return None
    ordered = np.sort(others)
    below = np.searchsorted(ordered, cases, "left") + np.searchsorted(ordered, cases, "right")
    return float(below.mean() / (2 * len(others)))
