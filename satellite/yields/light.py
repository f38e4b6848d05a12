"""Light taken up by a canopy: the physical part of the ladder, light use × harvest index.

Yield = harvest index × efficiency × Σ (share of the light absorbed × light). With the
index and the efficiency held constant, as they are in the simplest form of Monteith
(1977, doi:10.1098/rstb.1977.0140), yield is proportional to the light absorbed: a
season that absorbs a tenth less yields a tenth less. Only that ratio is used here,
because absolute yields of this form miss a smallholder's by a factor of three: what
nutrients, pests and stand density take is left to the district's own average.

Light is the sun's above the atmosphere: clouds are left out, for want of a measured
radiation, so that a cloudy season counts as a sunny one. Nothing is fitted here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Myneni & Williams 1994, doi:10.1016/0034-4257(94)90016-7: share absorbed against NDVI.
ABSORBED_SLOPE = 1.164
ABSORBED_OFFSET = -0.143
ABSORBED_MAX = 0.94
OBLIQUITY_DEGREES = 23.44
# Cooper 1969, doi:10.1016/0038-092X(69)90047-4: the sun's declination by day of year.
DECLINATION_DAY = 284
YEAR_DAYS = 365.0
LATITUDE_DEGREES_MAX = 65.0  # beyond, the sun may not set, and little maize is grown


def absorbed_share(ndvi: Array) -> Array:
    """Share of the photosynthetically active light that a canopy absorbs [0–1]."""
    share: Array = np.clip(ABSORBED_SLOPE * ndvi + ABSORBED_OFFSET, 0.0, ABSORBED_MAX)
    return share


def sunlight(day_of_year: Array, latitude_degrees: float) -> Array:
    """Daily light above the atmosphere, as a share of a day-long vertical sun [0–1].

    Notes
    -----
    Duffie & Beckman (2013), *Solar Engineering of Thermal Processes*, eq. 1.10.3,
    without the sun's distance (±3 %).
    """
    turn = 2.0 * np.pi * (DECLINATION_DAY + day_of_year) / YEAR_DAYS
    tilt = np.radians(OBLIQUITY_DEGREES) * np.sin(turn)
    height = np.radians(np.clip(latitude_degrees, -LATITUDE_DEGREES_MAX, LATITUDE_DEGREES_MAX))
    half_day = np.arccos(np.clip(-np.tan(height) * np.tan(tilt), -1.0, 1.0))
    level = half_day * np.sin(height) * np.sin(tilt)
    noon = np.cos(height) * np.cos(tilt) * np.sin(half_day)
    light: Array = (level + noon) / np.pi
    return light
