"""Degrees to metres around a plot: exact enough for a farm, and without a projection.

A plot is at most some kilometres long; over that length a degree's size changes by
less than one part in a thousand.
"""

from __future__ import annotations

from math import cos, pi, radians, sin, sqrt

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

Array = NDArray[np.float64]

WGS84_A_M = 6_378_137.0
WGS84_E2 = 0.00669437999014


def metres_per_degree(latitude_deg: float) -> tuple[float, float]:
    """Length of a degree of longitude and of latitude on the WGS 84 ellipsoid [m].

    The radii of the parallel and of the meridian (Snyder 1987, USGS Professional Paper
    1395, equations 4-18 to 4-21).
    """
    phi = radians(latitude_deg)
    flat = 1 - WGS84_E2 * sin(phi) ** 2
    degree = pi / 180 * WGS84_A_M
    return degree * cos(phi) / sqrt(flat), degree * (1 - WGS84_E2) / flat**1.5


def _lengths(latitude_deg: Array) -> tuple[Array, Array]:
    phi = np.radians(latitude_deg)
    flat = 1 - WGS84_E2 * np.sin(phi) ** 2
    degree = np.pi / 180 * WGS84_A_M
    return degree * np.cos(phi) / np.sqrt(flat), degree * (1 - WGS84_E2) / flat**1.5


def areas_and_perimeters(polygons: NDArray[np.object_]) -> tuple[Array, Array, Array]:
    """Each polygon's area [m²], outer perimeter [m], and square metres in a square degree."""
    box = shapely.bounds(polygons)
    east, north = _lengths((box[:, 1] + box[:, 3]) / 2)
    rings = shapely.get_exterior_ring(polygons)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    step = np.diff(points, axis=0) * np.column_stack([east, north])[ring[:-1]]
    length = np.where(ring[1:] == ring[:-1], np.hypot(step[:, 0], step[:, 1]), 0.0)
    perimeter = np.bincount(ring[:-1], length, minlength=len(polygons))
    return shapely.area(polygons) * east * north, perimeter.astype(np.float64), east * north


def in_metres(polygon: Polygon, origin: tuple[float, float]) -> Polygon:
    """A polygon in metres east and north of an origin [degrees]."""
    scale = np.array(metres_per_degree(origin[1]))
    return shapely.transform(polygon, lambda xy: (xy - np.array(origin)) * scale)
