"""The offset, settled by statements and pixels: every provider's known mislabelling.

The made scene is a village: dense canopy (red 0.04, nir 0.45), a crop of NDVI 0.58 (red
0.08, nir 0.30) and bright soil (0.22, 0.29). ``stored`` says whether the +1000 is still
in the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from satellite.indices import index_named
from satellite.scenes.calibration import Offset, calibrate, canopy_verdict, settle
from satellite.scenes.catalog import Item, item_paths, read_item
from satellite.scenes.faults import RasterError
from satellite.scenes.raster import open_raster
from satellite.statistics.plots import read_plots
from satellite.statistics.sample import Sampler
from tests.support.tiny_scenes import (
    Scene,
    box_ring,
    dn,
    plot_feature,
    write_catalog,
    write_plots,
)

SIDE = 32
RED, NIR = 0.08, 0.30  # NDVI 0.579
CROP = box_ring(20, 20, 140, 140)


def _village(*, canopy: bool = True) -> tuple[Any, Any]:
    red, nir = np.full((SIDE, SIDE), 0.22), np.full((SIDE, SIDE), 0.29)
    if canopy:
        red[16:24], nir[16:24] = 0.04, 0.45
    red[:16, :16], nir[:16, :16] = RED, NIR
    return red, nir


def _item(
    folder: Path, stored: str, *, baseline: str, offset: float | None, applied: bool | None,
    canopy: bool = True, classes: int = 4,
) -> Item:  # fmt: skip
    red, nir = _village(canopy=canopy)
    numbers = {"in": -0.1, "out": 0.0}[stored]
    band: Mapping[str, float] = {} if offset is None else {"scale": 1e-4, "offset": offset}
    scene = Scene(
        "scene-7",
        "2023-05-01",
        {"red": dn(red, numbers), "nir": dn(nir, numbers),
         "scl": np.full((SIDE // 2, SIDE // 2), classes, np.uint8)},
        {"red": 10.0, "nir": 10.0, "scl": 20.0},
        baseline=baseline,
        bands={"red": band, "nir": band} if band else {},
        properties={} if applied is None else {"earthsearch:boa_offset_applied": applied},
    )  # fmt: skip
    return read_item(item_paths(write_catalog(folder, [scene]))[0])


def _ndvi(folder: Path, item: Item) -> float:
    plots, _ = read_plots(write_plots(folder / "plots.geojson", [plot_feature("p", CROP)]))
    (look,) = Sampler(plots, index_named("ndvi")).look(item)
    assert look.mean is not None
    return look.mean


# numbers hold the offset? | what the item states | how it must be read
SETTLED = """
stored  baseline  offset  applied  reads   case
in      05.10     -0.1    -        -0.1    Earth Search as documented, nothing done yet
in      05.10     -       -        -0.1    Planetary Computer: no bands' offset, baseline tells
in      05.10     -0.1    false    -0.1    Earth Search, flag and band agree
out     02.14     0.0     -        0.0     before baseline 04.00
out     02.14     -       -        0.0     Planetary Computer before baseline 04.00
out     05.10     -0.1    true     0.0     earth-search 66: applied, the band's offset left behind
out     05.10     0.0     true     0.0     Earth Search, applied and the band corrected
out     04.00     0.0     -        0.0     earth-search 71: applied without the flag
in      05.10     -0.1    true     -0.1    flagged as applied, but the pixels say it was not
in      05.10     0.0     -        -0.1    band says ready, baseline and pixels say not
out     02.14     -0.1    -        0.0     band's offset copied to an old baseline
in      -         -       -        -0.1    nothing stated: the pixels tell
out     -         -       -        0.0     nothing stated: the pixels tell
"""


@pytest.mark.parametrize("line", SETTLED.strip().splitlines()[1:])
def test_each_known_mislabelling_is_read_as_its_pixels_say(tmp_path: Path, line: str) -> None:
    stored, baseline, offset, applied, reads, _ = line.split(maxsplit=5)
    item = _item(
        tmp_path,
        stored,
        baseline="" if baseline == "-" else baseline,
        offset=None if offset == "-" else float(offset),
        applied={"-": None, "true": True, "false": False}[applied],
    )
    found = settle(item)
    assert found.offset_settled == float(reads)
    assert _ndvi(tmp_path, found) == pytest.approx((NIR - RED) / (NIR + RED), abs=0.002)


@pytest.mark.parametrize(
    ("stored", "baseline", "offset", "wrong", "says"),
    [
        # All statements agree, and the pixels contradict them: 0.58 would read so.
        ("in", "02.14", 0.0, 0.38, "not at all"),
        ("out", "05.10", -0.1, 0.99, "twice"),
    ],
)
def test_statements_that_agree_are_held_to_the_pixels(
    tmp_path: Path, stored: str, baseline: str, offset: float, wrong: float, says: str
) -> None:
    item = _item(tmp_path, stored, baseline=baseline, offset=offset, applied=None)
    red, nir = (dn(v, -0.1 if stored == "in" else 0.0) * 1e-4 + offset for v in (RED, NIR))
    red = max(red, 0.0)  # as the sampler reads it
    assert (nir - red) / (nir + red) == pytest.approx(wrong, abs=0.02)
    with pytest.raises(RasterError, match=rf"scene-7.*{says}"):
        settle(item)


def test_what_neither_statements_nor_pixels_settle_is_refused(tmp_path: Path) -> None:
    bare = {"canopy": False, "classes": 5}
    item = _item(tmp_path / "a", "in", baseline="05.10", offset=0.0, applied=None, **bare)
    with pytest.raises(RasterError, match="no canopy to tell by"):
        settle(item)
    item = _item(tmp_path / "b", "in", baseline="", offset=None, applied=None, **bare)
    with pytest.raises(RasterError, match="cannot be settled"):
        settle(item)
    item = _item(tmp_path / "c", "out", baseline="05.10", offset=-0.1, applied=True, **bare)
    assert settle(item).offset_settled == 0.0, "the provider documents this one"


def test_an_offset_that_no_baseline_knows_is_refused(tmp_path: Path) -> None:
    item = _item(tmp_path, "in", baseline="05.10", offset=-0.3, applied=None)
    with pytest.raises(RasterError, match=r"0 or -0\.1"):
        settle(item)


def test_a_band_without_canopy_of_its_own_is_read_as_the_scene_was_settled(tmp_path: Path) -> None:
    item = settle(_item(tmp_path, "in", baseline="05.10", offset=-0.1, applied=True))
    with open_raster(item.assets["nir"].path) as nir:
        assert calibrate(item, item.assets["nir"], nir).offset == -0.1


@pytest.mark.parametrize(
    ("red", "nir", "verdict"),
    [
        (0.04, 0.45, Offset.APPLIED),
        (0.14, 0.55, Offset.TO_APPLY),
        (0.12, 0.34, None),  # sparse canopy over soil, or dense with the offset: both can be
        (0.22, 0.29, None),  # soil
        (0.18, 0.40, Offset.TO_APPLY),  # NDVI 0.58 with the offset still in its numbers
    ],
)
def test_the_densest_canopy_tells_what_red_can_be(
    red: float, nir: float, verdict: Offset | None
) -> None:
    shape = (16, 16)
    assert canopy_verdict(np.full(shape, red), np.full(shape, nir)) is verdict
    few = np.where(np.arange(256).reshape(shape) < 20, nir, np.nan)
    assert canopy_verdict(np.full(shape, red), few) is not Offset.TO_APPLY, "mostly covered"


def test_no_real_scene_is_misread_and_most_speak(data_folder: Path) -> None:
    folder = data_folder / "sentinel2_flanders_2019" / "stac"
    items = [read_item(path) for path in item_paths(folder / "catalog.json")]
    assert len(items) == 72
    assert {settle(item).offset_settled for item in items} == {0.0}
    silent = [item for item in items if settle_blind(item) is None]
    assert len(silent) <= 30


def settle_blind(item: Item) -> float | None:
    """What the pixels alone say: the statements are taken away."""
    blind = replace(
        item,
        baseline=None,
        assets={band: replace(a, scale=None, offset=None) for band, a in item.assets.items()},
    )
    try:
        return settle(blind).offset_settled
    except RasterError:
        return None
