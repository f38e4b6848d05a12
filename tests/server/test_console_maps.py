"""District maps in the console: added by hand, read in ranges, drawn under the plots."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
import rasterio
from affine import Affine
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from playwright.sync_api import Browser, expect
from pyproj import Transformer

from core.errors import ShapeError
from satellite.indices import index_named
from satellite.quicklooks.colours import scale_of
from satellite.quicklooks.tiles import write_pmtiles
from server.app import create_app
from server.commands.hands import Hands
from server.commands.maps import COPERNICUS, map_
from server.services.centre import Centre, RequestError
from server.services.maps import DistrictMap, add_map, maps_in
from server.store.engine import open_store
from tests.support.centre import Served
from tests.support.chromium import chromium
from tests.support.console_book import PASSWORD, Book, build_book

WIDTHS = {"phone": (390, 844), "tablet": (820, 1180), "desk": (1440, 900)}
SHOTS = os.environ.get("HARVESTLINE_SCREENSHOTS", "")  # a folder, to look at the pages
SIDE, STEP_M = 260, 10.0


def write_map(path: Path, level: float) -> Path:
    """A map of NDVI around the book's village, as ``harvestline-satellite`` makes them."""
    east, north = Transformer.from_crs("EPSG:4326", "EPSG:32636", always_xy=True).transform(
        34.56, 0.18
    )
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    ndvi = level * (0.35 + 0.25 * np.sin(columns / 17) * np.cos(rows / 23) + 0.1 * columns / SIDE)
    stored = (ndvi * 10_000).astype(np.int16)
    stored[:40, :40] = -32_768  # nothing was clear there
    cog = path.with_suffix(".tif")
    with rasterio.open(
        cog, "w", driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="int16", nodata=-32_768,
        crs="EPSG:32636", transform=Affine(STEP_M, 0, east - 500, 0, -STEP_M, north + 1_700),
        tiled=True, blockxsize=128, blockysize=128,
    ) as file:  # fmt: skip
        file.write(stored, 1)
        file.scales = (0.0001,)
    write_pmtiles(cog, path, scale_of(index_named("ndvi")), path.stem)
    return path


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    root = tmp_path_factory.mktemp("maps")
    found = build_book(root, farmers=14, every_days=20)
    settings = replace(found.centre.settings, maps_folder=str(root / "shown"))
    found.centre = replace(found.centre, settings=settings)
    for month, level in (("2026-04", 0.7), ("2026-05", 1.2)):
        source = write_map(root / f"{month}.pmtiles", level)
        add_map(root / "shown", source, DistrictMap(month, "ndvi", 0, f"{COPERNICUS} 2026"))
    yield found
    found.centre.store.close()


@pytest.fixture(scope="module")
def url(book: Book) -> Iterator[str]:
    served = Served(create_app(book.centre))
    yield f"{served.url}/console"
    served.close()


def log_in(client: httpx.Client) -> None:
    text = client.get("/console/login").text
    token = text.partition('name="token" value="')[2].partition('"')[0]
    form = {"name": "auditor", "password": PASSWORD, "next": "", "token": token}
    assert client.post("/console/login", data=form).status_code == 303


def test_a_map_is_read_in_ranges_by_who_has_logged_in(book: Book, url: str):
    path = "/console/map/tiles/2026-05-ndvi.pmtiles"
    whole = (Path(book.centre.settings.maps_folder) / "2026-05-ndvi.pmtiles").read_bytes()
    with httpx.Client(base_url=url.removesuffix("/console"), trust_env=False) as client:
        assert client.get(path).status_code == 303
        log_in(client)
        part = client.get(path, headers={"range": "bytes=100-299"})
        assert (part.status_code, part.content) == (206, whole[100:300])
        assert part.headers["content-range"] == f"bytes 100-299/{len(whole)}"
        assert part.headers["etag"]
        for name in ("2026-06-ndvi.pmtiles", "..%2f..%2fcentre.key", "2026-05-ndvi.json"):
            assert client.get(f"/console/map/tiles/{name}").status_code == 404
        page = client.get("/console/map").text
        assert "/console/map/tiles/2026-05-ndvi.pmtiles" in page  # the newest
        assert f"{COPERNICUS} 2026" in page
        older = client.get("/console/map?map=2026-04-ndvi.pmtiles").text
        assert 'data-tiles="/console/map/tiles/2026-04-ndvi.pmtiles"' in older
        assert "data-tiles" not in client.get("/console/map?map=").text


def test_a_map_is_added_by_command_and_takes_the_place_of_its_like(tmp_path: Path, book: Book):
    source = write_map(tmp_path / "drawn.pmtiles", 1.0)
    settings = replace(book.centre.settings, maps_folder=str(tmp_path / "shown"))

    def opened(_: Path | None) -> Centre:
        store = open_store(f"sqlite:///{tmp_path / 'centre.sqlite'}", "lender")
        return replace(book.centre, settings=settings, store=store)

    hands = Hands(opened, os.urandom, create_app)
    asked = ["add", str(source), "--config", "server.toml", "--month", "2026-05", "--kind", "ndvi"]
    for more in (["--copernicus"], []):
        done = CliRunner().invoke(map_, [*asked, *more, "--json"], obj=hands)
        assert done.exit_code == 0, done.output
        words = f"{COPERNICUS} 2026" if more else ""
        (kept,) = maps_in(tmp_path / "shown")
        assert kept == DistrictMap("2026-05", "ndvi", source.stat().st_size, words)
        assert json.loads(done.output)["name"] == kept.name
    assert sorted(path.name for path in (tmp_path / "shown").iterdir()) == [
        "2026-05-ndvi.json", "2026-05-ndvi.pmtiles",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("month", "kind", "head"),
    [
        ("2026-13", "ndvi", None), ("../x", "ndvi", None), ("2026-05", "../ndvi", None),
        ("2026-05", "ndvi", b"PK\x03\x04" + b"0" * 200),
        ("2026-05", "ndvi", b"PMTiles\x02" + b"0" * 200),
        ("2026-05", "ndvi", b"PMTiles\x03" + b"\x01" * 200),
        ("2026-05", "ndvi", b"PMTiles\x03"),
    ],
)  # fmt: skip
def test_what_is_no_map_is_refused(tmp_path: Path, month: str, kind: str, head: bytes | None):
    source = write_map(tmp_path / "drawn.pmtiles", 1.0)
    if head is not None:
        source.write_bytes(head)
    with pytest.raises(RequestError if head is None else ShapeError):
        add_map(tmp_path / "shown", source, DistrictMap(month, kind, 0))
    assert maps_in(tmp_path / "shown") == ()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.mark.browser
@pytest.mark.parametrize("size", WIDTHS)
def test_plots_lie_over_the_month_s_map_on_every_screen(browser: Browser, url: str, size: str):
    width, height = WIDTHS[size]
    context = browser.new_context(viewport={"width": width, "height": height})
    page, complaints = context.new_page(), []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(url) else complaints.append(r.url))
    page.goto(f"{url}/login")
    page.fill("#name", "auditor")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{url}/")
    page.goto(f"{url}/map")
    page.wait_for_selector("#map[data-drawn='15'][data-seen='all']")
    expect(page.locator(".leaflet-control-scale")).to_be_visible()
    newest = page.evaluate(COLOUR)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    if SHOTS:
        page.locator("#map").scroll_into_view_if_needed()
        page.screenshot(path=Path(SHOTS) / f"map-{size}.png")
    page.select_option("#under", "2026-04-ndvi.pmtiles")
    page.click("text=Lay it under the plots")
    page.wait_for_selector("#map[data-drawn='15'][data-seen='all']")
    assert page.evaluate(COLOUR) != newest
    assert complaints == []
    context.close()


# The mean colour of what the tiles show: another month, another colour.
COLOUR = """() => {
  const sums = [0, 0, 0, 0];
  for (const canvas of document.querySelectorAll('#map canvas.seen')) {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    for (let i = 0; i < pixels.length; i += 400) {
      if (pixels[i + 3]) for (let k = 0; k < 4; k++) sums[k] += pixels[i + k] / 255;
    }
  }
  return sums.slice(0, 3).map(value => Math.round(100 * value / sums[3]));
}"""
