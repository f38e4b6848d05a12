"""Start, peak and end of the declared season on the smoothed curve; or that there is none.

Thresholds on amplitude as in TIMESAT (Jönsson & Eklundh 2004,
doi:10.1016/j.cageo.2004.05.006): a season starts where the curve has risen by a
fifth of its amplitude and ends where it has fallen back to that. The trough is
looked for before the declared crop's peak window, so that a catch crop before it
is not taken for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.wire.evidence import EvidenceKind, Stage
from satellite.indices import Levels
from satellite.season.calendar import DeclaredSeason, declared_season
from satellite.season.stages import StageSeen, stage_seen
from satellite.series import VALID_MIN, VALID_MIN_SMALL, Curve, Series
from satellite.statistics.plots import Plot

AMPLITUDE_SHARE = 0.20


@dataclass(frozen=True, slots=True)
class SeasonSeen:
    """The declared season as seen so far; days are ordinals, absent if not happened.

    ``peak`` is the curve's value on ``peak_day`` [index units].
    """

    declared: DeclaredSeason
    stage: StageSeen
    start_day: int | None = None
    peak_day: int | None = None
    peak: float | None = None
    end_day: int | None = None

    @property
    def exists(self) -> bool:
        """Whether the curve shows a season at all."""
        return self.start_day is not None


def season_of(plot: Plot, series: Series, curve: Curve | None, levels: Levels) -> SeasonSeen:
    """The declared crop's season in a plot's series."""
    as_of = series.looks[-1].date
    declared = declared_season(plot, as_of)
    is_grazed = plot.kind is EvidenceKind.PASTURE or declared.is_perennial
    last = Stage.VEGETATIVE if is_grazed else Stage.HARVESTED
    valid_min = VALID_MIN_SMALL if series.is_small else VALID_MIN
    usable = [k for k in series.looks if k.mean is not None and k.valid_fraction >= valid_min]
    stage = stage_seen(usable, declared, levels, last)
    found = None if curve is None else _shape(curve, declared, levels)
    if found is None:
        return SeasonSeen(declared, stage)
    start, peak_day, peak, end = found
    # A peak is one only after the curve has turned; until then it is today's height.
    turned = stage.stage.rank >= Stage.HEADING.rank or peak_day < curve_end(curve, declared) - 20
    return SeasonSeen(
        declared, stage, start, peak_day if turned else None, peak if turned else None, end
    )


def curve_end(curve: Curve | None, declared: DeclaredSeason) -> int:
    """The last day of the season that the curve reaches."""
    return declared.last_day if curve is None else min(curve.last_day, declared.last_day)


def _shape(
    curve: Curve, season: DeclaredSeason, levels: Levels
) -> tuple[int, int, float, int | None] | None:
    """Start, peak day, peak, end; absent if the curve does not rise by enough."""
    before = curve.window(season.first_day, min(season.peak_from, season.last_day))
    upto = curve.window(season.first_day, season.peak_to)
    if not len(before) or not len(upto):
        return None
    origin = max(season.first_day, curve.first_day)
    trough = int(np.argmin(before))
    rise = upto[trough:]
    top = trough + int(np.argmax(rise))
    soil, peak = float(before[trough]), float(upto[top])
    if peak - soil < levels.season_min or peak < levels.emerged:
        return None
    # Early in a season the amplitude is not known; assume at least twice the least one.
    amplitude = max(peak - soil, 2 * levels.season_min)
    climb = upto[trough : top + 1]
    risen = np.flatnonzero(climb < soil + AMPLITUDE_SHARE * amplitude)
    start = trough + (int(risen[-1]) + 1 if len(risen) else 0)
    fall = curve.window(origin + top, season.last_day)
    level = max(soil + AMPLITUDE_SHARE * (peak - soil), levels.bare)
    fallen = np.flatnonzero(fall <= level)
    end = origin + top + int(fallen[0]) if len(fallen) else None
    return origin + start, origin + top, peak, end
