"""What a tablet may pay out, and at what price: JavaScript answers as Python does, to the byte."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from core.canonical import sha256_hex
from core.decision.field_draw import field_quote
from core.decision.quote import quote
from core.lending.draw_terms import draw_terms
from core.lending.product import parse_product
from core.reasons import ReasonCode
from tests.support.chromium import chromium
from tests.support.draw_vectors import cases, questions
from tests.support.lending_station import MAIZE
from tests.support.tree import REPOSITORY

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

STATIC = REPOSITORY / "edge_node" / "faces" / "tablet" / "static"
MODULES = ("price.js", "lease.js", "signing.js")
CASES, QUESTIONS = 600, 2_000
# Changes only with a rule: then both runtimes change, and docs/tablet.md says what.
ANSWERS_SHA256 = "6a42bc3cd707b0864df0f083c59b073ee87be7a5bfb51bfae2eb9b81878c221d"
HOME = "http://localhost:9"  # nobody is there: the page and its modules are handed to the browser
RUN = """
async (text) => {
  const { cases, questions } = JSON.parse(text);
  const lease = await import("/lease.js");
  const price = await import("/price.js");
  const answers = [];
  for (const one of cases) {
    const on = price.civilDay(one.clock.at_ms, one.sublease.utc_offset_ms);
    let agreed = one.ask.agreed_sha256;
    if (one.agrees) {
      try {
        const asked = Math.max(1, one.ask.amount_minor);
        agreed = await lease.shownSha256(price.quote(one.sublease.terms, asked, on));
      } catch (error) {
        if (!(error instanceof price.PriceError)) throw error;
      }
    }
    const ask = { ...one.ask, agreed_sha256: agreed };
    const found = await lease.judge(one.sublease, one.draws, ask, one.clock);
    const shown = found.price && (await lease.shownSha256(found.price));
    answers.push(found.price ? { price: found.price, shown_sha256: shown } : found);
  }
  const told = questions.map((one) => [
    lease.refuseDraw(one.book, one.line_id, one.amount_minor, one.clock),
    lease.availableMinor(one.book, one.line_id),
  ]);
  return JSON.stringify({ answers, told });
}
"""


@pytest.fixture(scope="module")
def vectors() -> tuple[list[dict[str, Any]], list[list[Any]]]:
    """What Python answers."""
    return [one.answer() for one in cases(CASES)], [one.answer() for one in questions(QUESTIONS)]


def test_the_vectors_of_python_are_what_they_were(vectors):
    text = json.dumps(vectors, sort_keys=True).encode()
    assert sha256_hex(text) == ANSWERS_SHA256
    said = Counter(one.get("reason", "price") for one in vectors[0])
    leases = Counter(code for code, _ in vectors[1])
    assert said["price"] > CASES // 3
    rule = {"draw_amount_invalid", "draw_frozen", "draw_clock_unknown", "draw_lease_expired",
            "draw_lease_closed", "draw_no_lease", "draw_lines_exhausted",
            "draw_above_lease"}  # fmt: skip
    assert set(leases) == rule | {""}
    beyond = {code.value for code in (ReasonCode.DRAW_SEASON_OVER, ReasonCode.DRAW_PRICE_ABOVE_CAP,
                                      ReasonCode.DRAW_CONSENT_MISSING)}  # fmt: skip
    assert set(said) >= (rule | beyond | {"price"}) - {"draw_lease_closed", "draw_lines_exhausted"}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        opened = browser.new_page()
        opened.route("**/*", hand_over)
        opened.goto(HOME)
        yield opened


def hand_over(route: Route) -> None:
    name = urlsplit(route.request.url).path.removeprefix("/")
    if name in MODULES:
        route.fulfill(path=STATIC / name, content_type="text/javascript")
    else:
        route.fulfill(body="<!doctype html>", content_type="text/html")


def test_javascript_gives_the_same_prices_hashes_and_reasons(vectors, page: Page):
    asked = {"cases": [one.told() for one in cases(CASES)],
             "questions": [one.told() for one in questions(QUESTIONS)]}  # fmt: skip
    found = json.loads(page.evaluate(RUN, json.dumps(asked)))
    for one, wanted, got in zip(cases(CASES), vectors[0], found["answers"], strict=True):
        assert got == wanted, one
    assert found["told"] == [list(each) for each in vectors[1]]


@pytest.mark.parametrize("days", [0, 1, 30, 100, 150])
def test_a_sub_leases_terms_give_the_price_that_the_kiosk_tells(days: int):
    product = parse_product(MAIZE)
    on = date(2026, 4, 1) + timedelta(days=days)
    told = field_quote(draw_terms(product), 450_000, on)
    assert told == quote(product, 450_000, on)
