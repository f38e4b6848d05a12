"""What a station makes of its clocks: an instant, and how far it may be off.

Three things are read: the wall clock, which anybody may set; a count of milliseconds
since the boot, which nobody can; and which boot it is. A trusted instant (an *anchor*)
ties them together. While the boot lasts, the count carries the anchor on; after another
boot the wall clock does, if it stood right when it was last compared. Either way the error
grows with the time since the anchor, by what a cheap crystal drifts.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.units import PPM

WALL_ERROR_MS = 60_000  # how far a wall clock that nobody compared is taken to be off
DRIFT_PPM = 200  # of an uncompensated crystal between -10 and 60 °C, with a margin of two
ANSWER_MS_MAX = 60_000  # an answer that took longer says too little of the time


@dataclass(frozen=True, slots=True)
class Reading:
    """The clocks at one instant [ms]; ``boot_id`` is empty where no count can be relied on."""

    wall_ms: int
    ticks_ms: int
    boot_id: str = ""


@dataclass(frozen=True, slots=True)
class Anchor:
    """An instant that may be trusted [ms UTC], give or take ``error_ms``, and the clocks then."""

    at_ms: int
    error_ms: int
    clocks: Reading


def estimate(now: Reading, anchor: Anchor | None, floor_ms: int) -> tuple[int, int]:
    """The time and how far it may be off [ms UTC, ms]."""
    if anchor is None:
        since_ms = max(0, now.wall_ms - floor_ms) if floor_ms else 0
        return now.wall_ms, WALL_ERROR_MS + drift_ms(since_ms)
    if now.boot_id and now.boot_id == anchor.clocks.boot_id:
        elapsed_ms = max(0, now.ticks_ms - anchor.clocks.ticks_ms)
        return anchor.at_ms + elapsed_ms, anchor.error_ms + drift_ms(elapsed_ms)
    # The wall clock was this far off when it was compared; it may have been put right since.
    wrong_ms = abs(anchor.clocks.wall_ms - anchor.at_ms)
    since_ms = max(0, now.wall_ms - anchor.at_ms)
    return now.wall_ms, max(WALL_ERROR_MS, anchor.error_ms + wrong_ms) + drift_ms(since_ms)


def drift_ms(elapsed_ms: int) -> int:
    """How far a clock may have gone wrong in a time [ms], rounded up."""
    return -(-elapsed_ms * DRIFT_PPM // PPM)


def anchor_of(asked: Reading, answered: Reading, centre_ms: int) -> Anchor | None:
    """The anchor that the centre's word gives, if it came back soon enough in the same boot.

    The word was written between the question and the answer, so the middle is off by at
    most half of what passed.
    """
    if asked.boot_id != answered.boot_id:
        return None
    passed_ms = answered.ticks_ms - asked.ticks_ms
    if not 0 <= passed_ms <= ANSWER_MS_MAX:
        return None
    half_ms = passed_ms // 2
    return Anchor(centre_ms + half_ms, half_ms + 1, answered)
