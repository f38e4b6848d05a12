"""What a plot's curve does in its declared season, and what the plots around it do.

A cycle is read from the curve alone, without the declared crop's windows: those are
what is in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from core.wire.evidence import EvidenceKind
from satellite.hazards.crowd import Watched
from satellite.indices import Levels
from satellite.integrity.ground import metres_per_degree
from satellite.series import Curve, Series

Array = NDArray[np.float64]

AMPLITUDE_SHARE = 0.2  # of rise and fall, TIMESAT's usual threshold
BEFORE_SOWING_DAYS = 10
NEIGHBOURS = 15
NEIGHBOUR_M_MAX = 5_000.0


@dataclass(frozen=True, slots=True)
class Cycle:
    """The largest rise of a curve within some days, and its fall; days are ordinals.

    ``soil`` is the lowest before the peak, ``start_day`` where a fifth of the rise is
    gone, ``end_day`` where the curve has fallen back to that; absent if it has not.
    """

    soil: float
    peak: float
    start_day: int
    peak_day: int
    end_day: int | None

    @property
    def rise(self) -> float:
        """From soil to peak [index units]."""
        return self.peak - self.soil


def cycle_of(curve: Curve, first: int, last: int) -> Cycle | None:
    """The cycle between two days; absent where the curve does not reach them."""
    origin = max(first, curve.first_day)
    value = curve.window(first, last)
    if len(value) < 2:
        return None
    lowest = np.minimum.accumulate(value)
    top = int(np.argmax(value - lowest))
    trough = int(np.argmin(value[: top + 1]))
    soil, peak = float(value[trough]), float(value[top])
    level = soil + AMPLITUDE_SHARE * (peak - soil)
    below = np.flatnonzero(value[trough : top + 1] < level)
    start = trough + (int(below[-1]) + 1 if len(below) else 0)
    fallen = np.flatnonzero(value[top:] <= level)
    end = origin + top + int(fallen[0]) if len(fallen) else None
    return Cycle(soil, peak, origin + start, origin + top, end)


def season_days(watched: Watched) -> tuple[int, int]:
    """The first and last day on which the declared crop may stand."""
    declared = watched.season.declared
    sown = declared.sown_day
    first = declared.first_day if sown is None else sown - BEFORE_SOWING_DAYS
    return first, declared.last_day


def gap_days(series: Series, first: int, last: int) -> int:
    """Longest time without a used look between two days [days]."""
    days = [look.day for look in series.used if first <= look.day <= last]
    return max(b - a for a, b in pairwise([first, *days, last]))


def is_annual(watched: Watched) -> bool:
    """Whether a sowing and a harvest are to be expected."""
    declared = watched.season.declared
    return watched.plot.kind is EvidenceKind.CROP and not declared.is_perennial


def neighbours_of(every: Sequence[Watched]) -> list[list[int]]:
    """For each plot the rows of its nearest plots that declare the same crop."""
    found: list[list[int]] = [[] for _ in every]
    groups: dict[tuple[str, str], list[int]] = {}
    for i, one in enumerate(every):
        declared = one.season.declared
        groups.setdefault((declared.crop, declared.season_id), []).append(i)
    for rows in groups.values():
        points = np.array([every[i].plot.lon_lat for i in rows])
        scale = metres_per_degree(float(points[:, 1].mean()))
        count = min(NEIGHBOURS + 1, len(rows))
        away, near = cKDTree(points * scale).query(points * scale, k=count)
        away, near = away.reshape(len(rows), count), near.reshape(len(rows), count)
        for k, i in enumerate(rows):
            close = zip(near[k].tolist(), away[k].tolist(), strict=True)
            found[i] = [rows[j] for j, m in close if j != k and m <= NEIGHBOUR_M_MAX]
    return found


def has_green_up(cycle: Cycle | None, levels: Levels) -> bool:
    """Whether a curve rises as a crop's does."""
    return cycle is not None and cycle.rise >= levels.season_min and cycle.peak >= levels.emerged
