"""A district's maps by period, as COG and PMTiles: made where scenes or plots changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from core.canonical import canonical_hash
from satellite.indices import BandMissingError, Index
from satellite.quicklooks.colours import scale_of
from satellite.quicklooks.composite import Period, district_grid, write_composite
from satellite.quicklooks.look import bands_for
from satellite.quicklooks.shelf import Shelf
from satellite.quicklooks.tiles import write_pmtiles
from satellite.scenes.faults import RasterError, WebError
from satellite.scenes.identity import fingerprint
from satellite.scenes.item import Item
from satellite.scenes.raster import open_raster
from satellite.statistics.plots import Plot, Problem

MAPS = "maps"
MAPS_VERSION = 1  # raised whenever a map of the same scenes would look otherwise


@dataclass(slots=True)
class MapRound:
    """What one round of maps did."""

    periods_new: int = 0
    periods_known: int = 0
    files: list[str] = field(default_factory=list)
    broken: list[Problem] = field(default_factory=list)


def make_maps(
    shelf: Shelf, plots: Sequence[Plot], items: Sequence[Item], index: Index, period: Period
) -> MapRound:
    """Make the maps that are missing; a period with a broken scene is named and left.

    Parameters
    ----------
    items
        Scenes in order of their days, each with the index's bands.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    done = MapRound()
    usable = [item for item in items if _fits(item, index, done)]
    for label, same in groupby(usable, lambda item: period.label(item.day)):
        scenes = list(same)
        try:
            _one(shelf, plots, scenes, index, label, done)
        except (RasterError, WebError) as error:
            done.broken.append(Problem(label, error.code, str(error)))
    return done


def _fits(item: Item, index: Index, done: MapRound) -> bool:
    try:
        bands_for(item, index)
    except BandMissingError as error:
        done.broken.append(Problem(item.item_id, error.code, str(error)))
        return False
    return True


def _one(
    shelf: Shelf,
    plots: Sequence[Plot],
    items: Sequence[Item],
    index: Index,
    label: str,
    done: MapRound,
) -> None:
    grid = district_grid(plots, _step(items, index))
    marks = sorted(fingerprint(item, bands_for(item, index)) for item in items)
    inputs = canonical_hash(
        {"maps": MAPS_VERSION, "index": index.sha256, "scenes": marks, "crs": grid.crs,
         "grid": [round(grid.left), round(grid.top), round(grid.step * 100), grid.rows, grid.cols]}
    )  # fmt: skip
    name = f"{label}-{index.name}"
    if shelf.map_inputs(name) == inputs:
        done.periods_known += 1
        return
    folder = shelf.folder / MAPS
    for kind, cog in write_composite(items, grid, index, folder, label).items():
        scale = scale_of(index) if kind == index.name else None
        tiles = cog.with_suffix(".pmtiles")
        write_pmtiles(cog, tiles, scale, f"{label} {kind}")
        done.files += [f"{MAPS}/{path.name}" for path in (cog, tiles)]
    shelf.keep_map(name, inputs)
    done.periods_new += 1


def _step(items: Sequence[Item], index: Index) -> float:
    """The finest pixel of the index's bands [m]."""
    steps = []
    for band in index.bands:
        with open_raster(items[0].assets[band].path) as raster:
            steps.append(raster.grid.step)
    return min(steps)
