"""Late sowing and failed emergence: a plot that stays bare while its neighbours green.

The measure is the share of the usual rise since sowing: soil 0, a usual crop of that
age 1. It is asked only at ages at which a usual crop shows, and only while most of
the neighbourhood has come up: what keeps a whole village bare is not one farmer's
sowing. Bare for long is failed; bare and then green, or bare for a while, is late.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from satellite.hazards.crowd import Crowd

Array = NDArray[np.float64]

VISIBLE_RISE = 0.12  # of the index, usual at an age: from then on bare is not usual
BARE_SHARE = 0.35  # of the usual rise; below it, nothing has come up
AROUND_SHARE = 0.6  # of the usual rise that the neighbours' median must show
LOOKS_MIN = 2
FAILED_DAYS = 22  # bare for so long after the first bare look that counts
FAILED_LOOKS_MIN = 3
NEIGHBOURS_MIN = 5


@dataclass(frozen=True, slots=True)
class Bare:
    """A plot that was bare when it should not have been.

    ``row`` in the crowd; ``since`` and ``raised`` are days [proleptic ordinals];
    ``share`` of the usual rise that is missing [0–1].
    """

    row: int
    since: int
    raised: int
    share: float
    failed: bool


def bare_plots(crowd: Crowd) -> list[Bare]:
    """What each plot's looks show: late, and perhaps later failed."""
    risen = _risen_share(crowd)
    around = crowd.of_neighbours(risen, NEIGHBOURS_MIN)
    counts = np.isfinite(risen) & (around >= AROUND_SHARE) & crowd.is_sown[:, None]
    found: list[Bare] = []
    for row in range(len(crowd.value)):
        columns = np.flatnonzero(counts[row])
        found += _of_plot(crowd, row, columns, risen[row, columns])
    return found


def _of_plot(crowd: Crowd, row: int, columns: NDArray[np.int64], risen: Array) -> list[Bare]:
    bare = risen < BARE_SHARE
    first_green = int(np.argmax(~bare)) if (~bare).any() else len(bare)
    looks = columns[:first_green]  # the unbroken run of bare looks from the start
    if len(looks) < LOOKS_MIN:
        return []
    days = crowd.days[looks]
    missing = 1.0 - np.clip(risen[:first_green], 0.0, 1.0)
    raised = LOOKS_MIN - 1
    found = [Bare(row, int(days[0]), int(days[raised]), float(missing[raised]), failed=False)]
    long = np.flatnonzero(days - days[0] >= FAILED_DAYS)
    long = long[long >= FAILED_LOOKS_MIN - 1]
    if len(long):
        at = int(long[0])
        found.append(Bare(row, int(days[0]), int(days[at]), float(missing[at]), failed=True))
    return found


def _risen_share(crowd: Crowd) -> Array:
    """Share of the usual rise since sowing (plot, day); NaN where it cannot be asked."""
    age = crowd.days[None, :] - crowd.sown_day[:, None]
    rise = crowd.usual - crowd.soil[:, None]
    growing = (age > 0) & (rise >= VISIBLE_RISE) & (crowd.days[None, :] < crowd.ripe_day[:, None])
    share = np.full(crowd.value.shape, np.nan)
    np.divide(crowd.value - crowd.soil[:, None], rise, out=share, where=growing)
    return share
