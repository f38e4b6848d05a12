"""Growing-degree days: warmth above a base, up to a top (McMaster and Wilhelm 1997).

Their method 2 (doi:10.1016/S0168-1923(97)00027-0): each extreme is brought within base
and top before the mean is taken, as the "86/50" method of maize does.
"""

from __future__ import annotations

from core.units import divide_half_even


def degree_days_mdeg(tmin_mdeg_c: int, tmax_mdeg_c: int, base_mdeg_c: int, top_mdeg_c: int) -> int:
    """A day's growing-degree days [thousandths of °C d], rounded half to even.

    Parameters
    ----------
    tmin_mdeg_c, tmax_mdeg_c
        Lowest and highest air temperature [thousandths of °C].
    base_mdeg_c, top_mdeg_c
        Between which temperatures warmth counts [thousandths of °C].
    """
    low, high = (
        min(max(extreme, base_mdeg_c), top_mdeg_c) for extreme in (tmin_mdeg_c, tmax_mdeg_c)
    )
    return divide_half_even(low + high, 2) - base_mdeg_c
