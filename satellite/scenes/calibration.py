"""From stored numbers to reflectance, and the refusal of what cannot be settled.

Sentinel-2 products of processing baseline 04.00 and later carry an offset of
−1000 (ESA, S2 products, BOA_ADD_OFFSET). Providers differ in whether they have
applied it and in what they say (Element84/earth-search issues 66 and 71;
microsoft/PlanetaryComputer issue 134). Not applied, a true NDVI of 0.58 reads
0.38; applied twice, 0.99. So: decide from what the item states, then check the
pixels, and refuse a scene that contradicts itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from satellite.scenes.catalog import Asset, Item
from satellite.scenes.raster import Raster, RasterError

QUANTIFICATION = 1e-4
BOA_OFFSET = -0.1
OFFSET_BASELINE = 4.0
# Reflectance below −0.02 is beyond noise and correction error; one land pixel in twenty
# that is so dark means that the offset was taken off twice.
TOO_DARK = -0.02
TOO_DARK_SHARE_MAX = 0.05
CHECK_PIXELS_MIN = 8


@dataclass(frozen=True, slots=True)
class Calibration:
    """``reflectance = stored × scale + offset``; ``nodata`` is a stored number."""

    scale: float
    offset: float
    nodata: float

    def reflectance(self, stored: NDArray[np.float64]) -> NDArray[np.float64]:
        """Reflectance [0–1], NaN where the pixel holds no data."""
        value = stored * self.scale + self.offset
        return np.where(stored == self.nodata, np.nan, value)


def calibrate(item: Item, asset: Asset, raster: Raster) -> Calibration:
    """How to read one band of one scene.

    Raises
    ------
    RasterError
        If neither the item, nor the file, nor the baseline settles scale and offset.
    """
    nodata = next((n for n in (asset.nodata, raster.nodata) if n is not None), 0.0)
    if asset.scale is not None:
        return Calibration(asset.scale, _offset(item, asset.offset or 0.0), nodata)
    if raster.stated_scale is not None:
        scale, offset = raster.stated_scale
        return Calibration(scale, _offset(item, offset), nodata)
    if not raster.is_integer:
        return Calibration(1.0, 0.0, nodata)
    return Calibration(QUANTIFICATION, _offset_by_baseline(item), nodata)


def require_plausible(item_id: str, band: str, reflectance: NDArray[np.float64]) -> None:
    """Refuse a band whose clear pixels say that its offset was applied twice.

    Raises
    ------
    RasterError
        If more than one pixel in twenty is darker than black.
    """
    seen = reflectance[np.isfinite(reflectance)]
    if seen.size < CHECK_PIXELS_MIN:
        return
    share = float(np.mean(seen < TOO_DARK))
    if share > TOO_DARK_SHARE_MAX:
        raise RasterError(
            f"expected reflectance above {TOO_DARK} in {band} of {item_id}, got {share:.0%} of "
            f"clear pixels below: its offset looks applied twice; correct raster:bands offset"
        )


def _offset(item: Item, stated: float) -> float:
    # The item states that the offset is in the stored numbers already, so the band's
    # own statement is the known mislabelling and must not be applied again.
    return 0.0 if item.offset_applied is True else stated


def _offset_by_baseline(item: Item) -> float:
    if item.offset_applied is True:
        return 0.0
    try:
        baseline = float(item.baseline or "")
    except ValueError as error:
        raise RasterError(
            f"expected raster:bands scale and offset, or a processing baseline, in "
            f"{item.item_id}, got neither: the offset of its numbers cannot be settled"
        ) from error
    return BOA_OFFSET if baseline >= OFFSET_BASELINE else 0.0
