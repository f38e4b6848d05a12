"""Statistics per plot beside the bare decode, exactextract and rasterstats, on a full tile.

Three rasters as Sentinel-2 has them (10,980² red and near infrared, the classification
at 20 m, deflate COGs) and 10,000 plots all over. Every contender is timed in turns in
CPU seconds of this process, GDAL on one thread; the ratio to reading the blocks alone is
the median over the turns. Peak memory is a fresh process's, above a bare interpreter.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from rasterio.windows import Window
from rasterstats import zonal_stats  # type: ignore[import-untyped]
from shapely.geometry import mapping

from bench.report import Effort, Figure, Report
from satellite.indices import index_named
from satellite.scenes.catalog import Item, read_item
from satellite.scenes.mask import clear_pixels
from satellite.statistics.coverage import projected
from satellite.statistics.pixels import PixelStore
from satellite.statistics.plots import Plot, read_plots
from satellite.statistics.sample import Keeping, Look, Sampler
from tests.support.tile import BLOCK, PLOTS, write_tile
from tests.support.tiny_scenes import CRS, LEFT, TOP

RASTERSTATS_PLOTS = 500
OPS = ("mean", "stdev", "median", "quantile(q=0.1)", "quantile(q=0.9)")
CACHE_BYTES = 32 << 20
MEMORY = """
import sys
from pathlib import Path
from satellite.indices import index_named
from satellite.scenes.catalog import read_item
from satellite.statistics.plots import read_plots
from satellite.statistics.sample import Keeping, Sampler
item, plots, shelf = map(Path, sys.argv[1:])
Sampler(read_plots(plots)[0], index_named("ndvi"), Keeping(shelf)).look(read_item(item))
"""
# Not getrusage: its peak is inherited from the process that started this one.
PEAK = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def measure(effort: Effort) -> Report:
    """Write the tile, then let everyone at it in turns."""
    root = effort.scratch / "statistics"
    item_path, plots_path = write_tile(root)
    item, plots = read_item(item_path), read_plots(plots_path)[0]
    index, shelf = index_named("ndvi"), root / "shelf"
    store = PixelStore(root / "pixels")
    peak_mb = [_peak_mb(MEMORY + PEAK, item_path, plots_path, shelf) for _ in ("built", "kept")]
    bare_mb = _peak_mb(PEAK)
    ours, kept = (
        Sampler(plots, index, keeping) for keeping in (Keeping(shelf), Keeping(shelf, store))
    )
    looks = ours.look(item)
    same = kept.look(item) == looks and kept.look(item) == looks
    peers = _peers(item, plots)
    found: dict[str, list[float]] = {}
    runs: dict[str, Callable[[], object]] = {
        "reading the blocks alone": partial(_read_blocks, item),
        "ours": partial(ours.look, item),
        "ours, from the store": partial(kept.look, item),
        "exactextract": peers[0],
        f"rasterstats, {RASTERSTATS_PLOTS} plots only": peers[1],
    }
    for turn in range(max(effort.repeats, 1)):
        for name, run in runs.items():
            # The peers take half a minute each: once is enough to tell them apart.
            if turn == 0 or name not in list(runs)[3:]:
                found.setdefault(name, []).append(_cpu_s(run))
    gap = _gap(looks, peers[0]())
    sizes = (sum(item.assets[band].path.stat().st_size for band in item.assets), store.size())
    return _report(found, ([mb - bare_mb for mb in peak_mb], gap, same), sizes)


def _report(found: dict[str, list[float]], facts: tuple[Any, ...], sizes: Any) -> Report:
    peaks_mb, gap, same = facts
    cogs, size = sizes
    base = found["reading the blocks alone"]
    ratios = {
        name: statistics.median(a / b for a, b in zip(times, base, strict=False))
        for name, times in found.items()
    }
    rows = [
        (name, f"{statistics.median(times):.2f}", f"{ratios[name]:.2f}")
        for name, times in found.items()
    ]
    from_store = ratios["ours"] / ratios["ours, from the store"]
    rows += [
        ("from the COGs / from the store", "", f"{from_store:.1f}"),
        ("peak memory above the interpreter, plan built", f"{peaks_mb[0]:.0f} MB", ""),
        ("peak memory above the interpreter, plan kept", f"{peaks_mb[1]:.0f} MB", ""),
        ("greatest difference to exactextract", f"{gap:.1e} NDVI", ""),
        ("the store's looks are the COGs' to the bit", "yes" if same else "NO", ""),
        ("COGs / store", f"{cogs / 1e6:.0f} / {size.bytes / 1e6:.1f} MB",
         f"{cogs / size.bytes:.0f}"),
    ]  # fmt: skip
    return Report(
        title="Statistics per plot on a full tile",
        headings=("what", "CPU [s]", "to the decode"),
        rows=tuple(rows),
        note=(
            f"{PLOTS:,} plots, {size.pixels // size.arrays:,} plot pixels; mean, standard "
            "deviation, median, 10th and 90th percentile and valid fraction of NDVI by "
            "everyone but rasterstats (mean, std, median and percentiles by pixel centre). "
            f"rasterstats was run on {RASTERSTATS_PLOTS} of the plots, not on all; it and "
            "exactextract get masked NDVI of the whole tile, which they need, within their "
            "time. The plan is built or loaded before the clock starts."
        ),
        figures=(
            Figure(
                "statistics per plot, full tile, 10,000 plots",
                f"{ratios['ours']:.2f} × reading the blocks",
                f"exactextract {ratios['exactextract']:.1f} ×; again from the store "
                f"{from_store:.0f} × cheaper",
            ),
        ),
        numbers={f"{name}_ratio": ratio for name, ratio in ratios.items()}
        | {"peak_mb": peaks_mb[0], "gap_ndvi": gap, "store_ratio": from_store},
    )


def _read_blocks(item: Item) -> None:
    for asset in item.assets.values():
        with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES), rasterio.open(asset.path) as file:
            for row in range(0, file.height, BLOCK):
                for col in range(0, file.width, BLOCK):
                    size = min(BLOCK, file.width - col), min(BLOCK, file.height - row)
                    file.read(1, window=Window(col, row, *size))


def _peers(item: Item, plots: list[Plot]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    shapes = [mapping(projected(plot.polygon, CRS)) for plot in plots]
    features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in shapes]

    def by_exactextract() -> Any:
        ndvi = _ndvi(item)
        side = len(ndvi) * 10
        source = NumPyRasterSource(ndvi, LEFT, TOP - side, LEFT + side, TOP)
        return exact_extract(source, features, list(OPS))

    def by_rasterstats() -> Any:
        with rasterio.open(item.assets["red"].path) as file:
            transform = file.transform
        return zonal_stats(
            shapes[:: len(shapes) // RASTERSTATS_PLOTS], np.nan_to_num(_ndvi(item), nan=-9.0),
            affine=transform, nodata=-9.0,
            stats=["mean", "std", "median", "percentile_10", "percentile_90"],
        )  # fmt: skip

    return by_exactextract, by_rasterstats


def _ndvi(item: Item) -> Any:
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES):
        bands = {}
        for name in ("red", "nir", "scl"):
            with rasterio.open(item.assets[name].path) as file:
                bands[name] = file.read(1)
    clear = clear_pixels(bands["scl"]).repeat(2, 0).repeat(2, 1)
    ndvi = np.empty(clear.shape)
    for first in range(0, len(ndvi), BLOCK):
        part = slice(first, first + BLOCK)
        red, nir = (np.maximum(bands[name][part] * 1e-4 - 0.1, 0.0) for name in ("red", "nir"))
        ndvi[part] = np.where(clear[part], (nir - red) / (nir + red), np.nan)
    return ndvi


def _gap(looks: list[Look], theirs: Any) -> float:
    gaps = [0.0]
    for look, row in zip(looks, theirs, strict=True):
        found = row["properties"]
        if look.mean is None or look.spread is None:
            assert found["mean"] is None or np.isnan(found["mean"])
            continue
        ours = (look.mean, look.spread.std, look.spread.median, look.spread.p10, look.spread.p90)
        names = ("mean", "stdev", "median", "quantile_10", "quantile_90")
        gaps += [abs(mine - found[name]) for mine, name in zip(ours, names, strict=True)]
    return max(gaps)


def _peak_mb(code: str, *paths: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout) / 1024


def _cpu_s(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started
