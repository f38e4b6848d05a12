"""Key screens look as they did: small grey pictures, to be renewed by ``make screens``."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.support.chromium import chromium
from tests.support.screens import (
    FACES,
    KEPT,
    MADE_WITH,
    OTHERWISE_PPM_MAX,
    kiosk,
    major_of,
    otherwise_ppm,
    small,
)

pytest.importorskip("playwright.sync_api", reason="the browser's driver is not installed")

pytestmark = [pytest.mark.nightly, pytest.mark.browser]
HIDE_FIRST = """selector => {
  document.querySelector(selector).style.visibility = 'hidden';
}"""


@pytest.fixture(scope="module")
def browser():
    made_with = MADE_WITH.read_text(encoding="utf-8").strip()
    with chromium() as found:
        if major_of(found) != made_with:
            pytest.skip(
                f"the pictures were made with Chromium {made_with}, here is {major_of(found)}: "
                "another version draws letters otherwise; look at the screens, then make screens"
            )
        yield found


def kept(name):
    with Image.open(KEPT / f"{name}.png") as picture:
        return picture.convert("L")


@pytest.mark.parametrize("face", FACES)
def test_key_screens_look_as_they_did(browser, face, tmp_path):
    found = {}
    for name, png in FACES[face](browser, tmp_path):
        (tmp_path / f"{name}.png").write_bytes(png)
        found[name] = otherwise_ppm(small(png), kept(name))
    too_far = {name: ppm for name, ppm in found.items() if ppm > OTHERWISE_PPM_MAX}
    assert too_far == {}, f"points otherwise [ppm]; see {tmp_path}; if it is meant: make screens"
    assert set(found) == {path.stem for path in KEPT.glob(f"{face}-*.png")}


@pytest.mark.parametrize("hidden", ["h1", "label"])
def test_a_part_that_is_gone_is_seen(browser, hidden, tmp_path):
    shots = kiosk(browser, tmp_path, plant=lambda page: page.evaluate(HIDE_FIRST, hidden))
    name, png = next(shots)
    shots.close()
    assert otherwise_ppm(small(png), kept(name)) > OTHERWISE_PPM_MAX
