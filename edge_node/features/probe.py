"""A soil that its own probe describes: the level at which it stands in wet weeks.

A soil that rain has soaked stands above field capacity for a day or two and at it for
as long as rain replaces what is used. So the fifteenth wettest day of a record is about
field capacity, as this probe in this soil says it, its bias included, if the soil was
ever that wet: that shows where it loses more in a day than any crop can drink, for then
it drains. Without that, in dry years, the same day came out 20 to 40 % too low. The
wilting point follows along FAO-56's Table 19. Pure functions of daily means.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from core.units import divide_half_even
from edge_node.features.crops import SOILS, Soil

PLATEAU_RANK = 15
DAYS_MIN = 30
DRAININGS_MIN = 2
DRAINED_PPM = 9_000  # 9 mm of a metre in a day: crops under a clear sky use at most 7


def drained_limit_ppm(levels_ppm: Sequence[int | None]) -> int | None:
    """Field capacity as the probe says it [ppm of volume]; None before it has seen enough.

    Parameters
    ----------
    levels_ppm
        Daily means, oldest first, None for a day without one [ppm of volume].
    """
    known = sorted(level for level in levels_ppm if level is not None)
    if len(known) < DAYS_MIN or drainings(levels_ppm) < DRAININGS_MIN:
        return None
    return known[-PLATEAU_RANK]


def drainings(levels_ppm: Sequence[int | None]) -> int:
    """On how many days the soil lost more than a crop can have drunk."""
    return sum(
        before is not None and now is not None and before - now >= DRAINED_PPM
        for before, now in itertools.pairwise(levels_ppm)
    )


def soil_of_limit(field_capacity_ppm: int) -> Soil:
    """A soil with this field capacity, its wilting point between those of Table 19."""
    known = sorted((soil.field_capacity_ppm, soil.wilting_point_ppm) for soil in SOILS.values())
    held = min(max(field_capacity_ppm, known[0][0]), known[-1][0])
    for (low, dry), (high, wet) in itertools.pairwise(known):
        if low <= held <= high and high > low:
            share = divide_half_even((wet - dry) * (held - low), high - low)
            return Soil(field_capacity_ppm, dry + share)
    return Soil(field_capacity_ppm, known[-1][1])
