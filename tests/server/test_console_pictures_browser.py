"""A plot's pictures in a real browser: they load, fit a phone, and are told to who cannot see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from core.shape import encode
from core.signing import sign_document
from core.wire.evidence import EVIDENCE, Anomalies, Findings, Observability
from satellite.config import Settings
from satellite.indices import index_named
from satellite.quicklooks.delivery import PictureCourier
from satellite.quicklooks.make import PictureJob, Pictures
from satellite.quicklooks.offer import pictures_for
from server.app import create_app
from server.services.evidence import accept_evidence
from server.store import registry
from tests.support.centre import Served
from tests.support.chromium import chromium
from tests.support.console_book import PASSWORD, Book, build_book
from tests.support.console_evidence import Looks, seen_of_plot
from tests.support.tiny_scenes import (
    box_ring,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
)

pytestmark = pytest.mark.browser
DAYS = ("2026-06-01", "2026-06-16", "2026-07-01", "2026-07-11")


def drawn(root: Path) -> Pictures:
    """Four days of one plot; the last is half under cloud."""
    scenes = []
    for i, day in enumerate(DAYS):
        scl = np.full((20, 20), 4)
        scl[:, 11:] = 9 if i == 3 else 4
        scenes.append(ndvi_scene(f"s{i}", day, np.full((40, 40), 0.3 + 0.15 * i), scl))
    plots = write_plots(root / "plots.geojson", [
        plot_feature("plot-001", box_ring(150, 140, 230, 260)),
    ])  # fmt: skip
    catalog = write_catalog(root / "stac", scenes)
    work = Pictures(PictureJob(str(catalog), plots, root / "out", index_named("ndvi")))
    work.run(lambda *_: None)
    return work


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A centre whose newest evidence of plot-001 names pictures, all but one of which came."""
    book: Book = build_book(tmp_path_factory.mktemp("book"), farmers=4, every_days=40)
    work = drawn(tmp_path_factory.mktemp("drawn"))
    refs = pictures_for(work.shelf, "plot-001", date(2026, 1, 1), date(2026, 12, 31))
    late = replace(refs[0], day="2026-05-20", sha256="0" * 64)
    with book.centre.store.reading() as tx:
        plot = registry.subject(tx, "plot-001")
    book.on(date(2026, 7, 12))
    seen = seen_of_plot(plot, Looks(1, date(2026, 7, 11), 5, is_dry=False))
    findings = Findings(Observability(9, 700_000, 20, 4_000, 28), Anomalies(),
                        pictures=(late, *refs))  # fmt: skip
    seen = replace(seen, evidence_id="ev-pictures", findings=findings)
    accept_evidence(book.centre, sign_document(EVIDENCE, encode(seen), book.satellite))
    served = Served(create_app(book.centre))
    with PictureCourier(served.url, book.satellite, Settings(), lambda _: None) as courier:
        assert courier.deliver(work.shelf).waiting == 0
    yield f"{served.url}/console"
    served.close()
    work.close()
    book.centre.store.close()


@pytest.mark.parametrize("size", [(390, 844), (1440, 900)], ids=["phone", "desk"])
def test_a_plot_s_pictures_load_fit_and_are_told(size: tuple[int, int], url: str) -> None:
    complaints: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.goto(f"{url}/login")
        page.fill("#name", "supervisor")
        page.fill("#password", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(f"{url}/")
        page.goto(f"{url}/plots/plot-001")
        chips = page.locator("img.chip")
        words = []
        for i in range(chips.count()):
            chips.nth(i).scroll_into_view_if_needed()
            chips.nth(i).evaluate("image => image.decode()")
            words.append(str(chips.nth(i).get_attribute("alt")))
        shown = chips.evaluate_all("all => all.map(i => [i.naturalWidth, i.clientWidth])")
        wide = page.evaluate(
            "document.querySelector('.chips').parentElement.getBoundingClientRect().right"
        )
        told = page.locator(".chip.waits").inner_text()
        tags = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa"]}}
        faults = [fault["id"] for fault in Axe().run(page, options=tags).response["violations"]]
        browser.close()
    assert shown == [[240, 240]] * 8
    assert wide <= size[0]
    assert "in false colour" in words[0]
    assert "11 Jul 2026" in words[0]
    assert "NDVI" in words[1]
    assert "20 May 2026" in told
    assert "has not come yet" in told
    assert (faults, complaints) == ([], [])
