"""A farmer's own cash months: the tablet's JavaScript offers, refuses and hashes as Python does."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from core.canonical import sha256_hex
from tests.support.cash_vectors import BOUNDS, cases
from tests.support.chromium import chromium
from tests.support.tree import REPOSITORY

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

STATIC = REPOSITORY / "edge_node" / "faces" / "tablet" / "static"
CASES = 600
# Changes only with a rule: then both runtimes change, and docs/schedules.md says what.
ANSWERS_SHA256 = "9e3dcf60543b901b6b475201ec19baa32a8ccc4c4a306f2089f0a89afdcfe831"
HOME = "http://localhost:9"  # nobody is there: the page and its modules are handed to the browser
# What the modules are drawn with plays no part here.
DRAWN = """export const h = null, useState = null, useEffect = null, html = null;
export const MONTHS = Array(12).fill("month");"""
PAGE = """<!doctype html><script type="importmap">{"imports":
{"preact": "/drawn.js", "preact/hooks": "/drawn.js", "htm": "/drawn.js"}}</script>"""
RUN = """
async (text) => {
  const { faultsOf, monthsUpTo, shownWith } = await import("/cashmonths.js");
  const answers = [];
  for (const { product, on, cash, words } of JSON.parse(text)) {
    answers.push({
      months: monthsUpTo(product.due_on, on),
      faults: faultsOf(product, cash),
      shown: await shownWith(words, cash),
    });
  }
  return JSON.stringify(answers);
}
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        opened = browser.new_page()
        opened.route("**/*", hand_over)
        opened.goto(HOME)
        yield opened


def hand_over(route: Route) -> None:
    name = route.request.url.removeprefix(HOME).removeprefix("/")
    if name in ("drawn.js", "parts.js"):
        route.fulfill(body=DRAWN, content_type="text/javascript")
    elif name.endswith(".js"):
        route.fulfill(path=STATIC / name, content_type="text/javascript")
    else:
        route.fulfill(body=PAGE, content_type="text/html")


def test_the_vectors_of_python_are_what_they_were():
    vectors = [one.answer() for one in cases(CASES)]
    assert sha256_hex(json.dumps(vectors, sort_keys=True).encode()) == ANSWERS_SHA256
    said = Counter(words for one in vectors for words in one["faults"])
    assert all(said[words] > CASES // 20 for words in BOUNDS.values()), said
    assert sum(not one["faults"] for one in vectors) > CASES // 5


def test_javascript_offers_the_same_months_and_refuses_and_hashes_the_same(page: Page):
    asked = json.dumps([one.told() for one in cases(CASES)])
    found = json.loads(page.evaluate(RUN, asked))
    for one, got in zip(cases(CASES), found, strict=True):
        wanted, words = one.answer(), got["faults"]
        begun = sorted(each for each in BOUNDS.values() for said in words if said.startswith(each))
        told = {"months": sorted(got["months"]), "faults": begun, "shown": got["shown"]}
        assert (told, len(begun)) == (wanted, len(words)), one
        due = int(one.product.due_on[5:7])
        order = [(due - month) % 12 for month in got["months"]]
        assert order == sorted(order, reverse=True), "the earliest first"
