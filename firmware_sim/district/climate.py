"""Monthly climate of the eastern foothills of central Kenya (about 1,500 m), as data.

Bimodal rain of about 1,070 mm a year (long rains March–May, short rains
October–December); values are rounded from published normals of stations between
Thika and Murang'a and are meant as typical, not as any one station's record.
"""

from __future__ import annotations

import numpy as np

ALTITUDE_M = 1_500.0

# January to December.
RAIN_MM = np.array([45, 50, 120, 215, 165, 60, 28, 24, 28, 95, 165, 80], dtype=float)
WET_DAY_SHARE = np.array([0.16, 0.17, 0.32, 0.56, 0.48, 0.27, 0.18, 0.16, 0.15, 0.34, 0.53, 0.29])
TMAX_C = np.array([26.8, 28.0, 28.0, 26.3, 25.2, 24.3, 23.6, 24.3, 26.4, 26.9, 25.2, 25.6])
TMIN_C = np.array([13.0, 13.3, 14.6, 15.5, 14.9, 13.2, 12.4, 12.5, 13.0, 14.5, 14.7, 13.8])
HUMIDITY = np.array([0.62, 0.58, 0.64, 0.74, 0.76, 0.74, 0.73, 0.71, 0.64, 0.66, 0.75, 0.70])
WIND_M_PER_S = np.array([1.9, 2.0, 1.9, 1.6, 1.4, 1.3, 1.4, 1.5, 1.8, 1.9, 1.6, 1.7])


def on_day(monthly: np.ndarray, day_of_year: np.ndarray) -> np.ndarray:
    """Monthly values drawn out to days, straight between the months' middles."""
    middles = 15.2 + 30.44 * np.arange(-1, 13)
    wrapped = np.concatenate([monthly[-1:], monthly, monthly[:1]])
    return np.asarray(np.interp(day_of_year, middles, wrapped), dtype=float)
