"""The simulated village of Kijani and its live season, built once for all tests."""

from __future__ import annotations

from functools import lru_cache

from firmware_sim.district.places import District
from firmware_sim.district.season import SeasonTruth
from firmware_sim.district.simulate import rebuild

SEED = 1


@lru_cache(maxsize=16)
def village_and_season(seed: int = SEED, *, drought: bool = False) -> tuple[District, SeasonTruth]:
    """The village of a seed, and its live season."""
    return rebuild(seed, drought=drought)
