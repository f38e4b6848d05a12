"""The station as it decides: its name, its hand, its civil day, and what it may not do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.errors import HarvestlineError
from core.lending.lease import Clock
from core.signing import Signer
from core.units import civil_day, day_start_ms

_LAST_MS = day_start_ms(date(9999, 12, 30))  # a clock beyond it says no day at all


class ClockUnknownError(HarvestlineError):
    """The station does not know the date, so nothing may be granted."""

    code = "HL-EDGE-010"


class RequestError(HarvestlineError):
    """A request at the kiosk contradicts what is registered, or misses a part."""

    code = "HL-EDGE-011"


@dataclass(frozen=True, slots=True)
class Desk:
    """Who decides here: the station's name, its signing key, its zone's offset [ms]."""

    station: str
    signer: Signer
    utc_offset_ms: int

    def today(self, clock: Clock) -> date:
        """The civil day at the site; the last that there is, if the clock ran beyond it."""
        return civil_day(min(clock.at_ms, _LAST_MS), self.utc_offset_ms)

    def accrual_day(self, clock: Clock) -> date:
        """Up to which day interest is shown: today, or the latest trusted day.

        A clock that is not known, set back or run ahead, moves no debt: neither away nor
        up. What is owed is reckoned at the centre in any case (docs/station-time.md).
        """
        return self.today(clock) if clock.known else civil_day(clock.floor_ms, self.utc_offset_ms)


def require_known(clock: Clock) -> Clock:
    """Return the clock if it may be used to grant anything.

    Raises
    ------
    ClockUnknownError
        If it was set back, or its error is too large or not known.
    """
    if not clock.known:
        raise ClockUnknownError(
            f"expected a clock not before {clock.floor_ms} ms, got {clock.at_ms} ± "
            f"{clock.error_ms} ms: set the station's clock, or let it reach the centre"
        )
    return clock
