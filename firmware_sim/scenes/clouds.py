"""Clouds, their shadows, and a mask that finds most of them.

Cloud fields are power-law noise above a threshold; the shadow lies where the sun
casts it from the cloud's height. The mask (Sentinel-2's scene classification) sees
thick cloud well, thin edges badly and bright roofs as cloud, as the real one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from firmware_sim.scenes.noise import Image, blur, finer, power_law_field

_FIELD = 192  # cells of 20 m: the scene and the clouds that shade it
_SPECTRUM_SLOPE = 3.3
_OVERPASS_HOUR_ANGLE_DEG = -20.0  # about 10:40 local solar time
_CELL_M = 20.0
_VEIL_CHANCE = 0.10  # of thin cirrus that the mask hardly sees
_VEIL_OPACITY = 0.11
_CLEAR_BELOW = 0.05  # sky shares below it are a clear sky

# Classes of the Sentinel-2 L2A scene classification.
SCL_SHADOW, SCL_VEGETATION, SCL_BARE, SCL_UNCLASSIFIED = 3, 4, 5, 7
SCL_WATER, SCL_CLOUD_MEDIUM, SCL_CLOUD_HIGH, SCL_CIRRUS = 6, 8, 9, 10


@dataclass(frozen=True, slots=True)
class Sky:
    """What stands between the ground and the satellite, on 20 m cells (y, x) [0–1]."""

    opacity: Image
    shadow: Image


def draw_sky(
    cells: int, sky_share: float, day: date, latitude_deg: float, rng: np.random.Generator
) -> Sky:
    """A cloud field that covers about ``sky_share`` of the sky [0–1], and its shadow.

    Parameters
    ----------
    cells
        Side of the scene in 20 m cells.
    sky_share
        Share of sky under cloud; small shares are clear.
    day, latitude_deg
        Where the sun stands.
    rng
        Draws form, thickness and height.
    """
    field = power_law_field(_FIELD, _SPECTRUM_SLOPE, rng)
    veil = _VEIL_OPACITY * np.clip(power_law_field(_FIELD, _SPECTRUM_SLOPE, rng), 0, 1.5)
    veil = veil[:cells, :cells] * np.float32(rng.random() < _VEIL_CHANCE)
    height_m = rng.uniform(700, 2_200)
    thickness = rng.uniform(1.5, 3.5)
    if sky_share < _CLEAR_BELOW:
        nothing = np.zeros((cells, cells), dtype=np.float32)
        return Sky(veil, nothing)
    edge = np.float32(np.quantile(field, 1 - min(sky_share, 0.999)))
    opacity = 1 - np.exp(-thickness * np.maximum(field - edge, 0) / 0.7)
    east, north = _shadow_cells(height_m, day, latitude_deg)
    top = _FIELD - cells if north > 0 else 0
    rows, columns = top - north, east
    shadow = opacity[rows : rows + cells, columns : columns + cells]
    return Sky(np.maximum(opacity[top : top + cells, :cells], veil), shadow)


def through_sky(red: Image, nir: Image, sky: Sky, rng: np.random.Generator) -> tuple[Image, Image]:
    """What the satellite sees of the ground: shaded, then veiled."""
    opacity, shadow = finer(sky.opacity), finer(sky.shadow)
    light = 1 - np.float32(rng.uniform(0.45, 0.65)) * shadow
    white = np.float32(rng.uniform(0.42, 0.62)) * (0.75 + 0.35 * opacity)
    seen_red = red * light * (1 - opacity) + white * opacity
    seen_nir = nir * light * (1 - opacity) + np.float32(0.96) * white * opacity
    return seen_red, seen_nir


def classify(red: Image, nir: Image, sky: Sky, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The scene classification of 20 m cells, with the mistakes of a real one.

    Parameters
    ----------
    red, nir
        What the satellite saw, on 20 m cells (y, x).
    sky
        What truly was there.
    rng
        Draws the mistakes.
    """
    doubt = blur(rng.standard_normal(red.shape, dtype=np.float32), 0.4)
    found = sky.opacity + 0.10 * doubt * (sky.opacity > 0)
    shaded = sky.shadow + 0.12 * doubt * (sky.shadow > 0)
    contrast = (nir - red) / np.maximum(nir + red, 1e-3)
    scl = np.where(contrast > 0.36, SCL_VEGETATION, SCL_BARE)
    scl = np.where((contrast > 0.30) & (contrast <= 0.36) & (doubt > 0.5), SCL_UNCLASSIFIED, scl)
    scl = np.where((red > 0.21) & (sky.opacity < 0.1) & (doubt > 0.2), SCL_CLOUD_MEDIUM, scl)
    scl = np.where(shaded > 0.40, SCL_SHADOW, scl)
    scl = np.where((found > 0.20) & (doubt > 0.15), SCL_CIRRUS, scl)
    scl = np.where(found > 0.32, SCL_CLOUD_MEDIUM, scl)
    return np.where(found > 0.65, SCL_CLOUD_HIGH, scl).astype(np.uint8)


def with_water(scl: NDArray[np.uint8], red: Image, nir: Image) -> NDArray[np.uint8]:
    """The classification where water may stand: darker in the near infrared than in red."""
    return np.where((scl == SCL_BARE) & (nir < red), SCL_WATER, scl).astype(np.uint8)


def cloud_percent(scl: NDArray[np.uint8]) -> float:
    """Cells that the mask calls cloud or cirrus [%]."""
    return round(100 * float(np.isin(scl, (8, 9, 10)).mean()), 2)


def _shadow_cells(height_m: float, day: date, latitude_deg: float) -> tuple[int, int]:
    """How far east and north of its shadow a cloud stands [cells]."""
    declination = np.radians(23.45 * np.sin(2 * np.pi * (day.timetuple().tm_yday - 81) / 365))
    latitude, hour = np.radians(latitude_deg), np.radians(_OVERPASS_HOUR_ANGLE_DEG)
    up = np.sin(latitude) * np.sin(declination)
    up += np.cos(latitude) * np.cos(declination) * np.cos(hour)
    east = -np.cos(declination) * np.sin(hour)
    north = np.sin(declination) * np.cos(latitude)
    north -= np.cos(declination) * np.sin(latitude) * np.cos(hour)
    span = height_m / _CELL_M / up
    bound = _FIELD // 3
    return min(round(span * east), bound), int(np.clip(round(span * north), -bound, bound))
