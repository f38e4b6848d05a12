"""The plot's outline on the district's map: tiles, projection, and ground without a map."""

from __future__ import annotations

import io
import random
import re
from dataclasses import replace

import pytest
from starlette.responses import PlainTextResponse

from core.errors import ShapeError
from core.wire.registry import OUTLINE_POINTS_MAX, outline_of
from core.wire.tiles import read_basemap, tile_at, tile_id
from edge_node.faces.basemap import BasemapDoor
from edge_node.faces.district import district_of
from edge_node.faces.kiosk.plot_map import HEIGHT, WIDTH, plot_map
from tests.support.asgi_client import AppClient
from tests.support.lending_station import plot
from tests.support.update_repository import basemap_bytes

tiles = pytest.importorskip("pmtiles.tile", reason="the oracle is no part of a station")
raster = pytest.importorskip("tests.support.raster_map", reason="it needs the oracle's writer")

PLACE = (37.05, -0.4)
OUTLINE = tuple(
    (round((PLACE[0] + dx) * 1e7), round((PLACE[1] + dy) * 1e7))
    for dx, dy in ((-0.0005, 0.0003), (0.0006, 0.0004), (0.0002, -0.0005))
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    found = tmp_path_factory.mktemp("district") / "map.pmtiles"
    raster.write_raster_map(found, PLACE, range(15, 17), 1)
    return found


@pytest.fixture
def district(path):
    found = district_of(lambda: path)
    assert found is not None
    return found


def places(drawing, name):
    """The points of a polygon of the drawing."""
    text = re.search(f'class="{name}" points="([^"]*)"', drawing)[1]
    return [tuple(map(float, pair.split(","))) for pair in text.split()]


def test_a_tile_s_number_is_that_of_the_format_s_own_library():
    chance = random.Random(3)
    for _ in range(500):
        z = chance.randrange(25)
        x, y = chance.randrange(2**z), chance.randrange(2**z)
        assert tile_id(z, x, y) == tiles.zxy_to_tileid(z, x, y)
    for z, x, y in ((0, 1, 0), (3, 8, 0), (25, 0, 0), (-1, 0, 0)):
        with pytest.raises(ShapeError, match="tile on the globe"):
            tile_id(z, x, y)


def test_every_tile_is_found_through_leaf_directories_and_no_other():
    from pmtiles.writer import Writer  # noqa: PLC0415

    file = io.BytesIO()
    writer, chance = Writer(file), random.Random(4)
    written = {}
    for n in sorted(chance.sample(range(4**9), 8_000)):  # more than one directory holds
        written[n] = f"tile {n}".encode() + bytes(chance.randrange(300))
        writer.write_tile(tiles.zxy_to_tileid(9, 0, 0) + n, written[n])
    writer.finalize(
        {"tile_type": tiles.TileType.PNG, "tile_compression": tiles.Compression.NONE,
         "min_lon_e7": -10, "min_lat_e7": -10, "max_lon_e7": 10, "max_lat_e7": 10,
         "center_zoom": 9, "center_lon_e7": 0, "center_lat_e7": 0}, {},
    )  # fmt: skip
    data = file.getvalue()
    found = read_basemap(data[:127], len(data))
    assert found.leaves_bytes, "the map is large enough to have leaves"
    first = tiles.zxy_to_tileid(9, 0, 0)
    for n in (*chance.sample(sorted(written), 200), *chance.sample(range(4**9), 50)):
        _, x, y = tiles.tileid_to_zxy(first + n)
        span = tile_at(found, lambda at, size: data[at : at + size], 9, x, y)
        assert (data[span[0] : span[0] + span[1]] if span else None) == written.get(n)


def test_the_outline_lies_where_the_tiles_lie(district):
    """Held against the corner of a tile, whose place the format's numbering gives."""
    drawing = plot_map(OUTLINE, district.map, "where")
    images = re.findall(r'href="/basemap/(\d+)/(\d+)/(\d+)" x="([-\d.]+)" y="([-\d.]+)" '
                        r'width="([\d.]+)"', drawing)  # fmt: skip
    z, x, y = (int(each) for each in images[0][:3])
    left, top, side = (float(each) for each in images[0][3:])
    side -= 0.5
    for (lon, lat), (px, py) in zip(OUTLINE, places(drawing, "edge"), strict=True):
        wx, wy = mercator(lon / 1e7, lat / 1e7)
        assert px == pytest.approx(left + (wx * 2**z - x) * side, abs=0.3)
        assert py == pytest.approx(top + (wy * 2**z - y) * side, abs=0.3)
    covered = [(float(i[3]), float(i[4]), float(i[5])) for i in images]
    for corner in ((0, 0), (WIDTH, 0), (0, HEIGHT), (WIDTH, HEIGHT)):
        assert any(
            x - 0.01 <= corner[0] <= x + w and y - 0.01 <= corner[1] <= y + w for x, y, w in covered
        ), "the map reaches every corner"
    assert all(district.tile(*map(int, image[:3])) is not None for image in images)


def mercator(lon, lat):
    """By the formula of the tiles' specification, written another way."""
    import math  # noqa: PLC0415

    sine = math.sin(math.radians(lat))
    return (lon + 180) / 360, 0.5 - math.log((1 + sine) / (1 - sine)) / (4 * math.pi)


def test_without_a_map_or_outside_it_the_ground_is_plain(district):
    far = tuple((lon + 5_000_000, lat) for lon, lat in OUTLINE)
    for drawing in (plot_map(OUTLINE, None, "where"), plot_map(far, district.map, "where")):
        assert "plain" in drawing
        assert "<image" not in drawing
        assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in places(drawing, "edge"))
    assert '"&lt;b&gt;&#34;' in plot_map(OUTLINE, None, '<b>"')


@pytest.mark.parametrize("metres", [3, 40, 900, 30_000])
def test_a_plot_of_any_size_fills_the_drawing_and_has_a_round_scale(metres):
    half = metres / 111_320 / 2
    ring = tuple((round(x * half * 1e7), round(y * half * 1e7))
                 for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)))  # fmt: skip
    drawing = plot_map(ring, None, "where")
    xs = [x for x, _ in places(drawing, "edge")]
    long, said = re.search(r"v8h([\d.]+)v-8.*?<text[^>]*>(\d+ k?m)<", drawing).groups()
    told_m = int(said.split()[0]) * (1000 if said.endswith("km") else 1)
    if metres >= 40:
        assert max(xs) - min(xs) == pytest.approx(0.55 * HEIGHT, rel=0.05)
        assert float(long) == pytest.approx((max(xs) - min(xs)) * told_m / metres, rel=0.02)


def test_a_map_of_vector_tiles_or_no_whole_file_is_no_ground(tmp_path):
    vector = tmp_path / "vector.pmtiles"
    data = bytearray(basemap_bytes())
    data[99] = 1  # the type of its tiles: vector
    vector.write_bytes(data)
    assert district_of(lambda: vector) is None
    vector.write_bytes(b"cut")
    assert district_of(lambda: vector) is None
    assert district_of(lambda: tmp_path / "gone") is None
    assert district_of(lambda: None) is None


def test_pictures_of_the_map_are_served_and_nothing_else(path, district):
    client = AppClient(BasemapDoor(PlainTextResponse("pages"), lambda: path))
    drawing = plot_map(OUTLINE, district.map, "where")
    there = re.search(r'href="(/basemap/[\d/]+)"', drawing)[1]
    found = client.get(there)
    assert (found.status_code, found.headers["content-type"]) == (200, "image/png")
    assert found.content == district.tile(*map(int, there.split("/")[2:]))
    assert found.content.startswith(b"\x89PNG")
    assert client.get("/basemap/15/0/0").status_code == 404
    assert client.get("/basemap/99/1/1").status_code == 404
    assert client.post(there).status_code == 405
    assert client.get("/basemap/15/0/x").text == "pages"
    without = AppClient(BasemapDoor(PlainTextResponse("pages"), lambda: None))
    assert without.get(there).status_code == 404


def test_an_outline_is_thinned_evenly_and_one_that_is_none_is_refused():
    square = [(37.0, 0.0), (37.1, 0.0), (37.1, 0.1), (37.0, 0.1), (37.0, 0.0)]
    assert outline_of(square) == (
        (370_000_000, 0), (371_000_000, 0), (371_000_000, 1_000_000), (370_000_000, 1_000_000),
    )  # fmt: skip
    many = outline_of([(n / 1000, (n * n % 97) / 1000) for n in range(1_000)])
    assert len(many) == OUTLINE_POINTS_MAX
    assert outline_of(square[:2]) is None
    for outline in (((0, 0), (1, 1)), ((0, 0), (1, 1), (2_000_000_000, 0)), ((0, 0),) * 65):
        with pytest.raises(ShapeError, match="outline"):
            replace(plot(1), outline_e7=outline)
