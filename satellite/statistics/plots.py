"""Plots and pastures as they are declared: a polygon and what is said to grow on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import shapely
from shapely import MultiPolygon, Polygon, is_valid_reason
from shapely.errors import ShapelyError
from shapely.geometry import shape

from core.canonical import canonical_hash
from core.errors import HarvestlineError
from core.wire.evidence import EvidenceKind
from core.wire.registry import ring_sha256_input
from satellite.scenes.item import ID_CHARACTERS_MAX, Bbox, is_name

PLOTS_BYTES_MAX = 200_000_000
PLOTS_MAX = 1_000_000
VERTICES_MAX = 100_000
SIDE_DEGREES_MAX = 1.0  # a tile of Sentinel-2 has 110 km; a ranch fits well within
CRS84_NAMES = ("urn:ogc:def:crs:OGC:1.3:CRS84", "OGC:CRS84", "EPSG:4326")


class PlotError(HarvestlineError):
    """A plots file, or a plot in it, cannot be used."""

    code = "HL-SAT-005"


@dataclass(frozen=True, slots=True)
class Plot:
    """One declared plot or pasture.

    Parameters
    ----------
    polygon
        In CRS84 [degrees].
    ring_sha256
        Hash of the canonical outer ring [nanodegrees], which evidence cites.
    crop
        As declared; empty if it was not.
    season_id, sown_on, season_from, season_to
        The declared season, as far as it was declared.
    source
        How the boundary was taken: ``walked``, ``drawn``, ``device``; empty if unsaid.
    """

    plot_id: str
    kind: EvidenceKind
    polygon: Polygon
    ring_sha256: str
    crop: str = ""
    season_id: str = ""
    sown_on: date | None = None
    season_from: date | None = None
    season_to: date | None = None
    source: str = ""

    @property
    def lon_lat(self) -> tuple[float, float]:
        """A point inside the plot [degrees]."""
        point = self.polygon.representative_point()
        return point.x, point.y


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was skipped: which one, the error's number, and why."""

    subject_id: str
    code: str
    detail: str


def read_plots(path: Path) -> tuple[list[Plot], list[Problem]]:
    """The usable plots of a GeoJSON file, and what is wrong with the others.

    Raises
    ------
    PlotError
        If the file is not a GeoJSON FeatureCollection in CRS84, or no plot is usable.
    """
    plots: dict[str, Plot] = {}
    problems: list[Problem] = []
    for i, feature in enumerate(_features(path)):
        try:
            plot = _plot(feature, i)
            if plot.plot_id in plots:
                raise PlotError(f"expected each plot_id once, got {plot.plot_id} again: skipped")
            plots[plot.plot_id] = plot
        except PlotError as error:
            problems.append(Problem(_name(feature, i), error.code, str(error)))
    if not plots:
        raise PlotError(
            f"expected at least one usable plot in {path}, got none: "
            + "; ".join(problem.detail for problem in problems[:3])
        )
    return list(plots.values()), problems


def bounds_of(plots: Sequence[Plot]) -> Bbox | None:
    """West, south, east, north of all plots [degrees]; west above east over the antimeridian."""
    if not plots:
        return None
    boxes = [plot.polygon.bounds for plot in plots]
    south, north = min(box[1] for box in boxes), max(box[3] for box in boxes)
    west, east = min(box[0] for box in boxes), max(box[2] for box in boxes)
    if east - west > 180:
        behind = [box[2] for box in boxes if box[2] < 0]
        before = [box[0] for box in boxes if box[0] > 0]
        if len(behind) + len(before) == len(boxes):
            return min(before), south, max(behind), north
    return west, south, east, north


def _features(path: Path) -> list[Any]:
    try:
        if path.stat().st_size > PLOTS_BYTES_MAX:
            raise PlotError(f"expected at most {PLOTS_BYTES_MAX} bytes in {path}")
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise PlotError(f"expected GeoJSON at {path}, got: {error}") from error
    features = raw.get("features") if isinstance(raw, dict) else None
    if not isinstance(features, list):
        raise PlotError(f"expected a GeoJSON FeatureCollection at {path}")
    crs = raw.get("crs") or CRS84_NAMES[0]
    if isinstance(crs, dict) and isinstance(crs.get("properties"), dict):
        crs = crs["properties"].get("name")
    if crs not in CRS84_NAMES:
        raise PlotError(f"expected longitude and latitude (CRS84) in {path}, got {crs}: reproject")
    if len(features) > PLOTS_MAX:
        raise PlotError(f"expected at most {PLOTS_MAX} plots in {path}, got {len(features)}")
    return features


def _name(feature: Any, i: int) -> str:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    name = properties.get("plot_id") if isinstance(properties, dict) else None
    return name if isinstance(name, str) and name else f"feature {i}"


def _plot(feature: Any, i: int) -> Plot:
    plot_id = _name(feature, i)
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict) or not isinstance(properties.get("plot_id"), str):
        raise PlotError(f"expected a plot_id (text) in the properties of {plot_id}")
    if not is_name(plot_id):
        raise PlotError(
            f"expected a plot_id of 1 to {ID_CHARACTERS_MAX} printable characters (NFC), "
            f"got {plot_id[:60]!r}"
        )
    polygon = _polygon(feature.get("geometry"), plot_id)
    ring = [(float(x), float(y)) for x, y, *_ in polygon.exterior.coords]
    return Plot(
        plot_id=plot_id,
        kind=_kind(properties, plot_id),
        polygon=polygon,
        ring_sha256=canonical_hash(ring_sha256_input(ring)),
        crop=_label(properties, "crop", plot_id),
        season_id=_label(properties, "season_id", plot_id),
        sown_on=_date(properties, "sown_on", plot_id),
        season_from=_date(properties, "season_from", plot_id),
        season_to=_date(properties, "season_to", plot_id),
        source=str(properties.get("source") or ""),
    )


def _kind(properties: dict[str, Any], plot_id: str) -> EvidenceKind:
    try:
        return EvidenceKind(properties.get("kind") or "crop")
    except ValueError as error:
        raise PlotError(
            f"expected kind crop or pasture for {plot_id}, got {properties['kind']!r}"
        ) from error


def _label(properties: dict[str, Any], key: str, plot_id: str) -> str:
    text = str(properties.get(key) or "")
    if text and not is_name(text):
        raise PlotError(f"expected a printable {key} (NFC) for {plot_id}, got {text[:60]!r}")
    return text


def _date(properties: dict[str, Any], key: str, plot_id: str) -> date | None:
    value = properties.get(key)
    if value in (None, ""):
        return None
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise PlotError(f"expected {key} as YYYY-MM-DD for {plot_id}, got {value!r}") from error


def _polygon(geometry: Any, plot_id: str) -> Polygon:
    try:
        polygon = shape(geometry)
    except (ShapelyError, ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        raise PlotError(f"expected a polygon for {plot_id}, got: {error}") from error
    if isinstance(polygon, MultiPolygon) and len(polygon.geoms) == 1:
        polygon = polygon.geoms[0]
    if not isinstance(polygon, Polygon) or polygon.is_empty:
        raise PlotError(f"expected one polygon for {plot_id}, got {polygon.geom_type}: split it")
    if shapely.count_coordinates(polygon) > VERTICES_MAX:
        raise PlotError(f"expected at most {VERTICES_MAX} vertices for {plot_id}: simplify it")
    polygon = shapely.force_2d(polygon)
    if not polygon.is_valid:
        raise PlotError(
            f"expected a ring that does not cross itself for {plot_id}, got "
            f"{is_valid_reason(polygon)}: walk or draw it again"
        )
    west, south, east, north = polygon.bounds
    if west < -180 or east > 180 or south < -90 or north > 90:
        raise PlotError(f"expected degrees for {plot_id}, got bounds {polygon.bounds}")
    if max(east - west, north - south) > SIDE_DEGREES_MAX:
        raise PlotError(
            f"expected at most {SIDE_DEGREES_MAX}° from side to side for {plot_id}, got "
            f"{max(east - west, north - south):.1f}°: cut it; at the antimeridian, along it"
        )
    return polygon
