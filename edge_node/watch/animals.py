"""Fever-like: an animal, or a herd's reader, that walks much less than it used to.

Ill cattle walk less (ketosis: 4,468 against 5,559 steps a day, Petersson-Wolfe, Virginia
Tech, 2012), and so do tired, wet or penned ones: the station measures no temperature
and says no more than "may be ill".
Compared are a device's own last two weeks, and the other herds of the day, so that rain
or heat, which keeps all from walking, alarms nobody. Pure functions.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from core.units import PPM, divide_half_even
from edge_node.watch.notices import Judgement, Level

BASELINE_DAYS = 14
_BASELINE_DAYS_MIN = 7
RAISE_PPM = 600_000
CLEAR_PPM = 800_000
_MATES_MIN = 2
_MATES_LOW_PPM, _MATES_HIGH_PPM = 500_000, 1_500_000


def ratio_ppm(steps: Sequence[int | None]) -> int | None:
    """The last day's steps against the median of the days before [ppm]; None if unseen."""
    *before, today = steps
    known = [one for one in before[-BASELINE_DAYS:] if one is not None]
    if today is None or len(known) < _BASELINE_DAYS_MIN:
        return None
    usual = statistics.median_low(known)
    return divide_half_even(today * PPM, usual) if usual > 0 else None


def judge(
    steps: Sequence[int | None],
    mates: Sequence[Sequence[int | None]],
    name: str,
    evidence: tuple[str, ...],
) -> Judgement | None:
    """Whether an animal's day is an alert; None if it was not seen.

    Parameters
    ----------
    steps
        Its daily steps, the day itself last, None where a day was not seen.
    mates
        The same of other animals or herds of the village.
    name
        The herd's name.
    evidence
        What the steps are known from.
    """
    own = ratio_ppm(steps)
    if own is None:
        return None
    others = [one for one in map(ratio_ppm, mates) if one is not None]
    if len(others) >= _MATES_MIN:
        day = min(max(statistics.median_low(others), _MATES_LOW_PPM), _MATES_HIGH_PPM)
        # A day on which all walk more makes nobody ill who walks as ever.
        own = divide_half_even(own * PPM, min(day, PPM))
    params = {"name": name, "percent": str(divide_half_even(own * 100, PPM))}
    if own <= RAISE_PPM:
        return Judgement(Level.RAISE, params, evidence)
    return Judgement(Level.CLEAR if own >= CLEAR_PPM else Level.HOLD, params, evidence)
