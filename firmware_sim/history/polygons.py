"""Rings in longitude and latitude, the hash that evidence cites, and GeoJSON."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pyproj import Transformer

from core.canonical import canonical_hash
from core.wire.registry import ring_sha256_input
from firmware_sim.district.places import EPSG, Ring

_DECIMALS = 9  # nanodegrees, a tenth of a millimetre


def closed_ring_degrees(ring: Ring) -> list[tuple[float, float]]:
    """The ring in CRS84, first vertex repeated at the end, as GeoJSON wants it."""
    closed = [*ring, ring[0]]
    degrees = (_to_degrees().transform(east, north) for east, north in closed)
    return [(round(lon, _DECIMALS), round(lat, _DECIMALS)) for lon, lat in degrees]


def ring_sha256(ring: Ring) -> str:
    """The hash of the closed CRS84 ring, which registry and evidence share."""
    return canonical_hash(ring_sha256_input(closed_ring_degrees(ring)))


def feature(ring: Ring, properties: dict[str, Any]) -> dict[str, Any]:
    """A GeoJSON feature of one ring."""
    coordinates = [[lon, lat] for lon, lat in closed_ring_degrees(ring)]
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [coordinates]},
    }


def collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    """A GeoJSON feature collection in CRS84."""
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    return {"type": "FeatureCollection", "crs": crs, "features": features}


@lru_cache(maxsize=1)
def _to_degrees() -> Transformer:
    return Transformer.from_crs(EPSG, "OGC:CRS84", always_xy=True)
