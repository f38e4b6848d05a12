"""Plans and pixels that are kept: the same bits again, and nothing believed that is not whole."""

from __future__ import annotations

import fcntl
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from satellite.indices import index_named
from satellite.scenes.catalog import Item, read_item
from satellite.scenes.mask import BLEEDING_CLASSES, CLEAR_CLASSES, clear_pixels
from satellite.scenes.raster import Grid, RasterError
from satellite.statistics import store as store_module
from satellite.statistics.coverage import build_plan, plan_key
from satellite.statistics.gather import Gathered, clear_by_sight, route_of, sight
from satellite.statistics.pixels import CHUNK_PIXELS_MAX, LOCK, PART, PixelStore
from satellite.statistics.plots import Plot, read_plots
from satellite.statistics.sample import Keeping, Look, Sampler
from satellite.statistics.shelf import plan_for
from satellite.statistics.store import LookRow, SceneRow, Store
from satellite.statistics.weighted import Spread
from tests.support.tiny_scenes import (
    CRS,
    LEFT,
    TOP,
    box_ring,
    ndvi_scene,
    plot_feature,
    write_plots,
    write_scene,
)
from tests.support.tree import REPOSITORY

NDVI, EVI2, NDRE = (index_named(name) for name in ("ndvi", "evi2", "ndre"))
SIDE = 40


def _scene(root: Path, name: str = "s", seed: int = 1, **more: object) -> Item:
    rng = np.random.default_rng(seed)
    classes = np.where(rng.random((SIDE // 2, SIDE // 2)) < 0.1, 9, 4)
    scene = ndvi_scene(name, "2026-04-01", rng.uniform(0.1, 0.8, (SIDE, SIDE)), classes, **more)
    return read_item(write_scene(root, scene))


def _plots(root: Path) -> list[Plot]:
    rings = [box_ring(x, y, x + 47, y + 33) for x in (-20, 60, 300, 380) for y in (5, 122, 360)]
    features = [plot_feature(f"p{i}", ring) for i, ring in enumerate(rings)]
    return read_plots(write_plots(root / "plots.geojson", features))[0]


def _damaged(folder: Path) -> Path:
    """Turn one byte of the pixels of one array."""
    chunk = next(path for path in sorted(folder.rglob("c/*")) if path.is_file())
    data = bytearray(chunk.read_bytes())
    data[-1] ^= 0xFF
    chunk.write_bytes(bytes(data))
    return chunk


def test_a_repeat_from_the_store_needs_no_files_and_gives_the_same_bits(tmp_path: Path) -> None:
    item, plots = _scene(tmp_path), _plots(tmp_path)
    plain = Sampler(plots, NDVI).look(item)
    store = PixelStore(tmp_path / "pixels")
    assert Sampler(plots, NDVI, Keeping(pixels=store)).look(item) == plain
    for asset in item.assets.values():
        asset.path.unlink()
    again = Sampler(plots, [NDVI, EVI2], Keeping(pixels=PixelStore(tmp_path / "pixels")))
    looks = again.looks(item)
    assert looks["ndvi"] == plain
    assert looks["evi2"] != plain
    with pytest.raises(RasterError):
        Sampler(plots, NDVI).look(item)


def test_a_reprocessed_scene_is_not_taken_for_the_first(tmp_path: Path) -> None:
    item, plots = _scene(tmp_path), _plots(tmp_path)
    store = PixelStore(tmp_path / "pixels")
    sampler = Sampler(plots, NDVI, Keeping(pixels=store))
    first = sampler.look(item)
    again = _scene(tmp_path, seed=2)
    assert [asset.path for asset in again.assets.values()] == [
        asset.path for asset in item.assets.values()
    ]
    assert sampler.look(again) == Sampler(plots, NDVI).look(again) != first


def test_a_corrected_statement_is_heeded_without_decoding(tmp_path: Path) -> None:
    item, plots = _scene(tmp_path), _plots(tmp_path)
    sampler = Sampler(plots, NDVI, Keeping(pixels=PixelStore(tmp_path / "pixels")))
    first = sampler.look(item)
    assets = {
        name: replace(asset, offset=0.0) if name != "scl" else asset
        for name, asset in item.assets.items()
    }
    other = replace(item, assets=assets, baseline=None)
    assert sampler.look(other) == Sampler(plots, NDVI).look(other) != first


def test_damaged_pixels_are_decoded_anew(tmp_path: Path) -> None:
    item, plots = _scene(tmp_path), _plots(tmp_path)
    folder = tmp_path / "pixels"
    plain = Sampler(plots, NDVI).look(item)
    Sampler(plots, NDVI, Keeping(pixels=PixelStore(folder))).look(item)
    chunk = _damaged(folder)
    spoiled = chunk.read_bytes()
    assert Sampler(plots, NDVI, Keeping(pixels=PixelStore(folder))).look(item) == plain
    assert chunk.read_bytes() != spoiled, "and put right"


def test_a_lost_chunk_is_not_read_as_zeros(tmp_path: Path) -> None:
    item, plots = _scene(tmp_path), _plots(tmp_path)
    store = PixelStore(tmp_path / "pixels")
    sampler = Sampler(plots, NDVI, Keeping(pixels=store))
    plain = sampler.look(item)
    _damaged(tmp_path / "pixels").unlink()
    assert sampler.look(item) == plain


KILLED = """
import os, signal, sys
from pathlib import Path
from satellite.statistics import pixels
from satellite.statistics.gather import Gathered
from satellite.scenes.raster import Grid
import numpy as np
store = pixels.PixelStore(Path(sys.argv[1]))
grid = Grid("EPSG:32737", 0.0, 0.0, 10.0, 4, 4)
store.write("plan", "red", "a" * 64, grid, Gathered(np.arange(9, dtype=np.uint16), None))
rows = np.arange(9, dtype=np.uint16)
sys.addaudithook(
    lambda event, args: os.kill(os.getpid(), signal.SIGKILL) if event == "os.rename"
    and "arrays" in str(args[1]) else None
)
store.write("plan", "red", "b" * 64, grid, Gathered(rows, None))
"""


def _parts(folder: Path) -> list[Path]:
    return list(folder.rglob(f"{PART}*"))


def test_a_kill_in_the_middle_of_writing_leaves_what_was_whole(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=REPOSITORY, check=False
    )
    assert done.returncode == -9
    assert _parts(tmp_path), "the half-written array lies about"
    with (tmp_path / LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        PixelStore(tmp_path)
        assert _parts(tmp_path), "and is left alone while someone writes"
    store = PixelStore(tmp_path)
    assert _parts(tmp_path) == []
    kept = store.read("plan", "red", "a" * 64)
    assert kept is not None
    assert kept.stored.tolist() == list(range(9))
    assert store.read("plan", "red", "b" * 64) is None
    assert store.size().arrays == 1


def test_a_date_of_all_plots_is_one_chunk_or_few_alike(tmp_path: Path) -> None:
    grid = Grid(CRS, LEFT, TOP, 10.0, 4, 4)
    store = PixelStore(tmp_path)
    for name, count, chunks in (("a", 9, 1), ("b", 0, 1), ("c", CHUNK_PIXELS_MAX + 3, 2)):
        pixels = np.arange(count).astype(np.uint16)
        store.write("plan", "red", name * 64, grid, Gathered(pixels, None))
        found = store.read("plan", "red", name * 64)
        assert found is not None
        assert (found.stored == pixels).all()
        files = list((tmp_path / "arrays" / "plan" / "red" / (name * 64)).rglob("c/*"))
        assert len(files) == (chunks if count else 0)


def test_several_indices_share_the_bands_that_are_read(tmp_path: Path) -> None:
    item, plots = _scene(tmp_path), _plots(tmp_path)
    store = PixelStore(tmp_path / "pixels")
    looks = Sampler(plots, [NDVI, EVI2], Keeping(pixels=store)).looks(item)
    assert store.size().arrays == 3, "red, nir and the classification, once each"
    assert looks["ndvi"] == Sampler(plots, NDVI).look(item)
    assert looks["evi2"] == Sampler(plots, EVI2).look(item)


def test_an_index_of_coarse_bands_is_the_same_alone_or_beside_a_fine_one(tmp_path: Path) -> None:
    scene = ndvi_scene("s", "2026-04-01", np.full((SIDE, SIDE), 0.5), np.full((20, 20), 4))
    rng = np.random.default_rng(4)
    coarse = {name: rng.integers(2000, 5000, (20, 20)).astype(np.uint16)
              for name in ("rededge1", "nir08")}  # fmt: skip
    scene = replace(
        scene, assets={**scene.assets, **coarse},
        step_m={**scene.step_m, "rededge1": 20.0, "nir08": 20.0},
    )  # fmt: skip
    item, plots = read_item(write_scene(tmp_path, scene)), _plots(tmp_path)
    looks = Sampler(plots, [NDVI, NDRE]).looks(item)
    assert looks["ndre"] == Sampler(plots, NDRE).look(item)
    assert looks["ndvi"] == Sampler(plots, NDVI).look(item)


def test_the_pixels_behind_the_looks_can_be_had(tmp_path: Path) -> None:
    item, plots = _scene(tmp_path), _plots(tmp_path)
    sampler = Sampler(plots, NDVI)
    pixels, looks = sampler.pixels(item), sampler.look(item)
    own = pixels.isel(pixel=(pixels["plot"] == 4).to_numpy())
    seen = own["index"].notnull()
    assert float(own["index"].weighted(own["weight"]).mean()) == pytest.approx(looks[4].mean)
    assert float(own["weight"].where(seen).sum()) == pytest.approx(
        looks[4].valid_fraction * looks[4].pixels, rel=1e-6
    )


@pytest.mark.parametrize("dilate", [0, 1, 2])
def test_sight_tells_what_the_mask_tells(dilate: int) -> None:
    numbers = [0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 200]
    shares = [0.02, 0.01, 0.2, 0.2, 0.2, 0.2, 0.01, 0.01, 0.01, 0.1, 0.04]
    classes = np.random.default_rng(2).choice(numbers, (50, 60), p=shares)
    found = clear_by_sight(dilate)[sight(classes.astype(np.uint8))]
    expected = np.isin(classes, CLEAR_CLASSES)
    for row, col in np.argwhere(np.isin(classes, BLEEDING_CLASSES)):
        rows = slice(max(row - dilate, 0), row + dilate + 1)
        expected[rows, max(col - dilate, 0) : col + dilate + 1] = False
    assert (found == expected).all()
    if dilate == 1:
        assert (found == clear_pixels(classes)).all()


def test_a_plan_is_built_once_and_taken_from_the_shelf(tmp_path: Path) -> None:
    grid, plots = Grid(CRS, LEFT, TOP, 10.0, SIDE, SIDE), _plots(tmp_path)
    shelf = tmp_path / "shelf"
    built = plan_for(grid, plots, shelf)
    (kept,) = shelf.iterdir()
    written = kept.stat().st_mtime_ns
    taken = plan_for(grid, plots, shelf)
    assert kept.stat().st_mtime_ns == written
    for name in ("plot", "rows", "cols", "weight", "plot_weight", "full_pixels"):
        assert (getattr(taken, name) == getattr(built, name)).all(), name
        assert (getattr(built, name) == getattr(build_plan(grid, plots), name)).all(), name
    assert plan_key(grid, plots[::-1]) != built.key
    assert plan_key(replace(grid, rows=SIDE + 1), plots) != built.key


@pytest.mark.parametrize("spoil", ["cut", "flip", "other"])
def test_a_plan_that_is_not_whole_is_built_anew(tmp_path: Path, spoil: str) -> None:
    grid, plots = Grid(CRS, LEFT, TOP, 10.0, SIDE, SIDE), _plots(tmp_path)
    built = plan_for(grid, plots, tmp_path)
    path = tmp_path / f"{built.key}.npz"
    data = bytearray(path.read_bytes())
    if spoil == "cut":
        path.write_bytes(bytes(data[: len(data) // 2]))
    elif spoil == "flip":
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(bytes(data))
    else:
        other = plan_for(grid, plots[:1], tmp_path)
        (tmp_path / f"{other.key}.npz").replace(path)
    again = plan_for(grid, plots, tmp_path)
    assert (again.weight == built.weight).all()
    assert (again.cols == built.cols).all()


def test_only_windows_with_plots_are_on_the_way(tmp_path: Path) -> None:
    wide = Grid(CRS, LEFT, TOP, 10.0, 5_000, 5_000)
    rings = [box_ring(x, x, x + 90, x + 90) for x in (10_200, 45_000)]
    features = [plot_feature(f"p{i}", ring) for i, ring in enumerate(rings)]
    plots, _ = read_plots(write_plots(tmp_path / "p.geojson", features))
    route = route_of([build_plan(wide, plots)], wide)
    read = sum((box.row1 - box.row0) * (box.col1 - box.col0) for box in route.boxes)
    assert len(route.boxes) == 5, "the first plot lies over a corner of four blocks"
    assert read < 500


def _old_state(path: Path) -> None:
    """A state file as the first version wrote it."""
    connection = sqlite3.connect(path)
    connection.executescript(store_module.MIGRATIONS[0] + "PRAGMA user_version = 1;")
    connection.execute(
        "INSERT INTO scene VALUES ('s', 'ndvi', 'f', 'h', '2026-04-01', 'a', '05.10', '', '')"
    )
    connection.executemany(
        "INSERT INTO look VALUES (?, 's', 'ndvi', 'r', ?, ?, 9.0, 4, 1)",
        [("seen", 0.5, 1.0), ("cloudy", None, 0.0)],
    )
    connection.commit()
    connection.close()


def test_a_state_file_of_the_first_version_is_brought_forward(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    _old_state(path)
    store = Store(path)
    scene = SceneRow("s", "f", "h", date(2026, 4, 1), "a", "05.10")
    assert store.looks("ndvi", None) == [
        LookRow("cloudy", scene, None, 0.0, 9.0, 4),
        LookRow("seen", scene, 0.5, 1.0, 9.0, 4),
    ]
    assert store.plots_seen("s", "ndvi") == {("cloudy", "r")}, "the seen one is looked at again"
    plot = Plot("seen", None, None, "r")
    spread = Spread(0.1, 0.5, 0.4, 0.6)
    store.save("ndvi", scene, [Look("seen", 0.5, 1.0, 9.0, 4, True, spread)], [plot])
    store.close()
    again = Store(path)
    assert again.looks("ndvi", None)[1].spread == spread
    assert again.plots_seen("s", "ndvi") == {("cloudy", "r"), ("seen", "r")}
    again.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    _old_state(path)
    connection = sqlite3.connect(path)
    connection.execute("ALTER TABLE look ADD COLUMN median REAL")  # the second step trips on it
    connection.commit()
    before = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'look'").fetchone()
    connection.close()
    with pytest.raises(Exception, match="duplicate column"):
        Store(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    after = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'look'").fetchone()
    assert after == before
    connection.close()
