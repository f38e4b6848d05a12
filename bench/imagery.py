"""Imagery: seconds a plot-date from files to evidence, and statistics against other libraries.

Zonal means of the satellite's own sampler against exactextract and rasterstats on the
same scenes, and the whole way from a catalog to signed evidence beside the peers' bare
statistics. Times are CPU seconds of this process; the ratios are medians over repeats
of the same run, and are what should be trusted.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from rasterstats import zonal_stats  # type: ignore[import-untyped]
from shapely.geometry import mapping

from bench.report import Effort, Figure, Report
from satellite.evidence.ingest import Ingest, Job
from satellite.indices import index_named
from satellite.keys import generate_key_file
from satellite.scenes.catalog import read_item
from satellite.scenes.mask import clear_pixels
from satellite.statistics.coverage import projected
from satellite.statistics.plots import read_plots
from satellite.statistics.sample import Sampler
from tests.support.tiny_scenes import (
    CRS,
    LEFT,
    TOP,
    box_ring,
    link_catalog,
    ndvi_scene,
    plot_feature,
    write_plots,
    write_scene,
)

Shape = Mapping[str, Any]
SOWN = date(2026, 3, 20)
DATES = 24
INGEST = "ingest, catalog to signed evidence"


@dataclass(frozen=True, slots=True)
class Site:
    """A square of ``side`` pixels with ``plots`` plots, seen on ``dates`` dates."""

    side: int
    plots: int
    dates: int


VILLAGE, TILE = Site(250, 70, DATES), Site(2000, 2000, 1)


@dataclass(frozen=True, slots=True)
class Timing:
    """One row: what was timed, how long it took [ms], and against our sampler."""

    what: str
    ms: float
    ratio: float


def measure(effort: Effort) -> Report:
    """The whole way, then statistics alone on a village and on a large tile."""
    with tempfile.TemporaryDirectory(dir=effort.scratch) as folder:
        root = Path(folder)
        items, plots = _write(root / "village", VILLAGE)
        whole = _end_to_end(root / "village", items, plots, effort.repeats)
        small, small_gap = _against_others(items[0], plots, effort.repeats)
        items, plots = _write(root / "tile", TILE)
        large, large_gap = _against_others(items[0], plots, effort.repeats)
    return _report(whole, small, large, max(small_gap, large_gap))


def _report(
    whole: dict[str, float], small: list[Timing], large: list[Timing], gap: float
) -> Report:
    looks = VILLAGE.plots * VILLAGE.dates
    each_ms = whole.pop(INGEST) / looks
    parts = [("village", small, VILLAGE), ("tile", large, TILE)]
    rows = [(INGEST, f"{each_ms:.2f} a plot-date", "")]
    rows += [(name, f"{ms:,.0f}", "") for name, ms in whole.items()]
    rows += [
        (f"{one.what} ({name}, {site.plots} plots)", f"{one.ms:,.1f} a scene", f"{one.ratio:.1f}")
        for name, timings, site in parts
        for one in timings
    ]
    tile_stats = large[-1]
    return Report(
        title="Imagery: from files to signed evidence",
        headings=("what", "CPU [ms]", "to ours"),
        rows=tuple(rows),
        note=(
            f"Village: {VILLAGE.plots} plots on {VILLAGE.dates} scenes of {VILLAGE.side} × "
            f"{VILLAGE.side} pixels; tile: {TILE.plots:,} plots on one of {TILE.side:,} × "
            f"{TILE.side:,}. Ours masks, weighs by covered area and counts the valid fraction; "
            f"the others' means stand beside it on the same array. Greatest difference to "
            f"exactextract: {gap:.0e} NDVI."
        ),
        figures=(
            Figure(
                "imagery, catalog to signed evidence",
                f"{each_ms / 1e3:.4f} s a plot-date (CPU)",
                f"statistics alone: rasterstats {tile_stats.ratio:.1f} × ours on a tile",
            ),
        ),
        numbers={
            "plot_date_ms": each_ms,
            **{f"{name}_{one.what}_ratio": one.ratio for name, found, _ in parts for one in found},
        },
    )


def _end_to_end(root: Path, items: list[Path], plots: Path, repeats: int) -> dict[str, float]:
    """How long it takes to ingest a season at once, and scene by scene [ms]."""
    signer = generate_key_file(root / "key", bytes(range(32)))
    whole = []
    for i in range(repeats):
        catalog = link_catalog(root, items)
        work = Ingest(Job(catalog, plots, root / f"out{i}", index_named("ndvi"), signer=signer))
        whole.append(_cpu_ms(partial(work.run, _quiet)))
        work.close()
    rounds = []
    link_catalog(root, items[:1])
    job = Job(root / "catalog.json", plots, root / "watch", index_named("ndvi"), signer=signer)
    work = Ingest(job)
    work.run(_quiet)
    for n in range(2, len(items) + 1):
        link_catalog(root, items[:n])
        rounds.append(_cpu_ms(partial(work.run, _quiet)))
    again = _cpu_ms(partial(work.run, _quiet))
    work.close()
    return {
        INGEST: statistics.median(whole),
        "one new scene in a running watch": statistics.median(rounds),
        "a round with nothing new": again,
    }


def _against_others(item_path: Path, plots_file: Path, repeats: int) -> tuple[list[Timing], float]:
    """Zonal means by everyone on one scene, and how far ours are from exactextract's."""
    plots, _ = read_plots(plots_file)
    shapes = [mapping(projected(plot.polygon, CRS)) for plot in plots]
    item = read_item(item_path)
    sampler = Sampler(plots, index_named("ndvi"))
    plan_ms = _cpu_ms(lambda: sampler.look(item))
    found = {
        "ours": [_cpu_ms(lambda: sampler.look(item)) for _ in range(repeats)],
        "ours, first scene of a grid": [plan_ms],
        "reading and NDVI only": [_cpu_ms(lambda: _ndvi(item_path)) for _ in range(repeats)],
        "exactextract": [_cpu_ms(lambda: _exactextract(item_path, shapes)) for _ in range(repeats)],
        "rasterstats": [_cpu_ms(lambda: _rasterstats(item_path, shapes)) for _ in range(repeats)],
    }
    base = statistics.median(found["ours"])
    mine = {look.plot_id: look.mean for look in sampler.look(item)}
    theirs = dict(zip(mine, _exactextract(item_path, shapes), strict=True))
    gap = max(abs((mine[p] or 0) - theirs[p]) for p in mine)
    middle = {name: statistics.median(times) for name, times in found.items()}
    return [Timing(name, ms, ms / base) for name, ms in middle.items()], gap


def _quiet(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


def _ndvi(item_path: Path) -> np.ndarray:
    bands = {}
    for name in ("red", "nir", "scl"):
        with rasterio.open(item_path.with_name(f"{name}.tif")) as file:
            bands[name] = file.read(1)
    clear = clear_pixels(bands["scl"]).repeat(2, 0).repeat(2, 1)
    red, nir = (np.maximum(bands[name] * 1e-4 - 0.1, 0.0) for name in ("red", "nir"))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(clear, (nir - red) / (nir + red), np.nan)


def _exactextract(item_path: Path, shapes: Sequence[Shape]) -> list[float]:
    ndvi = _ndvi(item_path)
    side = ndvi.shape[0]
    features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in shapes]
    source = NumPyRasterSource(ndvi, LEFT, TOP - side * 10, LEFT + side * 10, TOP)
    return [row["properties"]["mean"] for row in exact_extract(source, features, ["mean"])]


def _rasterstats(item_path: Path, shapes: Sequence[Shape]) -> list[float]:
    ndvi = _ndvi(item_path)
    with rasterio.open(item_path.with_name("red.tif")) as file:
        transform = file.transform
    found = zonal_stats(
        shapes, np.where(np.isnan(ndvi), -9, ndvi), affine=transform, nodata=-9, stats=["mean"]
    )
    return [row["mean"] for row in found]


def _write(root: Path, site: Site) -> tuple[list[Path], Path]:
    rng = np.random.default_rng(1)
    across = int(np.ceil(np.sqrt(site.plots)))
    pitch = site.side * 10 / across
    features = [
        plot_feature(f"p{i:04d}", _ring(i, across, pitch, rng), crop="maize",
                     sown_on=SOWN.isoformat(), season_id="2026-long-rains")
        for i in range(site.plots)
    ]  # fmt: skip
    root.mkdir(parents=True)
    plots = write_plots(root / "plots.geojson", features)
    items = []
    for i in range(site.dates):
        day = SOWN + timedelta(days=5 * i)
        height = 0.18 + 0.6 / (1 + np.exp(-(5 * i - 40) / 7))
        ndvi = np.clip(height + rng.normal(0, 0.03, (site.side, site.side)), 0.0, 0.9)
        classes = np.where(rng.random((site.side // 2, site.side // 2)) < 0.01, 9, 4)
        items.append(
            write_scene(root, ndvi_scene(f"S2_{day:%Y%m%d}", day.isoformat(), ndvi, classes))
        )
    return items, plots


def _ring(i: int, across: int, pitch: float, rng: np.random.Generator) -> list[list[float]]:
    row, col = divmod(i, across)
    x, y = col * pitch + 5, row * pitch + 5
    width, height = rng.uniform(0.35 * pitch, 0.8 * pitch, 2)
    return box_ring(x, y, x + width, y + height)


def _cpu_ms(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return (time.process_time() - started) * 1e3
