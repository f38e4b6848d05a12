"""A device's clock: it drifts, forgets, and says how far it may be off.

The crystal runs ``drift_ppm`` fast; the device knows only the ``tolerance_ppm`` of
its data sheet, so the error that it reports grows with the time since it last heard
the hour. After a loss of power it starts at 1970, at the last instant that it wrote
down, or, with a battery-backed chip, it never stopped. Nothing is re-stamped later.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from core.units import PPM

ERROR_UNKNOWN_MS = 100 * 365 * 86_400_000  # a hundred years: "I do not know the time"


class ClockMemory(Enum):
    """What a clock keeps over a loss of power."""

    NONE = "none"  # starts at 1970
    LAST_KNOWN = "last_known"  # starts at the last instant that was written to flash
    CHIP = "chip"  # a battery-backed chip that runs on


@dataclass(frozen=True, slots=True)
class ClockSpec:
    """How good a device's clock is.

    Parameters
    ----------
    drift_ppm
        How much faster than true time the crystal runs [ppm]; the device cannot see it.
    tolerance_ppm
        What the data sheet admits [ppm]; the device reckons with it.
    memory
        What the clock keeps over a loss of power.
    """

    drift_ppm: int
    tolerance_ppm: int
    memory: ClockMemory


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock as last set: what it read at a true instant.

    Parameters
    ----------
    true_ms
        The true instant [ms UTC] at which it was set.
    reading_ms
        What it read then [ms UTC].
    error_ms
        How far it may have been off then, by the device's own account [ms].
    """

    true_ms: int
    reading_ms: int
    error_ms: int


def reading_at(clock: Clock, spec: ClockSpec, true_ms: int) -> int:
    """What the clock reads at a true instant [ms UTC]; rounded down."""
    elapsed_ms = true_ms - clock.true_ms
    return clock.reading_ms + elapsed_ms * (PPM + spec.drift_ppm) // PPM


def error_at(clock: Clock, spec: ClockSpec, true_ms: int) -> int:
    """How far the clock may be off at a true instant, by the device's account [ms]."""
    elapsed_ms = reading_at(clock, spec, true_ms) - clock.reading_ms
    grown_ms = clock.error_ms - (-elapsed_ms * spec.tolerance_ppm // PPM)
    return min(grown_ms, ERROR_UNKNOWN_MS)


def true_at(clock: Clock, spec: ClockSpec, reading_ms: int) -> int:
    """The first true instant [ms UTC] at which the clock reads ``reading_ms`` or more."""
    wanted_ms = reading_ms - clock.reading_ms
    return clock.true_ms - (-wanted_ms * PPM // (PPM + spec.drift_ppm))


def restarted(clock: Clock, spec: ClockSpec, true_ms: int, written_ms: int) -> Clock:
    """The clock when power returns.

    Parameters
    ----------
    clock
        The clock before power was lost.
    spec
        How good it is, and what it keeps.
    true_ms
        When power returns [ms UTC].
    written_ms
        The last instant that the device wrote to flash [ms UTC, its own clock].
    """
    if spec.memory is ClockMemory.CHIP:
        return clock
    start_ms = written_ms if spec.memory is ClockMemory.LAST_KNOWN else 0
    return Clock(true_ms, start_ms, ERROR_UNKNOWN_MS)


def set_to(true_ms: int, heard_ms: int, error_ms: int) -> Clock:
    """The clock after the device heard what time it is [ms UTC], give or take [ms]."""
    return Clock(true_ms, heard_ms, error_ms)
