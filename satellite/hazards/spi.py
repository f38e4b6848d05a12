"""The standardized precipitation index: how rare so little rain is, as a normal deviate.

A gamma distribution is fitted to the totals of past years over the same days of the
year (McKee, Doesken & Kleist 1993, 8th Conf. on Applied Climatology), by Thom's
approximation to maximum likelihood (Thom 1958, doi:10.1175/1520-0493(1958)086
<0117:ANOTGD>2.0.CO;2); years without rain are a lump of their own. The result is
bounded at ±3.09, one case in a thousand, as nobody has the data to say more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, ndtri

Array = NDArray[np.float64]

BOUND = 3.09
YEARS_MIN = 15  # fewer years, and a tail of one in twenty is a guess
WET_YEARS_MIN = 4  # to fit two parameters to


@dataclass(frozen=True, slots=True)
class RainFit:
    """A gamma distribution with a lump at zero.

    Parameters
    ----------
    shape, scale_mm
        Of the totals that are not zero [1], [mm].
    dry_share
        Share of years without any rain [0–1].
    """

    shape: float
    scale_mm: float
    dry_share: float


def fit_rain(totals_mm: Array) -> RainFit | None:
    """The fit to past totals (year,) [mm]; absent with too few wet years or no spread."""
    wet = totals_mm[totals_mm > 0]
    if len(wet) < WET_YEARS_MIN:
        return None
    mean = float(wet.mean())
    skew = float(np.log(mean) - np.log(wet).mean())
    if skew <= 0:
        return None
    shape = (1 + np.sqrt(1 + 4 * skew / 3)) / (4 * skew)
    return RainFit(float(shape), mean / float(shape), 1 - len(wet) / len(totals_mm))


def spi_of(fit: RainFit, totals_mm: Array) -> Array:
    """The index of totals [mm], in standard deviations; negative is dry."""
    below = fit.dry_share + (1 - fit.dry_share) * gammainc(
        fit.shape, np.maximum(totals_mm, 0) / fit.scale_mm
    )
    index: Array = np.clip(ndtri(below), -BOUND, BOUND)
    return index


def running_total(daily_mm: Array, days: int) -> Array:
    """Totals over the last ``days`` days (day,) [mm]; NaN where a day is not known."""
    known = np.isfinite(daily_mm)
    total = np.cumsum(np.where(known, daily_mm, 0.0))
    count = np.cumsum(known)
    total[days:], count[days:] = total[days:] - total[:-days], count[days:] - count[:-days]
    complete = count == days
    return np.where(complete, np.maximum(total, 0.0), np.nan)
