"""A soil probe that follows neither the rain nor its neighbours: in a bucket, in a drawer.

Compared is how far the water moved over two weeks, so that soils and biases cancel. A
probe is held against the neighbour that is most like it on its side, not against the
middle: half a village may lie under a cloud of its own, one plot does not. And the rain
must side with the neighbours: a village that dries without rain, a village that a soaking
wets. Pure functions.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from core.units import divide_half_even
from edge_node.watch.notices import Judgement, Level

WINDOW_DAYS = 14
NEIGHBOURS_MIN = 4
RAISE_PPM = 20_000  # two percent of volume beyond the last of the neighbours
CLEAR_PPM = 10_000
MOVED_PPM = 20_000  # what a village must have moved before standing still is strange
DRY_UM, SOAKED_UM = 20_000, 40_000  # rain of the window
_EDGE_TENTH = 10  # a tenth of the neighbours may be as strange before it counts


@dataclass(frozen=True, slots=True)
class Moved:
    """How far a probe's water moved over the window [ppm of volume]."""

    device_id: str
    ppm: int


def moved_ppm(levels: Sequence[int | None]) -> int | None:
    """From the first days of a window to its last [ppm]; None if an end was not seen."""
    first, last = _middle(levels[:3]), _middle(levels[-3:])
    return None if first is None or last is None else last - first


def judge(
    own: Moved, others: Sequence[int], rain_um: int | None, params: dict[str, str]
) -> Judgement | None:
    """Whether a probe disagrees; None if there is too little to hold it against.

    Parameters
    ----------
    own
        The probe.
    others
        How far the other plots' probes moved [ppm].
    rain_um
        Rain of the window [um]; None if it was not measured.
    params
        Name of the plot and device, for the sentence.
    """
    if len(others) < NEIGHBOURS_MIN or rain_um is None:
        return None
    ranked = sorted(others)
    edge = divide_half_even(len(ranked), _EDGE_TENTH)
    lowest, highest = ranked[edge], ranked[-1 - edge]
    middle = statistics.median_low(ranked)
    evidence = (
        f"{own.device_id}: {_volume(own.ppm)} of volume in {WINDOW_DAYS} days",
        (
            f"{len(others)} neighbours: {_volume(lowest)} to {_volume(highest)}, "
            f"middle {_volume(middle)}"
        ),
        f"rain: {rain_um // 1000} mm",
    )
    strange = 0
    if middle <= -MOVED_PPM and rain_um <= DRY_UM:
        strange = own.ppm - highest
    elif middle >= MOVED_PPM and rain_um >= SOAKED_UM:
        strange = lowest - own.ppm
    elif rain_um <= DRY_UM and own.ppm >= MOVED_PPM:
        strange = own.ppm - highest  # it gets wetter where no rain falls
    if strange >= RAISE_PPM:
        return Judgement(Level.RAISE, params, evidence)
    return Judgement(Level.CLEAR if strange < CLEAR_PPM else Level.HOLD, params, evidence)


def _middle(levels: Sequence[int | None]) -> int | None:
    known = [level for level in levels if level is not None]
    return statistics.median_low(known) if len(known) >= 2 else None


def _volume(ppm: int) -> str:
    tenths = divide_half_even(ppm, 1000)
    return f"{'-' if tenths < 0 else '+'}{abs(tenths) // 10}.{abs(tenths) % 10} %"
