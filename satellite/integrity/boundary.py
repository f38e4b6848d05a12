"""Is the boundary drawn too wide? The land inside it against its core and its outside.

Every pixel in and around the plot is read as a mixture of two curves over the season:
the core's (the declared crop, deep inside) and the outside's (the land beyond the
nearest stretch of boundary). The share of crop, summed over the pixels, is the area
that bears the crop; the declared area less that is what cannot be seen to be cropped.
A pixel on an honest border is half crop and half outside and counts as such, so the
sum needs no sharp edge; a plot whose surroundings look like itself cannot be judged,
stretch by stretch, and those stretches count as declared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from satellite.integrity.patches import Array, Patch

ARCS = 12  # stretches of boundary, each with an outside of its own
CORE_SHARE = 0.45  # of the greatest depth; deeper pixels are core
CORE_PIXELS_MIN = 8  # JRC: what an observation needs
CORE_DEPTH_M = 9.0  # nearer, a pixel is mixed by the sensor's blur
OUTSIDE_M = (6.0, 26.0)
OUTSIDE_PIXELS_MIN = 4
CONTRAST_MIN = 0.08  # between core and outside, root mean square over the dates
JUDGED_PIXELS_MIN = 8
DAYS_MIN = 4
SEEN_MIN = 0.9  # of the patch, for a day to be used
RISE_MIN = 0.20  # of the core over the season: else it bears no crop to compare with
SHARE_RANGE = (-0.25, 1.25)  # of a pixel's crop; beyond is no mixture
# Where an honest border seems to lie, by the sensor's blur; and where one honest plot in
# two hundred does. Both are the seeded district's (docs/integrity.md).
BLUR_M = 0.7
BORDER_M = 2.3


@dataclass(frozen=True, slots=True)
class BoundaryReading:
    """How much of a declared plot bears its crop.

    Parameters
    ----------
    declared_m2, cropped_m2, error_m2
        Area as declared, with a crop's signal, and the standard error of the latter.
    border_m
        How far inside the declared boundary the crop seems to end, on average over the
        stretches that could be judged.
    judged_share
        Share of the boundary whose outside differs from the core [0–1].
    core, outside
        The two curves (day,) [index units].
    crop_share
        Of each pixel (row, col); NaN where it could not be judged.
    """

    declared_m2: float
    cropped_m2: float
    error_m2: float
    border_m: float
    judged_share: float
    days: NDArray[np.int64]
    core: Array
    outside: Array
    crop_share: Array

    @property
    def is_exaggerated(self) -> bool:
        """Whether the crop ends farther inside than an honest border lets it seem."""
        return self.border_m > BORDER_M


def read_boundary(patch: Patch) -> BoundaryReading | None:
    """The reading of one patch; absent if the plot is too small or too seldom seen."""
    depth = patch.depth_m.ravel()
    value = patch.value.reshape(len(patch.days), -1)
    seen = np.isfinite(value[:, depth > -OUTSIDE_M[1]]).mean(axis=1) >= SEEN_MIN
    core = depth >= max(CORE_SHARE * float(depth.max()), CORE_DEPTH_M)
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
    counted = judged[arc] & (depth > 0) & np.isfinite(share)
    if int(counted.sum()) < JUDGED_PIXELS_MIN:
        return None
    missing = np.where(counted, (patch.inside.ravel() - share) * patch.pixel_m**2, 0.0)
    stretch_m = patch.polygon.exterior.length / ARCS
    by_arc = np.bincount(arc[counted], missing[counted], minlength=ARCS)[judged]
    border_m = float(by_arc.sum()) / (stretch_m * len(by_arc))
    lost_m2 = max(border_m - BLUR_M, 0.0) * stretch_m * len(by_arc)
    return BoundaryReading(
        declared_m2=patch.polygon.area,
        cropped_m2=patch.polygon.area - lost_m2,
        error_m2=float(np.std(by_arc) * np.sqrt(len(by_arc))),
        border_m=border_m,
        judged_share=float(judged.mean()),
        days=patch.days[seen],
        core=core_curve,
        outside=_middle(outside[:, judged]),
        crop_share=np.where(counted, share, np.nan).reshape(patch.inside.shape),
    )


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
