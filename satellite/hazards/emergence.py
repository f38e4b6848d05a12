"""Late sowing and failed emergence: a plot that stays bare while its neighbours green.

The measure is the share of the usual rise since sowing: soil 0, a usual crop of that
age 1. It is asked only at ages at which a usual crop shows, and only while most of
the neighbourhood has come up: what keeps a whole village bare is not one farmer's
sowing. Weeds may be green first, and are ploughed in before a late sowing; so bare
looks count whenever they come, unless a closed canopy stood before them. At first a
plot is called late; one that is bare long after has failed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from satellite.hazards.crowd import Crowd

Array = NDArray[np.float64]

VISIBLE_RISE = 0.12  # of the index, usual at an age: from then on bare is not usual
BARE_SHARE = 0.40  # of the usual rise; below it, nothing has come up
AROUND_SHARE = 0.6  # of the usual rise that the neighbours' median must show
LOOKS_MIN = 2  # in a row
CLOSED_MARGIN = 0.10  # above `closed`: weeds seldom cover so much, a crop does
FAILED_AGE_DAYS = 48  # bare until then: what may still come up is another season's crop
FAILED_RUN_DAYS = 15
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
    closed = crowd.levels.closed + CLOSED_MARGIN
    since_sown = np.where(crowd.days[None, :] >= crowd.sown_day[:, None], crowd.value, -np.inf)
    highest = np.fmax.accumulate(since_sown, axis=1)
    counts &= ~(highest >= closed)
    found: list[Bare] = []
    for row in range(len(crowd.value)):
        columns = np.flatnonzero(counts[row])
        found += _of_plot(crowd, row, columns, risen[row, columns])
    return found


def _of_plot(crowd: Crowd, row: int, columns: NDArray[np.int64], risen: Array) -> list[Bare]:
    """The first run of bare looks that is long enough, and whether it goes on for long."""
    start = _first_run(risen < BARE_SHARE)
    if start is None:
        return []
    bare = risen[start:] < BARE_SHARE
    length = len(bare) if bare.all() else int(np.argmin(bare))
    days = crowd.days[columns[start : start + length]]
    missing = 1.0 - np.clip(risen[start : start + length], 0.0, 1.0)
    at = LOOKS_MIN - 1
    found = [Bare(row, int(days[0]), int(days[at]), float(missing[at]), failed=False)]
    old = days - crowd.sown_day[row] >= FAILED_AGE_DAYS
    old &= days - days[0] >= FAILED_RUN_DAYS
    old[: FAILED_LOOKS_MIN - 1] = False
    if old.any():
        at = int(np.argmax(old))
        found.append(Bare(row, int(days[0]), int(days[at]), float(missing[at]), failed=True))
    return found


def _first_run(bare: NDArray[np.bool_]) -> int | None:
    """Where ``LOOKS_MIN`` bare looks in a row begin."""
    for start in range(len(bare) - LOOKS_MIN + 1):
        if bare[start : start + LOOKS_MIN].all():
            return start
    return None


def _risen_share(crowd: Crowd) -> Array:
    """Share of the usual rise since sowing (plot, day); NaN where it cannot be asked."""
    age = crowd.days[None, :] - crowd.sown_day[:, None]
    rise = crowd.usual - crowd.soil[:, None]
    growing = (age > 0) & (rise >= VISIBLE_RISE) & (crowd.days[None, :] < crowd.ripe_day[:, None])
    share = np.full(crowd.value.shape, np.nan)
    np.divide(crowd.value - crowd.soil[:, None], rise, out=share, where=growing)
    return share
