"""Is the boundary drawn too wide? The land inside it against its core and its outside.

Every pixel in and around the plot is read as a mixture of two curves over the season:
the core's (the declared crop, deep inside) and the outside's (the land beyond the
nearest stretch of boundary). A satellite blurs an edge over more than a pixel, so the
shares are held against what a blurred edge would show if the crop ended so far inside
the declared boundary, or outside it; the best of these is the border of a stretch.
A whole plot that lies some metres off is an honest error of maps and receivers: it adds
on one side what it takes on the other, so only the mean over the sides counts, and a
plot that is judged on one side alone is told with the doubt of that.
A plot whose surroundings look like itself cannot be judged, stretch by stretch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from satellite.integrity.patches import Array, Patch

ARCS = 12  # stretches of boundary, each with an outside of its own
CORE_SHARE = 0.45  # of the greatest depth; deeper pixels are core
CORE_PIXELS_MIN = 8  # JRC: what an observation needs
CORE_DEPTH_PIXELS = 0.9  # nearer, a pixel is mixed by the sensor's blur
UNEVEN_MAX = 0.30  # spread of crop among core pixels; beyond it is more than one field
OUTSIDE_M = (12.0, 32.0)
OUTSIDE_PIXELS_MIN = 4
CONTRAST_MIN = 0.08  # between core and outside, root mean square over the dates
JUDGED_PIXELS_MIN = 8
ARC_PIXELS_MIN = 2
ARCS_MIN = 3
DAYS_MIN = 8
SEEN_MIN = 0.9  # of the patch, for a day to be used
RISE_MIN = 0.20  # of the core over the season: else it bears no crop to compare with
SHARE_RANGE = (-0.25, 1.25)  # of a pixel's crop; beyond is no mixture

# The blur of an edge [pixels, standard deviation] beside the pixel's own width: the
# sensor's, and the registration's from date to date.
SPREAD_PIXELS = 0.75
TRIED_PIXELS = np.arange(-12, 41) / 10.0  # where the crop may end, inward
FIT_PIXELS = 1.0  # outside the boundary, to where pixels are held against the edge
FINER = 4
# Honest doubt of one stretch, and of where the whole plot lies [m]: ten plots of Flanders.
STRETCH_SD_M = 4.0
SHIFT_SD_M = 6.0
Z_LOW = 1.645  # the border is told by its lower bound, one chance in twenty
# Farther inside is exaggerated: an honest lower bound would exceed it once in a hundred, if
# those of ten plots of Flanders (-3.3 m on average, standard deviation 3.2) are normal.
BORDER_M = 4.0


@dataclass(frozen=True, slots=True)
class BoundaryReading:
    """How much of a declared plot bears its crop.

    Parameters
    ----------
    declared_m2, perimeter_m
        The boundary as declared.
    border_m, error_m
        How far inside it the crop ends, on average over the sides, and the standard
        error of that; negative where the crop goes on beyond.
    judged_share
        Share of the boundary whose outside differs from the core [0–1].
    core, outside
        The two curves (day,) [index units].
    crop_share
        Of each pixel (row, col); NaN where it could not be judged.
    """

    declared_m2: float
    perimeter_m: float
    border_m: float
    error_m: float
    judged_share: float
    days: NDArray[np.int64]
    core: Array
    outside: Array
    crop_share: Array

    @property
    def border_low_m(self) -> float:
        """The crop ends at least so far inside (95 %)."""
        return self.border_m - Z_LOW * self.error_m

    @property
    def cropped_m2(self) -> float:
        """The area with a crop's signal, at most: by the border's lower bound."""
        return max(self.declared_m2 - max(self.border_low_m, 0.0) * self.perimeter_m, 0.0)

    @property
    def is_exaggerated(self) -> bool:
        """Whether the crop ends farther inside than an honest border lets it seem."""
        return self.border_low_m > BORDER_M


@dataclass(frozen=True, slots=True)
class _Mixed:
    """Pixels as mixtures: their stretch and crop share (pixel,), and the curves (day, …)."""

    arc: NDArray[np.int64]
    share: Array
    judged: NDArray[np.bool_]
    core: Array
    outside: Array
    days: NDArray[np.int64]


def read_boundary(patch: Patch) -> BoundaryReading | None:
    """The reading of one patch; absent if the plot is too small or too seldom seen."""
    mixed = _mixed(patch)
    if mixed is None:
        return None
    depth = patch.depth_m.ravel()
    known = mixed.judged[mixed.arc] & np.isfinite(mixed.share)
    inside = np.bincount(mixed.arc[known & (depth > 0)], minlength=ARCS)
    told = mixed.judged & (inside >= ARC_PIXELS_MIN)
    if int(inside.sum()) < JUDGED_PIXELS_MIN or int(told.sum()) < ARCS_MIN:
        return None
    used = known & (depth >= -FIT_PIXELS * patch.pixel_m)
    edge_m = _edges(patch, mixed.arc, mixed.share, used)
    border_m, error_m = _middle_border(edge_m[told], _outward(patch)[told])
    return BoundaryReading(
        declared_m2=patch.polygon.area,
        perimeter_m=patch.polygon.exterior.length,
        border_m=border_m,
        error_m=error_m,
        judged_share=float(told.mean()),
        days=mixed.days,
        core=mixed.core,
        outside=_middle(mixed.outside[:, mixed.judged]),
        crop_share=np.where(known & (depth > 0), mixed.share, np.nan).reshape(patch.inside.shape),
    )


def core_depth_m(patch: Patch) -> float:
    """From which depth pixels are the plot's core [m]."""
    return max(CORE_SHARE * float(patch.depth_m.max()), CORE_DEPTH_PIXELS * patch.pixel_m)


def _mixed(patch: Patch) -> _Mixed | None:
    depth = patch.depth_m.ravel()
    value = patch.value.reshape(len(patch.days), -1)
    seen = np.isfinite(value[:, depth > -OUTSIDE_M[1]]).mean(axis=1) >= SEEN_MIN
    core = depth >= core_depth_m(patch)
    if int(core.sum()) < CORE_PIXELS_MIN or int(seen.sum()) < DAYS_MIN:
        return None
    value = value[seen]
    core_curve = np.nanmedian(value[:, core], axis=1)
    if float(np.ptp(core_curve)) < RISE_MIN:
        return None
    arc = _arcs(patch)
    outside = _outside(value, depth, arc)
    judged = _contrast(core_curve, outside) >= CONTRAST_MIN
    share = _crop_share(value, core_curve, outside[:, arc])
    among = share[core & judged[arc] & np.isfinite(share)]
    if len(among) and float(np.std(among)) > UNEVEN_MAX:
        return None
    return _Mixed(arc, share, judged, core_curve, outside, patch.days[seen])


def _edges(patch: Patch, arc: NDArray[np.int64], share: Array, used: NDArray[np.bool_]) -> Array:
    """Where the crop ends inside each stretch (arc,) [m]: the blurred edge that fits best."""
    fine = ndimage.zoom(
        patch.depth_m / patch.pixel_m, FINER, order=1, mode="nearest", grid_mode=True
    )
    rows, cols = patch.depth_m.shape
    misfit = np.empty((len(TRIED_PIXELS), ARCS))
    for k, ends in enumerate(TRIED_PIXELS.tolist()):
        crop = (fine > ends).reshape(rows, FINER, cols, FINER).mean(axis=(1, 3))
        shown = ndimage.gaussian_filter(crop, SPREAD_PIXELS, mode="nearest").ravel()
        misfit[k] = np.bincount(arc[used], (share - shown)[used] ** 2, minlength=ARCS)
    best: Array = TRIED_PIXELS[misfit.argmin(axis=0)] * patch.pixel_m
    return best


def _outward(patch: Patch) -> Array:
    """The mean direction out of the plot over each stretch (arc, 2); shorter where it turns."""
    ring = patch.polygon.exterior
    ends = shapely.line_interpolate_point(ring, np.arange(ARCS + 1) / ARCS, normalized=True)
    step = np.diff(shapely.get_coordinates(ends), axis=0) / (ring.length / ARCS)
    side = 1.0 if ring.is_ccw else -1.0
    return np.asarray(side * np.column_stack([step[:, 1], -step[:, 0]]))


def _middle_border(edge_m: Array, outward: Array) -> tuple[float, float]:
    """The mean over the sides and its standard error [m], the plot's own shift allowed for.

    Generalised least squares: every stretch errs for itself, and all together as the
    plot is moved, which takes inside on one side what it adds on the other.
    """
    spread = STRETCH_SD_M**2 * np.eye(len(edge_m)) + SHIFT_SD_M**2 * outward @ outward.T
    weight = np.linalg.solve(spread, np.ones(len(edge_m)))
    certain = float(weight.sum())
    return float(weight @ edge_m) / certain, certain**-0.5


def _contrast(core: Array, outside: Array) -> Array:
    """Root mean square of the difference (arc,); 0 where there is no outside."""
    square = (core[:, None] - outside) ** 2
    seen = np.isfinite(square)
    total = np.where(seen, square, 0.0).sum(axis=0)
    return np.asarray(np.sqrt(total / np.maximum(seen.sum(axis=0), 1)))


def _middle(outside: Array) -> Array:
    """The mean over stretches (day,); NaN on days without any."""
    seen = np.isfinite(outside)
    mean = np.full(len(outside), np.nan)
    total = np.where(seen, outside, 0.0).sum(axis=1)
    np.divide(total, seen.sum(axis=1), out=mean, where=seen.any(axis=1))
    return mean


def _arcs(patch: Patch) -> NDArray[np.int64]:
    """Which stretch of the boundary is nearest to each pixel: (pixel,) 0 to ARCS − 1."""
    rows, cols = patch.inside.shape
    x = patch.west_m + (np.arange(cols) + 0.5) * patch.pixel_m
    y = patch.north_m - (np.arange(rows) + 0.5) * patch.pixel_m
    grid_x, grid_y = np.meshgrid(x, y)
    ring = patch.polygon.exterior
    along = shapely.line_locate_point(ring, shapely.points(grid_x.ravel(), grid_y.ravel()))
    arc: NDArray[np.int64] = np.minimum(along / ring.length * ARCS, ARCS - 1).astype(np.int64)
    return arc


def _outside(value: Array, depth: Array, arc: NDArray[np.int64]) -> Array:
    """The curve beyond each stretch (day, arc); NaN where too little is seen of it."""
    found = np.full((len(value), ARCS), np.nan)
    beyond = (depth <= -OUTSIDE_M[0]) & (depth >= -OUTSIDE_M[1])
    for k in range(ARCS):
        pixels = beyond & (arc == k)
        if int(pixels.sum()) >= OUTSIDE_PIXELS_MIN:
            part = value[:, pixels]
            enough = np.isfinite(part).sum(axis=1) >= OUTSIDE_PIXELS_MIN // 2
            found[enough, k] = np.nanmedian(part[enough], axis=1)
    return found


def _crop_share(value: Array, core: Array, outside: Array) -> Array:
    """How far each pixel lies from its outside's curve towards the core's (pixel,)."""
    step = core[:, None] - outside
    usable = np.isfinite(value) & np.isfinite(step)
    across = np.where(usable, (value - outside) * step, 0.0).sum(axis=0)
    whole = np.where(usable, step**2, 0.0).sum(axis=0)
    share = np.full(value.shape[1], np.nan)
    np.divide(across, whole, out=share, where=whole > 0)
    return np.asarray(np.clip(share, *SHARE_RANGE))
