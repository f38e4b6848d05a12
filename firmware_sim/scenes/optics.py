"""Leaves and soil to red and near-infrared reflectance, pixel by pixel.

A canopy of leaf area L over soil reflects r∞ + (r_soil − r∞)·exp(−K·L) in each band
(Baret and Guyot 1991, doi:10.1016/0034-4257(91)90009-U, their form per band). Green
and withered leaves differ in r∞; the soil lies on a line that moisture darkens. A
pixel on an edge mixes two surfaces by area, and neighbours' light spills over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_sim.scenes.noise import Image, blur, power_law_field
from firmware_sim.scenes.raster import Grid, burn

_SUB_PIXELS = 3
_POINT_SPREAD_CENTRE = 0.78
_EXTINCTION = (0.95, 0.60)  # red, near infrared
_GREEN = (0.034, 0.46)  # reflectance of endless green leaves
_DRY = (0.180, 0.30)
_SOIL_RED_DRY = 0.165
_SOIL_RED_DARKENED = 0.085  # by water
_SOIL_LINE = (1.22, 0.035)  # nir = slope · red + offset
_SENSOR_NOISE = 0.0028
_WATER = (0.072, 0.041)  # red, nir of shallow muddy water


@dataclass(frozen=True, slots=True)
class Landscape:
    """What does not change from day to day.

    Parameters
    ----------
    grid
        The 10 m pixels.
    first, second
        Surface with the largest and next largest part of a pixel (y, x).
    first_share
        Area of ``first`` within both [0–1] (y, x).
    leafiness
        Factor on leaf area: patches within a field (y, x).
    soil_patches
        Factor on the soil's brightness (y, x).
    brightness
        Dry soil relative to loam (surfaces,).
    """

    grid: Grid
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    first_share: Image
    leafiness: Image
    soil_patches: Image
    brightness: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ground:
    """The surfaces on one day; every array is (surfaces,).

    ``green_lai`` and ``dry_lai`` living and withered leaf area [m²/m²], ``wetness``
    of the soil's skin from dry 0 to field capacity 1, ``under_water`` the share that
    stands under water, None where no water stands [0–1].
    """

    green_lai: NDArray[np.float64]
    dry_lai: NDArray[np.float64]
    wetness: NDArray[np.float64]
    under_water: NDArray[np.float64] | None = None


def lay_out(
    grid: Grid,
    rings: list[tuple[tuple[float, float], ...]],
    between: int,
    brightness: NDArray[np.float64],
    rng: np.random.Generator,
) -> Landscape:
    """Burn all surfaces into the grid and draw the patches within them.

    Parameters
    ----------
    grid
        The 10 m pixels.
    rings
        One a surface, in order; later ones lie on top.
    between
        The surface of all land without a ring: tracks and verges.
    brightness
        One a surface and for ``between``.
    rng
        Draws the patches.
    """
    sub = burn(rings, grid, _SUB_PIXELS)
    sub[sub < 0] = between
    n, k = grid.pixels, _SUB_PIXELS
    members = np.sort(sub.reshape(n, k, n, k).transpose(0, 2, 1, 3).reshape(n * n, k * k), axis=1)
    first, first_count = _commonest(members)
    rest = np.where(members == first[:, None], -1, members)
    second, second_count = _commonest(np.sort(rest, axis=1))
    lone = second < 0
    share = np.where(lone, 1.0, first_count / (first_count + second_count))
    second = np.where(lone, first, second)
    patches = 0.16 * power_law_field(256, 2.2, rng)[:n, :n]
    patches += 0.06 * rng.standard_normal((n, n), dtype=np.float32)
    soil = np.exp(0.07 * power_law_field(256, 2.6, rng)[:n, :n])
    return Landscape(
        grid=grid,
        first=first.reshape(n, n),
        second=second.reshape(n, n).astype(np.int32),
        first_share=share.reshape(n, n).astype(np.float32),
        leafiness=np.exp(patches).astype(np.float32),
        soil_patches=soil.astype(np.float32),
        brightness=brightness,
    )


def reflectance(
    landscape: Landscape,
    ground: Ground,
    rng: np.random.Generator,
    softer: Callable[[Image], Image] | None = None,
) -> tuple[Image, Image]:
    """Red and near-infrared surface reflectance (y, x) [0–1] without clouds.

    ``softer`` blurs an image further than every scene is (:mod:`firmware_sim.scenes.edges`).
    """
    mixed = []
    one = _of_surface(landscape, ground, landscape.first)
    other = _of_surface(landscape, ground, landscape.second)
    for band in range(2):
        image = other[band] + landscape.first_share * (one[band] - other[band])
        gain = np.float32(1 + 0.02 * rng.standard_normal())
        haze = np.float32(0.004 * rng.random())
        noise = _SENSOR_NOISE * rng.standard_normal(image.shape, dtype=np.float32)
        image = blur(image, _POINT_SPREAD_CENTRE)
        image = image if softer is None else softer(image)
        mixed.append(gain * image + haze + noise)
    return mixed[0], mixed[1]


def index_of_canopy(
    green_lai: NDArray[np.float64], dry_lai: NDArray[np.float64], wetness: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Normalised difference of nir and red of an even canopy over loam [−1–1]."""
    soil_red = _SOIL_RED_DRY - _SOIL_RED_DARKENED * wetness
    deep = _deep(green_lai, dry_lai)
    leaves = green_lai + dry_lai
    red = deep[0] + (soil_red - deep[0]) * np.exp(-_EXTINCTION[0] * leaves)
    soil_nir = _SOIL_LINE[0] * soil_red + _SOIL_LINE[1]
    nir = deep[1] + (soil_nir - deep[1]) * np.exp(-_EXTINCTION[1] * leaves)
    return np.asarray((nir - red) / (nir + red))


def _of_surface(
    landscape: Landscape, ground: Ground, surface: NDArray[np.int32]
) -> tuple[Image, Image]:
    leaves = ground.green_lai + ground.dry_lai
    soil_red = landscape.brightness * (_SOIL_RED_DRY - _SOIL_RED_DARKENED * ground.wetness)
    lai = leaves.astype(np.float32)[surface] * landscape.leafiness
    bands = []
    for band, deep in enumerate(_deep(ground.green_lai, ground.dry_lai)):
        soil = soil_red if band == 0 else _SOIL_LINE[0] * soil_red + _SOIL_LINE[1]
        deep_at = deep.astype(np.float32)[surface]
        soil_at = soil.astype(np.float32)[surface] * landscape.soil_patches
        bands.append(deep_at + (soil_at - deep_at) * np.exp(np.float32(-_EXTINCTION[band]) * lai))
    if ground.under_water is not None:
        drowned = ground.under_water.astype(np.float32)[surface]
        bands = [b + drowned * (np.float32(w) - b) for b, w in zip(bands, _WATER, strict=True)]
    return bands[0], bands[1]


def _deep(
    green_lai: NDArray[np.float64], dry_lai: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Red and nir reflectance of endless leaves in the canopy's mix of green and dry."""
    leaves = green_lai + dry_lai
    share = np.divide(green_lai, leaves, out=np.ones_like(leaves), where=leaves > 0)
    red, nir = (_DRY[band] + share * (_GREEN[band] - _DRY[band]) for band in range(2))
    return red, nir


def _commonest(members: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The commonest member of each sorted row, −1 not counted, and how often it stands."""
    width = members.shape[1]
    best = np.full(len(members), -1, dtype=np.int32)
    best_count = np.zeros(len(members), dtype=np.int64)
    for start in range(width):
        candidate = members[:, start]
        count = np.where(candidate >= 0, (members == candidate[:, None]).sum(axis=1), 0)
        better = count > best_count
        best = np.where(better, candidate, best)
        best_count = np.where(better, count, best_count)
    return best, best_count
