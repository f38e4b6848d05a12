"""A soil that its own probe describes: the drained upper limit after soaking rain.

Two days after the last rise of a soaking rain, what could drain has drained, and what
is left is field capacity as this probe in this soil says it, its bias included
(Ritchie 1981, doi:10.1007/BF02180528). The wilting point follows from field capacity
along FAO-56's Table 19. Pure functions of daily means.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from core.units import divide_half_even
from edge_node.features.crops import SOILS, Soil

SOAKINGS_MIN = 3
SOAKED_PPM = 25_000  # a rise of the root zone's water within three days that counts as soaking
DRAINED_DAYS = 2
_SETTLED_PPM = 4_000  # a later rise above this is another rain


def drained_limit_ppm(levels_ppm: Sequence[int | None]) -> int | None:
    """Field capacity as the probe says it [ppm of volume]; None before enough rains.

    Parameters
    ----------
    levels_ppm
        Daily means, oldest first, None for a day without one [ppm of volume].
    """
    settled = []
    for i in range(3, len(levels_ppm) - DRAINED_DAYS):
        window = levels_ppm[i - 3 : i + DRAINED_DAYS + 1]
        if None in window:
            continue
        known = [level for level in window if level is not None]
        peak, after = known[3], known[4:]
        soaked = peak > known[2] and peak - min(known[:3]) >= SOAKED_PPM
        over = all(b - a <= _SETTLED_PPM for a, b in itertools.pairwise([peak, *after]))
        if soaked and over:
            settled.append(after[-1])
    if len(settled) < SOAKINGS_MIN:
        return None
    settled.sort()
    # Not every rain fills the whole root zone: the wetter ends say what it holds.
    return settled[(3 * len(settled)) // 4]


def soil_of_limit(field_capacity_ppm: int) -> Soil:
    """A soil with this field capacity, its wilting point between those of Table 19."""
    known = sorted((soil.field_capacity_ppm, soil.wilting_point_ppm) for soil in SOILS.values())
    held = min(max(field_capacity_ppm, known[0][0]), known[-1][0])
    for (low, dry), (high, wet) in itertools.pairwise(known):
        if low <= held <= high and high > low:
            share = divide_half_even((wet - dry) * (held - low), high - low)
            return Soil(field_capacity_ppm, dry + share)
    return Soil(field_capacity_ppm, known[-1][1])
