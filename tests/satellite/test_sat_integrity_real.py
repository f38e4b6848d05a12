"""Honest fields on real Sentinel-2: what must not be flagged, and what a wide boundary shows.

The outlines follow a 10 m crop raster and nobody has checked them on the ground; that
they are honest is an assumption, and so is that a field grown outward holds no more crop.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import cos, radians
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from shapely import Polygon
from shapely.geometry import mapping, shape

from satellite.evidence.ingest import Ingest, Job
from satellite.indices import Index, index_named
from satellite.integrity.flags import Known, boundary_of, flags_of
from satellite.integrity.growth import is_annual, neighbours_of
from satellite.integrity.inputs import patches_around
from satellite.yields.estimate import Subject

METRES_PER_DEGREE = 111_200.0
PIECE_M = 70.0
PIECE_M2_MIN = 2_500.0


@dataclass(frozen=True, slots=True)
class Place:
    """A real place as it was taken in; ``pieces`` are squares cut out of its plots."""

    catalog: Path
    index: Index
    plots: list[Subject]
    pieces: list[Subject]

    def known(self, plots: list[Subject]) -> Known:
        return Known({}, patches_around(self.catalog, plots, self.index, None))


def scale(polygon: Polygon) -> np.ndarray:
    return np.array([METRES_PER_DEGREE * cos(radians(polygon.centroid.y)), METRES_PER_DEGREE])


def grown(polygon: Polygon, by_m: float) -> Polygon:
    """The polygon with its border moved outward by some metres; in degrees."""
    size = scale(polygon)
    wide = shapely.transform(polygon, lambda xy: xy * size).buffer(by_m, join_style="mitre")
    return Polygon(shapely.transform(wide, lambda xy: xy / size).exterior)


def cut(feature: dict[str, Any]) -> list[dict[str, Any]]:
    """Squares of a plot, so that a field's parts are each other's neighbours."""
    whole = shape(feature["geometry"])
    size = scale(whole)
    metres = shapely.transform(whole, lambda xy: xy * size)
    west, south, east, north = metres.bounds
    pieces = [
        part
        for x in np.arange(west, east, PIECE_M)
        for y in np.arange(south, north, PIECE_M)
        for part in shapely.get_parts(
            shapely.intersection(metres, shapely.box(x, y, x + PIECE_M, y + PIECE_M))
        )
        if isinstance(part, Polygon) and part.area >= PIECE_M2_MIN
    ]
    own = feature["properties"]
    return [
        {
            "type": "Feature",
            "geometry": mapping(shapely.transform(Polygon(p.exterior), lambda xy: xy / size)),
            "properties": {"plot_id": f"{own['plot_id']}/{k}", "crop": own["crop"]},
        }
        for k, p in enumerate(pieces)
    ]


def taken_in(folder: Path, out: Path, index: Index) -> Iterator[Place]:
    told = json.loads((folder / "plots.geojson").read_text(encoding="utf-8"))
    told["features"] += [piece for feature in told["features"] for piece in cut(feature)]
    plots, catalog = out / "plots.geojson", folder / "stac" / "catalog.json"
    plots.write_text(json.dumps(told), encoding="utf-8")
    work = Ingest(Job(catalog, plots, out / "seen", index, None))
    work.run(lambda *_: None)
    every = list(work.subjects)
    pieces = ["/" in one.plot.plot_id for one in every]
    yield Place(
        catalog, index,
        [one for one, is_piece in zip(every, pieces, strict=True) if not is_piece],
        [one for one, is_piece in zip(every, pieces, strict=True) if is_piece],
    )  # fmt: skip
    work.close()


@pytest.fixture(scope="module")
def flanders(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = data_folder / "sentinel2_flanders_2019"
    yield from taken_in(folder, tmp_path_factory.mktemp("fields"), index_named("ndvi"))


@pytest.fixture(scope="module")
def tanzania(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = data_folder / "sentinel2_tanzania_2021"
    yield from taken_in(folder, tmp_path_factory.mktemp("fields"), index_named("ndre"))


def test_ten_honest_fields_of_flanders_are_judged_and_none_is_flagged(flanders: Place) -> None:
    crops = [one for one in flanders.plots if is_annual(one)]
    known = flanders.known(flanders.plots)
    readings = [boundary_of(one, known.patches[one.plot.plot_id]) for one in crops]
    borders = [reading.border_m for reading in readings if reading is not None]
    assert len(borders) == 10
    assert abs(float(np.mean(borders))) < 2.0
    assert max(borders) < 7.0
    assert flags_of(flanders.plots, flanders.index.levels, known) == {}


def test_the_same_fields_drawn_twenty_metres_too_wide_are_found(flanders: Place) -> None:
    wide = [
        replace(one, plot=replace(one.plot, polygon=grown(one.plot.polygon, 20.0)))
        for one in flanders.plots
        if is_annual(one)
    ]
    known = flanders.known(wide)
    found = flags_of(wide, flanders.index.levels, known)
    assert sum(len(flags) for flags in found.values()) >= 9
    assert {flag.code for flags in found.values() for flag in flags} == {"boundary_exaggerated"}


def test_parts_of_honest_fields_are_no_phantoms_and_no_staged_losses(flanders: Place) -> None:
    """Catch crops before the wheat and the maize are ploughed in field by field."""
    rows = neighbours_of(flanders.pieces)
    beside = sum(
        is_annual(one) and not one.series.is_small and len(near) >= 5
        for one, near in zip(flanders.pieces, rows, strict=True)
    )
    assert beside >= 20
    found = flags_of(flanders.pieces, flanders.index.levels, Known())
    assert found == {}


def test_tanzania_at_twenty_metres_raises_nothing(tanzania: Place) -> None:
    """Five plots, few clear days: nothing is judged, and nothing may be said."""
    known = tanzania.known(tanzania.plots)
    assert flags_of(tanzania.plots, tanzania.index.levels, known) == {}
    assert flags_of(tanzania.pieces, tanzania.index.levels, Known()) == {}
