"""Hazards planted in a season: hail swathes, floods, late and failed sowing, droughts.

Opt-in, and drawn from a stream of their own: a season without them has the same
bytes as before there were any. What is planted is the truth for checkers; nothing
that a lender's software reads carries it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from shapely.geometry import Polygon

from firmware_sim.district.places import District
from firmware_sim.district.season import DroughtSpec, Floats, Ints, SeasonSpec
from firmware_sim.district.soils import CLAY_LOAM, SILT_LOAM

_STREAM = 21  # no other module draws from [seed, 21, …]
_HAIL_DAYS = (55, 100)  # leaves stand then
_HAIL_HALF_WIDTH_M = (120.0, 300.0)
_HAIL_CORE = (0.45, 0.95)  # of the leaf area, in the swathe's middle
_HAIL_EDGE_SHARE = 0.3  # of the middle's loss, at the swathe's edge
_FLOOD_DAYS = (38, 95)
_FLOOD_STANDS_DAYS = (4, 12)
_FLOOD_REACH_M = 260.0  # from the stream
_FLOOD_DROWNED_A_DAY = 0.13  # of the leaf area under water
_LATE_PLOTS, _LATE_DAYS = 4, (20, 42)
_FAILED_PLOTS = 3
_DROUGHT_FROM = (38, 85)
_DROUGHT_DAYS = (28, 46)
_DROUGHT_RAIN_SHARE = (0.02, 0.18)


class Peril(Enum):
    """What can be planted; the value is the word on the command line and in the truth."""

    DROUGHT = "drought"
    FLOOD = "flood"
    HAIL = "hail"
    LATE_SOWING = "late_sowing"
    FAILED_EMERGENCE = "failed_emergence"


@dataclass(frozen=True, slots=True)
class Strike:
    """A plot that was struck: which (row), by what, from which day of the season, how hard.

    ``share`` of leaf area lost at once for hail, of the plot under water for a
    flood, of the rain lost for a drought; for late sowing the delay [d].
    """

    plot: int
    peril: Peril
    day: int
    share: float


@dataclass(frozen=True, slots=True)
class Perils:
    """What strikes a season.

    Parameters
    ----------
    drought
        Besides what the spec asks for, or None.
    late_days, rots
        Delay of sowing after the declared day [d], and whether the seed rots (plots,).
    torn
        Share of the leaf area lost on a day (plots, days) [0–1].
    under_water
        Share of the plot that stands under water (plots, days) [0–1].
    strikes
        The same as a list, for checkers.
    """

    drought: DroughtSpec | None
    late_days: Ints
    rots: np.ndarray
    torn: Floats
    under_water: Floats
    strikes: tuple[Strike, ...]


def draw_perils(district: District, spec: SeasonSpec, kinds: Iterable[Peril]) -> Perils:
    """The hazards of a season of a district; the same arguments, the same hazards.

    Each kind has its own chance, so that one more kind changes nothing in the others.
    """
    asked = set(kinds)
    count = len(district.plots)
    found = Perils(
        drought=_drought(_chance(district, spec, Peril.DROUGHT), len(district.zones))
        if Peril.DROUGHT in asked
        else None,
        late_days=np.zeros(count, dtype=np.int64),
        rots=np.zeros(count, dtype=bool),
        torn=np.zeros((count, spec.days)),
        under_water=np.zeros((count, spec.days)),
        strikes=(),
    )
    strikes: list[Strike] = []
    if found.drought is not None:
        dry = found.drought
        strikes += [
            Strike(i, Peril.DROUGHT, dry.start_day, 1 - dry.rain_share)
            for i, plot in enumerate(district.plots)
            if plot.zone == dry.zone
        ]
    if Peril.HAIL in asked:
        strikes += _hail(district, _chance(district, spec, Peril.HAIL), found.torn)
    if Peril.FLOOD in asked:
        strikes += _flood(district, _chance(district, spec, Peril.FLOOD), found)
    order = _chance(district, spec, Peril.LATE_SOWING)
    strikes += _sowing(found, asked, order)
    return Perils(
        found.drought, found.late_days, found.rots, found.torn, found.under_water, tuple(strikes)
    )


def _chance(district: District, spec: SeasonSpec, peril: Peril) -> np.random.Generator:
    return np.random.default_rng([district.seed, _STREAM, spec.year, list(Peril).index(peril)])


def _drought(rng: np.random.Generator, zones: int) -> DroughtSpec:
    return DroughtSpec(
        zone=int(rng.integers(zones)),
        start_day=int(rng.integers(*_DROUGHT_FROM)),
        days=int(rng.integers(*_DROUGHT_DAYS)),
        rain_share=float(rng.uniform(*_DROUGHT_RAIN_SHARE)),
        warming_c=float(rng.uniform(1.0, 2.5)),
    )


def _centres_m(district: District) -> Floats:
    return np.array([Polygon(plot.ring).centroid.coords[0] for plot in district.plots])


def _hail(district: District, rng: np.random.Generator, torn: Floats) -> list[Strike]:
    """One swathe: a straight band over the village, hardest in its middle."""
    centres = _centres_m(district)
    day = int(rng.integers(*_HAIL_DAYS))
    through, angle = centres[int(rng.integers(len(centres)))], rng.uniform(0, np.pi)
    away_m = np.abs((centres - through) @ np.array([-np.sin(angle), np.cos(angle)]))
    share_m = away_m / rng.uniform(*_HAIL_HALF_WIDTH_M)
    core = rng.uniform(*_HAIL_CORE)
    loss = core * (1 - (1 - _HAIL_EDGE_SHARE) * share_m) * rng.uniform(0.85, 1.0, len(centres))
    rows = np.flatnonzero(share_m <= 1)
    torn[rows, day] = 1 - (1 - torn[rows, day]) * (1 - loss[rows])
    return [Strike(int(i), Peril.HAIL, day, float(loss[i])) for i in rows]


def _flood(district: District, rng: np.random.Generator, found: Perils) -> list[Strike]:
    """A stream leaves its bed: water stands on the heavy soils beside it for some days."""
    centres = _centres_m(district)
    low = np.array([plot.soil in (CLAY_LOAM, SILT_LOAM) for plot in district.plots])
    bed_m = centres[rng.choice(np.flatnonzero(low))]
    angle = rng.uniform(0, np.pi)
    away_m = np.abs((centres - bed_m) @ np.array([-np.sin(angle), np.cos(angle)]))
    day = int(rng.integers(*_FLOOD_DAYS))
    depth = rng.uniform(0.7, 1.0, len(centres)) * (1 - 0.4 * away_m / _FLOOD_REACH_M)
    stands = rng.integers(*_FLOOD_STANDS_DAYS, len(centres))
    rows = np.flatnonzero(low & (away_m <= _FLOOD_REACH_M))
    for i in rows:
        days = slice(day, day + int(stands[i]))
        found.under_water[i, days] = depth[i]
        drowned = 1 - _FLOOD_DROWNED_A_DAY * depth[i]
        found.torn[i, days] = 1 - (1 - found.torn[i, days]) * drowned
    return [Strike(int(i), Peril.FLOOD, day, float(depth[i])) for i in rows]


def _sowing(found: Perils, asked: set[Peril], rng: np.random.Generator) -> list[Strike]:
    """A few plots are sown weeks after the declared day; on others the seed rots."""
    order = rng.permutation(len(found.rots))
    late, failed = order[:_LATE_PLOTS], order[_LATE_PLOTS : _LATE_PLOTS + _FAILED_PLOTS]
    delays = rng.integers(*_LATE_DAYS, _LATE_PLOTS)
    strikes: list[Strike] = []
    if Peril.LATE_SOWING in asked:
        found.late_days[late] = delays
        strikes += [
            Strike(int(i), Peril.LATE_SOWING, 0, float(d))
            for i, d in zip(late, delays, strict=True)
        ]
    if Peril.FAILED_EMERGENCE in asked:
        found.rots[failed] = True
        strikes += [Strike(int(i), Peril.FAILED_EMERGENCE, 0, 1.0) for i in failed]
    return strikes
