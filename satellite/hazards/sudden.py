"""Hail and flood: leaves that are gone within one revisit, where the neighbours' are not.

The change between two looks of a plot is laid beside the median change of its
neighbours over the same days; rain, haze and the season move all of them together.
One low look may be a cloud that the mask missed, so the loss must still be there at
the next one. Open water needs no second look: no cloud is dark in the near infrared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from satellite.hazards.crowd import Crowd

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

REVISIT_DAYS_MAX = 30  # looks further apart tell of no single day
CONFIRM_DAYS_MAX = 30
NEIGHBOURS_MIN = 5
LOSS_MIN = 0.06  # of the index, beyond the neighbours' change
LOSS_SPREADS = 2.0  # of the half that agrees best; two looks must say so
SPREAD_MIN_SHARE = 0.6  # of the noise of a look: neighbours seldom agree better than that
KEPT_SHARE = 0.7  # of the loss that was asked for, still to be seen at the next look
STOPPED_SHARE = 1.5  # of the loss, at most at the next look: thirst and blight go on
SINKING_SHARE = 0.5  # of the loss, fallen behind before it: not at once
FALL_SHARE = 0.5  # of it that the index itself must have fallen: to stand still is not to lose
AGE_DAYS_MIN = 18  # after sowing; what is green before is weeds, and is ploughed in
WEEDS_DAYS_MAX = 45  # until then weeds may stand where sowing is late, and be ploughed in
CLOSED_MARGIN = 0.10  # above `closed`: weeds seldom cover so much, a crop does
STANDING_MIN = 0.20  # of the index above soil: there must be leaves to lose
WATER_INDEX = 0.0  # above: open water
WATER_LOSS = 0.12  # of the index beyond the neighbours', under water
WATER_SHARE = 0.4  # of `bare`: below it no soil stands, only water
RIPE_SHARE = 0.85  # of the usual height; once past it, leaves go anyway


@dataclass(frozen=True, slots=True)
class Loss:
    """Leaves lost at once.

    ``row`` in the crowd; ``before``, ``since`` and ``raised`` are days [proleptic
    ordinals] of the last look before, the first after, and the one that made it sure;
    ``share`` of the greenness that is gone [0–1].
    """

    row: int
    before: int
    since: int
    raised: int
    share: float
    wet: bool


def sudden_losses(crowd: Crowd) -> list[Loss]:
    """The first flood and, if there was none, the first other loss of each plot."""
    found = _floods(crowd)
    for row, loss in _torn(crowd).items():
        found.setdefault(row, loss)
    return [found[row] for row in sorted(found)]


def _floods(crowd: Crowd) -> dict[int, Loss]:
    """Plots under open water while most neighbours are not, by the water index."""
    found: dict[int, Loss] = {}
    around = crowd.of_neighbours(crowd.water, NEIGHBOURS_MIN)
    gap = crowd.departure - crowd.of_neighbours(crowd.departure, NEIGHBOURS_MIN)
    wet = (crowd.water > WATER_INDEX) & (around < WATER_INDEX) & (gap <= -WATER_LOSS)
    before = _previous(crowd)
    for row in np.flatnonzero(wet.any(axis=1)):
        columns = [int(c) for c in np.flatnonzero(wet[row] & (before[row] >= 0))]
        standing = [
            c
            for c in columns
            if bool(_standing(crowd, before[:, c])[row]) and not bool(_ripening(crowd, c)[row])
        ]
        if standing:
            found[int(row)] = _flood(crowd, int(row), int(before[row, standing[0]]), standing[0])
    return found


def _flood(crowd: Crowd, row: int, before: int, column: int) -> Loss:
    day = int(crowd.days[column])
    lost = crowd.value[row, before] - crowd.value[row, column]
    share = lost / max(crowd.value[row, before] - crowd.soil[row], STANDING_MIN)
    return Loss(row, int(crowd.days[before]), day, day, float(np.clip(share, 0, 1)), wet=True)


def _torn(crowd: Crowd) -> dict[int, Loss]:
    """The first confirmed loss of each plot."""
    found: dict[int, Loss] = {}
    last = _previous(crowd)
    for after in range(1, len(crowd.days)):
        ripe = _ripening(crowd, after)
        for before in sorted({int(b) for b in last[:, after] if b >= 0}):
            if crowd.days[after] - crowd.days[before] > REVISIT_DAYS_MAX:
                continue
            asked, beyond = _loss(crowd, before, after)
            hit = (beyond <= -asked) & (last[:, after] == before) & ~ripe
            hit &= _standing(crowd, np.full(len(hit), before))
            for row in np.flatnonzero(hit):
                lost = (-float(beyond[row]), float(asked[row]))
                loss = _confirmed(crowd, int(row), before, after, lost)
                if loss is not None:
                    found.setdefault(int(row), loss)
    return found


def _loss(crowd: Crowd, before: int, after: int) -> tuple[Array, Array]:
    """The loss that is asked for, and each plot's change beyond its neighbours' (plot,).

    A plot whose index did not itself fall has no change.
    """
    change = crowd.departure[:, after] - crowd.departure[:, before]
    middle, spread = crowd.half_of_neighbours(change, NEIGHBOURS_MIN)
    spread = np.fmax(spread, SPREAD_MIN_SHARE * crowd.levels.noise_sd)
    asked = np.maximum(LOSS_MIN, LOSS_SPREADS * spread)
    fell = crowd.value[:, after] - crowd.value[:, before] <= -FALL_SHARE * asked
    return asked, np.where(fell, change - middle, np.nan)


def _previous(crowd: Crowd) -> NDArray[np.int64]:
    """The column of each look's predecessor (plot, day); −1 where there is none."""
    seen = np.isfinite(crowd.value)
    column = np.where(seen, np.arange(seen.shape[1]), -1)
    latest = np.maximum.accumulate(column, axis=1)
    before = np.hstack([np.full((len(seen), 1), -1), latest[:, :-1]])
    return np.where(seen, before, -1).astype(np.int64)


def _standing(crowd: Crowd, before: NDArray[np.int64]) -> Flags:
    """Whether there were leaves to lose at a column of each plot (plot,)."""
    value = crowd.value[np.arange(len(before)), before]
    age = crowd.days[before] - crowd.sown_day
    closed = value >= crowd.levels.closed + CLOSED_MARGIN
    crop = (age >= WEEDS_DAYS_MAX) | (closed & (age >= AGE_DAYS_MIN))
    return np.asarray((value >= crowd.soil + STANDING_MIN) & crop)


def _ripening(crowd: Crowd, after: int) -> Flags:
    """Whether a season of this crop is usually past its height on a day (plot,)."""
    usual = np.where(np.isfinite(crowd.usual[:, : after + 1]), crowd.usual[:, : after + 1], -1.0)
    highest = usual.max(axis=1)
    past = usual[:, -1] - crowd.soil < RIPE_SHARE * (highest - crowd.soil)
    late = crowd.days[after] >= crowd.ripe_day
    return np.asarray(np.where(highest > 0, past & late, late))


def _confirmed(
    crowd: Crowd, row: int, before: int, after: int, lost_asked: tuple[float, float]
) -> Loss | None:
    """The loss, if the next look still shows most of it, and no more: hail strikes once."""
    later = np.flatnonzero(np.isfinite(crowd.value[row, after + 1 :]))
    if not len(later):
        return None
    then = after + 1 + int(later[0])
    if crowd.days[then] - crowd.days[after] > CONFIRM_DAYS_MAX:
        return None
    lost, asked = lost_asked
    later_lost = -float(_loss(crowd, before, then)[1][row])
    if not KEPT_SHARE * asked <= later_lost <= STOPPED_SHARE * lost:
        return None
    if _was_sinking(crowd, row, before, SINKING_SHARE * lost):
        return None
    gone = float(crowd.value[row, before] - crowd.value[row, [after, then]].mean())
    share = gone / float(crowd.value[row, before] - crowd.soil[row])
    lowest = float(crowd.value[row, [after, then]].min())
    return Loss(
        row=row,
        before=int(crowd.days[before]),
        since=int(crowd.days[after]),
        raised=int(crowd.days[then]),
        share=float(np.clip(share, 0.0, 1.0)),
        wet=lowest < WATER_SHARE * crowd.levels.bare,
    )


def _was_sinking(crowd: Crowd, row: int, before: int, least: float) -> bool:
    """Whether the plot fell behind its neighbours already before the last whole look."""
    earlier = np.flatnonzero(np.isfinite(crowd.value[row, :before]))
    if not len(earlier) or crowd.days[before] - crowd.days[earlier[-1]] > REVISIT_DAYS_MAX:
        return False
    change = crowd.departure[:, before] - crowd.departure[:, int(earlier[-1])]
    middle, _ = crowd.half_of_neighbours(change, NEIGHBOURS_MIN)
    return bool(change[row] - middle[row] <= -least)
