"""Soils of the district, as data.

Water constants lie within FAO Irrigation and Drainage Paper 56, Table 19 (Allen et
al. 1998); brightness and fertility are relative to loam and chosen.
"""

from __future__ import annotations

from firmware_sim.district.places import Soil

SANDY_LOAM = Soil("sandy loam", 0.10, 0.22, 0.41, 1.22, 0.88)
LOAM = Soil("loam", 0.13, 0.28, 0.45, 1.00, 1.00)
CLAY_LOAM = Soil("clay loam", 0.18, 0.34, 0.48, 0.86, 1.06)
CLAY = Soil("clay", 0.22, 0.38, 0.51, 0.74, 1.02)

SOILS = (SANDY_LOAM, LOAM, CLAY_LOAM, CLAY)
SOIL_SHARES = (0.25, 0.35, 0.25, 0.15)
