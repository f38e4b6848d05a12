"""Virtual time for demonstrations and simulations: a file that says what time it is.

The story of a season runs real processes for 150 days in a few minutes. Whoever
directs it writes the instant [ms UTC] into one small file by rename; every process
that was started with ``HARVESTLINE_CLOCK=<path>`` reads it. Reading the file is
left to each room's ``app.py``; this module only knows the format, and when the
setting is allowed.
"""

from __future__ import annotations

from core.errors import UnitError
from core.units import require_safe_integer

CLOCK_SETTING = "HARVESTLINE_CLOCK"
DEMO_SETTING = "HARVESTLINE_DEMO"


def clock_text(at_ms: int) -> str:
    """The contents of a clock file."""
    return f"{require_safe_integer(at_ms, 'at_ms')}\n"


def parse_clock_text(text: str) -> int:
    """The instant [ms UTC] in a clock file.

    Raises
    ------
    UnitError
        If the file holds anything but one whole number.
    """
    digits = text.strip()
    if not digits.removeprefix("-").isdecimal():
        raise UnitError(f"expected a clock file with milliseconds since 1970, got {text[:40]!r}")
    return require_safe_integer(int(digits), "clock")


def require_demo_mode(clock_path: str | None, demo: str | None) -> None:
    """Refuse a virtual clock outside demo mode, where it would forge dates.

    Raises
    ------
    UnitError
        If a clock file is set and ``HARVESTLINE_DEMO`` is not ``1``.
    """
    if clock_path and demo != "1":
        raise UnitError(
            f"{CLOCK_SETTING} is set but {DEMO_SETTING} is not 1: a virtual clock is for "
            "demonstrations only; unset it"
        )
