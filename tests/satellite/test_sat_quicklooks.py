"""Pictures of plots: true to the pixels, the same bytes, made once, and plain to read."""

from __future__ import annotations

import io
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from core.canonical import sha256_hex
from satellite.indices import INDICES, BandMissingError, index_named
from satellite.quicklooks.canvas import Form
from satellite.quicklooks.chip import FOOT_TOP_PX, HEAD_PX, chips_for
from satellite.quicklooks.colours import (
    CLOUD,
    RAMP,
    Scale,
    greenness_word,
    index_colours,
    light,
    scale_of,
)
from satellite.quicklooks.curve import CurveStory, Dot, curve_image
from satellite.quicklooks.frame import CELLS, SIDE_PX, framed, utm_of
from satellite.quicklooks.look import OpenScene, bands_for, day_look
from satellite.quicklooks.make import PictureJob, Pictures
from satellite.quicklooks.sheet import days_shown
from satellite.scenes.catalog import read_item
from satellite.statistics.plots import read_plots
from tests.support.tiny_scenes import (
    Scene,
    box_ring,
    dn,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
    write_scene,
)

NDVI = index_named("ndvi")
CLEAR, CLOUDY = 4, 9
# Linear RGB under full loss of one cone (Machado et al. 2009, table 1, severity 1.0).
LOSSES = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
                   (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
                     (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
                   (0.004733, 0.691367, 0.303900)),
    "none": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}  # fmt: skip


def lightness(colour: tuple[int, int, int], loss: str) -> float:
    """L* of a colour as an eye with that loss sees it."""
    part = np.array(colour) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(LOSSES[loss]) @ linear, 0, 1)
    y = float(seen @ [0.2126, 0.7152, 0.0722])
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


def field(ndvi: float = 0.25) -> np.ndarray:
    """A scene of 40 × 40 pixels; its north-west quarter is lush."""
    found = np.full((40, 40), ndvi)
    found[:20, :20] = 0.85
    return found


def classes(value: int = CLEAR) -> np.ndarray:
    return np.full((20, 20), value, np.uint8)


def plots_of(folder: Path, ring: list[list[float]] | None = None, plot_id: str = "p1") -> Path:
    """One plot, by default 40 × 60 m, four by six pixels, in the middle of the scene."""
    folder.mkdir(parents=True, exist_ok=True)
    feature = plot_feature(plot_id, ring or box_ring(180, 170, 220, 230), crop="maize")
    return write_plots(folder / "plots.geojson", [feature])


def chip(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


def job(catalog: Path, plots: Path, out: Path, form: Form = Form.WEBP) -> PictureJob:
    return PictureJob(str(catalog), plots, out, NDVI, form)


def run(what: PictureJob):
    work = Pictures(what)
    try:
        return work.run(lambda *_: None)
    finally:
        work.close()


def tree(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file() and "sqlite" not in p.name)
    return {str(p.relative_to(folder)): sha256_hex(p.read_bytes()) for p in files}


def test_each_cell_has_its_index_colour_and_north_is_up(tmp_path: Path) -> None:
    item = read_item(write_scene(tmp_path, ndvi_scene("s", "2026-04-01", field(), classes())))
    (plot,) = read_plots(plots_of(tmp_path))[0]
    pixels = chip(chips_for(plot, [item], NDVI)[-1].data)
    one = framed(plot, 10.0)
    assert (one.frame.cells, one.frame.cell_px) == (16, 15)
    ground = pixels[HEAD_PX:FOOT_TOP_PX]
    scale = scale_of(NDVI)
    cell = one.frame.cell_px
    for row, col, ndvi in ((3, 3, 0.85), (3, 10, 0.25), (12, 14, 0.25), (7, 1, 0.85)):
        want = tuple(index_colours(np.array([[ndvi]]), scale)[0, 0])
        square = ground[row * cell : (row + 1) * cell, col * cell : (col + 1) * cell]
        assert tuple(square[cell // 2, cell // 2]) == want, (row, col)


def test_a_plot_of_four_by_six_pixels_fills_a_quarter_of_the_width(tmp_path: Path) -> None:
    (plot,) = read_plots(plots_of(tmp_path))[0]
    one = framed(plot, 10.0)
    x, y = np.array(one.frame.pixels(one.rings[0])).T
    assert np.ptp(x) == pytest.approx(60, abs=1)
    assert np.ptp(y) == pytest.approx(90, abs=1)
    assert one.share.sum() == pytest.approx(24, abs=0.1)
    assert abs(x.mean() - SIDE_PX / 2) < 2 * one.frame.cell_px


def test_frames_hold_plots_of_any_size_in_whole_pixels(tmp_path: Path) -> None:
    for side_m in (15, 90, 400, 900, 4_000):
        ring = box_ring(0, 0, side_m, side_m)
        (plot,) = read_plots(plots_of(tmp_path, ring))[0]
        one = framed(plot, 10.0)
        assert one.frame.cells in CELLS
        assert one.frame.step % 10 == 0
        assert SIDE_PX % one.frame.cells == 0
        x, y = np.array(one.frame.pixels(one.rings[0])).T
        assert x.min() >= 0
        assert y.min() >= 0
        assert max(x.max(), y.max()) <= SIDE_PX


def test_cloud_is_greyed_hatched_and_said_and_tells_no_value(tmp_path: Path) -> None:
    scl = classes()
    scl[:, 10:] = CLOUDY  # the eastern half; dilation takes 20 m more
    item = read_item(write_scene(tmp_path, ndvi_scene("s", "2026-04-01", field(), scl)))
    (plot,) = read_plots(plots_of(tmp_path, box_ring(100, 100, 300, 300)))[0]
    with ExitStack() as stack:
        scene = OpenScene(item, bands_for(item, NDVI), stack)
        look = day_look([scene], framed(plot, 10.0), NDVI)
    assert look is not None
    assert look.hidden == pytest.approx(0.6)
    assert look.mean == pytest.approx((8 * 10 * 0.85 + 8 * 10 * 0.25) / 160, abs=1e-3)
    pixels = chip(chips_for(plot, [item], NDVI)[-1].data)[HEAD_PX:FOOT_TOP_PX]
    east = pixels[120:150, 150:230].reshape(-1, 3)
    share = (east == CLOUD).all(1).mean()
    assert 0.7 < share < 0.95, "grey with hatching"


def test_the_same_scenes_give_the_same_bytes_and_a_second_run_draws_nothing(tmp_path: Path) -> None:
    scenes = [ndvi_scene(f"s{i}", f"2026-04-{i:02d}", field(0.1 * i), classes()) for i in (1, 2, 3)]
    catalog = write_catalog(tmp_path / "a", scenes[:2])
    plots = plots_of(tmp_path)
    first = run(job(catalog, plots, tmp_path / "out"))
    assert (first.days_new, first.chips_new, first.sheets_new) == (2, 4, 1)
    before = tree(tmp_path / "out")
    again = run(job(catalog, plots, tmp_path / "out"))
    assert (again.days_new, again.days_known, again.chips_new) == (0, 2, 0)
    assert tree(tmp_path / "out") == before
    run(job(write_catalog(tmp_path / "b", scenes[:2]), plots, tmp_path / "elsewhere"))
    assert tree(tmp_path / "elsewhere") == before
    more = run(job(write_catalog(tmp_path / "a", scenes), plots, tmp_path / "out"))
    assert more.chips_new >= 2
    kept = {name: sha for name, sha in tree(tmp_path / "out").items() if name.startswith("chips")}
    assert before.items() >= {n: s for n, s in kept.items() if "04-03" not in n}.items()


def test_a_plot_that_is_redrawn_is_drawn_again(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "a", [ndvi_scene("s", "2026-04-01", field(), classes())])
    run(job(catalog, plots_of(tmp_path), tmp_path / "out"))
    before = tree(tmp_path / "out")
    plots = plots_of(tmp_path / "moved", box_ring(60, 60, 140, 150))
    assert run(job(catalog, plots, tmp_path / "out")).chips_new == 2
    assert tree(tmp_path / "out").keys() == before.keys()
    assert set(tree(tmp_path / "out").values()).isdisjoint(before.values())


def test_a_broken_scene_is_named_and_the_rest_is_drawn(tmp_path: Path) -> None:
    scenes = [ndvi_scene(f"s{i}", f"2026-04-0{i}", field(), classes()) for i in (1, 2)]
    catalog = write_catalog(tmp_path / "a", scenes)
    (tmp_path / "a" / "s1" / "red.tif").write_bytes(b"II*\0 not a raster")
    done = run(job(catalog, plots_of(tmp_path), tmp_path / "out"))
    assert [problem.subject_id for problem in done.broken] == ["s1"]
    assert done.chips_new == 2


def test_a_catalog_without_the_bands_is_refused_by_name(tmp_path: Path) -> None:
    scene = Scene("s", "2026-04-01", {"nir": dn(field()), "scl": classes()},
                  {"nir": 10.0, "scl": 20.0})  # fmt: skip
    catalog = write_catalog(tmp_path / "a", [scene])
    with pytest.raises(BandMissingError, match="no red"):
        run(job(catalog, plots_of(tmp_path), tmp_path / "out"))


def coloured_scene(*names: str) -> Scene:
    band = {"scale": 0.0001, "offset": -0.1, "nodata": 0}
    values = {"blue": 0.05, "green": 0.09, "red": 0.06, "nir": 0.4}
    assets = {name: dn(np.full((40, 40), values[name])) for name in names}
    return Scene("s", "2026-04-01", {**assets, "scl": classes()},
                 {**dict.fromkeys(names, 10.0), "scl": 20.0},
                 bands=dict.fromkeys(names, band))  # fmt: skip


@pytest.mark.parametrize(
    ("names", "kind"),
    [(("blue", "green", "red", "nir"), "true_color"), (("red", "nir"), "false_color")],
)
def test_colours_are_called_true_only_with_all_three(
    names: tuple[str, ...], kind: str, tmp_path: Path
) -> None:
    item = read_item(write_scene(tmp_path, coloured_scene(*names)))
    (plot,) = read_plots(plots_of(tmp_path))[0]
    colour, index = chips_for(plot, [item], NDVI)
    assert (colour.ref.kind, index.ref.kind) == (kind, "index")
    red, green, blue = chip(colour.data)[HEAD_PX + 8, 40]
    assert green > red
    assert green > blue


def test_dates_share_one_stretch() -> None:
    dark, bright = np.full((3, 1, 1), 0.06), np.full((3, 1, 1), 0.12)
    colours = ("red", "green", "blue")
    both = light(np.concatenate([dark, bright], axis=2), colours)
    assert (both[:, :1] == light(dark, colours)).all()
    assert (light(np.full((3, 1, 1), 0.9), colours) == 255).all()
    assert (light(np.full((3, 1, 1), np.nan), colours) == 0).all()


@pytest.mark.parametrize("loss", list(LOSSES))
def test_index_colours_keep_their_order_for_every_eye(loss: str) -> None:
    steps = np.diff([lightness(colour, loss) for colour in RAMP])
    assert (steps < -3.5).all(), steps.round(1)


def test_a_neighbouring_projection_lies_on_the_same_ground(tmp_path: Path) -> None:
    """A plot by its own zone's grid and a scene in the next zone: the same quarter is lush."""
    (plot,) = read_plots(plots_of(tmp_path))[0]
    assert framed(plot, 10.0).frame.crs == "EPSG:32737"
    assert utm_of(35.99, -1.0) == "EPSG:32736"
    assert utm_of(-3.0, 51.0) == "EPSG:32630"
    path = write_scene(tmp_path / "a", ndvi_scene("s", "2026-04-01", field(), classes()))
    here = chips_for(plot, [read_item(path)], NDVI)[-1]
    for name in ("red", "nir", "scl"):
        file = path.parent / f"{name}.tif"
        with rasterio.open(file) as source:
            with WarpedVRT(source, crs="EPSG:32736", resampling=Resampling.nearest) as other:
                there, transform = other.read(1), other.transform
                step = transform.a
            # The door wants square pixels: the same grid with the step as its height too.
            transform = Affine(step, 0, transform.c, 0, -step, transform.f)
            height, width = there.shape
        with rasterio.open(
            file, "w", driver="GTiff", width=width, height=height, count=1, dtype=there.dtype,
            crs="EPSG:32736", transform=transform, nodata=0,
        ) as target:  # fmt: skip
            target.write(there, 1)
    moved = chips_for(plot, [read_item(path)], NDVI)[-1]
    a, b = (chip(c.data)[HEAD_PX:FOOT_TOP_PX] for c in (here, moved))
    assert (a == b).all(2).mean() > 0.93


def test_png_is_to_be_had_and_is_exact_where_colours_are_few(tmp_path: Path) -> None:
    item = read_item(write_scene(tmp_path, ndvi_scene("s", "2026-04-01", field(), classes())))
    (plot,) = read_plots(plots_of(tmp_path))[0]
    webp, png = (chips_for(plot, [item], NDVI, form)[-1] for form in Form)
    assert png.ref.media_type == "image/png"
    assert png.data.startswith(b"\x89PNG\r\n\x1a\n")
    same = (chip(webp.data)[HEAD_PX:FOOT_TOP_PX] == chip(png.data)[HEAD_PX:FOOT_TOP_PX]).all(2)
    assert same.mean() > 0.98
    assert webp.ref == webp.ref.__class__(
        "index", "2026-04-01", sha256_hex(webp.data), "image/webp", len(webp.data)
    )


@pytest.mark.parametrize(("mean", "word"), [(0.1, "bare"), (0.35, "thin"), (0.6, "green"),
                                            (0.8, "lush")])  # fmt: skip
def test_one_word_says_how_green(mean: float, word: str) -> None:
    assert greenness_word(NDVI, mean) == word


def test_every_index_has_a_scale_that_rises() -> None:
    for index in INDICES.values():
        scale = scale_of(index)
        assert isinstance(scale, Scale)
        assert scale.low < scale.high


def test_days_on_a_sheet_are_spread_and_keep_the_ends() -> None:
    days = [f"{i:03d}" for i in range(100)]
    shown = days_shown(days)
    assert (shown[0], shown[-1], len(shown)) == ("000", "099", 18)
    assert len(set(shown)) == 18
    assert days_shown(days[:4]) == days[:4]


def test_a_curve_is_drawn_where_nothing_was_seen() -> None:
    image = curve_image(CurveStory("empty", ()), NDVI)
    one = curve_image(CurveStory("one", (Dot(date(2026, 4, 1), 0.4, used=True),)), NDVI)
    assert image.size == one.size
    assert image.tobytes() != one.tobytes()
