"""A soil that its own probe describes: the level at which it stands in wet weeks.

A soil that rain has soaked stands above field capacity for a day or two and at it for
as long as rain replaces what is used. So the fifteenth wettest day of a record that has
seen soaking rains is about field capacity, as this probe in this soil says it, its bias
included. The wilting point follows along FAO-56's Table 19. Pure functions of daily
means.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from core.units import divide_half_even
from edge_node.features.crops import SOILS, Soil

PLATEAU_RANK = 15
DAYS_MIN = 30
SOAKINGS_MIN = 2
SOAKED_PPM = 20_000  # a rise of the root zone's water within three days that counts as soaking
_SOAKING_DAYS = 3


def drained_limit_ppm(levels_ppm: Sequence[int | None]) -> int | None:
    """Field capacity as the probe says it [ppm of volume]; None before it has seen enough.

    Parameters
    ----------
    levels_ppm
        Daily means, oldest first, None for a day without one [ppm of volume].
    """
    known = sorted(level for level in levels_ppm if level is not None)
    if len(known) < DAYS_MIN or soakings(levels_ppm) < SOAKINGS_MIN:
        return None
    return known[-PLATEAU_RANK]


def soakings(levels_ppm: Sequence[int | None]) -> int:
    """How many rains raised the water by ``SOAKED_PPM`` within three days."""
    found, since = 0, 0
    for i, level in enumerate(levels_ppm):
        window = [one for one in levels_ppm[max(since, i - _SOAKING_DAYS) : i] if one is not None]
        if level is not None and window and level - min(window) >= SOAKED_PPM:
            found, since = found + 1, i  # the next rain is measured from here on
    return found


def soil_of_limit(field_capacity_ppm: int) -> Soil:
    """A soil with this field capacity, its wilting point between those of Table 19."""
    known = sorted((soil.field_capacity_ppm, soil.wilting_point_ppm) for soil in SOILS.values())
    held = min(max(field_capacity_ppm, known[0][0]), known[-1][0])
    for (low, dry), (high, wet) in itertools.pairwise(known):
        if low <= held <= high and high > low:
            share = divide_half_even((wet - dry) * (held - low), high - low)
            return Soil(field_capacity_ppm, dry + share)
    return Soil(field_capacity_ppm, known[-1][1])
