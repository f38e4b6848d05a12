"""Writes a picture of every screen of every face: ``make shots``.

It looks at a demonstration that runs, or starts one and waits for its season to end, then
walks the kiosk, the tablet's door and the console in a headless Chromium, in three sizes,
three themes and every language, and writes PNG files to a folder that git does not keep.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from edge_node.faces.kiosk.words import LANGUAGES
from tests.support.chromium import chromium
from tools.catalogues import REPOSITORY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1440, 900)}
THEMES = ("light", "dark", "sun")
READY = "The pages stay up"
TARGET = REPOSITORY / ".harvestline" / "shots"
_KIOSK_LINKS = re.compile(r"^/(?!leave$|static|voice|language)")
_PAGES_MAX = 40


class Demonstration:
    """Addresses and log-ins, as the demonstration's table tells them."""

    def __init__(self, told: str) -> None:
        joined = re.sub(r"│\n│ +│ ", "", told)
        self.console = _first(r"lender +│ (http://[^\s│]+)", joined)
        self.password = _first(r"lender / (\w+)", joined)
        self.kiosk = _first(r"farmer-001\) +│ (http://[^\s│]+)", joined)
        self.cards = re.findall(r"card (\w+)", joined)


class Gallery:
    """The folder that pictures go to."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.count = folder, 0
        self.wide: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, page: Page, name: str) -> None:
        """A picture of the whole page; what is wider than the screen is noted."""
        page.evaluate("document.fonts.ready")
        page.screenshot(path=self._folder / f"{name}.png", full_page=True)
        self.count += 1
        across = "document.documentElement.scrollWidth - innerWidth"
        upright = page.evaluate("getComputedStyle(document.documentElement).writingMode")
        if upright == "horizontal-tb" and (over := page.evaluate(across)) > 0:
            self.wide.append(f"{name}: {over} px wider than the screen")


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        sys.exit(f"expected the demonstration's table of addresses, got none like {pattern}")
    return found[1]


def console(browser: Browser, demo: Demonstration, gallery: Gallery, size: str, theme: str) -> None:
    """Every page that the console's own links lead to, one of each kind."""
    page = _page(browser, size, theme)
    page.goto(f"{demo.console}/console/login")
    gallery.take(page, f"console-login-{size}-{theme}")
    page.fill("form input:not([type=hidden], [type=password])", "lender")
    page.fill("input[type=password]", demo.password)
    page.click("button[type=submit]")
    page.wait_for_load_state()
    seen: dict[str, str] = {}
    waiting = [page.url]
    while waiting and len(seen) < _PAGES_MAX:
        url = waiting.pop(0)
        kind = _kind(url)
        if kind in seen or "." in urlsplit(url).path:
            continue
        seen[kind] = url
        answer = page.goto(url)
        if answer is None or "text/html" not in answer.headers.get("content-type", ""):
            continue
        page.wait_for_load_state("networkidle")
        gallery.take(page, f"console-{kind}-{size}-{theme}")
        links = page.eval_on_selector_all("a[href]:not([download])", "e => e.map(x => x.href)")
        waiting += [link for link in links if link.startswith(f"{demo.console}/console/")]
    page.context.close()


def kiosk(
    browser: Browser, demo: Demonstration, gallery: Gallery, size: str, look: tuple[str, str]
) -> None:
    """The kiosk in a language and theme, from the idle screen along its links."""
    language, theme = look
    page = _page(browser, size, theme)
    page.goto(f"{demo.kiosk}/?lang={language}")
    mark = f"{language}-{size}-{theme}"
    gallery.take(page, f"kiosk-idle-{mark}")
    page.fill("#card", demo.cards[0])
    page.press("#card", "Enter")
    page.wait_for_url(lambda url: urlsplit(url).path != "/")
    if language == "en":  # without a wish the kiosk speaks the farmer's own language
        page.click(".tongues summary")
        page.click(".tongues button[value=en]")
        page.wait_for_load_state()
    seen: set[str] = set()
    waiting = [page.url, f"{demo.kiosk}/station?lang={language}", f"{demo.kiosk}/cash"]
    while waiting and len(seen) < _PAGES_MAX:
        url = waiting.pop(0)
        if _kind(url) in seen or "." in urlsplit(url).path:
            continue
        seen.add(_kind(url))
        answer = page.goto(url)
        if answer is None or "text/html" not in answer.headers.get("content-type", ""):
            continue
        gallery.take(page, f"kiosk-{_kind(url)}-{mark}")
        links = page.eval_on_selector_all("main a[href]", "e => e.map(x => x.href)")
        waiting += [link for link in links if link.startswith(f"{demo.kiosk}/")]
        if page.locator(".note-button").count() and "amount=" not in url:
            page.locator(".note-button").first.click()
            page.wait_for_load_state()
            gallery.take(page, f"kiosk-{_kind(url)}-built-{mark}")
            links = page.eval_on_selector_all("main a.primary", "e => e.map(x => x.href)")
            waiting += links
    page.context.close()


def _kind(url: str) -> str:
    """A page's kind: its path without what names one record."""
    parts = [part for part in urlsplit(url).path.strip("/").split("/") if part != "console"]
    words = [p for p in parts if re.fullmatch(r"[a-z]+(-[a-z]+)*", p)]
    return "-".join(words) + ("-one" if len(words) < len(parts) else "") or "home"


def _page(browser: Browser, size: str, theme: str) -> Page:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height})
    context.add_init_script(f"localStorage.setItem('harvestline-theme', '{theme}')")
    page = context.new_page()
    page.set_default_timeout(30_000)
    return page


@contextmanager
def demonstration(output: Path | None) -> Iterator[Demonstration]:
    """The demonstration that runs, told by its output; or one of our own, stopped at the end."""
    if output is not None:
        yield Demonstration(output.read_text(encoding="utf-8"))
        return
    sim = str(Path(sys.executable).parent / "harvestline-sim")
    folder = REPOSITORY / ".harvestline" / "shots-demo"
    command = [sim, "demo", "--pictures", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Demonstration(_until_ready(process.stdout))
        finally:
            process.terminate()


def _until_ready(lines: IO[str] | None) -> str:
    told: list[str] = []
    for line in lines or ():
        told.append(line)
        if READY in line:
            return "".join(told)
    return sys.exit("expected the demonstration to stay up, but it ended")


def looks(*, whole: bool) -> Iterator[tuple[str, str, str]]:
    """Size, theme and language of each walk: all of them, or each of them at least once."""
    for size in SIZES:
        for theme in THEMES:
            for language in LANGUAGES:
                plain = (size, theme) == ("phone", "sun") or (language, theme) == ("en", "light")
                if whole or plain or (language, size) == ("en", "phone"):
                    yield size, theme, language


def main() -> None:
    """Write the pictures and say what is wider than its screen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=TARGET, help="where pictures go")
    parser.add_argument("--demo", type=Path, help="the output of a demonstration that runs")
    parser.add_argument("--whole", action="store_true", help="every size × theme × language")
    asked = parser.parse_args()
    gallery = Gallery(asked.folder)
    with demonstration(asked.demo) as demo, chromium() as browser:
        for size in SIZES:
            for theme in THEMES if asked.whole or size == "phone" else THEMES[:1]:
                console(browser, demo, gallery, size, theme)
        for size, theme, language in looks(whole=asked.whole):
            kiosk(browser, demo, gallery, size, (language, theme))
    sys.stdout.write(f"{gallery.count} pictures in {asked.folder}\n")
    sys.stdout.write("".join(f"{line}\n" for line in gallery.wide))


if __name__ == "__main__":
    main()
