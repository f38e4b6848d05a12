"""The district as the satellite's camera finds it: surfaces, their state, the sky.

Beside plots and pastures stand other people's maize, fallow, trees and homesteads,
so that a plot's edge is mixed with something real.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.special import expit

from firmware_sim.district.parcels import NORTH_M, WEST_M
from firmware_sim.district.places import (
    EPSG,
    GRID_PIXELS,
    LATITUDE_DEG,
    PIXEL_M,
    District,
    Ring,
    Soil,
)
from firmware_sim.district.season import Cover, Floats, Ints, SeasonTruth
from firmware_sim.district.soils import LOAM
from firmware_sim.district.village import other_parcels
from firmware_sim.scenes.optics import Ground, Landscape, lay_out
from firmware_sim.scenes.picture import Look, take_picture, write_picture
from firmware_sim.scenes.raster import Grid
from firmware_sim.scenes.stac import CATALOG, rewrite_catalog

REVISIT_DAYS = 5
CATALOG_TITLE = "SIMULATED Sentinel-2 L2A of the village of Kijani; no real place"
_HOMES = 70
_HOME_M = 16.0
_ROOF_BRIGHTNESS = 1.75
_VERGE_BRIGHTNESS = 1.15
# Shares of the land on which nothing is lent: others' maize, fallow grass, trees.
_MAIZE, _FALLOW, _TREES = 0, 1, 2
_OTHER_SHARES = (0.5, 0.3, 0.2)


def write_scene(
    folder: Path, day: date, truth: SeasonTruth, district: District, rng: np.random.Generator
) -> Path:
    """Take a picture of the district, write it as a STAC item, and list it.

    Parameters
    ----------
    folder
        The catalog's folder; made when missing.
    day
        A day of the season.
    truth, district
        What grows there.
    rng
        Clouds and noise; see :func:`scene_rng` for the season's own.

    Raises
    ------
    OutputFolderError
        If the folder cannot be written.
    SettingError
        If the day lies outside the season.
    """
    written = write_item(folder, day, truth, district, rng)
    rewrite_catalog(folder, CATALOG_TITLE)
    return written


def write_item(
    folder: Path, day: date, truth: SeasonTruth, district: District, rng: np.random.Generator
) -> Path:
    """As :func:`write_scene`, but leave ``catalog.json`` to be written once at the end."""
    index = truth.day_index(day)
    landscape = landscape_of(district)
    look = Look(day, sky_share(truth, index, rng), LATITUDE_DEG)
    picture = take_picture(landscape, ground_on(district, truth, index), look, rng)
    return write_picture(folder, landscape, picture, day)


def finish_catalog(folder: Path) -> Path:
    """List all items of a folder in its ``catalog.json``."""
    rewrite_catalog(folder, CATALOG_TITLE)
    return folder / CATALOG


def scene_rng(seed: int, day: date) -> np.random.Generator:
    """The chance of one scene of a district; the same seed and day, the same scene."""
    return np.random.default_rng([seed, 3, day.toordinal()])


def scene_days(first: date, last: date, every_days: int = REVISIT_DAYS) -> Iterator[date]:
    """Days on which the satellite passes, on one rhythm through all years."""
    day = first
    while day <= last:
        if day.toordinal() % every_days == 0:
            yield day
        day += timedelta(days=1)


def sky_share(truth: SeasonTruth, index: int, rng: np.random.Generator) -> float:
    """Share of the sky under cloud at the overpass [0–1]: wet days are cloudier."""
    rain = float(truth.weather.rain_mm[:, index].mean())
    damp = float(truth.weather.humidity[:, index].mean()) - 0.72
    return float(expit(-1.8 + 1.5 * min(rain, 12.0) / 12 + 1.5 * damp + 2.4 * rng.normal()))


@lru_cache(maxsize=4)
def landscape_of(district: District) -> Landscape:
    """The district's surfaces burnt into the satellite's grid."""
    grid = Grid(EPSG, WEST_M, NORTH_M, PIXEL_M, GRID_PIXELS)
    others = other_parcels(district)
    homes = _homes(others, district.seed)
    rings = [p.ring for p in district.plots] + [p.ring for p in district.pastures]
    soils = [p.soil for p in district.plots] + [p.soil for p in district.pastures]
    dark = [soil.brightness for soil in soils] + [LOAM.brightness] * len(others)
    brightness = [*dark, *([_ROOF_BRIGHTNESS] * len(homes)), _VERGE_BRIGHTNESS]
    every = [*rings, *others, *homes]
    rng = np.random.default_rng([district.seed, 4])
    return lay_out(grid, every, len(every), np.array(brightness), rng)


def ground_on(district: District, truth: SeasonTruth, index: int) -> Ground:
    """The state of every surface on one day of the season (column ``index``)."""
    lent, grazed = _on_day(truth.plots, index), _on_day(truth.pastures, index)
    wet = [
        _wetness(truth.plots, [p.soil for p in district.plots], index),
        _wetness(truth.pastures, [p.soil for p in district.pastures], index),
    ]
    kinds, twins, grass = _other_land(district)
    green = np.choose(kinds, [lent[0][twins], 0.8 * grazed[0][grass], 3.4])
    dry = np.choose(kinds, [lent[1][twins], 0.8 * grazed[1][grass], 0.3])
    homes = len(landscape_of(district).brightness) - sum(map(len, (lent[0], grazed[0], kinds))) - 1
    verge_wet = float(np.mean(wet[0]))
    return Ground(
        np.concatenate([lent[0], grazed[0], green, np.full(homes, 0.35), [_verge(grazed[0])]]),
        np.concatenate([lent[1], grazed[1], dry, np.full(homes, 0.05), [_verge(grazed[1])]]),
        np.concatenate([*wet, wet[0][twins], np.full(homes + 1, verge_wet)]),
        _standing_water(truth, index, len(grazed[0]) + len(kinds) + homes + 1),
    )


def _standing_water(truth: SeasonTruth, index: int, others: int) -> Floats | None:
    """Share of each surface under water; only lent plots are told to be flooded."""
    if truth.under_water is None or not truth.under_water[:, index].any():
        return None
    return np.concatenate([truth.under_water[:, index], np.zeros(others)])


@lru_cache(maxsize=4)
def _other_land(district: District) -> tuple[Ints, Ints, Ints]:
    """Kind of each other parcel, and the plot and pasture that it resembles."""
    others = other_parcels(district)
    rng = np.random.default_rng([district.seed, 5])
    kinds = rng.choice(3, size=len(others), p=_OTHER_SHARES)
    plot_zone = np.array([plot.zone for plot in district.plots])
    pasture_zone = np.array([pasture.zone for pasture in district.pastures])
    border_m = min(p.ring[0][0] for p in district.plots if p.zone == 1)
    zones = [int(ring[0][0] > border_m) for ring in others]
    twins = [int(rng.choice(np.flatnonzero(plot_zone == zone))) for zone in zones]
    grass = [int(rng.choice(np.flatnonzero(pasture_zone == zone))) for zone in zones]
    return kinds.astype(np.int64), np.array(twins), np.array(grass)


def _homes(parcels: tuple[Ring, ...], seed: int) -> list[Ring]:
    """Homesteads: small squares at the corners of some parcels."""
    rng = np.random.default_rng([seed, 6])
    chosen = rng.choice(len(parcels), size=min(_HOMES, len(parcels)), replace=False)
    homes = []
    for parcel in chosen:
        corner = np.array(parcels[parcel][0])
        inward = np.mean(parcels[parcel], axis=0) - corner
        east, north = corner + 0.15 * inward
        half = _HOME_M / 2
        steps = ((-half, -half), (half, -half), (half, half), (-half, half))
        homes.append(tuple((float(east + dx), float(north + dy)) for dx, dy in steps))
    return homes


def _on_day(cover: Cover, index: int) -> tuple[Floats, Floats]:
    return cover.green_lai[:, index], cover.dry_lai[:, index]


def _wetness(cover: Cover, soils: list[Soil], index: int) -> Floats:
    driest = np.array([0.5 * soil.wilting_point for soil in soils])
    capacity = np.array([soil.field_capacity for soil in soils])
    surface = cover.surface_moisture[:, index]
    return np.asarray(np.clip((surface - driest) / (capacity - driest), 0, 1))


def _verge(grazed_lai: Floats) -> float:
    return float(0.3 + 0.5 * grazed_lai.mean())
