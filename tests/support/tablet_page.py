"""A tablet's page in a browser: where it goes, what its outbox holds, when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

ASKED_MAX = 600
PICTURE = """async side => {
  const canvas = new OffscreenCanvas(side, side / 2);
  const pen = canvas.getContext("2d");
  for (let n = 0; n < 400; n++) {
    pen.fillStyle = `rgb(${(n * 37) % 256}, ${(n * 91) % 256}, ${(n * 53) % 256})`;
    pen.fillRect((n * 97) % side, (n * 61) % (side / 2), 60, 40);
  }
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
  return [...new Uint8Array(await blob.arrayBuffer())];
}"""


def as_held(
    url: str, size: tuple[int, int], place: tuple[float, float], accuracy: float
) -> dict[str, Any]:
    """What a browser is told of the tablet: its screen [px], where it is and how sure [m]."""
    (width, height), (longitude, latitude) = size, place
    return {
        "viewport": {"width": width, "height": height}, "base_url": url,
        "geolocation": {"longitude": longitude, "latitude": latitude, "accuracy": accuracy},
        "permissions": ["geolocation"],
    }  # fmt: skip


def go(page: Page, path: str) -> None:
    page.evaluate("path => { location.hash = path; }", path)


def held_so(page: Page, theme: str, language: str) -> None:
    """Turn the tablet to a theme and a language, by what it keeps of its agent's choices."""
    page.evaluate("theme => localStorage.setItem('harvestline-theme', theme)", theme)
    page.evaluate(
        "async name => (await import('/tablet/vault.js')).setMeta('language', name)", language
    )
    page.reload()
    page.wait_for_selector("nav.bar")


def rows(page):
    """The outbox as it is kept: state by kind, in order."""
    return page.evaluate(
        """async () => {
          const { vault } = await import("/tablet/vault.js");
          const rows = await (await vault()).getAll("operations");
          return rows.map((row) => [row.kind, row.state]);
        }"""
    )


def until(page: Page, asked: str, arg: object = None) -> None:
    """Ask the page again and again until it says yes; a promise is waited for."""
    for _ in range(ASKED_MAX):
        if page.evaluate(asked, arg):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"expected a yes to: {asked}")


def until_kept(page):
    """Wait until the page's parts are all here, so that it opens without a station."""
    page.evaluate("() => navigator.serviceWorker.ready.then(() => 1)")
    until(page, "async () => Boolean(await caches.match('/tablet/shell.json'))")


def sync(page: Page) -> Any:
    return page.evaluate("async () => (await import('/tablet/outbox.js')).sync()")


def until_rows(page, wanted):
    """Speak with the station until the outbox says so, as the page does by itself."""
    until(
        page,
        """async wanted => {
          const { sync } = await import("/tablet/outbox.js");
          const { vault } = await import("/tablet/vault.js");
          await sync();
          const rows = await (await vault()).getAll("operations");
          const found = rows.map((row) => [row.kind, row.state]);
          return JSON.stringify(found) === JSON.stringify(wanted);
        }""",
        wanted,
    )


def until_handed_in(page):
    """Until nothing is on the tablet alone."""
    until(
        page,
        """async () => {
          const { sync, unsafe } = await import("/tablet/outbox.js");
          const { reached } = await sync();
          const left = await unsafe();
          return reached && !left.operations && !left.photos;
        }""",
    )
