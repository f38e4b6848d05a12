"""Does the declared crop grow there? Its calendar's windows against start, peak and end.

The calendar's windows are wide, for they hold a whole region and many years; this
season's neighbours who declare the same crop narrow them. Peak and late end count from
green-up rather than from sowing, so that a late sowing is not another crop.
A cycle that ends at one blow is a cut or a loss and is left to ``loss``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from satellite.hazards.crowd import Watched
from satellite.indices import Levels
from satellite.integrity.growth import (
    Cycle,
    cycle_of,
    gap_days,
    has_green_up,
    is_annual,
    season_days,
)
from satellite.integrity.loss import sudden_drop

NEIGHBOURS_MIN = 6
EARLY_END_DAYS = 20  # before the neighbours' median; one in a hundred honest plots is
LATE_END_DAYS = 30
LATE_PEAK_DAYS = 25  # later after green-up than the neighbours' median
RISE_MIN_SHARE = 1.25  # of the least season: weeds and a failed stand rise less
GAP_DAYS_MAX = 30
ENDED_SHARE = 0.7  # of the neighbours, for an end to be due
STILL_GREEN_SHARE = 0.5  # of the rise, where no end was seen


@dataclass(frozen=True, slots=True)
class OtherCrop:
    """A cycle outside the declared crop's windows; days count from sowing.

    ``what`` names the event; ``seen_day`` when it was seen (or the last day on which it
    had not come), ``from_day`` to ``to_day`` when it should have come.
    """

    what: str
    seen_day: int
    from_day: int
    to_day: int
    neighbours_day: int
    neighbours: int


def other_crop(
    row: int, every: Sequence[Watched], near: Sequence[int], levels: Levels
) -> OtherCrop | None:
    """What does not fit the declared crop; absent if it fits or it cannot be said."""
    one = every[row]
    sown = one.season.declared.sown_day
    if one.curve is None or sown is None or not is_annual(one) or one.series.is_small:
        return None
    if not one.season.declared.has_calendar or sudden_drop(row, every, near, levels) is not None:
        return None
    cycle = _cycle(one)
    if cycle is None or cycle.rise < RISE_MIN_SHARE * levels.season_min:
        return None
    others = [(c, every[j]) for j in near if (c := _cycle(every[j])) and has_green_up(c, levels)]
    if len(others) < NEIGHBOURS_MIN or gap_days(one.series, sown, cycle.peak_day) > GAP_DAYS_MAX:
        return None
    return (
        _early_end(one, cycle, others)
        or _late_peak(one, cycle, others)
        or _no_end(one, cycle, others)
    )


Others = list[tuple[Cycle, Watched]]


def _early_end(one: Watched, cycle: Cycle, others: Others) -> OtherCrop | None:
    declared, sown = one.season.declared, _sown(one)
    ends = [_age(day, w) for c, w in others if (day := c.end_day) is not None]
    if cycle.end_day is None or len(ends) < NEIGHBOURS_MIN:
        return None
    age, usual = _age(cycle.end_day, one), _usual(ends)
    earliest = min(usual - EARLY_END_DAYS, declared.harvest_from - sown)
    if age >= earliest or gap_days(one.series, cycle.peak_day, cycle.end_day) > GAP_DAYS_MAX:
        return None
    window = declared.harvest_from - sown, declared.last_day - sown
    return OtherCrop("ended early", age, *window, usual, len(ends))


def _late_peak(one: Watched, cycle: Cycle, others: Others) -> OtherCrop | None:
    """Still growing when the declared crop has long been at its greenest."""
    declared, sown = one.season.declared, _sown(one)
    usual = _usual([c.peak_day - c.start_day for c, _ in others])
    if cycle.peak_day - cycle.start_day <= usual + LATE_PEAK_DAYS:
        return None
    if cycle.peak_day < (declared.peak_from + declared.peak_to) // 2:
        return None
    window = declared.peak_from - sown, declared.peak_to - sown
    usual_age = _usual([_age(c.peak_day, w) for c, w in others])
    return OtherCrop(
        "greenest too late", _age(cycle.peak_day, one), *window, usual_age, len(others)
    )


def _no_end(one: Watched, cycle: Cycle, others: Others) -> OtherCrop | None:
    """Still green long after the neighbours were harvested."""
    declared, sown = one.season.declared, _sown(one)
    ended = [(c, w, day) for c, w in others if (day := c.end_day) is not None]
    if cycle.end_day is not None or one.curve is None or len(ended) < ENDED_SHARE * len(others):
        return None
    usual = _usual([day - c.start_day for c, _, day in ended])
    level = cycle.soil + STILL_GREEN_SHARE * cycle.rise
    stood = one.curve.last_day - cycle.start_day
    if stood < usual + LATE_END_DAYS or float(one.curve.mean[-1]) < level:
        return None
    window = declared.harvest_from - sown, declared.last_day - sown
    usual_age = _usual([_age(day, w) for _, w, day in ended])
    return OtherCrop("still green", one.curve.last_day - sown, *window, usual_age, len(ended))


def _cycle(one: Watched) -> Cycle | None:
    return None if one.curve is None else cycle_of(one.curve, *season_days(one))


def _sown(one: Watched) -> int:
    declared = one.season.declared
    return declared.first_day if declared.sown_day is None else declared.sown_day


def _age(day: int, one: Watched) -> int:
    return day - _sown(one)


def _usual(days: Sequence[int]) -> int:
    return round(float(np.median(days)))
