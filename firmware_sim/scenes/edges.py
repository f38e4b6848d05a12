"""Edges as a real satellite sees them: blurred, misplaced by metres, and weak along headlands.

Opt-in, because the demonstration's scenes keep their bytes. The figures are assumptions,
of the size that geolocation and registration are usually stated with. Honest borders of
villages 900 to 911 then spread as those of ten fields of Flanders do: 2.5 and 2.8 m
(standard deviation; docs/integrity.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from scipy import ndimage

from firmware_sim.scenes.noise import Image
from firmware_sim.scenes.optics import Landscape

SPREAD_PIXELS = 0.5  # standard deviation, beside the spread that every scene has
OFFSET_PIXELS = 0.4  # of a place, along each axis
JITTER_PIXELS = 0.25  # of a date, along each axis
HEADLAND_PIXELS = 0.8  # depth over which a crop recovers from the turning strip
HEADLAND_LOSS = 0.3  # of leaf area at the very edge

_STREAM = 32  # no other module draws from [seed, 32, …]


@dataclass(frozen=True, slots=True)
class Blur:
    """Further spread [pixels, standard deviation] and shift (down, right) [pixels]."""

    spread_pixels: float
    shift_pixels: tuple[float, float]

    def of(self, image: Image) -> Image:
        """The image as blurred and misplaced; its own margin is repeated outward."""
        soft = ndimage.gaussian_filter(image, self.spread_pixels, mode="nearest")
        moved = ndimage.shift(soft, self.shift_pixels, order=1, mode="nearest")
        return np.asarray(moved, dtype=np.float32)


def blur_on(seed: int, day: date) -> Blur:
    """The blur of one date in one place; the same arguments give the same."""
    place = OFFSET_PIXELS * np.random.default_rng([seed, _STREAM]).standard_normal(2)
    rng = np.random.default_rng([seed, _STREAM, day.toordinal()])
    down, right = place + JITTER_PIXELS * rng.standard_normal(2)
    return Blur(SPREAD_PIXELS, (float(down), float(right)))


def with_headlands(landscape: Landscape) -> Landscape:
    """The same land with weaker growth along the edge of every surface."""
    surface = landscape.first
    edge = np.zeros(surface.shape, dtype=bool)
    for axis in (0, 1):
        for step in (1, -1):
            edge |= surface != np.roll(surface, step, axis=axis)
    away = ndimage.distance_transform_edt(~edge)
    loss = HEADLAND_LOSS * np.exp(-away / HEADLAND_PIXELS)
    return replace(landscape, leafiness=(landscape.leafiness * (1 - loss)).astype(np.float32))
