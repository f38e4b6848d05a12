"""Start, peak and end of the declared season on the smoothed curve; or that there is none.

Thresholds on amplitude as in TIMESAT (Jönsson & Eklundh 2004,
doi:10.1016/j.cageo.2004.05.006): a season starts where the curve has risen by a
fifth of its amplitude and ends where it has fallen back to that. The trough is
looked for before the declared crop's peak window, so that a catch crop before it
is not taken for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.wire.evidence import EvidenceKind, Stage
from satellite.indices import Levels
from satellite.season.calendar import DeclaredSeason, declared_season
from satellite.season.chances import StageChances, stage_chances
from satellite.season.found import (
    AMPLITUDE_SHARE,
    DateSeen,
    SeasonFound,
    crossing,
    is_sure,
    peak_date,
    seasons_found,
)
from satellite.season.stages import StageSeen, stage_seen
from satellite.series import VALID_MIN, VALID_MIN_SMALL, Curve, Series
from satellite.statistics.plots import Plot

TURNED_DAYS = 20  # before the curve's end: a later highest day may still be beaten


@dataclass(frozen=True, slots=True)
class SeasonSeen:
    """The declared season as seen so far; days are ordinals, absent if not happened.

    ``peak`` is the curve's value on ``peak_day`` [index units]; each ``…_days_90`` bounds
    its date's error either side at 90 % [days]. ``chances`` says how sure the stage of
    today is, ``every`` holds all seasons of the curve, the declared crop's among them.
    """

    declared: DeclaredSeason
    stage: StageSeen
    start_day: int | None = None
    peak_day: int | None = None
    peak: float | None = None
    end_day: int | None = None
    start_days_90: int | None = None
    peak_days_90: int | None = None
    end_days_90: int | None = None
    chances: StageChances | None = None
    every: tuple[SeasonFound, ...] = field(default=())

    @property
    def exists(self) -> bool:
        """Whether the curve shows a season at all."""
        return self.start_day is not None


@dataclass(frozen=True, slots=True)
class _Shape:
    start: DateSeen
    peak: DateSeen
    height: float
    end: DateSeen | None


def season_of(plot: Plot, series: Series, curve: Curve | None, levels: Levels) -> SeasonSeen:
    """The declared crop's season in a plot's series."""
    as_of = series.looks[-1].date
    declared = declared_season(plot, as_of)
    is_grazed = plot.kind is EvidenceKind.PASTURE or declared.is_perennial
    last = Stage.VEGETATIVE if is_grazed else Stage.HARVESTED
    valid_min = VALID_MIN_SMALL if series.is_small else VALID_MIN
    usable = [k for k in series.looks if k.mean is not None and k.valid_fraction >= valid_min]
    stage = stage_seen(usable, declared, levels, last)
    if curve is None:
        return SeasonSeen(declared, stage)
    every = seasons_found(curve, levels)
    chances = stage_chances(curve, declared, levels, (series.looks[-1].day, last))
    found = _shape(curve, declared, levels, every)
    if found is None:
        return SeasonSeen(declared, stage, chances=chances, every=every)
    # A peak is one only after the curve has turned; until then it is today's height.
    turned = (
        stage.stage.rank >= Stage.HEADING.rank
        or found.peak.day < curve_end(curve, declared) - TURNED_DAYS
    )
    return SeasonSeen(
        declared,
        stage,
        found.start.day,
        found.peak.day if turned else None,
        found.height if turned else None,
        found.end.day if found.end else None,
        found.start.days_90,
        found.peak.days_90 if turned else None,
        found.end.days_90 if found.end else None,
        chances,
        every,
    )


def curve_end(curve: Curve | None, declared: DeclaredSeason) -> int:
    """The last day of the season that the curve reaches."""
    return declared.last_day if curve is None else min(curve.last_day, declared.last_day)


def _shape(
    curve: Curve, season: DeclaredSeason, levels: Levels, every: tuple[SeasonFound, ...]
) -> _Shape | None:
    """The declared season's dates; absent if the curve does not rise by enough."""
    before = curve.window(season.first_day, min(season.peak_from, season.last_day))
    upto = curve.window(season.first_day, season.peak_to)
    if not len(before) or not len(upto):
        return None
    origin = max(season.first_day, curve.first_day) - curve.first_day
    trough = int(np.argmin(before))
    top = trough + int(np.argmax(upto[trough:]))
    soil, peak = float(before[trough]), float(upto[top])
    low, high = origin + trough, origin + top
    is_small = peak - soil < levels.season_min or peak < levels.emerged
    if is_small or not is_sure(curve, low, high):
        return None
    # Early in a season the amplitude is not known; assume at least twice the least one.
    amplitude = max(peak - soil, 2 * levels.season_min)
    climb = upto[trough : top + 1]
    risen = np.flatnonzero(climb < soil + AMPLITUDE_SHARE * amplitude)
    start = low + (int(risen[-1]) + 1 if len(risen) else 0)
    end = _end(curve, season, levels, (low, high), every)
    last = curve_end(curve, season) - curve.first_day
    return _Shape(
        crossing(curve, low, min(start, high), high),
        peak_date(curve, high, low, max(last, high)),
        peak,
        end,
    )


def _end(
    curve: Curve,
    season: DeclaredSeason,
    levels: Levels,
    rise: tuple[int, int],
    every: tuple[SeasonFound, ...],
) -> DateSeen | None:
    """Where the curve has come back near the soil, or has turned to what grows next."""
    low, high = rise
    soil, peak = float(curve.mean[low]), float(curve.mean[high])
    fall = curve.window(curve.first_day + high, season.last_day)
    fallen = np.flatnonzero(fall <= max(soil + AMPLITUDE_SHARE * (peak - soil), levels.bare))
    if len(fallen):
        at = high + int(fallen[0])
        lowest = high + int(np.argmin(fall))
        return crossing(curve, max(lowest, at), at, high)
    for found in every:
        if found.peak.day == curve.first_day + high and found.end is not None:
            is_followed = any(later.peak.day > found.end.day for later in every)
            return found.end if is_followed and found.end.day <= season.last_day else None
    return None
