"""Every word on the tablet comes from a catalogue, and its letters from the station.

A language that nobody speaks takes Swahili's place: what stands on a screen outside its
brackets was never given to a translator. Names and data are left out by name.
"""

from __future__ import annotations

import json
import re
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from core.canonical import sha256_hex
from core.wire.records import Down
from core.wire.registry import Subject, SubjectKind
from edge_node.faces.tablet.application import static_folder
from tests.support.centre import Served
from tests.support.chromium import chromium
from tests.support.kiosk import Elapsed
from tests.support.lending_station import lent_station
from tests.support.pseudo import CLOSE, OPEN, PseudoTeller, pseudo
from tests.support.tablet import door_of, tablet_pages
from tests.support.tablet_page import as_held, go, held_so, sync, until, until_kept

pytest.importorskip("playwright.sync_api", reason="no browser's driver on a station")

pytestmark = pytest.mark.browser
HAND = (390, 844)
SHOWN = """() => {
  const found = [document.title];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement;
    if (!parent.closest('script, style, noscript')) found.push(walk.currentNode.data);
  }
  for (const e of document.querySelectorAll('[aria-label], [alt], [placeholder], [title]'))
    for (const name of ['aria-label', 'alt', 'placeholder', 'title'])
      if (e.hasAttribute(name)) found.push(e.getAttribute(name));
  return found.map(t => t.trim()).filter(t => t);
}"""
# Names and data: of the product, of people, fields, stations, languages, currencies, units, ids.
NAMES = re.compile(
    r"Harvestline( tablet)?|Farmer \d+|Field \d+|Juma Otieno|KES|Ksh|English|Kiswahili|kijani|"
    r"Our (?:cows|grass|barn|tractor)|Rice field|tab-words|agent-1|crop-season|"
    r"[0-9a-f]{8}-[0-9a-f-]+"
)
OF_F_2 = (
    Subject("herd-2", SubjectKind.HERD, "f-2", "Our cows", heads=7),
    Subject("grass-2", SubjectKind.PASTURE, "f-2", "Our grass", area_m2=20_000),
    Subject("store-2", SubjectKind.STORE, "f-2", "Our barn", crop="maize"),
    Subject("tractor-2", SubjectKind.MACHINE, "f-2", "Our tractor"),
    Subject("paddy-2", SubjectKind.PLOT, "f-2", "Rice field", crop="paddy",
            season_id="2026-long-rains", sown_on="2026-03-22", area_m2=10_000),
)  # fmt: skip
SCREENS = {
    "#/": "#search", "#/farmer/f-1": ".acts", "#/farmer/f-2": ".acts", "#/visit/f-1?": "#note",
    "#/visit/f-2?": "#note", "#/apply/f-2?": "#more", "#/walk/plot-1": "#begin",
    "#/pay/f-1": "#why", "#/money": "main h1", "#/outbox": "#sync", "#/tablet": "#wipe",
    "#/farmer/nobody": "main h1",
}  # fmt: skip


@pytest.fixture
def station(tmp_path):
    made = lent_station(tmp_path / "lent")
    for each in OF_F_2:
        made.centre.say(Down.SUBJECT, each, made.at_ms)
    made.take_down()
    yield made
    made.close()


def enrolled(browser, station, url, **more):
    code, _ = door_of(station).invite("tab-words", ("agent-1", "Juma Otieno"), (), 14)
    context = browser.new_context(**as_held(url, HAND, (37.0, 0.0), 5), **more)
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(f"/tablet/#enrol={code}&key={station.keys.signer.key_id}")
    return page


def outside(texts):
    """English words that stand outside the brackets, names and data left out."""
    bare = {text: re.sub(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}", " ", text) for text in texts}
    return [text for text, left in bare.items() if re.search("[A-Za-z]{3,}", NAMES.sub(" ", left))]


def unspoken(route):
    """Swahili's words in the language that nobody speaks."""
    words = json.loads((static_folder() / "words" / "sw.json").read_text(encoding="utf-8"))
    route.fulfill(json={message: pseudo(message) for message in words})


def on_screens(page):
    """Every screen's texts, with each field that may be corrected and a price that is told."""
    seen = {}
    for path, shown in SCREENS.items():
        go(page, path)
        page.wait_for_selector(shown)
        page.wait_for_timeout(100)
        seen[path] = page.evaluate(SHOWN)
    go(page, "#/correct/f-2")
    page.wait_for_selector("input[name=field]")
    for n in range(page.locator("input[name=field]").count()):
        page.locator("input[name=field]").nth(n).check(force=True)
        for subject in range(page.locator("input[name=subject]").count()):
            page.locator("input[name=subject]").nth(subject).check(force=True)
            seen[f"#/correct, {n}, {subject}"] = page.evaluate(SHOWN)
    return seen


def of_money(page):
    """A draw from the money in hand to its receipt, and what lies in the outbox then."""
    seen = {}
    go(page, "#/pay/f-1")
    page.click("#room")
    page.click("[data-note='100000']")
    page.click("#take")
    page.wait_for_selector("#hand [data-left='100000']")
    page.click("form [data-note='100000']")
    page.wait_for_selector("#price")
    seen["price"] = page.evaluate(SHOWN)
    for name in ("read", "yes"):
        page.check(f"input[value={name}]")
    page.click("#paid")
    page.wait_for_selector("#receipt")
    seen["receipt"] = page.evaluate(SHOWN)
    for path in ("#/outbox", "#/farmer/f-1", "#/money"):
        go(page, path)
        page.wait_for_selector("main h1")
        page.wait_for_timeout(100)
        seen[f"{path}, after"] = page.evaluate(SHOWN)
    return seen


def test_every_text_of_the_tablet_goes_through_a_catalogue(station):
    served = Served(tablet_pages(station, Elapsed(), speaker=PseudoTeller))
    with chromium() as browser:
        page = enrolled(browser, station, served.url, locale="sw-KE", service_workers="block")
        page.context.route("**/tablet/words/sw.json", unspoken)
        page.reload()
        page.wait_for_selector("#enrol")
        seen = {"enrol": page.evaluate(SHOWN)}
        page.click("#enrol")
        page.wait_for_selector("#tasks")
        sync(page)
        held_so(page, "light", "sw")
        seen |= on_screens(page) | of_money(page)
        page.goto("/tablet/invite.html#1234")
        page.wait_for_selector("#qr svg path", state="attached")
        seen["invite"] = [text for text in page.evaluate(SHOWN) if text != "1234"]
    served.close()
    assert {path: left for path, texts in seen.items() if (left := outside(texts))} == {}
    assert all(any(OPEN in text for text in texts) for texts in seen.values()), "it is spoken"


def test_a_word_that_no_catalogue_has_is_found():
    assert outside([pseudo("You owe"), "KES 5,000", f"Farmer 1 {pseudo('x')}"]) == []
    assert outside([f"maize {pseudo('sown')}"]) == [f"maize {pseudo('sown')}"]


def test_a_tablet_that_is_nobodys_speaks_as_its_browser_does(station):
    served = Served(tablet_pages(station, Elapsed()))
    with chromium() as browser:
        for locale, words in (("hi-IN", "टैबलेट"), ("fr-FR", "This tablet is nobody's yet")):
            page = enrolled(browser, station, served.url, locale=locale)
            page.wait_for_selector("#enrol")
            assert words in page.inner_text("main")
    served.close()


def test_every_crop_of_a_product_has_a_word():
    folder = Path(str(resources.files("server") / "products"))
    told = [tomllib.loads(path.read_text(encoding="utf-8")) for path in folder.rglob("*.toml")]
    crops = {each["crop"] for each in told if each.get("crop")}
    assert crops >= {"maize", "paddy"}
    text = (static_folder() / "parts.js").read_text(encoding="utf-8")
    [table] = re.findall(r"GROWN = \{(.*?)\}", text, re.DOTALL)
    assert crops <= set(re.findall(r"(\w+):", table))


KEPT = """async () => {
  const cache = await caches.open('letters');
  return (await cache.keys()).map((each) => new URL(each.url).pathname).sort();
}"""


def files_of(language):
    """The letters of a language, by their addresses."""
    shared = Path(str(resources.files("edge_node.faces.kiosk") / "static" / "shared"))
    part = {"hi": "devanagari", "zh": "words-zh", "mn": "mongolian"}[language]
    found = sorted(shared.glob(f"vendor/*/*{part}*.woff*"))
    return {f"/tablet/fonts/{each.relative_to(shared).as_posix()}": each for each in found}


def test_letters_that_a_release_cuts_anew_take_the_place_of_those_that_were_kept(station):
    served = Served(tablet_pages(station, Elapsed()))
    [(path, file)] = files_of("zh").items()
    with chromium() as browser:
        page = enrolled(browser, station, served.url, locale="en-GB")
        page.click("#enrol")
        page.wait_for_selector("#tasks")
        until_kept(page)
        page.reload()
        page.wait_for_selector("#tasks")
        page.evaluate(
            """async (path) => {
              const cache = await caches.open('letters');
              await cache.put(path, new Response('an older cut'));
              await cache.put('/tablet/fonts/vendor/gone/gone.woff', new Response('gone'));
              for (const name of await caches.keys()) {
                if (name.startsWith('tablet-')) await caches.delete(name);
              }
              navigator.serviceWorker.controller.postMessage('renew');
            }""",
            path,
        )
        until(page, "async () => (await Promise.all((await caches.keys()).filter((n) => "
                    "n.startsWith('tablet-')).map(async (n) => (await caches.open(n)).match("
                    "'/tablet/shell.json')))).some(Boolean)")  # fmt: skip
        kept = page.evaluate(
            """async (path) => {
              const answer = await (await caches.open('letters')).match(path);
              return [...new Uint8Array(await answer.arrayBuffer())];
            }""",
            path,
        )
        assert sha256_hex(bytes(kept)) == sha256_hex(file.read_bytes())
        assert "/tablet/fonts/vendor/gone/gone.woff" not in page.evaluate(KEPT)
    served.close()
