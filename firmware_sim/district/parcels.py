"""Land between winding tracks, cut into parcels: the village's cadastre.

A mesh of about 195 m is bent by chance; its lines are the tracks. A few groups of
cells are pastures; every other cell is cut across its longer sides until parcels
have a smallholder's size, and each is drawn in by the width of its hedge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from shapely.geometry import JOIN_STYLE, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from firmware_sim.district.places import GRID_PIXELS, PIXEL_M, Ring

WEST_M = 287_320.0  # the scene's corner, on the 20 m grid
NORTH_M = 9_885_120.0
MESH_CELLS = 10
MESH_M = 195.0
_BEND_M = 32.0  # how far a crossing may lie from its regular place
_TRACK_HALF_M = 4.0
_HEDGE_HALF_M = 2.0
_PARCEL_M2 = (4_500.0, 17_000.0)  # sizes at which cutting stops
PLOT_M2 = (2_500, 16_000)
PASTURE_M2 = (100_000, 300_000)  # two cells by two or three, each crossing bent
# (row, column, rows, columns) of each pasture; the last two lie in the east.
_PASTURE_CELLS = ((0, 0, 2, 2), (7, 0, 3, 2), (4, 2, 2, 2), (0, 8, 2, 2), (7, 8, 3, 2))


@dataclass(frozen=True, slots=True)
class Parcels:
    """All land that is not a track: pastures, and parcels fit for crops."""

    pastures: tuple[Ring, ...]
    parcels: tuple[Ring, ...]


def lay_out_parcels(rng: np.random.Generator) -> Parcels:
    """Cut the village's land by chance; no two results touch."""
    corners = _bent_mesh(rng)
    blocks = _mirrored(bool(rng.integers(2)))
    taken = {(r + i, c + j) for r, c, h, w in blocks for i in range(h) for j in range(w)}
    pastures = [_pasture(corners, block) for block in blocks]
    parcels: list[Polygon] = []
    for row in range(MESH_CELLS):
        for column in range(MESH_CELLS):
            if (row, column) not in taken:
                cell = _inset(_cell(corners, row, column), _TRACK_HALF_M)
                parcels += _cut(cell, rng)
    inset = (_inset(_clip_corner(parcel, rng), _HEDGE_HALF_M) for parcel in parcels)
    return Parcels(
        tuple(_ring(p) for p in pastures),
        tuple(_ring(p) for p in inset if PLOT_M2[0] <= p.area <= PLOT_M2[1] and p.is_valid),
    )


def _mirrored(north_south: bool) -> tuple[tuple[int, int, int, int], ...]:  # noqa: FBT001
    if not north_south:
        return _PASTURE_CELLS
    return tuple((MESH_CELLS - r - h, c, h, w) for r, c, h, w in _PASTURE_CELLS)


def _bent_mesh(rng: np.random.Generator) -> np.ndarray:
    """Crossings of the tracks (rows, columns, 2) [m], first row in the north."""
    margin = (GRID_PIXELS * PIXEL_M - MESH_CELLS * MESH_M) / 2
    steps = margin + MESH_M * np.arange(MESH_CELLS + 1)
    east, south = np.meshgrid(WEST_M + steps, NORTH_M - steps)
    return np.stack([east, south], axis=-1) + rng.uniform(-_BEND_M, _BEND_M, (*east.shape, 2))


def _cell(corners: np.ndarray, row: int, column: int) -> Polygon:
    at = ((row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column))
    return Polygon([tuple(corners[i, j]) for i, j in at])


def _pasture(corners: np.ndarray, block: tuple[int, int, int, int]) -> Polygon:
    row, column, height, width = block
    cells = [_cell(corners, row + i, column + j) for i in range(height) for j in range(width)]
    return _inset(unary_union(cells), _TRACK_HALF_M)


def _inset(polygon: BaseGeometry, width_m: float) -> Polygon:
    return polygon.buffer(-width_m, join_style=JOIN_STYLE.mitre)


def _cut(polygon: Polygon, rng: np.random.Generator) -> list[Polygon]:
    """Halve a quadrilateral across its longer sides until the pieces are small enough."""
    stop_m2 = np.exp(rng.uniform(*np.log(_PARCEL_M2)))
    if polygon.area <= stop_m2:
        return [polygon]
    ring = np.asarray(polygon.exterior.coords)[:-1]
    if len(ring) != 4:
        return [polygon]
    sides = np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1)
    first = int(sides[0] + sides[2] < sides[1] + sides[3])
    a, b, c, d = np.roll(ring, -first, axis=0)
    shares = rng.uniform(0.38, 0.62) + rng.uniform(-0.06, 0.06, 2)
    upper, lower = a + shares[0] * (b - a), d + shares[1] * (c - d)
    return [*_cut(Polygon([a, upper, lower, d]), rng), *_cut(Polygon([upper, b, c, lower]), rng)]


def _clip_corner(polygon: Polygon, rng: np.random.Generator) -> Polygon:
    """Now and then a corner is lost to a tree, a well or a short cut."""
    ring = np.asarray(polygon.exterior.coords)[:-1]
    if rng.random() > 0.3:
        return polygon
    i = int(rng.integers(len(ring)))
    before, corner, after = ring[i - 1], ring[i], ring[(i + 1) % len(ring)]
    shares = rng.uniform(0.12, 0.35, 2)
    new = [corner + shares[0] * (before - corner), corner + shares[1] * (after - corner)]
    return Polygon([*ring[:i], *new, *ring[i + 1 :]])


def _ring(polygon: Polygon) -> Ring:
    """The open outer ring, counter-clockwise, to the centimetre."""
    points = np.round(np.asarray(polygon.exterior.coords)[:-1], 2)
    x, y = points[:, 0] - WEST_M, points[:, 1] - NORTH_M
    doubled_area = np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))
    ordered = points if doubled_area > 0 else points[::-1]
    return tuple((float(east), float(north)) for east, north in ordered)
