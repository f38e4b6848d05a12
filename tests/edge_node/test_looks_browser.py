"""The kiosk's looks: every language in every theme by axe, and a language that nobody speaks."""

from __future__ import annotations

import re

import pytest

from edge_node.faces.kiosk.words import LANGUAGES, TAGS
from tests.support.centre import Served
from tests.support.chromium import chromium, complaints_to
from tests.support.kiosk import Elapsed, kiosk_of
from tests.support.lending_station import CARDS, Station
from tests.support.pseudo import CLOSE, OPEN, PseudoTeller, pseudo

DRIVER = "the browser's driver is not installed: it is no part of a station"
api = pytest.importorskip("playwright.sync_api", reason=DRIVER)
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=DRIVER)

pytestmark = pytest.mark.browser

THEMES = ("light", "dark", "sun")
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "rules": {"color-contrast-enhanced": {"enabled": True}},
    "resultTypes": ["violations"],
}
SHOWN = """() => {
  const found = [document.title];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement;
    if (!parent.closest('script, style, [lang]:not(html)')) found.push(walk.currentNode.data);
  }
  for (const e of document.querySelectorAll('[aria-label], [alt], [placeholder], [title]'))
    for (const name of ['aria-label', 'alt', 'placeholder', 'title'])
      if (e.hasAttribute(name)) found.push(e.getAttribute(name));
  return found.map(t => t.trim()).filter(t => t);
}"""
# Names and data: of the product, of people, fields and products, of currencies and units.
NAMES = re.compile(
    r"Harvestline|Farmer \d+|Field \d+|farmer-\d|Amina|KES|English|Kiswahili|\bha\b|"
    r"kijani|crop-season|onboarding|hand \d|\b(?:money|features|raw|line)\b|station-\d+|"
    r"HL-[A-Z]+-\d+|[0-9a-f]{8,}|le-1|lender|sha256"
)
PAGES = (
    "/home",
    "/agreements",
    "/station",
    "/helped",
    "/helpers",
    "/ask",
    "/code",
    "/with-agent",
    "/verify",
    "/cash",
)

PRICED = "/price?amount=100000"


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    station = Station(tmp_path_factory.mktemp("looks"))
    station.populate()
    station.opened_line(1)
    yield station
    station.close()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def url(station):
    served = Served(kiosk_of(station, Elapsed()))
    yield served.url
    served.close()


def entered(browser, url, language="en", theme="light", size=(390, 844)):
    context = browser.new_context(
        base_url=url, viewport={"width": size[0], "height": size[1]},
    )  # fmt: skip
    context.add_init_script(f"localStorage.setItem('harvestline-theme', '{theme}')")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"/?lang={language}")
    page.fill("#card", CARDS["f-1"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/home")
    return page


def judged(page):
    found = axe.Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_farmers_page_is_accessible_in_every_language_and_theme(browser, url, language, theme):
    errors: list[str] = []
    page = entered(browser, url, language, theme)
    page.on("console", complaints_to(errors))
    root = page.evaluate(
        "e => [e.lang, e.dataset.theme, getComputedStyle(e).writingMode]",
        page.query_selector("html"),
    )
    assert root == [TAGS[language], theme, "vertical-lr" if language == "mn" else "horizontal-tb"]
    judged(page)
    assert errors == []
    page.context.close()


@pytest.mark.nightly
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_accessible_in_every_language_and_theme(browser, url, language, theme):
    errors: list[str] = []
    page = entered(browser, url, language, theme)
    page.on("console", complaints_to(errors))
    page.on("pageerror", lambda error: errors.append(str(error)))
    judged(page)
    links = page.eval_on_selector_all("main a[href^='/']", "e => e.map(x => x.pathname)")
    drawn = [path for path in links if path.startswith("/draw/")]
    amounts = [f"{path}{end}" for path in drawn for end in ("?amount=100000", PRICED)]
    assert amounts, "a line to draw on"
    for path in dict.fromkeys((*PAGES, *links, *amounts)):
        answer = page.goto(path)
        assert (answer.status if answer else 0) == 200, path
        judged(page)
    assert page.url.endswith(PRICED), "the price is the last that was judged"
    to_receipt(page)
    page.goto(f"/?lang={language}")
    judged(page)
    assert errors == []
    page.context.close()


def to_receipt(page):
    """From a price, its read-back and the receipt of a draw that was cancelled, each judged."""
    page.click("main form button.primary")
    page.wait_for_url("**/payout/**")
    judged(page)
    page.click("main button[name=confirmed][value=no]")
    page.wait_for_url("**/receipt/**")
    judged(page)


def test_the_letters_of_every_language_come_with_the_station(browser, url):
    page = entered(browser, url, "mn")
    loaded = page.evaluate("""async () => {
      await document.fonts.ready;
      return [...document.fonts].filter(f => f.status === 'loaded').map(f => f.family);
    }""")
    assert any("Mongolian" in family for family in loaded)
    page.goto("/?lang=mn")
    assert page.locator("h1").inner_text() != "Hold your card to the reader"
    columns = page.evaluate("""() => {
      const [first, last] = [document.querySelector('header'), document.querySelector('main')]
        .map(e => e.getBoundingClientRect());
      return [first.left < last.left, first.height > first.width];
    }""")
    assert columns == [True, True]
    page.context.close()


@pytest.mark.parametrize("wish", ["light", "dark"])
def test_the_systems_wish_holds_until_the_switch_is_used(browser, url, wish):
    context = browser.new_context(base_url=url, color_scheme=wish)
    page = context.new_page()
    page.goto("/")
    scheme = "getComputedStyle(document.documentElement).colorScheme"
    assert page.evaluate(scheme) == wish
    page.click(".themes summary")
    page.click("[data-theme-choice=sun]")
    assert page.get_attribute("html", "data-theme") == "sun"
    page.reload()
    assert page.get_attribute("html", "data-theme") == "sun"
    assert page.get_attribute("[data-theme-choice=sun]", "aria-pressed") == "true"
    context.close()


def _outside(texts: list[str]) -> list[str]:
    """English words that stand outside the pseudo-locale's brackets, names and data left out."""
    found = []
    for text in texts:
        bare = text
        while OPEN in bare and CLOSE in bare:
            bare = re.sub(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}", " ", bare)
        if re.search(r"[A-Za-z]{3,}", NAMES.sub(" ", bare)):
            found.append(text)
    return found


def test_every_text_of_the_kiosk_goes_through_a_catalogue(browser, station):
    served = Served(kiosk_of(station, Elapsed(), speaker=PseudoTeller))
    try:
        page = entered(browser, served.url)
        links = page.eval_on_selector_all("main a[href^='/']", "e => e.map(x => x.pathname)")
        seen: dict[str, list[str]] = {}
        for path in dict.fromkeys((*PAGES, *links)):
            answer = page.goto(path)
            if answer is not None and answer.status == 200:
                seen[path] = page.evaluate(SHOWN)
        page.goto("/?lang=en")
        seen["/"] = page.evaluate(SHOWN)
        assert len(seen) >= 6
        assert {path: left for path, texts in seen.items() if (left := _outside(texts))} == {}
        assert any(OPEN in text for texts in seen.values() for text in texts)
        page.context.close()
    finally:
        served.close()


def test_the_pseudo_locale_keeps_parameters_and_is_longer():
    assert pseudo("Due on {day}").startswith("⟦Düé öñ {day}")
    assert _outside([pseudo("You owe"), "KES 5,000", f"Farmer 1 {pseudo('x {y}')}"]) == []
    assert _outside(["Plain English"]) == ["Plain English"]
