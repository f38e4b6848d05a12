"""The tablet's walks against the station's arithmetic, corrections, and the wipe, in Chromium."""

from __future__ import annotations

import math
import random

import pytest

from core.lending.walk import measure, overlap_percent
from edge_node.store import fieldwork
from tests.support.tablet_page import go, sync, until_kept, until_rows

DRIVER = "the browser's driver is not installed: it is no part of a station"
pytest.importorskip("playwright.sync_api", reason=DRIVER)

from tests.edge_node.test_tablet_browser import browser, link, open_tablet, station  # noqa: E402

__all__ = ["browser", "link", "open_tablet", "station"]  # fixtures
pytestmark = pytest.mark.browser

# A square that lies half on each side of 180°.
OVER_180 = (
    (1_799_990_000, 0),
    (-1_799_990_000, 0),
    (-1_799_990_000, 8_993),
    (1_799_990_000, 8_993),
)


def test_the_walk_s_arithmetic_is_the_station_s(open_tablet):
    page, draw = open_tablet("tab-golden"), random.Random(7)
    cases = []
    for _ in range(200):
        count, lon, lat = draw.randint(3, 64), draw.randint(-1_800, 1_800), draw.randint(-700, 700)
        ring = []
        for n in range(count):
            turn, far = 2 * math.pi * n / count, draw.randint(500, 30_000)
            ring.append((lon * 10**6 + round(far * math.cos(turn)),
                         lat * 10**6 + round(far * math.sin(turn))))  # fmt: skip
        cases.append((ring, [draw.randint(50, 1_500) for _ in range(count)]))
    over = [(OVER_180, (*OVER_180[:2], (-1_799_990_000, 4_497), (1_799_990_000, 4_497))),
            (OVER_180, tuple((lon - 720_000_000, lat) for lon, lat in OVER_180))]  # fmt: skip
    cases.append((OVER_180, [600] * 4))
    shared = page.evaluate(
        """async cases => {
          const { overlaps } = await import("/tablet/walk.js");
          return cases.map(([ring, other]) => overlaps(ring, [{ outline_e7: other }])
            .map((one) => one.percent));
        }""",
        over,
    )
    assert shared == [[overlap_percent(*over[0])], []] == [[50], []]
    told = page.evaluate(
        """async cases => {
          const { measure } = await import("/tablet/walk.js");
          return cases.map(([ring, accuracy]) => Object.values(measure(ring, accuracy)));
        }""",
        cases,
    )
    for (ring, accuracy), (area, deviation, low) in zip(cases, told, strict=True):
        found = measure(ring, accuracy)
        # The last bit of a cosine may differ between libraries: a square metre, not more.
        assert abs(found.area_m2 - area) <= 1
        assert abs(found.sd_m2 - deviation) <= 1
        assert abs(found.low_m2 - low) <= 1


def test_what_is_otherwise_is_written_offline_and_seen_waiting(open_tablet, station, link):
    page = open_tablet("tab-correct")
    sync(page)
    until_kept(page)
    link.cut()
    go(page, "#/farmer/f-5")
    page.click("#correct")
    assert page.is_disabled("#finish"), "nothing is otherwise yet"
    page.check("input[name=field][value='farmer.household_size']", force=True)
    page.fill("#value", "7")
    page.click("#finish")
    page.wait_for_selector("text=On this tablet")
    link.mend()
    until_rows(page, [["correction", "station"]])
    (one,) = [each for each in fieldwork.open_versions(station.db) if each.farmer_id == "f-5"]
    assert (one.field, one.value, one.agent_id) == ("farmer.household_size", "7", "agent-1")
    sync(page)
    go(page, "#/")
    go(page, "#/farmer/f-5")
    page.wait_for_selector("text=Waits for the lender: People in the household 7, by agent-1")


def test_a_correction_that_is_begun_or_refused_opens_in_its_own_form(open_tablet, link):
    page = open_tablet("tab-again")
    sync(page)
    until_kept(page)
    link.cut()
    go(page, "#/correct/f-4")
    page.check("input[name=field][value='farmer.household_size']", force=True)
    page.fill("#value", "6")
    go(page, "#/outbox")
    page.click("text=not finished")
    page.wait_for_selector("#registered")
    assert page.input_value("#value") == "6"
    page.click("#finish")
    page.wait_for_selector("text=On this tablet")
    page.evaluate(
        """async () => {
          const { vault } = await import("/tablet/vault.js");
          const db = await vault();
          await db.put("operations", { ...(await db.get("operations", 1)), state: "needs_you" });
        }"""
    )
    go(page, "#/correct/f-4")  # another one of the same farmer is begun meanwhile
    page.wait_for_selector("#value")
    page.fill("#value", "Otieno")
    go(page, "#/outbox")
    page.click("text=Write it again")
    page.wait_for_selector("text=This form is begun already")
    go(page, "#/correct/f-4")
    page.wait_for_selector("#value")
    assert page.input_value("#value") == "Otieno"
    page.click("text=Throw away")
    page.wait_for_url("**#/farmer/f-4")  # it leaves by itself, and no other page is begun before
    go(page, "#/outbox")
    page.click("text=Write it again")
    page.wait_for_selector("#registered")
    assert page.input_value("#value") == "6"
    page.click("text=Throw away")
    page.wait_for_selector("#correct")
    drafts = "async () => (await (await import('/tablet/vault.js')).vault()).count('drafts')"
    assert page.evaluate(drafts) == 0


def test_a_tablet_is_wiped_only_once_all_of_it_is_acknowledged(open_tablet, link):
    page = open_tablet("tab-wipe")
    link.cut()
    go(page, "#/visit/f-5?")
    page.fill("#note", "All well.")
    page.click("#finish")
    page.wait_for_selector("text=On this tablet")
    go(page, "#/tablet")
    page.click("#wipe")
    page.wait_for_selector("text=Not wiped")
    link.mend()
    until_rows(page, [["visit", "station"]])
    page.click("#wipe")
    page.wait_for_selector("#code")
