"""Finding something to press on a map that is drawn on a canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def middle_of_a_shape(page: Page, around_px: int) -> tuple[float, float]:
    """Where the canvas is painted, and so many pixels around, found by its own pixels."""
    page.locator("#map").evaluate("map => map.scrollIntoView({block: 'center'})")
    found = page.evaluate(
        """(far) => {
          const canvas = document.querySelector('#map canvas');
          const {width, height} = canvas;
          const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
          const painted = (x, y) => pixels[4 * (y * width + x) + 3] > 200;
          const box = canvas.getBoundingClientRect();
          const area = document.getElementById('map').getBoundingClientRect();
          for (let y = 4; y < height - 4; y += 2) for (let x = 4; x < width - 4; x += 2) {
            const at = [box.x + x * box.width / width, box.y + y * box.height / height];
            const inside = at[0] > area.x + 70 && at[0] < area.right - 10
              && at[1] > area.y + 90 && at[1] < area.bottom - 10;
            const solid = [[0, 0], [far, 0], [-far, 0], [0, far], [0, -far]].every(
              ([dx, dy]) => painted(x + dx, y + dy));
            if (inside && solid) return at;
          }
          return null;
        }""",
        around_px,
    )
    assert found, "nothing is painted"
    return found[0], found[1]


def middle_of_a_name(page: Page) -> tuple[float, float]:
    """Where a village's name is written on the map."""
    area = page.locator("#map")
    area.evaluate("map => map.scrollIntoView({block: 'center'})")
    names = (area.get_attribute("data-names") or "").split()
    assert names, "no village is named"
    x, y = map(float, names[0].split(","))
    box = area.bounding_box()
    assert box is not None
    return box["x"] + x, box["y"] + y


def looks_elsewhere(page: Page, press: Callable[[], None]) -> None:
    """Press something, and wait until the map looks elsewhere."""
    at = page.evaluate("location.hash")
    press()
    page.wait_for_function("at => location.hash !== at", arg=at)
