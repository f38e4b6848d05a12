"""Is land pledged twice? A new plot against every pledged plot.

Neighbours' boundaries overlap by the errors of those who took them, so an overlap
counts only above *perimeter × error*: an error of *b* metres moves a border by *b*, and
no more of a border than the smaller plot's perimeter can be shared. A flat percentage
would flag every small plot and pass half of a large one. Where most of the smaller plot
is shared, half of that is enough: a border that slipped by *b* over a square's whole side
shares a quarter of *perimeter × b*, so what exceeds half of it is twice any slip.

What is caught: the same ring under another id, a shifted copy, a part of a plot, and a
plot that is pledged again in slices too thin to be caught one by one. What cannot be: a
plot so small that its own tolerance exceeds it, unless its ring is a copy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from math import hypot

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon, STRtree

from satellite.integrity.ground import areas_and_perimeters, in_metres, metres_per_degree
from satellite.statistics.plots import Plot

# How far a border may lie from where it is said to be [m]. Device: the buffer up to which
# the JRC accepts an area tool (Sagris et al. 2009, area measurement validation scheme).
# Drawn on sub-metre pictures, whose own position is 1.5 to 3 m off (JRC, LPIS quality).
# Walked with a phone: what the phones stated at most of the 319 boundaries of the
# PlantVillage survey in western Kenya, 2019 (median and maximum 4.288 m).
BUFFER_M = {"device": 1.25, "drawn": 2.5, "walked": 4.3}
UNSAID = "walked"
MOST = 0.5  # of the smaller plot
MOSTLY_SHARE = 0.5  # of the tolerance, where most of the smaller plot is shared
SLICE_SHARE = 0.45  # of a plot; a neighbour's border is no slice
SAME_SHARE = 0.9  # of both plots' union: the same land
COPY_AREA_SHARE = 0.01
COPY_ERROR_M = 0.05  # no two surveys agree so well; a copy does


class Likeness(Enum):
    """How an overlapping pair lies, for the officer."""

    SAME = "the same land"
    COPY = "a shifted copy of its ring"
    INSIDE = "lies inside it"
    PART = "overlaps it"
    SLICES = "together with others covers it"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two plots that claim the same land [m²]."""

    plot_id: str
    other_id: str
    area_m2: float
    tolerance_m2: float
    plot_m2: float
    other_m2: float
    likeness: Likeness

    @property
    def share(self) -> float:
        """Share of the new plot that is pledged already [0–1]."""
        return min(self.area_m2 / self.plot_m2, 1.0)


def buffer_m(source: str) -> float:
    """How far a border of that source may be off [m]; unsaid is the worst."""
    return BUFFER_M.get(source, BUFFER_M[UNSAID])


class Pledges:
    """Every pledged plot, ready to be asked about new ones."""

    def __init__(self, plots: Sequence[Plot]) -> None:
        self._ids = [plot.plot_id for plot in plots]
        self._row = {plot_id: i for i, plot_id in enumerate(self._ids)}
        self._polygons = np.array([plot.polygon for plot in plots], dtype=object)
        self._buffer_m = np.array([buffer_m(plot.source) for plot in plots])
        self._area_m2, self._perimeter_m, self._m2_per_deg2 = (
            areas_and_perimeters(self._polygons) if plots else (np.empty(0),) * 3
        )
        box = shapely.bounds(self._polygons).reshape(-1, 4)
        rows = np.arange(len(plots), dtype=np.float64)
        measures = (self._perimeter_m, self._area_m2, self._buffer_m)
        self._facts = np.column_stack([rows, box, *measures])
        self._tree = STRtree(self._polygons)

    def __len__(self) -> int:
        """How many plots are pledged."""
        return len(self._ids)

    def overlaps(self, plot: Plot) -> tuple[Overlap, ...]:
        """Pledged plots under other ids that the plot overlaps beyond tolerance."""
        return tuple(o for o in self._met(plot) if _counts(o))

    def overlaps_of(self, plots: Sequence[Plot]) -> dict[str, tuple[Overlap, ...]]:
        """The same for many, slices of one pledged plot counted together; by plot id."""
        met = {plot.plot_id: self._met(plot) for plot in plots}
        found = {plot_id: [o for o in each if _counts(o)] for plot_id, each in met.items()}
        for slice_ in self._slices(plots, met, found):
            found[slice_.plot_id].append(slice_)
        return {plot_id: tuple(each) for plot_id, each in found.items() if each}

    def _met(self, plot: Plot) -> list[Overlap]:
        """Pledged plots whose shared land may count, alone or as a slice."""
        polygon = plot.polygon
        near = self._may_count(plot, self._tree.query(polygon))
        if not near:
            return []
        m2 = float(self._m2_per_deg2[near[0]])
        shared = shapely.area(shapely.intersection(polygon, self._polygons[near])) * m2
        plot_m2, perimeter_m = polygon.area * m2, _perimeter_m(polygon)
        return [
            Overlap(
                plot.plot_id, self._ids[i], area,
                min(perimeter_m, float(self._perimeter_m[i]))
                * hypot(buffer_m(plot.source), float(self._buffer_m[i])),
                plot_m2, float(self._area_m2[i]), self._likeness(polygon, i, area, plot_m2),
            )
            for i, area in zip(near, shared.tolist(), strict=True)
            if area > 0 and self._ids[i] != plot.plot_id
        ]  # fmt: skip

    def _may_count(self, plot: Plot, near: NDArray[np.int64]) -> list[int]:
        """Drop neighbours that cannot count: not even their bounding boxes share enough.

        Plain floats: a plot has a handful of neighbours, and numpy costs more to call.
        """
        polygon, mine = plot.polygon, buffer_m(plot.source)
        west, south, east, north = polygon.bounds
        east_m, north_m = metres_per_degree(south)
        m2, around_m = east_m * north_m, polygon.length * min(east_m, north_m)  # at least
        area = polygon.area * m2
        kept = []
        for i, x0, y0, x1, y1, m, other, error in self._facts[near].tolist():
            boxed = m2 * (min(x1, east) - max(x0, west)) * (min(y1, north) - max(y0, south))
            least = MOSTLY_SHARE * min(around_m, m) * hypot(mine, error)
            alike = abs(area - other) <= COPY_AREA_SHARE * other
            if alike or boxed > min(least, SLICE_SHARE * area):
                kept.append(int(i))
        return kept

    def _likeness(self, polygon: Polygon, i: int, area_m2: float, plot_m2: float) -> Likeness:
        other_m2 = float(self._area_m2[i])
        if area_m2 >= SAME_SHARE * (plot_m2 + other_m2 - area_m2):
            return Likeness.SAME
        alike = abs(plot_m2 - other_m2) <= COPY_AREA_SHARE * other_m2
        if alike and is_copy(polygon, self._polygons[i]):
            return Likeness.COPY
        return Likeness.INSIDE if area_m2 >= SAME_SHARE * plot_m2 else Likeness.PART

    def _slices(
        self,
        plots: Sequence[Plot],
        met: dict[str, list[Overlap]],
        found: dict[str, list[Overlap]],
    ) -> Iterable[Overlap]:
        """Plots that one by one pass, but together cover a pledged plot beyond tolerance."""
        by_id = {plot.plot_id: plot for plot in plots}
        thin: dict[str, list[Overlap]] = defaultdict(list)
        for plot_id, each in met.items():
            if not found[plot_id]:
                for overlap in each:
                    if overlap.share >= SLICE_SHARE:
                        thin[overlap.other_id].append(overlap)
        for other_id, slices in thin.items():
            if len(slices) < 2:
                continue
            i = self._row[other_id]
            error_m = max(np.hypot(buffer_m(by_id[s.plot_id].source), self._buffer_m[i])
                          for s in slices)  # fmt: skip
            limit = float(self._perimeter_m[i] * error_m)
            covered = shapely.intersection(
                shapely.union_all([by_id[s.plot_id].polygon for s in slices]), self._polygons[i]
            )
            share = float(covered.area / self._polygons[i].area)
            if share * self._area_m2[i] > limit:
                for s in slices:
                    yield Overlap(
                        s.plot_id, other_id, share * float(self._area_m2[i]), limit,
                        s.plot_m2, s.other_m2, Likeness.SLICES,
                    )  # fmt: skip


def _counts(overlap: Overlap) -> bool:
    # A tolerance above the whole plot hides neither a copy nor a plot that is another.
    if overlap.likeness in (Likeness.SAME, Likeness.COPY):
        return True
    mostly = overlap.area_m2 > MOST * min(overlap.plot_m2, overlap.other_m2)
    return overlap.area_m2 > overlap.tolerance_m2 * (MOSTLY_SHARE if mostly else 1.0)


def _perimeter_m(polygon: Polygon) -> float:
    east, north = metres_per_degree(polygon.bounds[1])
    ring = polygon.exterior.coords
    return sum(
        hypot(east * (x1 - x0), north * (y1 - y0)) for (x0, y0, *_), (x1, y1, *_) in pairwise(ring)
    )


def is_copy(one: Polygon, other: Polygon) -> bool:
    """Whether two rings are the same points, moved as a whole; not so for rectangles.

    A ring of four corners says too little: plots of one size are common where land
    was surveyed on a grid.
    """
    points = shapely.get_num_coordinates(shapely.get_exterior_ring(one))
    if points != shapely.get_num_coordinates(shapely.get_exterior_ring(other)) or points < 6:
        return False
    origin = (one.bounds[0], one.bounds[1])
    a, b = (_open_ring(in_metres(polygon, origin)) for polygon in (one, other))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    turned = (np.roll(ring, -k, axis=0) for ring in (b, b[::-1]) for k in range(len(b)))
    return any(float(np.abs(a - ring).max()) <= COPY_ERROR_M for ring in turned)


def _open_ring(polygon: Polygon) -> NDArray[np.float64]:
    return np.asarray(polygon.exterior.coords)[:-1, :2]
