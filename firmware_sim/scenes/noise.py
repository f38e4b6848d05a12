"""Chance that is alike in neighbouring pixels: fields, clouds, soil patches."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Image = NDArray[np.float32]


def power_law_field(size: int, slope: float, rng: np.random.Generator) -> Image:
    """A standard normal field (size, size) whose spectrum falls as frequency^−slope."""
    white = rng.standard_normal((size, size), dtype=np.float32)
    shaped = fft.irfft2(fft.rfft2(white) * _amplitude(size, slope), s=(size, size))
    field = np.asarray(shaped, dtype=np.float32)
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)


def blur(image: Image, centre: float) -> Image:
    """A 3 × 3 point spread: ``centre`` of the light stays along each axis."""
    side = np.float32((1 - centre) / 2)
    padded = np.pad(image, 1, mode="edge")
    rows = side * (padded[:-2] + padded[2:]) + np.float32(centre) * padded[1:-1]
    mixed = side * (rows[:, :-2] + rows[:, 2:]) + np.float32(centre) * rows[:, 1:-1]
    return np.asarray(mixed, dtype=np.float32)


def finer(image: Image) -> Image:
    """Every pixel as 2 × 2 pixels, edges softened."""
    return blur(np.repeat(np.repeat(image, 2, axis=0), 2, axis=1), 0.5)


def coarser(image: Image) -> Image:
    """The mean of every 2 × 2 pixels."""
    rows, columns = image.shape
    blocks = image.reshape(rows // 2, 2, columns // 2, 2)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


@lru_cache(maxsize=8)
def _amplitude(size: int, slope: float) -> Image:
    down, across = np.meshgrid(fft.fftfreq(size), fft.rfftfreq(size), indexing="ij")
    frequency = np.hypot(down, across)
    frequency[0, 0] = np.inf
    return np.asarray(frequency ** (-slope / 2), dtype=np.float32)
