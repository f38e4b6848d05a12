"""District maps: true medians in valid COGs, and tiles whose colours lie where they should."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from pmtiles.reader import MmapSource, Reader
from pmtiles.tile import TileType
from pyproj import Transformer

from core.canonical import sha256_hex
from satellite.indices import index_named
from satellite.quicklooks.colours import index_colours, light, scale_of
from satellite.quicklooks.composite import Period, blocks, district_grid, median
from satellite.quicklooks.make import PictureJob, Pictures
from satellite.quicklooks.maps import MapRound
from satellite.quicklooks.tiles import tiles_of, zooms
from satellite.scenes.cog import CogForm, open_cog, write_cog
from satellite.scenes.faults import RasterError
from satellite.scenes.raster import Box, Grid
from satellite.statistics.plots import read_plots
from tests.support.tiny_scenes import (
    LEFT,
    TOP,
    Scene,
    box_ring,
    dn,
    plot_feature,
    write_catalog,
    write_plots,
)

NDVI = index_named("ndvi")
SIDE = 120  # pixels; 1.2 km
CLOUDY, CLEAR = 9, 4
BANDS = ("blue", "green", "red", "nir")


def scene(item_id: str, day: str, ndvi: np.ndarray, cloud: np.ndarray | None = None) -> Scene:
    """All four bands; the eye's colours follow the index."""
    red = 0.05 + 0.1 * (1 - ndvi)
    values = {
        "blue": red * 0.8,
        "green": red * 1.1,
        "red": red,
        "nir": red * (1 + ndvi) / (1 - ndvi),
    }
    scl = np.full((SIDE // 2, SIDE // 2), CLEAR, np.uint8)
    if cloud is not None:
        scl[cloud] = CLOUDY
    band = {"scale": 0.0001, "offset": -0.1, "nodata": 0}
    return Scene(item_id, day, {**{n: dn(values[n]) for n in BANDS}, "scl": scl},
                 {**dict.fromkeys(BANDS, 10.0), "scl": 20.0},
                 bands=dict.fromkeys(BANDS, band))  # fmt: skip


def land(level: float) -> np.ndarray:
    """Greener to the east, and one lush square."""
    found = np.tile(np.linspace(0.2, 0.6, SIDE), (SIDE, 1)) * level
    found[20:40, 20:40] = 0.85
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MapRound, PictureJob]:
    root = tmp_path_factory.mktemp("maps")
    cloud = np.zeros((SIDE // 2, SIDE // 2), bool)
    cloud[40:50, 40:50] = True
    days = [("a", "2026-04-02", 0.8, cloud), ("b", "2026-04-12", 1.0, cloud),
            ("c", "2026-04-22", 1.2, None), ("d", "2026-05-02", 1.0, None)]  # fmt: skip
    scenes = [scene(name, day, land(level), hidden) for name, day, level, hidden in days]
    plots = write_plots(root / "plots.geojson", [
        plot_feature("p1", box_ring(100, 100, 300, 300)),
        plot_feature("p2", box_ring(700, 800, 900, 950)),
    ])  # fmt: skip
    job = PictureJob(str(write_catalog(root / "stac", scenes)), plots, root / "out", NDVI)
    return root / "out" / "maps", draw(job), job


def draw(job: PictureJob, period: Period = Period.MONTH) -> MapRound:
    work = Pictures(job)
    try:
        return work.maps(period)
    finally:
        work.close()


def at(x_m: float, y_m: float) -> tuple[float, float]:
    """Degrees of a place, metres east and south of the scene's corner."""
    there = Transformer.from_crs("EPSG:32737", "OGC:CRS84", always_xy=True)
    lon, lat = there.transform(LEFT + x_m, TOP - y_m)
    return float(lon), float(lat)


def stored_at(path: Path, x_m: float, y_m: float) -> np.ndarray:
    with rasterio.open(path) as source:
        row, col = source.index(LEFT + x_m, TOP - y_m)
        return source.read()[:, row, col]


def test_each_month_is_a_map_of_the_median_of_what_was_clear(made) -> None:
    folder, done, _ = made
    assert (done.periods_new, done.broken) == (2, [])
    assert sorted(path.name for path in folder.iterdir()) == [
        f"2026-{month}-{kind}.{form}" for month in ("04", "05")
        for kind in ("ndvi", "true_color") for form in ("pmtiles", "tif")
    ]  # fmt: skip
    for x, y in ((600, 600), (250, 700), (1_000, 300)):
        row, col = int(y / 10), int(x / 10)
        want = float(np.median([land(level)[row, col] for level in (0.8, 1.0, 1.2)]))
        got = stored_at(folder / "2026-04-ndvi.tif", x + 5, y + 5)[0] / 10_000
        assert got == pytest.approx(want, abs=2e-3), (x, y)
    under = stored_at(folder / "2026-04-ndvi.tif", 905, 905)[0] / 10_000
    assert under == pytest.approx(land(1.2)[90, 90], abs=2e-3), "cloud on two of three dates"


def test_colours_of_a_map_are_the_chips_own_stretch(made) -> None:
    folder, _, _ = made
    red = 0.05 + 0.1 * (1 - 0.85)
    want = light(np.array([red, red * 1.1, red * 0.8]).reshape(3, 1, 1), ("red", "green", "blue"))
    got = stored_at(folder / "2026-04-true_color.tif", 305, 305)
    assert np.abs(got.astype(int) - want[0, 0].astype(int)).max() <= 1


def cog_faults(path: Path) -> list[str]:
    """What keeps a GeoTIFF from being cloud-optimised, as rio-cogeo judges it."""
    faults = []
    with rasterio.open(path) as source:
        if source.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") != "COG":
            faults.append("its own metadata does not say LAYOUT=COG")
        if max(source.shape) > 512 and source.block_shapes[0][1] == source.width:
            faults.append("not tiled")
        levels = source.overviews(1)
        if max(source.shape) > 512 and not levels:
            faults.append("no overviews")
        offsets = [int(source.get_tag_item("IFD_OFFSET", "TIFF", bidx=1))]
        offsets += [int(source.get_tag_item("IFD_OFFSET", "TIFF", bidx=1, ovr=i))
                    for i in range(len(levels))]  # fmt: skip
        if offsets != sorted(offsets):
            faults.append(f"directories out of order: {offsets}")
        first = [source.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1)]
        first += [source.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1, ovr=i)
                  for i in range(len(levels))]  # fmt: skip
        data = [int(offset) for offset in first if offset]
        if data != sorted(data, reverse=True):
            faults.append(f"the whole comes before its overviews: {data}")
        if data and min(data) < max(offsets):
            faults.append("pixels before the last directory")
    return faults


def test_maps_are_valid_cogs(made) -> None:
    for path in made[0].glob("*.tif"):
        assert cog_faults(path) == [], path.name


def test_a_large_cog_has_tiles_and_overviews_of_what_is_data(tmp_path: Path) -> None:
    grid = Grid("EPSG:32737", LEFT, TOP, 10.0, 1300, 900)
    values = np.full((1, 1300, 900), -32_768, np.int16)
    values[0, :, :450] = 5_000
    path = tmp_path / "large.tif"
    with write_cog(path, grid, CogForm(("NDVI",), "int16", -32_768, 1e-4), {}) as file:
        for box in blocks(grid):
            file.write(box, values[:, box.row0 : box.row1, box.col0 : box.col1])
    assert cog_faults(path) == []
    with rasterio.open(path) as source:
        assert source.overviews(1) == [2, 4]
        assert source.scales == (1e-4,)
        assert (source.read() == values).all()
    with open_cog(path) as cog:
        small = cog.shrunk(Box(0, 1300, 0, 900), 130, 90)
    assert set(np.unique(small)) == {-32_768, 5_000}, "nodata must not be averaged in"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["large.tif"]


def test_the_plain_file_is_told_from_a_cog(tmp_path: Path) -> None:
    path = tmp_path / "plain.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=600, height=600, count=1, dtype="uint8",
        crs="EPSG:32737", transform=rasterio.Affine(10, 0, LEFT, 0, -10, TOP),
    ) as file:  # fmt: skip
        file.write(np.ones((1, 600, 600), np.uint8))
    assert cog_faults(path)


def pixel(path: Path, lon: float, lat: float, zoom: int) -> tuple[int, ...]:
    """The colour of a map at a place, through the pmtiles reader."""
    x = (lon + 180) / 360 * 2**zoom
    y = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**zoom
    with path.open("rb") as file:
        data = Reader(MmapSource(file)).get(zoom, int(x), int(y))
    if data is None:
        return (0, 0, 0, 0)
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGBA").getpixel((int(x % 1 * 256), int(y % 1 * 256)))


@pytest.mark.parametrize(("x", "y"), [(300, 300), (605, 655), (1005, 305)])
def test_tiles_show_the_index_s_colour_at_its_place(made, x: float, y: float) -> None:
    path = made[0] / "2026-05-ndvi.pmtiles"
    with path.open("rb") as file:
        header = Reader(MmapSource(file)).header()
    assert header["tile_type"] is TileType.WEBP
    ndvi = land(1.0)[int(y / 10), int(x / 10)]
    want = tuple(index_colours(np.array([[ndvi]]), scale_of(NDVI))[0, 0].tolist())
    assert pixel(path, *at(x + 5, y + 5), header["max_zoom"]) == (*want, 255)
    assert pixel(path, *at(-900, 100), header["max_zoom"])[3] == 0


def test_tiles_of_colours_are_near_the_map_s(made) -> None:
    path = made[0] / "2026-05-true_color.pmtiles"
    with path.open("rb") as file:
        zoom = Reader(MmapSource(file)).header()["max_zoom"]
    got = pixel(path, *at(305, 305), zoom)
    want = stored_at(made[0] / "2026-05-true_color.tif", 305, 305)
    assert got[3] == 255
    assert np.abs(np.array(got[:3]) - want).max() <= 6, "lossy, but not another colour"


def test_zooms_go_from_the_whole_to_the_pixel() -> None:
    tile = Grid("EPSG:32737", 300_000.0, 9_890_000.0, 10.0, 10_980, 10_980)
    first, last = zooms(tile)
    assert (first, last) == (8, 14)
    assert 2_000 < len(tiles_of(tile)) < 10_000
    assert zooms(Grid("EPSG:32631", 574_680.0, 5_622_440.0, 20.0, 32, 32))[1] == 13


def test_a_second_run_draws_no_map_and_the_same_scenes_give_the_same_bytes(
    made, tmp_path: Path
) -> None:
    folder, _, job = made
    before = {p.name: sha256_hex(p.read_bytes()) for p in folder.iterdir()}
    again = draw(job)
    assert (again.periods_new, again.periods_known, again.files) == (0, 2, [])
    other = PictureJob(job.catalog, job.plots_file, tmp_path / "out", NDVI)
    draw(other)
    assert {p.name: sha256_hex(p.read_bytes()) for p in (tmp_path / "out" / "maps").iterdir()} == (
        before
    )


def test_a_broken_scene_spoils_its_month_only(made, tmp_path: Path) -> None:
    good = scene("good", "2026-05-02", land(1.0))
    catalog = write_catalog(tmp_path / "stac", [scene("bad", "2026-04-02", land(1.0)), good])
    (tmp_path / "stac" / "bad" / "nir.tif").write_bytes(b"II*\0")
    job = PictureJob(str(catalog), made[2].plots_file, tmp_path / "out", NDVI)
    done = draw(job, Period.DEKAD)
    assert [problem.subject_id for problem in done.broken] == ["2026-04-d1"]
    names = sorted(p.name for p in (tmp_path / "out" / "maps").iterdir())
    assert names[0] == "2026-05-d1-ndvi.pmtiles"
    assert len(names) == 4


@pytest.mark.parametrize(("day", "month", "dekad"), [
    (date(2026, 4, 1), "2026-04", "2026-04-d1"), (date(2026, 4, 10), "2026-04", "2026-04-d1"),
    (date(2026, 4, 11), "2026-04", "2026-04-d2"), (date(2026, 5, 31), "2026-05", "2026-05-d3"),
])  # fmt: skip
def test_periods_have_names(day: date, month: str, dekad: str) -> None:
    assert (Period.MONTH.label(day), Period.DEKAD.label(day)) == (month, dekad)


def test_median_leaves_out_what_was_not_seen() -> None:
    nan = np.nan
    layers = [np.array([[1.0, nan, nan]]), np.array([[3.0, 2.0, nan]]), np.array([[9.0, 4.0, nan]])]
    assert np.array_equal(median(layers, (1, 3)), np.array([[3.0, 3.0, nan]]), equal_nan=True)
    assert np.isnan(median([], (1, 3))).all()


def test_plots_too_far_apart_for_one_map_are_refused(tmp_path: Path) -> None:
    plots = write_plots(tmp_path / "far.geojson", [
        plot_feature("a", [[37, -1], [37.001, -1], [37.001, -1.001], [37, -1]]),
        plot_feature("b", [[41, -1], [41.001, -1], [41.001, -1.001], [41, -1]]),
    ])  # fmt: skip
    with pytest.raises(RasterError, match="by district"):
        district_grid(read_plots(plots)[0], 10.0)
