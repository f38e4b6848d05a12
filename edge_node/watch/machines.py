"""An engine that runs and works nothing: hours that are shown, not worked.

A day counts as standing when the engine ran for two hours or more and worked less than
a tenth of the land that this machine works in that time on its usual working day.
Threshing and pumping stand still by right, so three such days in a week are a flag and
no more. Pure functions.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.units import divide_half_even
from edge_node.watch.notices import Judgement, Level

WEEK_DAYS = 7
STANDING_DAYS_MIN = 3
RUNNING_S_MIN = 2 * 3_600
PACE_M2_PER_HOUR = 2_000  # what is asked of a machine that has not worked yet: 0.2 ha/h
_SHARE = 10  # of its usual pace
_HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class MachineDay:
    """What a machine did on a day: engine time [s], land worked [m²], None if not reported."""

    engine_s: int
    area_m2: int | None


def usual_pace_m2_per_hour(days: Sequence[MachineDay]) -> int:
    """The middle of the machine's paces on days on which it worked."""
    paces = [
        divide_half_even(day.area_m2 * _HOUR_S, day.engine_s)
        for day in days
        if day.area_m2 and day.engine_s >= RUNNING_S_MIN
    ]
    return statistics.median_low(paces) if len(paces) >= STANDING_DAYS_MIN else PACE_M2_PER_HOUR


def stands(day: MachineDay, pace_m2_per_hour: int) -> bool:
    """Whether the engine ran without work."""
    if day.engine_s < RUNNING_S_MIN or day.area_m2 is None:
        return False
    return day.area_m2 * _HOUR_S * _SHARE < pace_m2_per_hour * day.engine_s


def judge(
    week: Mapping[str, MachineDay], before: Sequence[MachineDay], name: str
) -> Judgement | None:
    """Whether a week's engine hours are a flag; None if the machine said nothing.

    Parameters
    ----------
    week
        The last seven days by civil day.
    before
        The days before them.
    name
        The machine's name.
    """
    if not week:
        return None
    pace = usual_pace_m2_per_hour(before)
    standing = {on: day for on, day in sorted(week.items()) if stands(day, pace)}
    hours = sum(day.engine_s for day in standing.values()) // _HOUR_S
    params = {"name": name, "hours": str(hours), "days": str(len(standing))}
    evidence = tuple(
        f"{on}: engine {day.engine_s // 60} min, land {day.area_m2} m²"
        for on, day in standing.items()
    )
    if len(standing) >= STANDING_DAYS_MIN:
        return Judgement(Level.RAISE, params, evidence)
    return Judgement(Level.HOLD if standing else Level.CLEAR, params, evidence)
