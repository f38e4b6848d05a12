"""One scene read over all plots: the order, what it gives, and who carries it out.

All of it is values, so that a scene can be read in another process or on another
machine (``satellite.cluster``). A fault of the scene is part of the result, not an
exception: the scene is named and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from core.canonical import sha256_hex
from satellite.indices import BandMissingError, Index
from satellite.scenes.bands import SCL
from satellite.scenes.calibration import settle
from satellite.scenes.faults import CatalogError, RasterError, WebError
from satellite.scenes.identity import AssetNote, hash_of, notes
from satellite.scenes.item import Item
from satellite.statistics.pixels import PixelStore
from satellite.statistics.plots import Plot
from satellite.statistics.sample import Keeping, Look, Sampler
from satellite.statistics.travel import (
    Columns,
    columns_of_looks,
    columns_of_plots,
    looks_of,
    plots_of,
)

SCENE_FAULTS = (CatalogError, BandMissingError, RasterError, WebError)


@dataclass(frozen=True, slots=True)
class SceneOrder:
    """A scene to read.

    ``mark`` is its files' mark before it is read; ``sha256`` its hash when it was read
    before, empty if it was not; ``missing`` are the places among the plots that were
    not looked at then.
    """

    item: Item
    mark: str
    sha256: str = ""
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SceneReading:
    """What an order gave: the scene's hash and looks at the plots in ``places``, or a fault.

    ``places`` is empty where there was nothing to look at anew.
    """

    order: SceneOrder
    sha256: str = ""
    places: Sequence[int] = ()
    looks: tuple[Look, ...] = ()
    code: str = ""
    detail: str = ""
    assets: tuple[AssetNote, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """How it comes back from another process: its looks as columns."""
        rest = (self.code, self.detail, self.assets)
        looks = columns_of_looks(self.looks)
        return _reading, (self.order, self.sha256, self.places, *looks, *rest)


def _reading(
    order: SceneOrder, sha256: str, places: Sequence[int], looks: Columns, spreads: Columns,
    *rest: Any,
) -> SceneReading:  # fmt: skip
    return SceneReading(order, sha256, places, looks_of(looks, spreads), *rest)


@dataclass(frozen=True, slots=True)
class SceneTask:
    """Plots and the index that every order looks at; see ``scene_task``.

    ``keep`` is a folder for plans and plot pixels between runs, which every worker
    must see; None to keep nothing.
    """

    key: str
    plots: tuple[Plot, ...]
    index: Index
    keep: Path | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """How it goes to another process: its plots as columns."""
        return _task, (self.key, columns_of_plots(self.plots), self.index, self.keep)

    def open(self) -> Callable[[SceneOrder], SceneReading]:
        """A reader that builds each plan once."""
        return SceneReader(self).read


def _task(key: str, plots: Columns, index: Index, keep: Path | None) -> SceneTask:
    return SceneTask(key, plots_of(plots), index, keep)


def scene_task(plots: Sequence[Plot], index: Index, keep: Path | None = None) -> SceneTask:
    """The task of looking at plots with an index, named by all that the looks depend on."""
    shapes = shapely.to_wkb(np.array([plot.polygon for plot in plots], dtype=object))
    names = [plot.plot_id.encode() for plot in plots]
    parts = [index.name.encode(), index.formula.text.encode(), str(keep).encode(), *names, *shapes]
    key = sha256_hex(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
    return SceneTask(key, tuple(plots), index, keep)


class SceneReader:
    """Carries out orders of one task."""

    def __init__(self, task: SceneTask) -> None:
        self._task = task
        self._keeping = Keeping()
        if task.keep is not None:
            self._keeping = Keeping(task.keep / "plans", PixelStore(task.keep / "pixels"))
        self._whole = Sampler(task.plots, task.index, self._keeping)
        self._part: tuple[tuple[int, ...], Sampler] | None = None

    def read(self, order: SceneOrder) -> SceneReading:
        """What the scene shows of the plots that were not looked at yet."""
        item = order.item
        try:
            assets = notes(item, needed_bands(item, self._task.index))
            sha256 = hash_of(assets)
            places = self._places(order, sha256)
            looks = self._sampler(places).look(settle(item)) if places else []
        except SCENE_FAULTS as error:
            return SceneReading(order, code=error.code, detail=str(error))
        return SceneReading(order, sha256, places, tuple(looks), assets=assets)

    def _places(self, order: SceneOrder, sha256: str) -> Sequence[int]:
        same = order.sha256 == sha256
        return order.missing if same else range(len(self._task.plots))

    def _sampler(self, places: Sequence[int]) -> Sampler:
        if len(places) == len(self._task.plots):
            return self._whole
        # New plots are missing on every scene alike: their plan is built once too.
        wanted = tuple(places)
        if self._part is None or self._part[0] != wanted:
            plots = [self._task.plots[i] for i in wanted]
            self._part = wanted, Sampler(plots, self._task.index, self._keeping)
        return self._part[1]


def needed_bands(item: Item, index: Index) -> list[str]:
    """The bands that are read of a scene, as far as it has them."""
    return [band for band in (*index.bands, SCL) if band in item.assets]
