"""From blocks to plot pixels: every block is read once, and only its plots' pixels are kept.

A route says, for the pixels of one or more plans, where they lie on a band's own grid:
in which window of blocks, and where in that window. A coarser band (the 20 m
classification under a 10 m index) is looked up at each pixel's centre.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from satellite.scenes.mask import BLEEDING_CLASSES, CLEAR_CLASSES
from satellite.scenes.raster import Box, Grid, Raster
from satellite.statistics.coverage import Plan
from satellite.statistics.weighted import Places

BLOCK_PIXELS = 1024  # of one window's side: one COG block of 1024, or four of 512
CLOUD_REACH_PIXELS = 2  # how far cloud is looked for, of the classification's own pixels
CLASS_MAX = 15  # SCL has 0–11; a greater number is no class and never clear


@dataclass(frozen=True, slots=True)
class Route:
    """Where the pixels of some plans lie on one band's grid, in the order of its windows.

    ``boxes`` are the windows; ``bounds`` (window + 1,) int64 where each one's pixels
    begin; ``places`` (pixel,) int32 which pixel of the plans that is; ``local``
    (pixel,) int32 its place in the flattened window. ``inside`` (all pixels,) bool
    tells which pixels the band's grid holds; absent if it holds all.
    """

    boxes: tuple[Box, ...]
    bounds: NDArray[np.int64]
    places: Places
    local: Places
    pixels: int
    inside: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class Gathered:
    """One band at the pixels of one plan: ``stored`` (pixel,) in the file's own numbers.

    ``inside`` (pixel,) bool; absent if the band's grid holds all pixels. Outside it,
    ``stored`` is zero and means nothing.
    """

    stored: NDArray[Any]
    inside: NDArray[np.bool_] | None


def route_of(plans: Sequence[Plan], grid: Grid, margin: int = 0) -> Route:
    """The way over a band's grid that passes every pixel of the plans.

    Parameters
    ----------
    margin
        By how much each window is grown beyond its pixels [pixels].
    """
    rows, cols = _cells(plans, grid)
    held = (rows >= 0) & (rows < grid.rows) & (cols >= 0) & (cols < grid.cols)
    inside = None if held.all() else held
    order = np.argsort(_blocks(rows, cols, grid), kind="stable").astype(np.int32)
    if inside is not None:
        order = order[held[order]]
    rows, cols = rows[order], cols[order]
    block = _blocks(rows, cols, grid)
    starts = np.flatnonzero(np.append(True, block[1:] != block[:-1])[: len(block)])
    boxes = _boxes(rows, cols, starts, grid, margin)
    bounds = np.append(starts, len(rows))
    for box, first, last in zip(boxes, bounds[:-1], bounds[1:], strict=True):
        rows[first:last] -= box.row0
        rows[first:last] *= box.col1 - box.col0
        cols[first:last] -= box.col0
    rows += cols
    return Route(boxes, bounds, order, rows, len(held), inside)


def _cells(plans: Sequence[Plan], grid: Grid) -> tuple[Places, Places]:
    rows, cols = [], []
    for plan in plans:
        if plan.grid == grid:
            rows.append(plan.rows)
            cols.append(plan.cols)
            continue
        x, y = plan.grid.centres(plan.rows.astype(np.int64), plan.cols.astype(np.int64))
        rows.append(grid.rows_of(y).astype(np.int32))
        cols.append(grid.cols_of(x).astype(np.int32))
    return np.concatenate(rows), np.concatenate(cols)


def _blocks(rows: Places, cols: Places, grid: Grid) -> NDArray[np.uint16]:
    # A grid has at most 65 blocks a side; 16 bits are sorted by counting.
    block = rows // BLOCK_PIXELS
    block *= grid.cols // BLOCK_PIXELS + 1
    block += cols // BLOCK_PIXELS
    return block.astype(np.uint16)


def _boxes(
    rows: Places,
    cols: Places,
    starts: NDArray[np.int64],
    grid: Grid,
    margin: int,
) -> tuple[Box, ...]:
    if len(starts) == 0:
        return ()
    edges = (
        np.minimum.reduceat(rows, starts),
        np.maximum.reduceat(rows, starts) + 1,
        np.minimum.reduceat(cols, starts),
        np.maximum.reduceat(cols, starts) + 1,
    )
    return tuple(
        _window(Box(*corner), grid).grown(margin, grid)
        for corner in zip(*(edge.tolist() for edge in edges), strict=True)
    )


def _window(tight: Box, grid: Grid) -> Box:
    """The whole block where the plots fill half of it: GDAL hands out whole blocks faster."""
    row0, col0 = (first // BLOCK_PIXELS * BLOCK_PIXELS for first in (tight.row0, tight.col0))
    whole = Box(
        row0, min(row0 + BLOCK_PIXELS, grid.rows), col0, min(col0 + BLOCK_PIXELS, grid.cols)
    )
    return whole if 2 * _area(tight) >= _area(whole) else tight


def _area(box: Box) -> int:
    return (box.row1 - box.row0) * (box.col1 - box.col0)


def gather(
    raster: Raster, plans: Sequence[Plan], route: Route, prepare: Callable[..., NDArray[Any]]
) -> list[Gathered]:
    """One band at the pixels of each plan, every window read once.

    Parameters
    ----------
    prepare
        Applied to each window (row, col) before its pixels are taken, and tells by its
        result what is kept; it may look at neighbours as far as the route's margin.

    Raises
    ------
    RasterError
        If a block is broken.
    """
    found: NDArray[Any] | None = None
    for i, box in enumerate(route.boxes):
        window = prepare(raster.read(box))
        if found is None:
            found = np.zeros(route.pixels, window.dtype)
        part = slice(int(route.bounds[i]), int(route.bounds[i + 1]))
        # Indices of the machine's own width: numpy takes others eight times as slowly.
        place, local = (each[part].astype(np.intp) for each in (route.places, route.local))
        found[place] = window.ravel().take(local)
    stored = np.zeros(route.pixels, np.uint8) if found is None else found
    edges = np.cumsum([len(plan.plot) for plan in plans])[:-1]
    insides = [None] * len(plans) if route.inside is None else np.split(route.inside, edges)
    return [
        Gathered(part, None if inside is None or inside.all() else inside)
        for part, inside in zip(np.split(stored, edges), insides, strict=True)
    ]


def as_stored(window: NDArray[Any]) -> NDArray[Any]:
    """A window as it is."""
    return window


def sight(classes: NDArray[Any]) -> NDArray[np.uint8]:
    """What the classification says of each pixel, and how far the nearest cloud is.

    The class in the low half of the byte; in the high half the distance to the
    nearest cloud or shadow in pixels, along the longer axis: 0 is cloud itself, and
    ``CLOUD_REACH_PIXELS`` + 1 stands for all that is farther.

    Parameters
    ----------
    classes
        SCL numbers, (row, col).
    """
    kind = np.minimum(classes, CLASS_MAX).astype(np.uint8, copy=False)
    near = kind == BLEEDING_CLASSES[0]
    for bleeding in BLEEDING_CLASSES[1:]:
        near |= kind == bleeding
    distance = np.full(kind.shape, CLOUD_REACH_PIXELS + 1, np.uint8)
    if near.any():
        distance -= near.view(np.uint8)
        for _ in range(CLOUD_REACH_PIXELS):
            near = _dilated(near)
            distance -= near.view(np.uint8)
    distance <<= 4
    distance |= kind
    return distance


def clear_by_sight(dilate_pixels: int) -> NDArray[np.bool_]:
    """Whether each byte of ``sight`` (256,) is clear: a clear class, away from cloud."""
    byte = np.arange(256)
    found: NDArray[np.bool_] = np.isin(byte & 15, CLEAR_CLASSES) & (byte >> 4 > dilate_pixels)
    return found


def _dilated(near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows = near.copy()
    rows[1:] |= near[:-1]
    rows[:-1] |= near[1:]
    both = rows.copy()
    both[:, 1:] |= rows[:, :-1]
    both[:, :-1] |= rows[:, 1:]
    return both
