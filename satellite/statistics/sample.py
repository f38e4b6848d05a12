"""One scene over all plots: blocks are streamed once, plot pixels are gathered.

Nothing larger than a window of blocks is ever held, and indices are computed on the
plots' pixels alone, as many as are asked for from the bands read once. Numbers are
gathered as they are stored and become reflectance in float64; nothing is float32.
With a pixel store, what was gathered before is taken from there, with the same bits.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from satellite.indices import Index, require_bands, require_classes
from satellite.scenes.bands import SCL
from satellite.scenes.calibration import Calibration, calibrate, require_plausible
from satellite.scenes.catalog import Item
from satellite.scenes.mask import DILATE_PIXELS
from satellite.scenes.raster import Grid, Raster, RasterError, open_raster
from satellite.statistics.coverage import Plan
from satellite.statistics.gather import (
    CLOUD_REACH_PIXELS,
    Gathered,
    Route,
    as_stored,
    clear_by_sight,
    gather,
    route_of,
    sight,
)
from satellite.statistics.plots import Plot
from satellite.statistics.shelf import plan_for
from satellite.statistics.weighted import PlotStatistics, Segments, Spread, statistics_of

if TYPE_CHECKING:
    import xarray as xr

    from satellite.statistics.pixels import PixelStore  # zarr, which a run without it spares

Pixels = NDArray[np.float64]
FORMULA_PIXELS = 1 << 16  # worked out at a time, so that it stays in the processor's cache
# By the plans' keys, the band's grid, and whether neighbours are looked at.
Routes = dict[tuple[tuple[str, ...], Grid, bool], Route]


class Look(NamedTuple):
    """What one scene shows of one plot.

    ``mean`` and ``spread`` are absent where nothing of the plot was seen;
    ``valid_fraction`` [0–1] is the weight seen over the plot's weight; ``pixels`` the
    plot's size and ``full_pixels`` those inside the inner buffer [pixels];
    ``covered`` whether the plot touches the scene at all and ``share`` [0–1] how much
    of it lies on the scene's grid. A named tuple, because
    there are as many as plots times scenes.
    """

    plot_id: str
    mean: float | None
    valid_fraction: float
    pixels: float
    full_pixels: int
    covered: bool
    spread: Spread | None = None
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept between runs: the folder of plans, and the store of pixels."""

    shelf: Path | None = None
    pixels: PixelStore | None = None


class Sampler:
    """Samples scenes over a fixed set of plots; keeps one plan per grid.

    Parameters
    ----------
    indices
        One index, or several that share one pass over the blocks.
    keeping
        Where plans and pixels are kept between runs; by default nowhere.
    dilate_pixels
        How near cloud or shadow may be [pixels of the classification].
    """

    def __init__(
        self,
        plots: Sequence[Plot],
        indices: Index | Sequence[Index],
        keeping: Keeping = Keeping(),
        dilate_pixels: int = DILATE_PIXELS,
    ) -> None:
        if not 0 <= dilate_pixels <= CLOUD_REACH_PIXELS:
            raise ValueError(f"expected 0 to {CLOUD_REACH_PIXELS} pixels, got {dilate_pixels}")
        self._plots = tuple(plots)
        self._indices = (indices,) if isinstance(indices, Index) else tuple(indices)
        self._keeping = keeping
        self._clear = clear_by_sight(dilate_pixels)
        self._plans: dict[Grid, tuple[Plan, Segments]] = {}
        self._routes: Routes = {}
        self._stills: dict[str, _Still] = {}

    def look(self, item: Item) -> list[Look]:
        """What the scene shows of each plot in the first index, in the plots' order.

        Raises
        ------
        BandMissingError
            If the scene lacks a band of an index, or its classification.
        RasterError
            If a raster is broken or its offset cannot be settled.
        """
        return self.looks(item)[self._indices[0].name]

    def looks(self, item: Item, sha256s: Mapping[str, str] | None = None) -> dict[str, list[Look]]:
        """What the scene shows of each plot, in the plots' order, by index name.

        Parameters
        ----------
        sha256s
            The content hashes of the files, by band, where the caller knows them; a
            pixel store is asked by them.

        Raises
        ------
        BandMissingError
            If the scene lacks a band of an index, or its classification.
        RasterError
            If a raster is broken or its offset cannot be settled.
        """
        scenes = self._scene_pixels(item, sha256s or {})
        found = {}
        for index in self._indices:
            scene = next(one for one in scenes if index.name in one.indices)
            plan, segments = self._plans[scene.plan.grid]
            found[index.name] = self._looks(plan, statistics_of(segments, scene.index(index)))
        return found

    def pixels(self, item: Item) -> xr.Dataset:
        """The first index at every plot pixel, with its plot, place and weight.

        dims (pixel,); ``index`` and the bands' reflectance float64, NaN where not seen.
        """
        import xarray as xr  # noqa: PLC0415  # half a second and 60 MB, for this alone

        scene = self._scene_pixels(item, {})[0]
        rows, cols = (where.astype(np.int64) for where in (scene.plan.rows, scene.plan.cols))
        x, y = scene.plan.grid.centres(rows, cols)
        variables = {**scene.bands, "index": scene.index(self._indices[0])}
        return xr.Dataset(
            {name: ("pixel", values) for name, values in variables.items()},
            {name: ("pixel", values) for name, values in
             {"plot": scene.plan.plot, "x": x, "y": y, "weight": scene.plan.weight}.items()},
        )  # fmt: skip

    def _scene_pixels(self, item: Item, sha256s: Mapping[str, str]) -> list[_ScenePixels]:
        for index in self._indices:
            require_bands(index, item.assets, item.item_id)
        require_classes(item.assets, item.item_id)
        names = dict.fromkeys(band for index in self._indices for band in (*index.bands, SCL))
        with ExitStack() as stack:
            bands = {
                name: _Band(
                    item, name, stack, self._routes, (self._keeping.pixels, sha256s.get(name))
                )
                for name in names
            }
            grids = {name: band.grid for name, band in bands.items()}
            if len({grid.crs for grid in grids.values()}) > 1:
                raise RasterError(f"expected one projection over the bands of {item.item_id}")
            wanted: dict[Grid, list[Index]] = {}
            for index in self._indices:
                finest = min((grids[name] for name in index.bands), key=lambda g: g.step)
                wanted.setdefault(finest, []).append(index)
            return self._gathered(item, bands, wanted)

    def _gathered(
        self, item: Item, bands: dict[str, _Band], wanted: dict[Grid, list[Index]]
    ) -> list[_ScenePixels]:
        plans = {grid: self._plan(grid) for grid in wanted}
        needs = {
            grid: {SCL, *(band for index in indices for band in index.bands)}
            for grid, indices in wanted.items()
        }
        clear: dict[Grid, NDArray[np.bool_]] = {}
        reflectance: dict[Grid, dict[str, Pixels]] = {grid: {} for grid in wanted}
        for name in (SCL, *(name for name in bands if name != SCL)):
            grids = [grid for grid in wanted if name in needs[grid]]
            for grid, part in zip(
                grids, bands[name].gathered([plans[grid] for grid in grids]), strict=True
            ):
                if name == SCL:
                    clear[grid] = _inside(self._clear[part.stored], part)
                else:
                    values = _reflectance(bands[name].calibration(), part.stored)
                    np.putmask(values, ~_inside(clear[grid], part), np.nan)
                    require_plausible(item.item_id, name, values)
                    reflectance[grid][name] = np.maximum(values, 0.0, out=values)
        return [
            _ScenePixels(plans[grid], reflectance[grid], frozenset(i.name for i in indices))
            for grid, indices in wanted.items()
        ]

    def _plan(self, grid: Grid) -> Plan:
        if grid not in self._plans:
            plan = plan_for(grid, self._plots, self._keeping.shelf)
            self._plans[grid] = plan, plan.segments
        return self._plans[grid][0]

    def _looks(self, plan: Plan, found: PlotStatistics) -> list[Look]:
        still = self._still(plan)
        fraction = np.minimum(found.seen / plan.plot_weight, 1.0)
        seen = found.seen > 0
        levels = (x.tolist() for x in (found.std, found.median, found.p10, found.p90))
        means: list[float | None] = found.mean.tolist()
        with collector_paused():
            spreads: list[Spread | None] = list(map(Spread._make, zip(*levels, strict=True)))
            for i in np.flatnonzero(~seen).tolist():
                means[i] = spreads[i] = None
            columns = zip(
                still.plot_ids, means, fraction.tolist(), still.pixels, still.full_pixels,
                still.covered, spreads, still.shares, strict=True,
            )  # fmt: skip
            return list(map(Look._make, columns))

    def _still(self, plan: Plan) -> _Still:
        if plan.key not in self._stills:
            plots = len(self._plots)
            inside = np.bincount(plan.plot, plan.weight, minlength=plots)
            self._stills[plan.key] = _Still(
                [plot.plot_id for plot in self._plots],
                plan.plot_weight.tolist(),
                plan.full_pixels.tolist(),
                (np.bincount(plan.plot, minlength=plots) > 0).tolist(),
                np.minimum(inside / plan.plot_weight, 1.0).tolist(),
            )
        return self._stills[plan.key]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without the cycle collector, which else walks the process's whole heap meanwhile.

    Tens of thousands of tuples made at once set it off time and again: nine tenths of
    the time of making them. They hold no cycles.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Still(NamedTuple):
    """What every look at a plot says alike on one grid, in the plots' order; see ``Look``."""

    plot_ids: list[str]
    pixels: list[float]
    full_pixels: list[int]
    covered: list[bool]
    shares: list[float]


@dataclass(frozen=True, slots=True)
class _ScenePixels:
    """Reflectance of some bands at the pixels of one plan, NaN where not seen."""

    plan: Plan
    bands: dict[str, Pixels]
    indices: frozenset[str]

    def index(self, index: Index) -> Pixels:
        found: Pixels = np.empty(len(self.plan.plot))
        for first in range(0, len(found), FORMULA_PIXELS):
            part = slice(first, first + FORMULA_PIXELS)
            with np.errstate(divide="ignore", invalid="ignore"):
                value = index.formula({name: band[part] for name, band in self.bands.items()})
            found[part] = np.where(np.isfinite(value), value, np.nan)
        return found


class _Band:
    """One band of one scene: its file, opened only if the store does not have it."""

    def __init__(
        self,
        item: Item,
        name: str,
        stack: ExitStack,
        routes: Routes,
        kept: tuple[PixelStore | None, str | None],
    ) -> None:
        store, sha256 = kept
        self._routes = routes
        self._item = item
        self._name = name
        self._asset = item.assets[name]
        self._stack = stack
        self._opened: Raster | None = None
        if store is not None and sha256 is None and isinstance(self._asset.path, Path):
            sha256 = store.sha256_of(self._asset.path)
        # Without a hash nothing can be kept: the next reader could not tell what it was.
        self._kept = (store, sha256) if store is not None and sha256 is not None else None

    @property
    def grid(self) -> Grid:
        known = self._kept[0].grid(self._kept[1]) if self._kept else None
        return known or self._raster().grid

    def calibration(self) -> Calibration:
        if self._kept is None:
            return self._settle()
        store, sha256 = self._kept
        item, asset = self._item, self._asset
        stated = (asset.scale, asset.offset, asset.nodata)
        context = (item.baseline, item.offset_applied, item.offset_settled)
        return store.calibration(sha256, repr(stated + context), self._settle)

    def gathered(self, plans: Sequence[Plan]) -> list[Gathered]:
        found = [self._stored(plan) for plan in plans]
        missing = [plan for plan, part in zip(plans, found, strict=True) if part is None]
        fresh = iter(self._decoded(missing) if missing else ())
        return [next(fresh) if part is None else part for part in found]

    def _stored(self, plan: Plan) -> Gathered | None:
        if self._kept is None:
            return None
        store, sha256 = self._kept
        return store.read(plan.key, self._name, sha256)

    def _decoded(self, plans: Sequence[Plan]) -> list[Gathered]:
        raster, is_scl = self._raster(), self._name == SCL
        way = (tuple(plan.key for plan in plans), raster.grid, is_scl)
        if way not in self._routes:
            margin = CLOUD_REACH_PIXELS if is_scl else 0
            self._routes[way] = route_of(plans, raster.grid, margin)
        route = self._routes[way]
        parts = gather(raster, plans, route, sight if is_scl else as_stored)
        if self._kept is not None:
            store, sha256 = self._kept
            for plan, part in zip(plans, parts, strict=True):
                store.write(plan.key, self._name, sha256, raster.grid, part)
        return parts

    def _settle(self) -> Calibration:
        return calibrate(self._item, self._asset, self._raster())

    def _raster(self) -> Raster:
        if self._opened is None:
            self._opened = self._stack.enter_context(open_raster(self._asset.path))
        return self._opened


def _reflectance(calibration: Calibration, stored: NDArray[Any]) -> Pixels:
    """Reflectance of each pixel; of 16-bit numbers by a table of all that there are."""
    kind = stored.dtype
    if kind.kind != "u" or kind.itemsize > 2:
        return calibration.reflectance(stored.astype(np.float64))
    table = calibration.reflectance(np.arange(1 << 8 * kind.itemsize, dtype=np.float64))
    return np.asarray(table[stored])


def _inside(flags: NDArray[np.bool_], part: Gathered) -> NDArray[np.bool_]:
    return flags if part.inside is None else flags & part.inside
