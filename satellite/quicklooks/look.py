"""What was seen of a plot's frame on one day: reflectance, index, and what hid it.

Tiles of one day are laid over each other: a cell takes the first tile in which it is
clear, else the first in which it lies. What is cloud stays visible in the colours,
and never enters the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from satellite.indices import Index, require_bands, require_classes
from satellite.quicklooks.frame import Cells, Framed, on_frame
from satellite.scenes.bands import SCL
from satellite.scenes.calibration import Calibration, calibrate, settle
from satellite.scenes.item import Item
from satellite.scenes.mask import DILATE_PIXELS, clear_pixels
from satellite.scenes.raster import Raster, open_raster

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

# What to show as red, green and blue, in order of preference. All but the first are false
# colours in which growing plants are green, as they are to the eye.
Colours = tuple[str, str, str]
NO_PIXEL = 0  # the classification's own
TRUE_COLOUR: Colours = ("red", "green", "blue")
COLOURS: tuple[Colours, ...] = (
    TRUE_COLOUR,
    ("swir16", "nir", "red"),
    ("red", "nir", "green"),
    ("swir16", "nir08", "rededge1"),
    ("swir16", "nir08", "red"),
    ("red", "nir", "red"),
    ("rededge1", "nir08", "rededge1"),
)


@dataclass(frozen=True, slots=True)
class DayLook:
    """One plot on one day.

    ``colours`` are the bands shown as red, green and blue, ``reflectance`` theirs
    (3, row, col) [0–1], NaN outside every scene; ``value`` the index (row, col), NaN
    where it was not seen; ``clear`` where the ground was seen, ``inside`` where any
    scene lies. ``hidden`` is the share of the plot that was not seen, ``outside`` the
    share that lies in no scene [0–1]; ``mean`` the index over what was seen of it,
    absent if nothing was.
    """

    day: date
    scene_ids: tuple[str, ...]
    colours: Colours | None
    reflectance: Values
    value: Values
    clear: Mask
    inside: Mask
    hidden: float
    outside: float
    mean: float | None


class OpenScene:
    """A scene's bands, open, with how to read their numbers."""

    def __init__(self, item: Item, bands: Sequence[str], stack: ExitStack) -> None:
        self.item = item
        self._rasters: dict[str, Raster] = {
            band: stack.enter_context(open_raster(item.assets[band].path)) for band in bands
        }
        known = settle(item)
        self._readings: dict[str, Calibration] = {
            band: calibrate(known, known.assets[band], raster)
            for band, raster in self._rasters.items()
            if band != SCL
        }

    @property
    def step(self) -> float:
        """The finest pixel of its bands [m]."""
        return min(raster.grid.step for raster in self._rasters.values())

    def band(self, name: str, frame: Cells) -> Values:
        """Reflectance of a band on a frame (row, col), NaN where there is none."""
        stored, inside = on_frame(self._rasters[name], frame)
        return np.where(inside, self._readings[name].reflectance(stored), np.nan)

    def clear(self, frame: Cells) -> tuple[Mask, Mask]:
        """Where the ground is seen on a frame, and where the scene has pixels: (row, col)."""
        raster = self._rasters[SCL]
        clear, inside = on_frame(raster, frame, clear_pixels, DILATE_PIXELS)
        filled, _ = on_frame(raster, frame)
        held = inside & (filled != NO_PIXEL)
        return held & (clear > 0), held


def colours_from(bands: Iterable[str]) -> Colours | None:
    """The bands to show as red, green and blue; absent where none can be shown."""
    have = set(bands)
    return next((three for three in COLOURS if have.issuperset(three)), None)


def bands_for(item: Item, index: Index) -> tuple[str, ...]:
    """The bands of a scene that its pictures need, the classification last.

    Raises
    ------
    BandMissingError
        If the scene lacks a band of the index, or its classification.
    """
    require_bands(index, item.assets, item.item_id)
    require_classes(item.assets, item.item_id)
    colours = colours_from(item.assets) or ()
    return (*dict.fromkeys((*index.bands, *colours)), SCL)


def day_look(scenes: Sequence[OpenScene], one: Framed, index: Index) -> DayLook | None:
    """What the scenes of one day show of a plot; absent where they do not reach it.

    Raises
    ------
    RasterError
        If blocks are broken.
    """
    frame, shape = one.frame, (one.frame.cells, one.frame.cells)
    colours = colours_from(set.intersection(*(set(scene.item.assets) for scene in scenes)))
    wanted = tuple(dict.fromkeys((*index.bands, *(colours or ()))))
    bands = {name: np.full(shape, np.nan) for name in wanted}
    clear, inside = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    used = []
    for scene in scenes:
        sees, holds = scene.clear(frame)
        takes = (sees & ~clear) | (holds & ~inside)
        if not takes.any():
            continue
        for name in wanted:
            bands[name] = np.where(takes, scene.band(name, frame), bands[name])
        clear, inside = clear | sees, inside | holds
        used.append(scene.item.item_id)
    if not (one.share[inside] > 0).any():
        return None
    value = np.where(clear, index_of(index, bands), np.nan)
    shown = np.stack([bands[name] for name in colours]) if colours else np.empty((3, *shape))
    seen = np.where(np.isfinite(value), one.share, 0.0)
    whole = float(one.share.sum())
    mean = float(np.nansum(value * seen) / seen.sum()) if seen.sum() > 0 else None
    return DayLook(
        day=scenes[0].item.day,
        scene_ids=tuple(used),
        colours=colours,
        reflectance=shown,
        value=value,
        clear=np.isfinite(value),
        inside=inside,
        hidden=1.0 - float(seen.sum()) / whole,
        outside=float(one.share[~inside].sum()) / whole,
        mean=mean,
    )


def index_of(index: Index, bands: dict[str, Values]) -> Values:
    """The index from reflectances, NaN where it has no finite value."""
    arrays = {name: np.maximum(bands[name], 0.0) for name in index.bands}
    with np.errstate(divide="ignore", invalid="ignore"):
        value = index.formula(arrays)
    found: Values = np.where(np.isfinite(value), value, np.nan)
    return found
