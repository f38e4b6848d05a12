"""Bad input through the real command: each fault is named, and the rest goes on."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from satellite.app import main
from tests.support.tiny_scenes import (
    CRS,
    LEFT,
    TOP,
    box_ring,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
)

GOOD = 4  # scenes; the one that is spoilt is the third
GOOD_RING = box_ring(10, 10, 70, 70)


@dataclass(frozen=True)
class Done:
    code: int
    facts: dict[str, Any]
    error: str


def ingest(source: object, plots: Path, out: Path, *more: str) -> Done:
    """The command in this process."""
    said, error, code = io.StringIO(), io.StringIO(), 0
    words = ["ingest", str(source), "--plots", str(plots), "--out", str(out), "--json",
             "--no-picture", *more]  # fmt: skip
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(error):
        try:
            main(words)
        except SystemExit as stop:
            code = int(stop.code or 0)
    text = said.getvalue()
    return Done(code, json.loads(text) if text else {}, error.getvalue())


def _catalog(root: Path, *, canopy: float = 0.6) -> Path:
    scenes = []
    for i in range(GOOD):
        day = date(2026, 3, 20) + timedelta(days=10 * i)
        scenes.append(
            ndvi_scene(f"s{i}", day.isoformat(), np.full((16, 16), canopy), np.full((8, 8), 4))
        )
    return write_catalog(root, scenes)


def _plots(root: Path, *more: dict[str, Any]) -> Path:
    return write_plots(root / "plots.geojson", [plot_feature("good", GOOD_RING), *more])


# -- one scene of four is spoilt


def _edit(root: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = root / "s2" / "s2.json"
    item = json.loads(path.read_text())
    change(item)
    path.write_text(json.dumps(item))


def _red(root: Path, crs: str, transform: Affine, count: int = 1) -> None:
    with rasterio.open(
        root / "s2" / "red.tif", "w", driver="GTiff", width=16, height=16, count=count,
        dtype="uint16", crs=crs, transform=transform, nodata=0,
    ) as file:  # fmt: skip
        file.write(np.full((16, 16), 2000, np.uint16), 1)


def _rotated(root: Path) -> None:
    turned = Affine(9.85, 1.74, LEFT, 1.74, -9.85, TOP)
    _red(root, CRS, turned)


def _cut(root: Path) -> None:
    path = root / "s2" / "nir.tif"
    noise = np.random.default_rng(3).integers(1, 60_000, (256, 256), np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", width=256, height=256, count=1, dtype="uint16", crs=CRS,
        transform=Affine(10, 0, LEFT, 0, -10, TOP), compress="deflate", nodata=0,
    ) as file:  # fmt: skip
        file.write(noise, 1)
    path.write_bytes(path.read_bytes()[:5000])


SPOILT: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "no red band": (
        lambda root: _edit(root, lambda item: item["assets"].pop("red")), "HL-SAT-003", "no red"),
    "no classification": (
        lambda root: _edit(root, lambda item: item["assets"].pop("scl")), "HL-SAT-003", "scl"),
    "a file that is not there": (
        lambda root: (root / "s2" / "nir.tif").unlink(), "HL-SAT-004", "nir.tif"),
    "a COG that is text": (
        lambda root: (root / "s2" / "red.tif").write_text("x"), "HL-SAT-004", "red.tif"),
    "a COG cut short": (_cut, "HL-SAT-004", "nir.tif"),
    "a rotated grid": (_rotated, "HL-SAT-004", "north-up"),
    "degrees instead of metres": (
        lambda root: _red(root, "EPSG:4326", Affine(1e-4, 0, 37, 0, -1e-4, -1)),
        "HL-SAT-004", "projected grid"),
    "bands in two projections": (
        lambda root: _red(root, "EPSG:32736", Affine(10, 0, LEFT, 0, -10, TOP)),
        "HL-SAT-004", "one projection"),
    "three bands in one file": (
        lambda root: _red(root, CRS, Affine(10, 0, LEFT, 0, -10, TOP), 3),
        "HL-SAT-004", "one band"),
    "top of atmosphere": (
        lambda root: _edit(root, lambda item: item["properties"].update(
            {"s2:product_type": "S2MSI1C"})),
        "HL-SAT-002", "L1C"),
    "no date": (
        lambda root: _edit(root, lambda item: item["properties"].pop("datetime")),
        "HL-SAT-002", "datetime"),
    "an item that is not JSON": (
        lambda root: (root / "s2" / "s2.json").write_text("{"), "HL-SAT-002", "STAC JSON"),
    "an item nested without end": (
        lambda root: (root / "s2" / "s2.json").write_text('{"a":' * 50_000),
        "HL-SAT-002", "STAC JSON"),
    "no word on the offset": (
        lambda root: _edit(root, lambda item: [item["properties"].pop("s2:processing_baseline"),
                                               item["assets"]["red"].pop("raster:bands"),
                                               item["assets"]["nir"].pop("raster:bands")]),
        "HL-SAT-004", "offset"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_scene_is_named_and_the_others_are_read(tmp_path: Path, case: str) -> None:
    spoil, code, says = SPOILT[case]
    catalog = _catalog(tmp_path / "stac", canopy=0.3)
    spoil(tmp_path / "stac")
    done = ingest(catalog, _plots(tmp_path), tmp_path / "out")
    assert done.code == 0, done.error
    (broken,) = done.facts["broken"]
    assert (broken["subject_id"], broken["code"]) == ("s2", code)
    assert says in broken["detail"]
    assert (done.facts["scenes_new"], done.facts["observations"]) == (GOOD, GOOD - 1)
    assert (tmp_path / "out" / "evidence" / "good.json").exists()
    again = ingest(catalog, _plots(tmp_path), tmp_path / "out")
    assert (again.facts["scenes_new"], len(again.facts["broken"])) == (0, 1)


def test_a_spoilt_scene_is_read_once_it_is_mended(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "stac")
    whole = (tmp_path / "stac" / "s2" / "red.tif").read_bytes()
    (tmp_path / "stac" / "s2" / "red.tif").write_bytes(whole[:200])
    assert ingest(catalog, _plots(tmp_path), tmp_path / "out").facts["scenes_broken"] == 1
    (tmp_path / "stac" / "s2" / "red.tif").write_bytes(whole)
    done = ingest(catalog, _plots(tmp_path), tmp_path / "out")
    assert (done.facts["scenes_broken"], done.facts["observations"]) == (0, GOOD)


# -- one plot of two cannot be used


def _polygon(*rings: Any) -> dict[str, Any]:
    feature = plot_feature("odd", GOOD_RING)
    feature["geometry"]["coordinates"] = list(rings)
    return feature


def _geometry(kind: str, coordinates: Any) -> dict[str, Any]:
    feature = plot_feature("odd", GOOD_RING)
    feature["geometry"] = {"type": kind, "coordinates": coordinates}
    return feature


CROSSING = [GOOD_RING[i] for i in (0, 2, 1, 3, 0)]
AWAY = [[x + 1.0, y] for x, y in GOOD_RING]
ANTIPODE = [[x - 180.0, -y] for x, y in GOOD_RING]
POLE = [[x, y + 90.0] for x, y in GOOD_RING]
ROUND_THE_WORLD = [[179.99, 0.0], [-179.99, 0.0], [-179.99, 0.02], [179.99, 0.02], [179.99, 0.0]]

ODD: dict[str, tuple[dict[str, Any], str]] = {
    "outside every scene": (_polygon(AWAY), "outside every scene"),
    "on the other side of the world": (_polygon(ANTIPODE), "outside every scene"),
    "near the pole": (_polygon(POLE), "outside every scene"),
    "self-crossing": (_polygon(CROSSING), "cross itself"),
    "three pixels": (_polygon(box_ring(20, 20, 50, 30)), "3.0 pixels"),
    "across the antimeridian": (_polygon(ROUND_THE_WORLD), "antimeridian"),
    "metres instead of degrees": (_polygon([[300_000.0, 9_890_000.0]] * 4), "expected"),
    "two parts": (
        _geometry("MultiPolygon", [[box_ring(10, 10, 60, 60)], [box_ring(90, 90, 140, 140)]]),
        "split it"),
    "a point": (_geometry("Point", GOOD_RING[0]), "one polygon"),
    "no geometry": (_geometry("Polygon", []), "one polygon"),
    "text for numbers": (_geometry("Polygon", [["a", "b"]]), "polygon"),
    "no number": (_polygon([[float("nan"), 0.0], *GOOD_RING[1:]]), "expected"),
    "the same id again": (plot_feature("good", box_ring(80, 80, 140, 140)), "again"),
    "an id that cannot be printed": (plot_feature("a\u0000b", GOOD_RING), "printable"),
    "a crop that cannot be printed": (plot_feature("odd", GOOD_RING, crop="e\u0301"), "printable"),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_a_plot_that_cannot_be_used_is_named_and_the_other_is_seen(
    tmp_path: Path, case: str
) -> None:
    feature, says = ODD[case]
    done = ingest(_catalog(tmp_path / "stac"), _plots(tmp_path, feature), tmp_path / "out")
    assert done.code == 0, done.error
    (skipped,) = done.facts["skipped"]
    assert skipped["code"] == "HL-SAT-005"
    assert says in skipped["detail"]
    assert (done.facts["plots"], done.facts["observations"]) in ((1, GOOD), (1, 2 * GOOD))


def test_no_plot_is_blamed_where_no_scene_could_be_read(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "stac")
    for i in range(GOOD):
        (tmp_path / "stac" / f"s{i}" / "red.tif").write_bytes(b"II*\0 not a raster")
    done = ingest(catalog, _plots(tmp_path), tmp_path / "out")
    (skipped,) = done.facts["skipped"]
    assert "no scene could be read" in skipped["detail"]
    assert "outside every scene" not in skipped["detail"]
    early = ingest(_catalog(tmp_path / "whole"), _plots(tmp_path, _polygon(AWAY)),
                   tmp_path / "early", "--as-of", "2020-01-01")  # fmt: skip
    assert "outside every scene" not in json.dumps(early.facts["skipped"]) + early.error


USABLE = {
    "with heights": _polygon([[x, y, 1700.0] for x, y in box_ring(80, 80, 140, 140)]),
    "with a hole": _polygon(box_ring(10, 10, 140, 140), box_ring(50, 50, 100, 100)[::-1]),
    "one part of a multipolygon": _geometry("MultiPolygon", [[box_ring(80, 80, 140, 140)]]),
    "beyond the scene's edge": _polygon(box_ring(80, 80, 200, 140)),
    "an id that is no file name": plot_feature("../../odd", box_ring(80, 80, 140, 140)),
}


@pytest.mark.parametrize("case", USABLE)
def test_an_unusual_plot_is_seen(tmp_path: Path, case: str) -> None:
    done = ingest(_catalog(tmp_path / "stac"), _plots(tmp_path, USABLE[case]), tmp_path / "out")
    assert (done.code, done.facts["skipped"]) == (0, [])
    assert (done.facts["plots"], done.facts["observations"]) == (2, 2 * GOOD)
    assert len(list((tmp_path / "out" / "evidence").iterdir())) == 2


# -- nothing at all can be done


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


REFUSED: dict[str, tuple[Callable[[Path], tuple[object, Path]], str]] = {
    "an empty catalog": (
        lambda root: (_text(root / "c.json", '{"links": []}'), _plots(root)), "HL-SAT-002"),
    "an empty saved search": (
        lambda root: (_text(root / "c.json", '{"type": "FeatureCollection", "features": []}'),
                      _plots(root)), "HL-SAT-002"),
    "an empty folder": (lambda root: (root, _plots(root)), "HL-SAT-002"),
    "no catalog": (lambda root: (root / "none.json", _plots(root)), "HL-SAT-002"),
    "no plots": (lambda root: (_catalog(root / "stac"), root / "none.geojson"), "HL-SAT-005"),
    "plots nested without end": (
        lambda root: (_catalog(root / "stac"), _text(root / "p.json", '{"a":' * 50_000)),
        "HL-SAT-005"),
    "plots in another projection": (
        lambda root: (_catalog(root / "stac"), _text(root / "p.json", json.dumps(
            {"type": "FeatureCollection", "features": [],
             "crs": {"type": "name", "properties": {"name": "EPSG:32737"}}}))), "HL-SAT-005"),
    "a projection that is no name": (
        lambda root: (_catalog(root / "stac"), _text(root / "p.json", json.dumps(
            {"type": "FeatureCollection", "features": [], "crs": [1]}))), "HL-SAT-005"),
    "no usable plot": (
        lambda root: (_catalog(root / "stac"),
                      write_plots(root / "p.json", [_polygon(CROSSING)])), "HL-SAT-005"),
    "no scene with the band": (
        lambda root: (_without_red(root), _plots(root)), "HL-SAT-003"),
}  # fmt: skip


def _without_red(root: Path) -> Path:
    catalog = _catalog(root / "stac")
    for i in range(GOOD):
        path = root / "stac" / f"s{i}" / f"s{i}.json"
        item = json.loads(path.read_text())
        del item["assets"]["red"]
        path.write_text(json.dumps(item))
    return catalog


@pytest.mark.parametrize("case", REFUSED)
def test_what_leaves_nothing_to_do_is_refused_by_number(tmp_path: Path, case: str) -> None:
    make, code = REFUSED[case]
    source, plots = make(tmp_path)
    done = ingest(source, plots, tmp_path / "out")
    assert done.code == 3
    assert done.error.startswith(code)
