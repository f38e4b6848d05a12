"""How well a plot could be seen in its season: what a lender must know beside the curve."""

from __future__ import annotations

from itertools import pairwise

from core.units import PPM
from core.wire.evidence import Observability
from satellite.season.calendar import DeclaredSeason
from satellite.series import Series

PIXELS_SCALE = 100


def observability(series: Series, season: DeclaredSeason) -> Observability:
    """How well the plot was seen, from the season's first day to its newest look.

    A season that begins after the newest look has no looks and no gap.
    """
    last = min(series.looks[-1].day, season.last_day)
    inside = series.between(season.first_day, last)
    clear = [season.first_day, *(look.day for look in inside.used), last]
    seen = sum(look.valid_fraction for look in inside.looks)
    return Observability(
        looks=len(inside.looks),
        valid_mean_ppm=round(seen / len(inside.looks) * PPM) if inside.looks else 0,
        gap_days_max=max(0, *(b - a for a, b in pairwise(clear))),
        pixels_e2=round(series.pixels * PIXELS_SCALE),
        full_pixels=series.full_pixels,
    )
