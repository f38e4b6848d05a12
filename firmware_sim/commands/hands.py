"""What a command may ask of the world: the time, a name, a secret. Made in ``app.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hands:
    """The clock and chance of this process.

    Parameters
    ----------
    now_ms
        The time [ms UTC]; virtual where a clock file is set in demo mode.
    new_epoch
        A fresh epoch id.
    new_secret
        32 fresh random bytes.
    is_virtual
        Whether the time comes from a clock file, so that waiting for it means polling.
    """

    now_ms: Callable[[], int]
    new_epoch: Callable[[], str]
    new_secret: Callable[[], bytes]
    is_virtual: bool
