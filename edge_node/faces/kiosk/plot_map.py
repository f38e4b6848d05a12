"""A plot's outline in SVG, on the district's map if there is one, else on plain ground.

Web Mercator (EPSG:3857): the tiles' own projection, so that they lie under the outline
without being touched. No script and no library: pictures of the map are images of the
drawing, which the page's policy lets come from the station alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from core.wire.tiles import Basemap

WIDTH, HEIGHT = 640, 360
TILE_PX = 256
SHARE_OF_VIEW = 0.55  # of the drawing that the outline takes
SHARE_OF_MAP = 0.4  # less on a map: what lies around it is how people know it
ZOOM_PLAIN_MAX = 22.0
STRETCH_MAX = 3.0  # how far the map's last zoom is drawn larger [zooms]
TILES_MAX = 24
SCALES_M = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
SCALE_PX_MAX = 170
EARTH_M = 40_075_016.686  # the equator
_E7 = 10_000_000


@dataclass(frozen=True, slots=True)
class View:
    """What is shown: the middle in parts of the world, and the zoom."""

    x: float
    y: float
    zoom: float

    @property
    def world_px(self) -> float:
        """How wide the whole world would be."""
        return TILE_PX * float(2**self.zoom)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a place in parts of the world is drawn."""
        world = self.world_px
        return WIDTH / 2 + (x - self.x) * world, HEIGHT / 2 + (y - self.y) * world

    @property
    def m_per_px(self) -> float:
        """How much ground a pixel shows in the middle [m]."""
        latitude = math.atan(math.sinh(math.pi * (1 - 2 * self.y)))
        return EARTH_M * math.cos(latitude) / self.world_px


def plot_map(outline_e7: Sequence[tuple[int, int]], district: Basemap | None, said: str) -> Markup:
    """The drawing; ``said`` tells it to who cannot see it.

    Parameters
    ----------
    outline_e7
        Longitude and latitude of each point [degrees × 10⁷].
    district
        A map of pictures; without it, and where it does not reach, the ground is plain.
    """
    ring = [_world(lon / _E7, lat / _E7) for lon, lat in outline_e7]
    there = district if district is not None and _covers(district, outline_e7) else None
    view = _view(ring, there)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (view.place(*point) for point in ring))
    ground = Markup("").join(_tiles(view, there)) if there is not None else _plain()
    return Markup(
        '<svg class="plot-map{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}'
        '<polygon class="halo" points="{}"/><polygon class="edge" points="{}"/>{}{}</svg>'
    ).format("" if there else " plain", WIDTH, HEIGHT, said, ground, points, points,
             _scale(view), _north())  # fmt: skip


def _world(lon: float, lat: float) -> tuple[float, float]:
    """A place in parts of the world, from the north-west corner."""
    bounded = math.radians(max(-85.0, min(85.0, lat)))
    return lon / 360 + 0.5, 0.5 - math.asinh(math.tan(bounded)) / (2 * math.pi)


def _covers(district: Basemap, outline_e7: Sequence[tuple[int, int]]) -> bool:
    west, south, east, north = district.bounds_e7
    return all(west <= lon <= east and south <= lat <= north for lon, lat in outline_e7)


def _view(ring: Sequence[tuple[float, float]], district: Basemap | None) -> View:
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    share = SHARE_OF_VIEW if district is None else SHARE_OF_MAP
    fitting = min(WIDTH / max(wide, 1e-9), HEIGHT / max(high, 1e-9)) * share / TILE_PX
    zoom = min(math.log2(fitting), ZOOM_PLAIN_MAX)
    if district is not None:
        # A map that ends at a coarse zoom is stretched only so far: then the plot is small.
        zoom = min(max(zoom, float(district.min_zoom)), district.max_zoom + STRETCH_MAX)
    return View((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2, max(zoom, 0.0))


def _tiles(view: View, district: Basemap) -> Iterator[Markup]:
    """The pictures that lie under the view, each in its place."""
    z = max(district.min_zoom, min(round(view.zoom), district.max_zoom))
    side = view.world_px / 2**z
    left, top = view.x - WIDTH / 2 / view.world_px, view.y - HEIGHT / 2 / view.world_px
    columns = range(math.floor(left * 2**z), math.ceil(WIDTH / side + left * 2**z))
    rows = range(math.floor(top * 2**z), math.ceil(HEIGHT / side + top * 2**z))
    wanted = [(x, y) for y in rows for x in columns if 0 <= x < 2**z and 0 <= y < 2**z]
    for x, y in wanted[:TILES_MAX]:
        at_x, at_y = view.place(x / 2**z, y / 2**z)
        # Half a pixel more, so that no seam shows where two tiles meet.
        yield Markup(
            '<image href="/basemap/{}/{}/{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" '
            'height="{:.2f}" preserveAspectRatio="none"/>'
        ).format(z, x, y, at_x, at_y, side + 0.5, side + 0.5)


def _plain() -> Markup:
    """Ground without a map: a quiet grid, so that it is seen to be a drawing."""
    lines = [f"M{x} 0V{HEIGHT}" for x in range(40, WIDTH, 40)]
    lines += [f"M0 {y}H{WIDTH}" for y in range(20, HEIGHT, 40)]
    return Markup(
        '<rect class="ground" width="{}" height="{}"/><path class="grid" d="{}"/>'
    ).format(WIDTH, HEIGHT, "".join(lines))


def _scale(view: View) -> Markup:
    """A bar of a round length [m]."""
    fitting = [one for one in SCALES_M if one / view.m_per_px <= SCALE_PX_MAX]
    metres = fitting[-1] if fitting else SCALES_M[0]
    long = metres / view.m_per_px
    said = f"{metres} m" if metres < 1000 else f"{metres // 1000} km"
    return Markup(
        '<g class="scale"><rect x="12" y="{}" width="{:.1f}" height="46" rx="8"/>'
        '<path d="M24 {}v8h{:.1f}v-8"/><text x="{:.1f}" y="{}">{}</text></g>'
    ).format(HEIGHT - 58, long + 24, HEIGHT - 29, long, 24 + long / 2, HEIGHT - 34, said)


def _north() -> Markup:
    """Which way north is: up."""
    return Markup(
        '<g class="north"><circle cx="{0}" cy="30" r="18"/><path d="M{0} 16l7 24-7-6-7 6z"/></g>'
    ).format(WIDTH - 30)
