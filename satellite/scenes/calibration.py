"""From stored numbers to reflectance, and the refusal of what cannot be settled.

Sentinel-2 products of processing baseline 04.00 and later carry an offset of
−1000 (ESA, S2 products, BOA_ADD_OFFSET). Providers differ in whether they have
applied it and in what they say (Element84/earth-search issues 66 and 71;
microsoft/PlanetaryComputer issue 134). Not applied, a true NDVI of 0.58 reads
0.38; applied twice, 0.99. So a scene is read in three steps:

1. *Statements.* The item's flag, its bands' offset, the file's own, and the baseline
   each say whether the offset is still in the stored numbers. They agree, contradict
   each other, or are silent.
2. *Pixels.* The difference nir − red does not change with an offset, so the densest
   canopy in a scene can be found without knowing it. There red must lie between black
   and the line that mixes full canopy with the brightest dry soil. A red that only one
   of the two readings can explain settles the question (``witness``).
3. *Verdict.* Statements that agree stand unless the pixels contradict them; statements
   that contradict each other are settled by the pixels; what neither settles is refused.

The one exception is known and documented by the provider: Earth Search's flag "offset
applied" beside a band offset of −0.1 means that the numbers are ready to use; pixels
that say nothing leave it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from satellite.scenes.bands import SCL
from satellite.scenes.faults import RasterError
from satellite.scenes.item import Asset, Item
from satellite.scenes.raster import Raster, open_raster

QUANTIFICATION = 1e-4
BOA_OFFSET = -0.1
OFFSET_BASELINE = 4.0
# Reflectance below −0.02 is beyond noise and correction error; one land pixel in twenty
# that is so dark means that the offset was taken off twice.
TOO_DARK = -0.02
TOO_DARK_SHARE_MAX = 0.05
CHECK_PIXELS_MIN = 8

# The mixing line between full canopy and bright dry soil, (red, nir) reflectance: no land
# cover as rich in nir − red lies redder (Huete 1988, doi:10.1016/0034-4257(88)90106-X,
# soil line; canopy of closed maize and wheat).
CANOPY = (0.03, 0.50)
SOIL = (0.25, 0.32)
CANOPY_DIFFERENCE_MIN = 0.20  # nir − red below which too much soil shows to tell
DENSEST_SHARE = 0.02
DENSEST_PIXELS_MIN = 16
VEGETATION = 4  # Sen2Cor's class
# Haze reddens canopy as an offset would: a scene that is mostly covered says nothing of
# an offset to apply. (One of 72 in Flanders, 15 % clear, misleads without this rule.)
CLEAR_SHARE_MIN = 0.3
RED_UNSHIFTED_MIN = 0.09  # with the offset in the numbers, a red below this would be black


class Offset(Enum):
    """Whether the −0.1 is still to be taken from the stored numbers."""

    TO_APPLY = "to apply"
    APPLIED = "applied"


_NUMBERS = {Offset.TO_APPLY: BOA_OFFSET, Offset.APPLIED: 0.0}


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


@dataclass(frozen=True, slots=True)
class _Words:
    """What is said of one band's numbers: its scale, and each source's word on the offset."""

    scale: float
    nodata: float
    said: Mapping[str, Offset]
    ready: bool = False  # floats that nothing needs to be done to

    @property
    def agree(self) -> bool:
        """Whether there is a word, and only one."""
        return len(set(self.said.values())) == 1

    @property
    def is_known_mislabelling(self) -> bool:
        """Earth Search's flag is the later word; the band's offset beside it is the older."""
        return self.said.get("earthsearch:boa_offset_applied") is Offset.APPLIED

    def told(self) -> str:
        """The words, for a message."""
        return ", ".join(f"{source} says {word.value}" for source, word in self.said.items())


def settle(item: Item) -> Item:
    """The item with its offset settled by statements and pixels, for ``calibrate`` to use.

    Opens red, near infrared and the classification for a coarse look; a scene that
    lacks one of them is left to its statements.

    Raises
    ------
    RasterError
        If the statements contradict each other and the pixels do not settle it, or if
        the pixels contradict statements that agree.
    WebError
        If an address does not answer.
    """
    if not {"red", "nir", SCL} <= set(item.assets):
        return item
    with ExitStack() as stack:
        rasters = {
            band: stack.enter_context(open_raster(item.assets[band].path))
            for band in ("red", "nir", SCL)
        }
        words = _words(item, item.assets["red"], rasters["red"])
        if words.ready:
            return item
        verdict = _verdict(item.item_id, words, _of_canopy(item, rasters))
    return replace(item, offset_settled=_NUMBERS[verdict])


def calibrate(item: Item, asset: Asset, raster: Raster) -> Calibration:
    """How to read one band of one scene, as it was settled, else by its statements.

    Raises
    ------
    RasterError
        If neither the item, nor the file, nor the baseline settles scale and offset.
    """
    words = _words(item, asset, raster)
    if words.ready:
        return Calibration(words.scale, 0.0, words.nodata)
    offset = item.offset_settled
    if offset is None:
        offset = _NUMBERS[_verdict(item.item_id, words, None)]
    return Calibration(words.scale, offset, words.nodata)


def canopy_verdict(red: NDArray[np.float64], nir: NDArray[np.float64]) -> Offset | None:
    """What a scene's densest canopy says of its offset.

    Parameters
    ----------
    red, nir
        Stored numbers × scale of the same places, without any offset; NaN where there
        is no data or no vegetation.
    """
    difference = nir - red
    good = np.isfinite(difference)
    if int(good.sum()) < DENSEST_PIXELS_MIN:
        return None
    count = max(int(good.sum() * DENSEST_SHARE), DENSEST_PIXELS_MIN)
    densest = np.argsort(np.where(good, -difference, np.inf), axis=None, kind="stable")[:count]
    top, dark = float(np.median(difference.flat[densest])), float(np.median(red.flat[densest]))
    if top < CANOPY_DIFFERENCE_MIN:
        return None
    soil, canopy = SOIL[1] - SOIL[0], CANOPY[1] - CANOPY[0]
    share = min((top - soil) / (canopy - soil), 1.0)
    reddest = SOIL[0] + share * (CANOPY[0] - SOIL[0])
    if dark < RED_UNSHIFTED_MIN:
        return Offset.APPLIED
    clear = float(good.mean())
    return Offset.TO_APPLY if dark > reddest and clear >= CLEAR_SHARE_MIN else None


def require_plausible(item_id: str, band: str, reflectance: NDArray[np.float64]) -> None:
    """Refuse a band whose clear pixels say that its offset was applied twice.

    Raises
    ------
    RasterError
        If more than one pixel in twenty is darker than black.
    """
    seen = np.isfinite(reflectance)
    count = int(np.count_nonzero(seen))
    if count < CHECK_PIXELS_MIN:
        return
    share = int(np.count_nonzero(seen & (reflectance < TOO_DARK))) / count
    if share > TOO_DARK_SHARE_MAX:
        raise RasterError(
            f"expected reflectance above {TOO_DARK} in {band} of {item_id}, got {share:.0%} of "
            f"clear pixels below: its offset looks applied twice; correct raster:bands offset"
        )


def _words(item: Item, asset: Asset, raster: Raster) -> _Words:
    nodata = next((n for n in (asset.nodata, raster.nodata) if n is not None), 0.0)
    said: dict[str, Offset] = {}
    if item.offset_applied is not None:
        said["earthsearch:boa_offset_applied"] = (
            Offset.APPLIED if item.offset_applied else Offset.TO_APPLY
        )
    scale = QUANTIFICATION
    if asset.scale is not None:
        scale = asset.scale
        said["raster:bands offset"] = _word(item, asset.name, asset.offset or 0.0)
    elif raster.stated_scale is not None:
        scale = raster.stated_scale[0]
        said["the file's offset"] = _word(item, asset.name, raster.stated_scale[1])
    elif not raster.is_integer:
        return _Words(1.0, nodata, {}, ready=True)
    by_baseline = _by_baseline(item)
    if by_baseline is not None:
        said["the processing baseline"] = by_baseline
    return _Words(scale, nodata, said)


def _word(item: Item, band: str, offset: float) -> Offset:
    if offset == 0.0:
        return Offset.APPLIED
    if abs(offset - BOA_OFFSET) < 1e-6:
        return Offset.TO_APPLY
    raise RasterError(
        f"expected an offset of 0 or {BOA_OFFSET} for {band} of {item.item_id}, got {offset}"
    )


def _by_baseline(item: Item) -> Offset | None:
    try:
        baseline = float(item.baseline or "")
    except ValueError:
        return None  # not stated, or not in ESA's NN.NN: no word
    return Offset.TO_APPLY if baseline >= OFFSET_BASELINE else Offset.APPLIED


def _verdict(item_id: str, words: _Words, seen: Offset | None) -> Offset:
    if words.agree:
        (word,) = set(words.said.values())
        if seen not in (None, word):
            error = "twice" if word is Offset.TO_APPLY else "not at all"
            raise RasterError(
                f"expected the numbers of {item_id} to bear out its statements on the offset "
                f"({words.told()}), but in its densest canopy red reads as if the offset would "
                f"be applied {error}: correct the item, or take the scene from another provider"
            )
        return word
    if seen is not None:
        return seen
    if words.is_known_mislabelling:
        return Offset.APPLIED
    if not words.said:
        raise RasterError(
            f"expected raster:bands scale and offset, or a processing baseline, for "
            f"{item_id}, got neither, and its pixels do not tell: the offset of its numbers "
            "cannot be settled"
        )
    raise RasterError(
        f"expected statements on the offset that agree for {item_id}, got "
        f"{words.told()}, and its pixels show no canopy to tell by: its offset cannot be settled; "
        "correct the item"
    )


def _of_canopy(item: Item, rasters: Mapping[str, Raster]) -> Offset | None:
    found = []
    for band in ("red", "nir"):
        words = _words(item, item.assets[band], rasters[band])
        if words.ready:
            return None
        stored = rasters[band].sample().astype(np.float64)
        found.append(np.where(stored == words.nodata, np.nan, stored * words.scale))
    red, nir = found
    if red.shape != nir.shape:
        return None
    green = _stretched(rasters[SCL].sample(), red.shape) == VEGETATION
    return canopy_verdict(np.where(green, red, np.nan), nir)


def _stretched(classes: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Classes laid over a finer sample of the same ground, by nearest neighbour."""
    rows = np.arange(shape[0]) * classes.shape[0] // shape[0]
    cols = np.arange(shape[1]) * classes.shape[1] // shape[1]
    return np.asarray(classes[np.ix_(rows, cols)])
