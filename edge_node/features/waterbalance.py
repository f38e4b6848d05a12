"""The water in a root zone: depletion, stress coefficient, one day's balance.

Equation numbers are those of FAO Irrigation and Drainage Paper 56, chapters 6 and 8.
Water is in thousandths of a mm (um), shares in ppm; every division rounds half to
even. Pure functions.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.units import PPM, divide_half_even
from edge_node.features.crops import Crop, Soil

_P_PER_MM = 40_000  # p rises by 0.04 for each mm/d of ETc below 5 (note to Table 22)
_P_ETC_UM = 5_000
_P_MIN_PPM, _P_MAX_PPM = 100_000, 800_000


@dataclass(frozen=True, slots=True)
class RootZone:
    """What a root zone can hold.

    ``taw_um`` is all the water that plants can take between field capacity and wilting
    point, ``p_ppm`` the share of it that may go without stress.
    """

    taw_um: int
    p_ppm: int

    @property
    def raw_um(self) -> int:
        """Readily available water (eq. 83) [um]."""
        return divide_half_even(self.taw_um * self.p_ppm, PPM)


def total_available_um(soil: Soil, root_mm: int) -> int:
    """Total available water of a root zone (eq. 82) [um]."""
    return divide_half_even((soil.field_capacity_ppm - soil.wilting_point_ppm) * root_mm, 1000)


def measured_depletion_um(soil: Soil, root_mm: int, moisture_ppm: int) -> int:
    """Depletion from measured water (eq. 87), within 0 and all that is available [um]."""
    missing = divide_half_even((soil.field_capacity_ppm - moisture_ppm) * root_mm, 1000)
    return min(max(missing, 0), total_available_um(soil, root_mm))


def depletion_share_ppm(table_ppm: int, crop_use_um: int) -> int:
    """The share p on a day: the table's, adjusted for how much the air takes [ppm]."""
    adjusted = table_ppm + divide_half_even(_P_PER_MM * (_P_ETC_UM - crop_use_um), 1000)
    return min(max(adjusted, _P_MIN_PPM), _P_MAX_PPM)


def coefficient_ppm(zone: RootZone, depletion_um: int) -> int:
    """The stress coefficient Ks (eq. 84): 1,000,000 without stress, 0 at wilting [ppm]."""
    if depletion_um <= zone.raw_um:
        return PPM
    left = max(zone.taw_um - depletion_um, 0)
    return divide_half_even(left * PPM, max(zone.taw_um - zone.raw_um, 1))


def step(zone: RootZone, before_um: int, wetting_um: int, crop_use_um: int) -> int:
    """The depletion after a day: wetted early, the excess drains, the crop uses the rest [um].

    That order is the one of FAO-56's Example 38 (rain early in the day); eq. 88 would let
    the crop drink of the water that drains.

    Parameters
    ----------
    zone
        The root zone.
    before_um
        Depletion at the end of the day before.
    wetting_um
        Rain less what ran off, and irrigation.
    crop_use_um
        ``Kc × ET0``: what the crop would use without stress (eq. 58).
    """
    wetted = max(before_um - wetting_um, 0)
    stress = coefficient_ppm(zone, wetted)
    used = divide_half_even(crop_use_um * stress, PPM)
    return min(wetted + used, zone.taw_um)  # eq. 85, 86


def crop_coefficient_ppm(crop: Crop, age_days: int) -> int:
    """Kc on a day since sowing, straight between the stages (eq. 66) [ppm]."""
    first, growing, middle, last = crop.stage_days
    low, high, end = crop.kc_ppm
    if age_days <= first:
        return low
    if age_days <= first + growing:
        return low + divide_half_even((high - low) * (age_days - first), growing)
    late = age_days - first - growing - middle
    if late <= 0:
        return high
    return high + divide_half_even((end - high) * min(late, last), last)


def root_depth_mm(crop: Crop, age_days: int) -> int:
    """Depth of the roots: they grow until the middle stage (Annex 8) [mm]."""
    grown_days = crop.stage_days[0] + crop.stage_days[1]
    shallow, deep = crop.root_mm
    age = min(max(age_days, 0), grown_days)
    return shallow + divide_half_even((deep - shallow) * age, grown_days)


def infiltrated_um(rain_um: int, reference_um: int) -> int:
    """What of a day's rain reaches the roots: nothing of less than 0.2 ET0 [um]."""
    return rain_um if 5 * rain_um >= reference_um else 0
