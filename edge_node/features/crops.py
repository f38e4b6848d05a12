"""What is published of crops and soils: water use, rooting, warmth.

Crops: FAO Irrigation and Drainage Paper 56, Table 11 (lengths of the stages), Table 12
(single crop coefficients), Table 22 (greatest rooting depth, depletion share p); the
upper ends of rooting are not taken, for soils of smallholders are seldom deep. Warmth:
base and top temperature of the usual method for each crop (maize, sorghum, beans and
soya 10/30 °C, which is the "86/50" of the United States; wheat and barley 0/30 °C).
Soils: Table 19, the middle of the ranges given there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Crop:
    """A crop's constants.

    Parameters
    ----------
    stage_days
        Lengths of the initial, development, middle and late stage [days].
    kc_ppm
        Crop coefficient of the initial, middle and last stage [ppm].
    root_mm
        Depth of the roots at emergence and fully grown [mm].
    depletion_ppm
        Share p of the available water that may go without stress, at an
        evapotranspiration of 5 mm/d [ppm].
    base_mdeg_c, top_mdeg_c
        Between which temperatures warmth counts [thousandths of °C].
    """

    stage_days: tuple[int, int, int, int]
    kc_ppm: tuple[int, int, int]
    root_mm: tuple[int, int]
    depletion_ppm: int
    base_mdeg_c: int
    top_mdeg_c: int

    @property
    def season_days(self) -> int:
        """From sowing to the end of the last stage [days]."""
        return sum(self.stage_days)


@dataclass(frozen=True, slots=True)
class Soil:
    """A soil's water at field capacity and at the wilting point [ppm of volume]."""

    field_capacity_ppm: int
    wilting_point_ppm: int


CROPS: Mapping[str, Crop] = {
    "maize": Crop(
        (20, 35, 40, 30), (300_000, 1_200_000, 350_000), (300, 1_000), 550_000, 10_000, 30_000
    ),
    "sorghum": Crop(
        (20, 35, 40, 30), (300_000, 1_050_000, 550_000), (300, 1_000), 550_000, 10_000, 30_000
    ),
    "wheat": Crop(
        (15, 30, 65, 40), (300_000, 1_150_000, 300_000), (300, 1_000), 550_000, 0, 30_000
    ),
    "barley": Crop(
        (15, 25, 50, 30), (300_000, 1_150_000, 250_000), (300, 1_000), 550_000, 0, 30_000
    ),
    "beans": Crop(
        (20, 30, 40, 20), (400_000, 1_150_000, 350_000), (300, 600), 450_000, 10_000, 30_000
    ),
    "soybean": Crop(
        (20, 30, 60, 25), (400_000, 1_150_000, 500_000), (300, 600), 500_000, 10_000, 30_000
    ),
}

SOILS: Mapping[str, Soil] = {
    "sand": Soil(120_000, 45_000),
    "loamy sand": Soil(150_000, 65_000),
    "sandy loam": Soil(230_000, 110_000),
    "loam": Soil(250_000, 120_000),
    "silt loam": Soil(290_000, 150_000),
    "silt": Soil(320_000, 170_000),
    "silt clay loam": Soil(335_000, 205_000),
    "silty clay": Soil(360_000, 230_000),
    "clay": Soil(360_000, 220_000),
}
