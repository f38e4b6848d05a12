"""Weather that is expected: the body of a ``forecast`` record on the way down.

A station that never gets one reckons with the rain of late, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ShapeError
from core.units import require_date

FORECAST_DAYS_MAX = 30
RAIN_UM_MAX = 500_000


@dataclass(frozen=True, slots=True)
class Forecast:
    """Rain that is expected at a place.

    Parameters
    ----------
    place
        The weather station's subject (a village); empty for the whole site.
    issued_on
        Civil day of issue; ``rain_um`` begins on the day after it.
    rain_um
        Rain of each day [thousandths of a mm].
    source
        Whose forecast it is, in words.
    """

    place: str
    issued_on: str
    rain_um: tuple[int, ...]
    source: str = ""

    def __post_init__(self) -> None:
        if not 1 <= len(self.rain_um) <= FORECAST_DAYS_MAX:
            raise ShapeError(f"expected 1 to {FORECAST_DAYS_MAX} days, got {len(self.rain_um)}")
        if any(not 0 <= rain <= RAIN_UM_MAX for rain in self.rain_um):
            raise ShapeError(f"expected rain from 0 to {RAIN_UM_MAX} um a day")
        require_date(self.issued_on, "issued_on")
