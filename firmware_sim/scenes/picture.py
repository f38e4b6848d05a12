"""One scene, from the ground's state to an item folder in a catalog."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_sim.config import OutputFolderError
from firmware_sim.scenes import stac
from firmware_sim.scenes.clouds import (
    classify,
    cloud_percent,
    draw_sky,
    through_sky,
    with_water,
)
from firmware_sim.scenes.edges import Blur
from firmware_sim.scenes.noise import Image, coarser
from firmware_sim.scenes.optics import Ground, Landscape, reflectance
from firmware_sim.scenes.raster import write_cog


@dataclass(frozen=True, slots=True)
class Picture:
    """Digital numbers of red and nir at 10 m, and the classification at 20 m."""

    red: NDArray[np.uint16]
    nir: NDArray[np.uint16]
    scl: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Look:
    """When the satellite passes, and how much of the sky is clouded [0–1].

    ``blur`` is further than every scene's own; none unless it was asked for.
    """

    day: date
    sky_share: float
    latitude_deg: float
    blur: Blur | None = None


def take_picture(
    landscape: Landscape, ground: Ground, look: Look, rng: np.random.Generator
) -> Picture:
    """What a pass of the satellite delivers."""
    softer = None if look.blur is None else look.blur.of
    red, nir = reflectance(landscape, ground, rng, softer)
    cells = landscape.grid.pixels // 2
    sky = draw_sky(cells, look.sky_share, look.day, look.latitude_deg, rng)
    red, nir = through_sky(red, nir, sky, rng)
    scl = classify(coarser(red), coarser(nir), sky, rng)
    if ground.under_water is not None:
        scl = with_water(scl, coarser(red), coarser(nir))
    return Picture(_digital(red), _digital(nir), scl)


def write_picture(folder: Path, landscape: Landscape, picture: Picture, day: date) -> Path:
    """Write a picture as an item folder and return it; the catalog is left alone.

    Raises
    ------
    OutputFolderError
        If the folder cannot be written.
    """
    name = stac.scene_id(day)
    part, final = folder / f".{name}.part", folder / name
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    except OSError as error:
        raise OutputFolderError(f"expected a writable folder at {folder}: {error}") from error
    grid = landscape.grid
    write_cog(part / "B04.tif", picture.red, grid)
    write_cog(part / "B08.tif", picture.nir, grid)
    write_cog(part / "SCL.tif", picture.scl, grid.coarser(2))
    stac.write_json(part / f"{name}.json", stac.item(day, grid, cloud_percent(picture.scl)))
    stac.put_in_place(part, final)
    return final


def _digital(reflected: Image) -> NDArray[np.uint16]:
    """Reflectance to digital numbers; 0 is kept for nodata."""
    numbers = np.rint((reflected - stac.OFFSET) / stac.SCALE)
    return np.asarray(np.clip(numbers, 1, 65_535), dtype=np.uint16)
