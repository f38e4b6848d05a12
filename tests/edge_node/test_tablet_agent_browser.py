"""What an agent sees on the tablet: near and far, what needs them, money, tags, a lease's end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from string import ascii_uppercase

import pytest

from core.units import minor_digits
from core.wire.fieldwork import FieldApplication, OperationKind
from core.wire.records import Application, Down
from edge_node.decide.fieldwork import take
from edge_node.faces.formats import formats_of
from edge_node.faces.kiosk.words import MONTHS, words_in
from edge_node.store import tablets
from tests.support.chromium import beside
from tests.support.fake_camera import arguments, film_of
from tests.support.tablet import FieldTablet, door_of, field_desk, teller_of, visit
from tests.support.tablet_page import PICTURE, as_held, go, sync, until_handed_in, until_kept

DRIVER = "the browser's driver is not installed: it is no part of a station"
pytest.importorskip("playwright.sync_api", reason=DRIVER)

from tests.edge_node.test_tablet_browser import (  # noqa: E402
    HERD,
    SIZES,
    WAIT_MS,
    browser,
    link,
    open_tablet,
    station,
)

__all__ = ["browser", "link", "open_tablet", "station"]  # fixtures
pytestmark = pytest.mark.browser

AMOUNTS = [(123_456_700, "INR"), (20_000_000, "UGX"), (150, "KES"), (-150, "KES"), (1_500, "TND"),
           (500_000, "KES"), (7_250_000_00, "MNT"), (0, "CNY")]  # fmt: skip
DAYS = ["2026-01-01", "2026-06-12", "2027-12-31"]
LANGUAGES = ["en", "sw", "hi", "zh", "mn"]


def test_a_lease_that_ran_out_takes_what_was_handed_in_and_keeps_what_was_not(open_tablet, link):
    page = open_tablet("tab-over")
    go(page, "#/visit/f-2?")
    page.wait_for_selector("#photo", state="attached")
    data = bytes(page.evaluate(PICTURE, 200))
    page.set_input_files("#photo", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": data})
    page.wait_for_selector(".shots img")
    page.click("#finish")
    until_handed_in(page)
    link.cut()
    go(page, "#/visit/f-5?")
    page.fill("#note", "Not handed in.")
    page.click("#finish")
    page.wait_for_selector("text=On this tablet")
    left = page.evaluate(
        """async () => {
          const { vault, wipeReadable } = await import("/tablet/vault.js");
          const db = await vault();
          await wipeReadable();  // the visit is at the station alone: a box may be lost
          const before = [await db.count("operations"), await db.count("bytes")];
          await db.put("operations", { ...(await db.get("operations", 1)), state: "accepted" });
          await wipeReadable();
          const rows = await db.getAll("operations");
          return { before, rows: rows.map((row) => row.seq), bytes: await db.count("bytes"),
            photos: await db.count("photos"), farmers: await db.count("farmers") };
        }"""
    )
    assert left == {"before": [2, 1], "rows": [2], "bytes": 0, "photos": 0, "farmers": 0}


def test_an_ear_tag_is_read_by_the_tablet_s_camera(open_tablet, browser, station, link, tmp_path):
    station.centre.say(Down.SUBJECT, HERD, station.at_ms)
    station.take_down()
    drawn = open_tablet("tab-film")
    film = film_of(drawn, "643 0000 0000 0077", tmp_path / "tag.y4m", "/tablet")
    with beside(browser, *arguments(film)) as other:
        held = as_held(link.url, SIZES["phone"], (37.0, 0.0), 5)
        context = other.new_context(**{**held, "permissions": ["geolocation", "camera"]})
        code, _ = door_of(station).invite("tab-eye", ("agent-1", "Juma Otieno"), (), 14)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"/tablet/#enrol={code}&key={station.keys.signer.key_id}")
        page.click("#enrol")
        page.wait_for_selector("#tasks")
        go(page, "#/visit/f-5?")
        page.click("#scan")
        page.wait_for_selector("text=Ear tags (1)")
        assert "643000000000077" in page.inner_text(".chips .chip:has-text('643')")
        page.wait_for_selector("video.scan", state="detached")  # it lets go of the camera


def test_the_nearest_is_first_when_it_is_asked_for(open_tablet, link):
    page = open_tablet("tab-near", place=(37.0, 0.0))
    sync(page)
    until_kept(page)
    link.cut()  # what is written here now stays
    page.evaluate(
        """async () => {
          const { vault } = await import("/tablet/vault.js");
          const db = await vault();
          const told = [[1, 372000000, "2026-04-01"], [2, 370010000, "2026-04-09"]];
          for (const [n, lon, due_on] of told) {
            const subject = await db.get("subjects", `plot-${n}`);
            await db.put("subjects", { ...subject, outline_e7: [[lon, 0]] });
            const task = { task_id: `t-${n}`, farmer_id: `f-${n}`, purpose: "routine", due_on };
            await db.put("tasks", task);
          }
        }"""
    )
    page.reload()
    shown = "() => [...document.querySelectorAll('#tasks b')].map((each) => each.innerText)"
    page.wait_for_selector("#tasks li:nth-child(4)")
    page.click("text=Nearest first")
    page.wait_for_selector("#tasks li:first-child:has-text('Farmer 2'):has-text('111 m')")
    assert page.evaluate(shown)[:2] == ["Farmer 2", "Farmer 1"], "what lies nowhere comes last"
    page.click("text=By day")
    page.wait_for_selector("#tasks li:first-child:not(:has-text('111 m'))")


def refusals(station):
    """What the station says, as it says it, to operations that it cannot carry out."""
    tablet, found = FieldTablet("tab-said", 41), {}
    code, _ = door_of(station).invite(tablet.tablet_id, ("agent-1", "Juma"), (), 14)
    door_of(station).enrol(code, tablet.public_key)
    teller = teller_of(station)
    field = field_desk(station, teller)

    def told(name, kind, body):
        who = tablets.tablet(station.db, tablet.tablet_id)
        kept = take(station.db, field, who, tablet.operation(kind, body), station.clock)
        found[name] = f"{kept.code}: {kept.detail}"

    asked = Application("a-said", "f-3", "crop-season", ("plot-3",), 800_000, "KES")
    words = teller.consent_sha256("crop-season", "sw")
    purposes = teller.purposes("crop-season")
    said = FieldApplication(asked, "c-said", purposes, "sw", words)
    told("have changed", OperationKind.APPLICATION, replace(said, shown_sha256="0" * 64))
    told("open line of this kind", OperationKind.APPLICATION, said)
    told("belong to somebody else", OperationKind.VISIT, visit("v-a", subject_id="plot-2"))
    told("30 December 2031 has not come", OperationKind.VISIT,
         visit("v-b", visited_on="2031-12-30"))  # fmt: skip
    told("fits", OperationKind.VISIT, visit("v-said"))
    told("handed in already", OperationKind.VISIT, visit("v-said"))
    del found["fits"]
    area = (100_000_000, -10_000_000, 110_000_000, 10_000_000)
    code, _ = door_of(station).invite(tablet.tablet_id, ("agent-1", "Juma"), area, 14)
    door_of(station).enrol(code, tablet.public_key)
    told("not in your area", OperationKind.VISIT, visit("v-c", 4))
    return found


def test_what_needs_the_agent_is_said_in_the_agent_s_language(open_tablet, station):
    page, said = open_tablet("tab-needs"), refusals(station)
    told = page.evaluate(
        """async said => {
          const { needed } = await import("/tablet/needs.js");
          const { speak } = await import("/tablet/words.js");
          const told = {};
          for (const language of ["en", "sw", "hi", "zh", "mn"]) {
            await speak(language);
            told[language] = said.map(needed);
          }
          return told;
        }""",
        [*said.values(), "HL-EDGE-046: draw d-1 breaks its sub-lease: draw_season_over", "odd"],
    )
    for part, words in zip(said, told["en"], strict=False):
        assert part in words, said[part]
    assert told["en"][-2] == "The season of this line is over; nothing new can be drawn."
    assert told["en"][-1] == "The station could not take this."
    for language in ("sw", "hi", "zh", "mn"):
        assert not set(told[language]) & set(told["en"]), language
        assert len(set(told[language])) == len(told["en"])


def test_days_and_money_are_written_as_the_station_writes_them(open_tablet):
    page = open_tablet("tab-money")
    every = [
        f"{a}{b}{c}" for a in ascii_uppercase for b in ascii_uppercase for c in ascii_uppercase
    ]
    shown = page.evaluate(
        """async ({ asked, every, days, languages }) => {
          const { day, decimalsOf, money } = await import("/tablet/parts.js");
          const { speak } = await import("/tablet/words.js");
          const told = {};
          for (const language of languages) {
            await speak(language);
            const amounts = asked.map(([minor, currency]) => money(minor, currency));
            told[language] = [amounts, days.map(day)];
          }
          return { told, decimals: every.map(decimalsOf) };
        }""",
        {"asked": AMOUNTS, "every": every, "days": DAYS, "languages": LANGUAGES},
    )
    assert shown["decimals"] == [minor_digits(currency) for currency in every]
    for language in LANGUAGES:
        told, months = formats_of(language), [words_in(language).say(each) for each in MONTHS]
        wanted_days = [
            told.day_of(date.fromisoformat(day), lambda month, of=months: of[month - 1])
            for day in DAYS
        ]
        wanted = [told.money_of(*asked) for asked in AMOUNTS]
        assert shown["told"][language] == [wanted, wanted_days], language
    assert shown["told"]["hi"][0][0] == "₹12,34,567"
