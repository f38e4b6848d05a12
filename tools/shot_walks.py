"""Walks through the three faces that leave a picture of each screen behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from playwright.sync_api import Error as BrowserError

from server.console.speaking import LANGUAGE_COOKIE
from tests.support.tablet_page import as_held, go, held_so, sync, until
from tools.shot_acts import CANDIDATE, Made, ask_for, at_the_kiosk, logged_in
from tools.shot_demo import Demonstration

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1440, 900)}
THEMES = ("light", "dark", "sun")
_PAGES_MAX = 60
_FAULT = 400  # an answer's status from which on it is no page
# What a supervisor sees otherwise than a lender.
_SUPERVISED = {
    "home": "", "models": "models", "policies": "policies", "users": "users",
    "authority": "authority", "queue-words": "queue?kind=word",
}  # fmt: skip
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
# What an order's page has, by how far the order is.
ORDER_SIGNS = {
    "offered": "form:has([name=draw_id]) button.primary", "coming": "#came-code",
    "brought": "form button[value=received]",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Look:
    """How a face is looked at."""

    size: str
    theme: str
    language: str

    def __str__(self) -> str:
        return f"{self.language}-{self.size}-{self.theme}"


class Gallery:
    """The folder that pictures go to, and what could not be taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: list[str] = []  # several walks add to it at once
        self.screens: set[str] = set()
        self.wide: list[str] = []
        self.missed: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, page: Page, screen: str, look: Look) -> None:
        """A picture of the whole page; what is wider than the screen is noted."""
        name = f"{screen}-{look}"
        page.evaluate("document.fonts.ready")
        page.screenshot(path=self.folder / f"{name}.png", full_page=True)
        self.taken.append(name)
        self.screens.add(screen)
        across = "document.documentElement.scrollWidth - innerWidth"
        upright = page.evaluate("getComputedStyle(document.documentElement).writingMode")
        if upright == "horizontal-tb" and (over := page.evaluate(across)) > 0:
            self.wide.append(f"{name}: {over} px wider than the screen")

    @contextmanager
    def missing(self, name: str) -> Iterator[None]:
        """What goes wrong within is told at the end by this name; the walk goes on."""
        try:
            yield
        except (BrowserError, AssertionError) as error:
            self.missed[name] = str(error).partition("\n")[0]

    def told(self) -> str:
        """What is wide, what is missing, and last how many pictures there are."""
        lines = [*self.wide, *(f"no picture of {name}: {why}" for name, why in self.missed.items())]
        missed = f"; {len(self.missed)} could not be taken" if self.missed else ""
        last = f"{len(self.taken)} pictures of {len(self.screens)} screens in {self.folder}{missed}"
        return "\n".join([*lines, last, ""])


def console(browser: Browser, demo: Demonstration, gallery: Gallery, look: Look) -> None:
    """Every page that the console's own links lead to, one of each kind; some as a supervisor."""
    page = _page(browser, look)
    page.goto(f"{demo.console}/console/login")
    page.context.add_cookies(
        [{"name": LANGUAGE_COOKIE, "value": look.language, "url": demo.console}]
    )
    page.reload()
    gallery.take(page, "console-login", look)
    logged_in(page, demo, "lender")
    _follow(page, gallery, look, "console", [page.url], f"{demo.console}/console/")
    page.context.clear_cookies()
    page.goto(f"{demo.console}/console/login")
    page.context.add_cookies(
        [{"name": LANGUAGE_COOKIE, "value": look.language, "url": demo.console}]
    )
    logged_in(page, demo, "supervisor")
    for name, path in _SUPERVISED.items():
        with gallery.missing(f"console-supervisor-{name}-{look}"):
            _visited(
                page, gallery, look, f"console-supervisor-{name}", f"{demo.console}/console/{path}"
            )
    _acted(page, gallery, look, f"{demo.console}/console")
    page.context.close()


def _acted(page: Page, gallery: Gallery, look: Look, console: str) -> None:
    """What stands there after a press: two models compared, and the password asked once more."""
    with gallery.missing(f"console-supervisor-models-compared-{look}"):
        page.goto(f"{console}/models")
        page.locator("button[value=compare]").first.click()
        page.wait_for_selector("#beside")
        gallery.take(page, "console-supervisor-models-compared", look)
    with gallery.missing(f"console-step-up-{look}"):
        page.goto(f"{console}/policies")
        ask_for(page, CANDIDATE)  # without the password nothing is done
        page.wait_for_selector("#step-up")
        gallery.take(page, "console-step-up", look)


def _follow(
    page: Page, gallery: Gallery, look: Look, face: str, waiting: list[str], within: str
) -> None:
    """From some addresses along a face's own links, one page of each kind."""
    seen: set[str] = set()
    while waiting and len(seen) < _PAGES_MAX:
        url = waiting.pop(0)
        kind = kind_of(url)
        if kind in seen or "." in urlsplit(url).path:
            continue
        seen.add(kind)
        with gallery.missing(f"{face}-{kind}-{look}"):
            waiting += [link for link in _visited(page, gallery, look, f"{face}-{kind}", url)
                        if link.startswith(within)]  # fmt: skip


def _visited(page: Page, gallery: Gallery, look: Look, screen: str, url: str) -> list[str]:
    """Where a page leads to, once its picture is taken; a file that is handed out has none."""
    answer = page.goto(url)
    if answer is None or "text/html" not in answer.headers.get("content-type", ""):
        return []
    if answer.status >= _FAULT:
        raise AssertionError(f"expected a page at {url}, got status {answer.status}")
    page.wait_for_load_state("networkidle")
    gallery.take(page, screen, look)
    links: list[str] = page.eval_on_selector_all(
        "a[href]:not([download])", "e => e.map(x => x.href)"
    )
    notes = page.locator(".note-button")
    if notes.count() and "amount=" not in url:  # the kiosk's notes: a sum is built by touch
        notes.first.click()
        page.wait_for_load_state()
        gallery.take(page, f"{screen}-built", look)
        links += page.eval_on_selector_all("main a.primary", "e => e.map(x => x.href)")
    return [link for link in links if not link.endswith("/leave")]


def kiosk(browser: Browser, demo: Demonstration, gallery: Gallery, look: Look, shown: Made) -> None:
    """The kiosk in a language and theme, from the idle screen along its links; and orders."""
    page = _page(browser, look)
    page.goto(f"{demo.kiosk}/?lang={look.language}")
    gallery.take(page, "kiosk-idle", look)
    page.fill("#card", demo.cards[0])
    page.press("#card", "Enter")
    page.wait_for_url(lambda url: urlsplit(url).path != "/")
    if look.language == "en":  # without a wish the kiosk speaks the farmer's own language
        page.click(".tongues summary")
        page.click(".tongues button[value=en]")
        page.wait_for_load_state()
    starts = [f"{demo.kiosk}/{name}?lang={look.language}" for name in ("station", "cash")]
    _follow(page, gallery, look, "kiosk", [page.url, *starts], f"{demo.kiosk}/")
    page.context.close()
    _ordered(_page(browser, look), demo, gallery, look, shown)


def _ordered(page: Page, demo: Demonstration, gallery: Gallery, look: Look, shown: Made) -> None:
    """A supplier's order as it is offered, with the code for its delivery, and once it came."""
    at_the_kiosk(page, demo, shown.card)
    for name, order_id in shown.orders.items():
        screen = f"kiosk-order-{name}"
        with gallery.missing(f"{screen}-{look}"):
            page.goto(f"{demo.kiosk}/order/{order_id}?lang={look.language}")
            page.wait_for_selector(ORDER_SIGNS[name])
            gallery.take(page, screen, look)
    page.context.close()


def tablet(browser: Browser, demo: Demonstration, gallery: Gallery, every: list[Look]) -> None:
    """An agent's tablet that is let in once, its key screens in each look."""
    first = every[0]
    context = browser.new_context(**as_held(demo.kiosk, SIZES[first.size], (37.0, 0.0), 5))
    context.set_default_timeout(30_000)
    context.add_init_script(
        f"localStorage['harvestline-theme'] = localStorage['harvestline-theme'] ?? '{first.theme}'"
    )
    page = context.new_page()
    page.goto(f"/tablet/#{demo.invited().partition('#')[2]}")
    page.wait_for_selector("#enrol")
    gallery.take(page, "tablet-enrol", first)
    page.click("#enrol")
    page.wait_for_selector("#tasks")
    sync(page)
    farmer, ground, lines = page.evaluate(_WHOM)
    screens = {
        "day": "#/", "farmer": f"#/farmer/{farmer}", "application": f"#/apply/{farmer}?",
        "visit": f"#/visit/{farmer}?", "correct": f"#/correct/{farmer}",
        "walk": f"#/walk/{ground}", "outbox": "#/outbox", "tablet": "#/tablet",
        "pay": f"#/pay/{farmer}", "money": "#/money",  # once some was taken along
    }  # fmt: skip
    for look in every:
        width, height = SIZES[look.size]
        page.set_viewport_size({"width": width, "height": height})
        held_so(page, look.theme, look.language)
        for name, path in screens.items():
            with gallery.missing(f"tablet-{name}-{look}"):
                go(page, path)
                page.wait_for_selector("main h1")
                if name == "pay" and lines:
                    _price(page)
                _stretch(page, look.size)
                gallery.take(page, f"tablet-{name}", look)
    context.close()


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
        notes = page.locator("[data-note]:enabled")
        for _ in range(_NOTES):
            if notes.count():  # a line may have room for fewer
                notes.first.click()
        page.click("#take")
        page.wait_for_selector("#hand [data-left]:not([data-left='0'])")
    notes = page.locator("form [data-note]:enabled")
    if notes.count():
        notes.first.click()
        until(page, "() => Boolean(document.querySelector('#price, form [role=alert]'))")


def kind_of(url: str) -> str:
    """A page's kind: its path without what names one record."""
    parts = [part for part in urlsplit(url).path.strip("/").split("/") if part != "console"]
    words = [p for p in parts if re.fullmatch(r"[a-z]+(-[a-z]+)*", p)]
    return "-".join(words) + ("-one" if len(words) < len(parts) else "") or "home"


def _page(browser: Browser, look: Look) -> Page:
    width, height = SIZES[look.size]
    context = browser.new_context(viewport={"width": width, "height": height})
    context.add_init_script(f"localStorage.setItem('harvestline-theme', '{look.theme}')")
    page = context.new_page()
    page.set_default_timeout(30_000)
    return page
