"""How long to wait before the next try: doubling, bounded, and never all at the same time."""

from __future__ import annotations

from core.units import PPM

FIRST_WAIT_MS = 2_000
WAIT_MS_MAX = 6 * 3_600_000
TRIES_MAX = 14  # about a day in all


def wait_ms(tries: int, chance_ppm: int) -> int:
    """The wait after a number of tries [ms]: half of it fixed, half of it by chance.

    Parameters
    ----------
    tries
        How often it was tried, from 1.
    chance_ppm
        A fresh random number from 0 to 999,999 [ppm]; it keeps receivers that were down
        from being called by everybody at the same instant.
    """
    whole = min(WAIT_MS_MAX, FIRST_WAIT_MS << min(tries - 1, 30))
    return whole // 2 + whole * chance_ppm // (2 * PPM)
