"""Soils of the district, as data.

Water constants lie within FAO Irrigation and Drainage Paper 56, Table 19 (Allen et
al. 1998); brightness and fertility are relative to loam and chosen.
"""

from __future__ import annotations

from firmware_sim.district.places import Soil

SANDY_LOAM = Soil("sandy loam", 0.08, 0.20, 0.41, 1.22, 0.88)
LOAM = Soil("loam", 0.12, 0.26, 0.45, 1.00, 1.00)
SILT_LOAM = Soil("silt loam", 0.14, 0.30, 0.47, 0.90, 1.06)
CLAY_LOAM = Soil("silty clay loam", 0.17, 0.33, 0.49, 0.76, 1.02)

SOILS = (SANDY_LOAM, LOAM, SILT_LOAM, CLAY_LOAM)
SOIL_SHARES = (0.25, 0.35, 0.25, 0.15)
