"""Was a loss staged? What strikes a field strikes its neighbours on the same dates.

Two ways: a green crop that falls at one blow among neighbours who stay green (cut and
called lost), and a claimed loss after which the plot does no worse than its neighbours.
Hail, flood and drought strike neighbours too: where many of them claim a loss of the
same days, nothing is said of one plot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from satellite.hazards.crowd import Watched
from satellite.indices import Levels
from satellite.integrity.growth import is_annual
from satellite.season.calendar import DeclaredSeason
from satellite.series import Series

DROP_MIN = 0.20  # between two looks; noise of both is 0.05
DROP_DAYS_MAX = 21
STAYS_SHARE = 0.65  # of the drop that must still be gone afterwards
CONFIRMING_LOOKS = 2
BESIDE_DAYS = 12  # before and after: how far a neighbour's own look may lie
ALIKE_SHARE = 0.5  # of the drop, for a neighbour to have had it too
ALIKE_NEIGHBOURS_MAX = 0.15
NEIGHBOURS_MIN = 5
NEAR_PEAK = 0.15  # below the height reached: a crop that ripens falls from lower
CLAIM_BEFORE_DAYS = 5
CLAIM_AFTER_DAYS = (8, 30)
CLAIM_LOOKS_MIN = 3
SAME_LOSS_DAYS = 15
CLAIMING_SHARE_MAX = 0.2  # of the neighbours
NOTHING_LOST = 0.06  # against the neighbours, below which a change is no loss


@dataclass(frozen=True, slots=True)
class LoneLoss:
    """A loss that the neighbours do not share.

    ``before_day`` and ``after_day`` the looks either side (ordinals), ``before`` and
    ``after`` the index then; ``neighbours_change`` their median change over those days.
    ``claimed_day`` when a loss is claimed, absent if it is not.
    """

    what: str
    before_day: int
    after_day: int
    before: float
    after: float
    neighbours_change: float
    neighbours_alike: int
    neighbours: int
    claimed_day: int | None = None


def lone_loss(
    row: int, every: Sequence[Watched], near: Sequence[int], levels: Levels,
    claims: Mapping[str, int],
) -> LoneLoss | None:  # fmt: skip
    """What is amiss with a plot's loss; absent if there is none or it cannot be said.

    Parameters
    ----------
    claims
        Days on which losses are claimed to have happened, by plot id [ordinals].
    """
    claimed_day = claims.get(every[row].plot.plot_id)
    drop = sudden_drop(row, every, near, levels)
    if drop is not None:
        return drop if claimed_day is None else replace(drop, claimed_day=claimed_day)
    neighbours = [every[j] for j in near]
    if claimed_day is None or _many_claim(neighbours, claims, claimed_day):
        return None
    return _nothing_lost(every[row], neighbours, claimed_day)


def sudden_drop(
    row: int, every: Sequence[Watched], near: Sequence[int], levels: Levels
) -> LoneLoss | None:
    """The largest fall between two looks before harvest time that no neighbour shares."""
    one = every[row]
    if one.curve is None or not is_annual(one) or one.series.is_small:
        return None
    declared = one.season.declared
    looks = [
        (look.day, look.mean)
        for look in one.series.used
        if look.mean is not None and look.day >= _stands_from(declared)
    ]
    found: LoneLoss | None = None
    for k in range(len(looks) - CONFIRMING_LOOKS):
        (day, before), (after_day, after) = looks[k], looks[k + 1]
        top = max(mean for _, mean in looks[: k + 1])
        is_drop = before - after >= DROP_MIN and before >= max(
            levels.emerged + DROP_MIN, top - NEAR_PEAK
        )
        if not is_drop or after_day - day > DROP_DAYS_MAX or after_day > declared.harvest_from:
            continue
        later = [mean for _, mean in looks[k + 2 : k + 2 + CONFIRMING_LOOKS]]
        if max(later) > before - STAYS_SHARE * (before - after):
            continue
        loss = _beside((day, before), (after_day, after), [every[j] for j in near])
        if loss is not None and (found is None or before - after > found.before - found.after):
            found = loss
    return found


def _stands_from(declared: DeclaredSeason) -> int:
    """From when green is the declared crop's: its sowing, or half-way to its peak.

    Before a crop of unknown sowing stands there is often another, which is ploughed in
    on one day and alone: catch crops of Flanders are.
    """
    if declared.sown_day is not None:
        return declared.sown_day
    return (declared.first_day + declared.peak_from) // 2


def _beside(
    first: tuple[int, float], then: tuple[int, float], neighbours: Sequence[Watched]
) -> LoneLoss | None:
    (day, before), (after_day, after) = first, then
    changes = [
        change for one in neighbours if (change := _change(one.series, day, after_day)) is not None
    ]
    alike = sum(change <= ALIKE_SHARE * (after - before) for change in changes)
    if len(changes) < NEIGHBOURS_MIN or alike > ALIKE_NEIGHBOURS_MAX * len(changes):
        return None
    return LoneLoss(
        "fell alone", day, after_day, before, after, float(np.median(changes)), alike, len(changes)
    )


def _change(series: Series, day: int, after_day: int) -> float | None:
    """What a neighbour's looks changed by over the same days; absent if it was not seen."""
    used = [(look.day, look.mean) for look in series.used if look.mean is not None]
    before = [mean for d, mean in used if day - BESIDE_DAYS <= d <= day]
    after = [mean for d, mean in used if after_day <= d <= after_day + BESIDE_DAYS]
    return after[0] - before[-1] if before and after else None


def _many_claim(neighbours: Sequence[Watched], claims: Mapping[str, int], claimed_day: int) -> bool:
    days = [claims.get(one.plot.plot_id) for one in neighbours]
    same = sum(day is not None and abs(day - claimed_day) <= SAME_LOSS_DAYS for day in days)
    return same > CLAIMING_SHARE_MAX * len(neighbours)


def _nothing_lost(one: Watched, neighbours: Sequence[Watched], claimed_day: int) -> LoneLoss | None:
    """A claim after which the plot did no worse than the plots around it."""
    curve, start = one.curve, claimed_day - CLAIM_BEFORE_DAYS
    first, last = (claimed_day + days for days in CLAIM_AFTER_DAYS)
    seen = sum(first <= look.day <= last for look in one.series.used)
    if curve is None or one.series.is_small or seen < CLAIM_LOOKS_MIN:
        return None
    around = [w.curve for w in neighbours if w.curve is not None]
    around = [c for c in around if c.first_day <= start and c.last_day >= last]
    if len(around) < NEIGHBOURS_MIN or curve.first_day > start or curve.last_day < last:
        return None
    own = curve.window(first, last) - (curve.at(start) or 0.0)
    others = np.median([c.window(first, last) - (c.at(start) or 0.0) for c in around], axis=0)
    worst = int(np.argmin(own - others))
    if float((own - others)[worst]) < -NOTHING_LOST:
        return None
    return LoneLoss(
        "nothing lost", start, first + worst, curve.at(start) or 0.0,
        curve.at(first + worst) or 0.0, float(others[worst]), 0, len(around), claimed_day,
    )  # fmt: skip
