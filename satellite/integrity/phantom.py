"""Is there a crop at all? No green-up in the season's window, given enough clear looks.

Bare land stays brown, bush and trees stay green, water is darker in the near infrared
than in red: none of them rises as a crop does. Where most neighbours of the same crop
did not green up either, it is the rains that failed, and nothing is said of one plot.
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

RISE_SHARE = 0.7  # of the least season: less is no crop
BROWN_ABOVE_EMERGED = 0.08  # weeds on idle land reach so far
GREEN_BELOW_CLOSED = 0.05
WATER_MAX = 0.10
LOOKS_MIN = 8
GAP_DAYS_MAX = 36
SEEN_AFTER_PEAK_DAYS = 15  # past the middle of the peak's window, by which a crop is green
NEIGHBOURS_MIN = 5
NEIGHBOURS_GREEN_MIN = 0.6


@dataclass(frozen=True, slots=True)
class NoCrop:
    """A season without a crop: what stands there instead, and how green it ever was."""

    cover: str
    lowest: float
    highest: float
    looks: int
    neighbours_green: int
    neighbours: int


def no_crop(
    row: int, every: Sequence[Watched], near: Sequence[int], levels: Levels
) -> NoCrop | None:
    """What is amiss with one plot; absent if a crop came up or it cannot be said."""
    one = every[row]
    first, due = _window(one)
    if one.curve is None or not _is_well_seen(one, first, due):
        return None
    cycle = cycle_of(one.curve, first, due)
    if cycle is None or cycle.rise >= RISE_SHARE * levels.season_min:
        return None
    green = [has_green_up(_cycle(every[j], due - first), levels) for j in near]
    if len(green) < NEIGHBOURS_MIN or np.mean(green) < NEIGHBOURS_GREEN_MIN:
        return None
    window = one.curve.window(first, due)
    low, high = float(window.min()), float(window.max())
    cover = _cover(low, high, levels)
    if not cover:
        return None
    looks = sum(first <= look.day <= due for look in one.series.used)
    return NoCrop(cover, low, high, looks, sum(green), len(green))


def _window(one: Watched) -> tuple[int, int]:
    """From before sowing to the day by which a crop must have been green."""
    declared = one.season.declared
    middle = (declared.peak_from + declared.peak_to) // 2
    return season_days(one)[0], middle + SEEN_AFTER_PEAK_DAYS


def _is_well_seen(one: Watched, first: int, due: int) -> bool:
    looks = sum(first <= look.day <= due for look in one.series.used)
    return (
        is_annual(one)
        and not one.series.is_small
        and one.series.looks[-1].day >= due
        and looks >= LOOKS_MIN
        and gap_days(one.series, first, due) <= GAP_DAYS_MAX
    )


def _cover(low: float, high: float, levels: Levels) -> str:
    """What the land seems to bear; empty if it may be a poor crop."""
    if high < WATER_MAX:
        return "water"
    if high < levels.emerged + BROWN_ABOVE_EMERGED:
        return "bare land"
    return "bush or trees" if low >= levels.closed - GREEN_BELOW_CLOSED else ""


def _cycle(one: Watched, days: int) -> Cycle | None:
    first, _ = season_days(one)
    return None if one.curve is None else cycle_of(one.curve, first, first + days)
