"""From numbers to colours and words, the same on every date and for every plot.

Colours of the index rise in evenly spaced steps of lightness, from sand to deep
green, so that they keep their order for every kind of colour vision and in print
(tests hold the order under simulated protanopia, deuteranopia and tritanopia,
Machado et al. 2009, doi:10.1109/TVCG.2009.113).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from satellite.indices import Index
from satellite.quicklooks.look import TRUE_COLOUR, Colours

RGB = tuple[int, int, int]
# Bare, at the left, to a closed canopy.
RAMP: tuple[RGB, ...] = (
    (250, 240, 215), (242, 222, 170), (228, 207, 128), (196, 198, 106), (148, 180, 92),
    (95, 157, 85), (47, 130, 80), (15, 101, 72), (4, 71, 58), (3, 42, 42),
)  # fmt: skip
OUTSIDE: RGB = (226, 222, 212)
CLOUD: RGB = (192, 192, 192)
# Reflectance that is shown as black and as full light, by band; beyond it lies cloud. The
# same for all dates, else drought and rain would look alike.
BLACK = 0.0
FULL_LIGHT = {
    "blue": 0.24, "green": 0.26, "red": 0.28, "rededge1": 0.32, "nir": 0.56, "nir08": 0.56,
    "swir16": 0.46, "swir22": 0.40,
}  # fmt: skip
FULL_LIGHT_ELSE = 0.4
GAMMA = 1.5  # dark crops and soils would be black without it


@dataclass(frozen=True, slots=True)
class Scale:
    """The span of an index that the ramp shows; what lies beyond takes the end colours."""

    low: float
    high: float

    def steps(self, value: NDArray[np.float64]) -> NDArray[np.int64]:
        """The place on the ramp of each value; NaN goes to 0."""
        part = (np.nan_to_num(value, nan=self.low) - self.low) / (self.high - self.low)
        found: NDArray[np.int64] = np.clip((part * len(RAMP)).astype(np.int64), 0, len(RAMP) - 1)
        return found


def scale_of(index: Index) -> Scale:
    """The span of an index over land with crops, from its levels: NDVI 0 to 1."""
    levels = index.season_levels
    if levels is None:
        return Scale(-0.4, 0.8)
    if levels.bare <= 0:  # a water index
        return Scale(-0.2, 0.4)
    return Scale(0.0, round(2 * levels.closed, 1))


def index_colours(value: NDArray[np.float64], scale: Scale) -> NDArray[np.uint8]:
    """The colours of an index: (row, col, 3); grey where it was not seen."""
    found: NDArray[np.uint8] = np.asarray(RAMP, np.uint8)[scale.steps(value)]
    found[np.isnan(value)] = CLOUD
    return found


def light(reflectance: NDArray[np.float64], colours: Colours) -> NDArray[np.uint8]:
    """Reflectance (3, row, col) [0–1] as colours (row, col, 3); NaN becomes black."""
    full = np.array([FULL_LIGHT.get(name, FULL_LIGHT_ELSE) for name in colours])[:, None, None]
    part = np.clip((np.nan_to_num(reflectance) - BLACK) / (full - BLACK), 0.0, 1.0)
    shown = np.round(255 * part ** (1 / GAMMA)).astype(np.uint8)
    return np.moveaxis(shown, 0, -1)


def is_true(colours: Colours) -> bool:
    """Whether these bands are what the eye would see."""
    return colours == TRUE_COLOUR


def greenness_word(index: Index, mean: float) -> str:
    """One word for how green, or for a water index how moist, a plot is; none without levels."""
    levels = index.season_levels
    if levels is None:
        return ""
    edges = (levels.bare, levels.closed, 1.5 * levels.closed)
    words = (
        ("bare", "thin", "green", "lush") if levels.bare > 0 else ("dry", "damp", "moist", "wet")
    )
    return words[sum(mean >= edge for edge in edges)]


def hidden_words(hidden: float) -> str:
    """How much of a plot cloud hid, in words."""
    if hidden < 0.02:
        return "all seen"
    if hidden > 0.98:
        return "hidden by cloud"
    return f"cloud hides {round(hidden * 100)} %"
