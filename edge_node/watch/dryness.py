"""Dry soil ahead: the depletion of a root zone, carried on without a promise of rain.

Harm is a stress coefficient below one half: the crop then transpires half of what it
could, and by FAO-33's factor for maize at flowering (Ky 1.5) loses as much of its
yield each day. The soil passes from full to the onset of stress in about two weeks and
from there to harm in about one, so an alert ten days ahead comes at about the onset.

What rain is reckoned with: the centre's forecast for the days that it covers; beyond
it, and without one, the rain of the plot's own last ten days (what its probe saw come
in), at most the site's normal. Pure functions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.units import PPM, divide_half_even
from edge_node.features.derive import CropDay
from edge_node.features.waterbalance import coefficient_ppm, infiltrated_um, step
from edge_node.watch.notices import Judgement, Level

HARM_PPM = 500_000
RAISE_WITHIN_DAYS = 10
CLEAR_BEYOND_DAYS = 14
AHEAD_DAYS = 21
RECENT_DAYS = 10
_PAIRS_MIN = 5


@dataclass(frozen=True, slots=True)
class Outlook:
    """In how many days stress and harm begin; None if not within the days looked at."""

    stress_days: int | None
    harm_days: int | None


def outlook(
    crop_on: Callable[[int], CropDay | None],
    depletion_um: int,
    reference_um: int,
    rain_um: Sequence[int],
) -> Outlook:
    """Carry a depletion on, day by day.

    Parameters
    ----------
    crop_on
        The crop so many days ahead; None when its season is over.
    depletion_um
        At the end of today [um].
    reference_um
        Reference evapotranspiration of each day ahead [um].
    rain_um
        Rain of each day ahead [um].
    """
    stress_days = harm_days = None
    today = crop_on(0)
    taw_um = today.taw_um if today is not None else 0
    for ahead, rain in enumerate([0, *rain_um]):
        standing = crop_on(ahead)
        if standing is None or taw_um == 0:
            break
        zone = standing.zone(reference_um)
        # Roots that grow find soil as dry as that which they leave.
        depletion_um = divide_half_even(depletion_um * zone.taw_um, taw_um)
        taw_um = zone.taw_um
        if ahead:
            use_um = standing.use_um(reference_um)
            wetting = infiltrated_um(rain, reference_um)
            depletion_um = step(zone, depletion_um, wetting, use_um)
        stress = coefficient_ppm(zone, depletion_um)
        if stress < PPM and stress_days is None:
            stress_days = ahead
        if stress < HARM_PPM:
            harm_days = ahead
            break
    return Outlook(stress_days, harm_days)


def recharge_um_a_day(days: Sequence[tuple[CropDay, int, int] | None]) -> int | None:
    """What came into a root zone lately [um a day]; None if too little was seen.

    Parameters
    ----------
    days
        Of the last days, oldest first: crop, depletion and reference evapotranspiration;
        None for a day that was not seen.
    """
    gained, pairs = 0, 0
    for before, now in itertools.pairwise(days):
        if before is None or now is None:
            continue
        standing, depletion, reference = now
        same = divide_half_even(before[1] * standing.taw_um, max(before[0].taw_um, 1))
        zone = standing.zone(reference)
        used = divide_half_even(standing.use_um(reference) * coefficient_ppm(zone, same), PPM)
        gained += same + used - depletion
        pairs += 1
    return max(divide_half_even(gained, pairs), 0) if pairs >= _PAIRS_MIN else None


def rain_ahead(
    forecast_um: Mapping[int, int], recent_um: int | None, normal_um: int
) -> tuple[int, ...]:
    """The rain that is reckoned with on each day ahead [um].

    Parameters
    ----------
    forecast_um
        Rain by days ahead, from 1.
    recent_um
        What came lately each day; None if that is not known.
    normal_um
        What is normal each day.
    """
    usual = normal_um if recent_um is None else min(recent_um, normal_um)
    return tuple(forecast_um.get(ahead, usual) for ahead in range(1, AHEAD_DAYS + 1))


def judge(found: Outlook, name: str, evidence: tuple[str, ...]) -> Judgement:
    """Whether the soil's outlook is an alert."""
    harm = found.harm_days
    if harm is not None and harm <= RAISE_WITHIN_DAYS:
        return Judgement(Level.RAISE, {"name": name, "days": str(harm)}, evidence)
    if harm is not None and harm <= CLEAR_BEYOND_DAYS:
        return Judgement(Level.HOLD, {"name": name, "days": str(harm)}, evidence)
    return Judgement(Level.CLEAR)
