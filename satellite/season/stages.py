"""Which growth stage was *seen*, and on which look: causal, confirmed, never backwards.

A stage counts once two used looks in a row show it; its date is that of the second.
The looks are replayed as they came, each judged with what was known on its day, and
the furthest stage reached is kept: so a stage cannot go back within a season, and
the answer is the same whether scenes came one by one or all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.wire.evidence import Stage
from satellite.indices import Levels
from satellite.season.calendar import DeclaredSeason
from satellite.series import SeriesLook, kept_looks

CONFIRMING_LOOKS = 2
EMERGE_DAYS_MIN = 5  # after a declared sowing; what is green before is not this crop
CLOSED_DAYS_MIN = 20  # after sowing; a cover that was not ploughed in would show earlier
SOIL_MARGIN = 0.10  # above `bare`: what still counts as having seen soil before the crop
RISE_SHARE = 0.5  # of the least season: the rise over soil that is emergence
NEW_HIGH = 0.02  # growth goes on while looks exceed the highest before by this
RIPE_FALL = 0.25  # of the amplitude, TIMESAT's usual threshold
HARVEST_LEFT = 0.20  # of the amplitude that stubble may keep
# A crop that withers where it stands comes down slowly to the same level as stubble; only
# a fall like a cut's shows a harvest at once, else the field must have stayed low.
CUT_DIPS = 3.0  # least fall within so many days, in units of the index's `dip`
CUT_DAYS_MAX = 20
WITHERED_DAYS = 15

Point = tuple[int, float]


@dataclass(frozen=True, slots=True)
class StageSeen:
    """The furthest stage and the look that confirmed it; absent for sowing."""

    stage: Stage
    day: int | None


def stage_seen(
    looks: Sequence[SeriesLook], season: DeclaredSeason, levels: Levels, last: Stage
) -> StageSeen:
    """The furthest stage that the season's looks show.

    Parameters
    ----------
    looks
        The plot's usable looks (seen well enough), in order of day.
    last
        The furthest stage to report: pasture has no heading.
    """
    points = [
        (k.day, k.mean)
        for k in looks
        if k.mean is not None and season.first_day <= k.day <= season.last_day
    ]
    reached = StageSeen(Stage.SOWING, None)
    for n in range(CONFIRMING_LOOKS, len(points) + 1):
        known = points[:n]
        kept = kept_looks([d for d, _ in known], [v for _, v in known], levels.dip)
        stage = _walk([point for point in known if point[0] in kept], season, levels, last)
        if stage.rank > reached.stage.rank:
            reached = StageSeen(stage, known[-1][0])
    return reached


def _walk(points: list[Point], season: DeclaredSeason, levels: Levels, last: Stage) -> Stage:
    stage = Stage.SOWING
    for n in range(CONFIRMING_LOOKS, len(points) + 1):
        while stage is not last and _shows_next(stage, points[:n], season, levels):
            stage = list(Stage)[stage.rank + 1]
    return stage


def _shows_next(stage: Stage, points: list[Point], season: DeclaredSeason, levels: Levels) -> bool:
    newest = points[-CONFIRMING_LOOKS:]
    if stage is Stage.SOWING:
        return _emerged(points, newest, season, levels)
    if stage is Stage.EMERGENCE:
        return all(value >= levels.closed for _, value in newest)
    return _shows_decline(stage, points, season, levels)


def _shows_decline(
    stage: Stage, points: list[Point], season: DeclaredSeason, levels: Levels
) -> bool:
    """Whether the two newest looks are past the height (or low enough) for the next stage."""
    before, newest = points[:-CONFIRMING_LOOKS], points[-CONFIRMING_LOOKS:]
    if not before or stage is Stage.HARVESTED:
        return False
    soil = min(value for _, value in points)
    peak = max(value for _, value in before)
    since, level = {
        Stage.VEGETATIVE: (season.head_from, peak + NEW_HIGH),
        Stage.HEADING: (season.ripe_from, peak - RIPE_FALL * (peak - soil)),
        Stage.RIPENING: (
            season.harvest_from,
            max(levels.bare, soil + HARVEST_LEFT * (peak - soil)),
        ),
    }[stage]
    shown = newest[0][0] >= since and all(value <= level for _, value in newest)
    if stage is not Stage.RIPENING or not shown:
        return shown
    return _was_cut(points, level, levels.dip)


def _was_cut(points: list[Point], level: float, dip: float) -> bool:
    """Whether the low looks at the end follow a sudden fall, or have lasted."""
    high = max((i for i, (_, value) in enumerate(points) if value > level), default=-1)
    first_low_day, low = points[high + 1]
    if points[-1][0] - first_low_day >= WITHERED_DAYS:
        return True
    before = [v for day, v in points[: high + 1] if first_low_day - day <= CUT_DAYS_MAX]
    return max(before, default=low) - low >= CUT_DIPS * dip


def _emerged(
    points: list[Point], newest: list[Point], season: DeclaredSeason, levels: Levels
) -> bool:
    soil = min(value for _, value in points)
    rise = 0.0 if season.is_perennial else RISE_SHARE * levels.season_min
    risen = all(value >= max(levels.emerged, soil + rise) for _, value in newest)
    if season.is_perennial:
        return risen
    if season.sown_day is not None:
        # Clouds may hide the soil; so late, a closed canopy is the crop all the same.
        closed = all(value >= levels.closed for _, value in newest)
        after_days = newest[0][0] - season.sown_day
        return (risen and after_days >= EMERGE_DAYS_MIN) or (
            closed and after_days >= CLOSED_DAYS_MIN
        )
    if not risen:
        return False
    # Without a sowing date a catch crop may still stand: the soil must have been seen,
    # or the day be one on which only the declared crop can be this green.
    return soil <= levels.bare + SOIL_MARGIN or (
        newest[0][0] >= season.peak_from and newest[0][1] >= levels.closed
    )
