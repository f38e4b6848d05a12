"""Writes a picture of every screen of every face: ``make shots``.

It looks at a demonstration that runs, or starts one and waits for its season to end, then
walks the kiosk, an agent's tablet and the console in a headless Chromium, in three sizes,
three themes and every language, and writes PNG files to a folder that git does not keep.
The tablet is invited and let in, and takes money along: the demonstration keeps it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from core.timeline import CLOCK_SETTING, DEMO_SETTING
from edge_node.faces.kiosk.words import LANGUAGES
from server.console.speaking import LANGUAGE_COOKIE
from tests.support.chromium import chromium
from tests.support.tablet_page import as_held, go, held_so, sync, until
from tools.catalogues import REPOSITORY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1440, 900)}
THEMES = ("light", "dark", "sun")
READY = "The pages stay up"
TARGET = REPOSITORY / ".harvestline" / "shots"
# In the demonstration's folder: the station's settings, and the clock that its season stands at.
STATION, CLOCK = Path("station") / "station.toml", "clock"
_KIOSK_LINKS = re.compile(r"^/(?!leave$|static|voice|language)")
_PAGES_MAX = 40
_STOP_S_MAX = 60.0  # for the demonstration to end in order
_FACES = ("console", "kiosk", "tablet")
# What the console shows first and most often: looked at in every language and theme.
_KEY_KINDS = frozenset(
    {"home", "queue", "map", "plots-one", "stress", "health", "stations", "users", "models"}
)
# A farmer with an open line if there is one, their ground, and how many lines there are.
_WHOM = """async () => {
  const { vault } = await import("/tablet/vault.js");
  const db = await vault();
  const lines = (await db.getAll("lines")).filter((one) => !one.frozen);
  const farmer = (lines[0] ?? (await db.getAll("farmers"))[0]).farmer_id;
  const all = await db.getAllFromIndex("subjects", "farmer", farmer);
  return [farmer, all.find((one) => one.kind === "plot")?.subject_id ?? "", lines.length];
}"""
_NOTES = 4  # touched to take money along


class Demonstration:
    """Addresses and log-ins, as the demonstration's table tells them."""

    def __init__(self, told: str, folder: Path) -> None:
        self.folder = folder
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


def console(
    browser: Browser, demo: Demonstration, gallery: Gallery, size: str, theme: str
) -> dict[str, str]:
    """Every page that the console's own links lead to, one of each kind; kinds to addresses."""
    page = _page(browser, size, theme)
    page.goto(f"{demo.console}/console/login")
    gallery.take(page, f"console-login-{size}-{theme}")
    _log_in(page, demo)
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
    return seen


def spoken_console(
    browser: Browser, demo: Demonstration, gallery: Gallery, wanted: dict[str, str],
    look: tuple[str, str, str],
) -> None:  # fmt: skip
    """The console's key pages in a size, theme and language."""
    size, theme, language = look
    page = _page(browser, size, theme)
    page.goto(f"{demo.console}/console/login")
    page.context.add_cookies([{"name": LANGUAGE_COOKIE, "value": language, "url": demo.console}])
    _log_in(page, demo)
    for kind, url in wanted.items():
        if kind in _KEY_KINDS:
            page.goto(url)
            page.wait_for_load_state("networkidle")
            gallery.take(page, f"console-{kind}-{language}-{size}-{theme}")
    page.context.close()


def _log_in(page: Page, demo: Demonstration) -> None:
    page.fill("form input:not([type=hidden], [type=password])", "lender")
    page.fill("input[type=password]", demo.password)
    page.click("button[type=submit]")
    page.wait_for_load_state()


def tablet(
    browser: Browser, demo: Demonstration, gallery: Gallery, every: list[tuple[str, str, str]]
) -> None:
    """An agent's tablet that is let in once, its key screens in each look."""
    context = browser.new_context(**as_held(demo.kiosk, SIZES["phone"], (37.0, 0.0), 5))
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(f"/tablet/#{_invited(demo).partition('#')[2]}")
    page.wait_for_selector("#enrol")
    gallery.take(page, "tablet-enrol-en-phone-light")
    page.click("#enrol")
    page.wait_for_selector("#tasks")
    sync(page)
    farmer, ground, lines = page.evaluate(_WHOM)
    screens = {
        "day": "#/", "farmer": f"#/farmer/{farmer}", "application": f"#/apply/{farmer}?",
        "visit": f"#/visit/{farmer}?", "correct": f"#/correct/{farmer}",
        "walk": f"#/walk/{ground}", "outbox": "#/outbox", "tablet": "#/tablet",
        "money": "#/money", "pay": f"#/pay/{farmer}",
    }  # fmt: skip
    for size, theme, language in every:
        width, height = SIZES[size]
        page.set_viewport_size({"width": width, "height": height})
        held_so(page, theme, language)
        for name, path in screens.items():
            go(page, path)
            page.wait_for_selector("main h1")
            if name == "pay" and lines:
                _price(page)
            _stretch(page, size)
            gallery.take(page, f"tablet-{name}-{language}-{size}-{theme}")
    context.close()


def _invited(demo: Demonstration) -> str:
    """The address with a one-time code for one more tablet."""
    count = len(_edge(demo, "list").splitlines())
    who = ("--tablet", f"tab-{count + 1}", "--agent", "agent-1", "--name", "Juma Otieno")
    enrol_at: str = json.loads(_edge(demo, "invite", *who))["enrol_at"]
    return enrol_at


def _edge(demo: Demonstration, *words: str) -> str:
    """What a command about tablets says, by the clock of the season: a station trusts no other."""
    edge = str(Path(sys.executable).parent / "harvestline-edge")
    command = [edge, "tablets", *words, "--config", str(demo.folder / STATION)]
    around = {**os.environ, CLOCK_SETTING: str(demo.folder / CLOCK), DEMO_SETTING: "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=around)
    return done.stdout


def _stretch(page: Page, size: str) -> None:
    """As high as what it shows: the bar then stands below it, not across it."""
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    high = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": max(height, high)})


def _price(page: Page) -> None:
    """Take money along if none is in hand, and touch a note, as far as the line lets one."""
    until(page, "() => Boolean(document.querySelector('#hand'))")
    if page.locator("#price").count():
        return  # as a look before left it
    if page.locator("#why").count() and page.locator("#room").count():
        page.click("#room")
        until(page, "() => Boolean(document.querySelector('#take, [role=alert]'))")
        if not page.locator("#take").count():
            return
        for _ in range(_NOTES):
            page.locator("[data-note]:enabled").first.click()
        page.click("#take")
        page.wait_for_selector("#hand [data-left]:not([data-left='0'])")
    notes = page.locator("form [data-note]:enabled")
    if notes.count():
        notes.first.click()
        until(page, "() => Boolean(document.querySelector('#price, form [role=alert]'))")


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
    waiting = [
        page.url,
        f"{demo.kiosk}/station?lang={language}",
        f"{demo.kiosk}/cash?lang={language}",
    ]
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
def demonstration(output: Path | None, folder: Path) -> Iterator[Demonstration]:
    """The demonstration that runs, told by its output; or one of our own, stopped at the end."""
    if output is not None:
        yield Demonstration(output.read_text(encoding="utf-8"), folder)
        return
    sim = str(Path(sys.executable).parent / "harvestline-sim")
    folder = REPOSITORY / ".harvestline" / "shots-demo"
    command = [sim, "demo", "--pictures", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            told = _until_ready(process.stdout)
            yield Demonstration(told, folder)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()


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
    kept = REPOSITORY / ".harvestline" / "demo"
    parser.add_argument("--demo-folder", type=Path, default=kept, help="where it keeps all")
    parser.add_argument("--whole", action="store_true", help="every size × theme × language")
    parser.add_argument("--face", choices=_FACES, action="append", help="only this one; repeat")
    asked = parser.parse_args()
    gallery = Gallery(asked.folder)
    with demonstration(asked.demo, asked.demo_folder) as demo, chromium() as browser:
        _walk(browser, demo, gallery, frozenset(asked.face or _FACES), whole=asked.whole)
    sys.stdout.write(f"{gallery.count} pictures in {asked.folder}\n")
    sys.stdout.write("".join(f"{line}\n" for line in gallery.wide))


def _walk(
    browser: Browser, demo: Demonstration, gallery: Gallery, faces: frozenset[str], *, whole: bool
) -> None:
    """Each face in its looks."""
    every = list(looks(whole=whole))
    seen: dict[str, str] = {}
    if "console" in faces:
        for size in SIZES:
            for theme in THEMES if whole or size == "phone" else THEMES[:1]:
                seen |= console(browser, demo, gallery, size, theme)
        for look in every:
            spoken_console(browser, demo, gallery, seen, look)
    if "kiosk" in faces:
        for size, theme, language in every:
            kiosk(browser, demo, gallery, size, (language, theme))
    if "tablet" in faces:
        tablet(browser, demo, gallery, every)


if __name__ == "__main__":
    main()
