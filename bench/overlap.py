"""Is a new plot pledged already: the tree against every pledged plot, beside brute force.

300,000 smallholder plots on land where two farmers in five borrow, and, as the worst
case, where all do and every plot touches eight others. New plots come one at a time, as
they do at a counter, and in bulk. Beside it the same question without a tree (numpy
compares every bounding box, then the few that meet are intersected), and the bare query
of the tree. CPU time of this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from pyproj import Geod
from shapely import Polygon, STRtree
from shapely.geometry.polygon import orient

from bench.report import Effort, Figure, Report
from core.wire.evidence import EvidenceKind
from satellite.integrity.overlap import (
    BUFFER_M,
    MOST,
    MOSTLY_SHARE,
    SAME_SHARE,
    UNSAID,
    Pledges,
)
from satellite.statistics.plots import Plot

PLEDGED = 300_000
BORROWERS = 0.4  # of the farmers, where credit has been offered for years
NEW = 2_000
BY_FORCE = 30  # brute force takes milliseconds a plot
AGREE = 200
GEOD = Geod(ellps="WGS84")
SIDE_DEG = 36.5 / 111_320  # 0.13 ha, the median of western Kenya's boundaries
LIMIT_US = 50.0
WEST_DEG, SOUTH_DEG = 34.2, 0.4
TURN = np.radians(25)  # land does not lie along the meridians


@dataclass(frozen=True, slots=True)
class Took:
    """CPU time a plot [µs]: each question's for three ways, the mean in bulk, the intake [s]."""

    ours: np.ndarray
    force: np.ndarray
    bare: np.ndarray
    bulk_us: float
    build_s: float
    flagged: int


def measure(effort: Effort) -> Report:
    """Ask for every new plot, in turns with the peers."""
    return _report(*(_took(share, effort.repeats) for share in (BORROWERS, 1.0)))


def _took(share: float, repeats: int) -> Took:
    rng = np.random.default_rng(7)
    parcels = _plots(round(PLEDGED / share) + NEW, rng)
    plots, news = _holes(parcels, rng)
    began_s = time.process_time()
    pledges = Pledges(plots)
    build_s = time.process_time() - began_s
    polygons = np.array([plot.polygon for plot in plots], dtype=object)
    tree, boxes = STRtree(polygons), shapely.bounds(polygons)
    tree.query(news[0].polygon)  # shapely builds the tree at the first question

    def force(plot: Plot) -> object:
        return _by_force(plot.polygon, boxes, polygons)

    ours, forced, bare, bulk = [], [], [], []
    for _ in range(repeats):
        ours.append(_each_us(pledges.overlaps, news))
        forced.append(_each_us(force, news[:BY_FORCE]))
        bare.append(_each_us(lambda plot: tree.query(plot.polygon), news))
        began_s = time.process_time()
        found = pledges.overlaps_of(news)
        bulk.append((time.process_time() - began_s) / NEW * 1e6)
    assert _agree(pledges, news[:AGREE], plots, boxes), "the tree missed an overlap"
    each = (np.concatenate(way) for way in (ours, forced, bare))
    return Took(*each, float(np.median(bulk)), build_s, len(found))


def _plots(count: int, rng: np.random.Generator) -> list[Plot]:
    """Quadrilaterals on a bent lattice: every border is shared with an error of metres."""
    side = int(np.ceil(np.sqrt(count)))
    rows, cols = np.divmod(np.arange(count), side)
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], dtype=float)
    at = np.stack([cols, rows], axis=1)[:, None, :] + corners
    at[:, :4] += rng.normal(0, 0.05, (count, 4, 2))  # 1.8 m
    at[:, 4] = at[:, 0]
    turn = np.array([(np.cos(TURN), np.sin(TURN)), (-np.sin(TURN), np.cos(TURN))])
    polygons = shapely.polygons(at @ turn * SIDE_DEG + (WEST_DEG, SOUTH_DEG))
    return [Plot(f"pledged-{i}", EvidenceKind.CROP, p, "") for i, p in enumerate(polygons)]


def _holes(plots: Sequence[Plot], rng: np.random.Generator) -> tuple[list[Plot], list[Plot]]:
    """Pledged plots, and new ones that fill holes among them; one in twenty is a fraud.

    The frauds are pledged plots under another id: shifted by some metres, or a half.
    """
    chosen = rng.permutation(len(plots))[:NEW]
    holes = set(chosen[NEW // 20 :].tolist())
    news = []
    for k, i in enumerate(chosen.tolist()):
        polygon = plots[i].polygon
        if k < NEW // 20:
            shift = rng.normal(0, 0.1, 2) * SIDE_DEG * (k % 2)
            polygon = shapely.transform(polygon, lambda xy, shift=shift: xy + shift)
            polygon = polygon if k % 2 else _half(polygon)
        news.append(Plot(f"new-{k}", EvidenceKind.CROP, polygon, ""))
    frauds_on = set(chosen[: NEW // 20].tolist())
    others = [i for i in range(len(plots)) if i not in holes and i not in frauds_on]
    kept = rng.choice(others, PLEDGED - len(frauds_on), replace=False)
    return [plots[i] for i in (*sorted(frauds_on), *kept.tolist())], news


def _half(polygon: Polygon) -> Polygon:
    west, south, east, north = polygon.bounds
    return Polygon(polygon.intersection(shapely.box(west, south, (west + east) / 2, north)))


def _by_force(polygon: Polygon, boxes: np.ndarray, polygons: np.ndarray) -> list[int]:
    west, south, east, north = polygon.bounds
    meets = (boxes[:, 0] <= east) & (boxes[:, 2] >= west)
    meets &= (boxes[:, 1] <= north) & (boxes[:, 3] >= south)
    return [int(i) for i in np.flatnonzero(meets) if polygon.intersection(polygons[i]).area > 0]


def _each_us(ask: Callable[[Plot], object], plots: Sequence[Plot]) -> np.ndarray:
    """CPU time of each question [µs]."""
    took = np.empty(len(plots))
    for i, plot in enumerate(plots):
        began_ns = time.process_time_ns()
        ask(plot)
        took[i] = time.process_time_ns() - began_ns
    return took / 1e3


def _agree(
    pledges: Pledges, news: Sequence[Plot], plots: Sequence[Plot], boxes: np.ndarray
) -> bool:
    """Whether ours flags what brute force and the geodesic measures say lies above tolerance."""
    polygons = np.array([plot.polygon for plot in plots], dtype=object)
    for plot in news:
        flagged = {overlap.other_id for overlap in pledges.overlaps(plot)}
        rows = _by_force(plot.polygon, boxes, polygons)
        excess = {plots[i].plot_id: _excess(plot.polygon, polygons[i]) for i in rows}
        if not {name for name, e in excess.items() if e > 1.01} <= flagged:
            return False
        if not flagged <= {name for name, e in excess.items() if e > 0.99}:
            return False
    return True


def _excess(one: Polygon, other: Polygon) -> float:
    """The overlap over its tolerance, both measured on the ellipsoid."""
    (area, around), (other_area, other_around) = (
        GEOD.geometry_area_perimeter(orient(p)) for p in (one, other)
    )
    shared, _ = GEOD.geometry_area_perimeter(orient(one.intersection(other)))
    if shared >= SAME_SHARE * (area + other_area - shared):
        return np.inf
    mostly = 1 / MOSTLY_SHARE if shared > MOST * min(area, other_area) else 1.0
    return mostly * shared / (min(around, other_around) * np.hypot(*[BUFFER_M[UNSAID]] * 2))


def _report(usual: Took, full: Took) -> Report:
    def row(what: str, some: np.ndarray) -> tuple[str, ...]:
        middle, worst = float(np.median(some)), float(np.percentile(some, 99))
        share = middle / float(np.median(usual.ours))
        return what, f"{middle:,.1f}", f"{worst:,.1f}", f"{share:.2f}"

    ours, forced = float(np.median(usual.ours)), float(np.median(usual.force))
    return Report(
        title=f"Pledge overlap, one plot against {PLEDGED:,}",
        headings=("way", "median [µs]", "p99 [µs]", "× ours"),
        rows=(
            row("ours, one plot at a time", usual.ours),
            row("ours, every neighbour pledged", full.ours),
            ("ours, 2,000 plots in bulk, with slices", f"{usual.bulk_us:.1f}", "-",
             f"{usual.bulk_us / ours:.2f}"),
            row("the tree's bare query", usual.bare),
            row("every bounding box, no tree", usual.force),
        ),
        note=(
            f"{NEW:,} new plots, {usual.flagged} of them flagged; the limit is "
            f"{LIMIT_US:.0f} µs. The pledged plots are taken in once, in {usual.build_s:.1f} s. "
            "What is flagged is checked against brute force and geodesic areas."
        ),
        figures=(
            Figure(f"is a plot pledged already, of {PLEDGED:,}", f"{ours:.0f} µs CPU",
                   f"{forced:,.0f} µs without a tree; limit {LIMIT_US:.0f} µs"),
        ),
        numbers={"ours_us": ours, "ours_p99_us": float(np.percentile(usual.ours, 99)),
                 "full_us": float(np.median(full.ours)), "bulk_us": usual.bulk_us,
                 "force_us": forced, "build_s": usual.build_s},
    )  # fmt: skip
