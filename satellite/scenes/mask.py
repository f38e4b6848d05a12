"""What was seen: the clear pixels of a Sentinel-2 scene classification (SCL)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Sen2Cor classes. 7 (unclassified) counts as clear: on the clear dates of July in Flanders
# it is ripening wheat (NDVI 0.35), and dropping it would bias every plot that turns yellow.
# Thin cloud that hides in it is caught by the dilation and by the series' robustness.
CLEAR_CLASSES = (4, 5, 6, 7)
# Only these bleed over their edge; dark soil, snow and missing pixels do not.
BLEEDING_CLASSES = (3, 8, 9, 10)
DILATE_PIXELS = 1  # of the classification's own 20 m


def clear_pixels(classes: NDArray[Any]) -> NDArray[np.bool_]:
    """Where the ground was seen: clear classes, one pixel away from cloud and shadow.

    Parameters
    ----------
    classes
        SCL numbers, (row, col).
    """
    cloudy = np.pad(np.isin(classes, BLEEDING_CLASSES), DILATE_PIXELS)
    rows, cols = classes.shape
    near = np.zeros(classes.shape, dtype=np.bool_)
    for i in range(2 * DILATE_PIXELS + 1):
        for j in range(2 * DILATE_PIXELS + 1):
            near |= cloudy[i : i + rows, j : j + cols]
    return np.isin(classes, CLEAR_CLASSES) & ~near
