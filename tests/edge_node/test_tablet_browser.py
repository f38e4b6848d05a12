"""The agent's tablet in a real Chromium against a real station: keys, forms, walk, outbox, link."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pytest

from core.units import MS_PER_DAY
from core.wire.records import Down
from core.wire.registry import Subject, SubjectKind
from edge_node.config import DATABASE_FILE
from edge_node.faces.kiosk.words import words_in
from edge_node.store import decisions, fieldwork, models
from tests.support.centre import Served
from tests.support.chromium import chromium, complaints_to
from tests.support.flaky_link import FlakyLink
from tests.support.kiosk import Elapsed
from tests.support.lending_station import Station, plot
from tests.support.tablet import (
    SQUARE,
    door_of,
    tablet_pages,
)
from tests.support.tablet_page import (
    PICTURE,
    as_held,
    go,
    rows,
    sync,
    until,
    until_handed_in,
    until_kept,
    until_rows,
)

DRIVER = "the browser's driver is not installed: it is no part of a station"
api = pytest.importorskip("playwright.sync_api", reason=DRIVER)
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=DRIVER)

pytestmark = pytest.mark.browser

SIZES = {"phone": (390, 844), "tablet": (820, 1180)}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
WAIT_MS = 30_000
EAST = tuple((lon + 4_500, lat) for lon, lat in SQUARE)  # farmer 4's, over half of farmer 1's
HERD = Subject("herd-5", SubjectKind.HERD, "f-5", "Mifugo", heads=12)


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    station = Station(tmp_path_factory.mktemp("tablet"))
    station.populate(5)
    station.opened_line(3)
    station.centre.say(Down.SUBJECT, replace(plot(4), outline_e7=EAST), station.at_ms)
    station.take_down()
    yield station
    station.close()


@pytest.fixture(scope="module")
def link(station):
    served = Served(tablet_pages(station, Elapsed()))
    link = FlakyLink(served.url)
    yield link
    link.close()
    served.close()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_tablet(browser, link, station):
    link.mend()
    contexts = []

    def open_tablet(name, size="phone", place=(37.0, 0.0), accuracy=5):
        context = browser.new_context(**as_held(link.url, SIZES[size], place, accuracy))
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        code, _ = door_of(station).invite(name, ("agent-1", "Juma Otieno"), (), 14)
        page = context.new_page()
        page.goto(f"/tablet/#enrol={code}&key={station.keys.signer.key_id}")
        page.click("#enrol")
        page.wait_for_selector("#tasks")
        return page

    yield open_tablet
    for context in contexts:
        context.close()


def test_an_application_written_offline_is_decided_at_the_station_with_the_score_that_was_shown(
    open_tablet, station, link
):
    page, said = open_tablet("tab-apply"), []
    page.on("console", complaints_to(said))
    page.on("pageerror", lambda error: said.append(str(error)))
    sync(page)
    until_kept(page)
    link.cut()
    page.fill("#search", "farmer 2")
    page.click("#results a")
    page.click("text=Application")
    for _ in range(4):
        page.click("#more")
    for box in page.locator("input[name=purpose]").all():
        box.check()
    shown = int(page.get_attribute("#score [data-score], #score[data-score]", "data-score"))
    page.click("#finish")
    page.wait_for_selector("text=On this tablet")
    assert rows(page) == [["application", "tablet"]]
    link.mend()
    until_rows(page, [["application", "station"]])
    (row,) = station.db.execute(
        "SELECT application_id FROM decision_cards WHERE farmer_id = 'f-2'"
    ).fetchall()
    card = decisions.card_of_application(station.db, row[0]).card
    assert card.outcome.score == shown
    assert card.inputs.application.asked_minor == 200_000
    assert [one for one in said if "ERR_" not in one] == []  # the cut link is no surprise


def test_what_was_typed_is_there_after_the_page_was_killed_in_the_middle_of_a_word(open_tablet):
    page = open_tablet("tab-kill")
    go(page, "#/visit/f-2?")
    page.wait_for_selector("#note")
    page.locator("#note").press_sequentially("Stem borers in the sou")
    other = page.context.new_page()
    other.goto("/tablet/#/outbox")
    until(
        other,
        """async () => {
          const { vault } = await import("/tablet/vault.js");
          const found = await (await vault()).get("drafts", "visit/f-2");
          return found?.fields.note === "Stem borers in the sou";
        }""",
    )
    page.close(run_before_unload=False)
    other.goto("/tablet/?again#/visit/f-2?")
    other.wait_for_selector("#note")
    assert other.input_value("#note") == "Stem borers in the sou"


def test_a_photo_is_made_small_and_comes_whole_over_a_link_that_breaks(open_tablet, station, link):
    page = open_tablet("tab-photo")
    go(page, "#/visit/f-2?")
    page.wait_for_selector("#photo", state="attached")
    data = bytes(page.evaluate(PICTURE, 3_000))
    page.set_input_files("#photo", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": data})
    page.wait_for_selector(".shots img")
    link.mend(bytes_left=20_000)
    page.click("#finish")
    until(
        page,
        """async () => {
          const { sync } = await import("/tablet/outbox.js");
          return !(await sync()).reached;
        }""",
    )
    link.mend()
    until_handed_in(page)
    (sha256,) = station.db.execute(
        "SELECT sha256 FROM field_photos WHERE tablet_id = 'tab-photo'"
    ).fetchone()
    media_type, kept = fieldwork.photo(station.db, sha256)
    assert media_type == "image/webp"
    assert 1_000 < len(kept) < len(data)
    left = page.evaluate("async () => (await import('/tablet/outbox.js')).unsafe()")
    assert left == {"operations": 0, "photos": 0, "drafts": 0, "held": 0}


def test_what_a_station_lost_with_its_box_is_sent_again_photo_and_all(
    open_tablet, station, link, tmp_path
):
    page, before = open_tablet("tab-box"), link.leads_to
    with sqlite3.connect(tmp_path / DATABASE_FILE) as backup:
        station.db.conn.backup(backup)
    go(page, "#/visit/f-2?")
    page.wait_for_selector("#photo", state="attached")
    data = bytes(page.evaluate(PICTURE, 300))
    page.set_input_files("#photo", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": data})
    page.wait_for_selector(".shots img")
    page.click("#finish")
    until_handed_in(page)
    other = Station(tmp_path)
    other.at_ms = station.at_ms
    served = Served(tablet_pages(other, Elapsed()))
    try:
        link.cut()
        link.lead_to(served.url)
        link.mend()
        sync(page)
        until_handed_in(page)
        waits = "SELECT count(*) FROM field_photos WHERE whole_ms IS NULL"
        assert other.db.execute(waits).fetchone()[0] == 0
        mine = "SELECT count(*) FROM tablet_operations WHERE tablet_id = 'tab-box'"
        assert other.db.execute(mine).fetchone() == (1,)
    finally:
        link.cut()
        link.lead_to(before)
        served.close()
        other.close()


def test_a_walk_gates_by_accuracy_pauses_and_warns_of_the_neighbour(open_tablet, station):
    page = open_tablet("tab-walk")
    context = page.context
    go(page, "#/walk/plot-1")
    page.click("#begin")
    count = "document.querySelector('.soft.small, p.row .soft').textContent"
    for n, (lon, lat) in enumerate((*SQUARE, SQUARE[0])):
        context.set_geolocation({"longitude": lon / 1e7, "latitude": lat / 1e7, "accuracy": 6})
        wanted = min(n + 1, 5)
        page.wait_for_function(f"() => ({count}).startsWith('{wanted} ')")
        if n == 1:
            context.set_geolocation({"longitude": 38.0, "latitude": 0.0, "accuracy": 40})
            page.wait_for_selector("text=Too inexact")
            page.click("#pause")
            page.click("#begin")
    page.click("#pause")
    page.wait_for_selector("text=lies over Field 4")
    shown = int(page.get_attribute("#measured", "data-low"))
    page.click("#finish")
    until_rows(page, [["walk", "station"]])
    _, found = fieldwork.walked(station.db, "plot-1")
    assert abs(found.area_m2 - 10_000) <= 30
    assert found.low_m2 == shown
    body = json.loads(station.db.execute("SELECT body FROM plot_walks").fetchone()[0])
    assert body["pauses_count"] == 2


def test_a_tablet_that_was_turned_out_forgets_whom_it_knew_and_keeps_what_it_owes(
    open_tablet, station, link
):
    page = open_tablet("tab-lost")
    link.cut()
    go(page, "#/visit/f-5?")
    page.fill("#note", "Not handed in.")
    page.click("#finish")
    page.wait_for_selector("text=On this tablet")
    door_of(station).revoke("tab-lost", "lost on the bus")
    link.mend()
    page.reload()
    until(
        page,
        """async () => {
          const { vault } = await import("/tablet/vault.js");
          await (await import("/tablet/outbox.js")).sync();
          return (await (await vault()).count("farmers")) === 0;
        }""",
    )
    assert rows(page) == [["visit", "tablet"]]


def test_a_lease_that_ran_out_in_the_dark_takes_what_can_be_read(open_tablet, link):
    page = open_tablet("tab-dark")
    until_kept(page)
    link.cut()
    page.evaluate(
        """async ms => {
          const { meta, setMeta } = await import("/tablet/vault.js");
          await setMeta("me", { ...(await meta("me")), own_until_ms: Date.now() - ms });
        }""",
        MS_PER_DAY,
    )
    page.reload()
    page.wait_for_selector("text=Nothing is here yet")


def test_a_signature_ear_tags_and_the_place_travel_with_the_visit(open_tablet, station):
    station.centre.say(Down.SUBJECT, HERD, station.at_ms)
    station.take_down()
    page = open_tablet("tab-herd")
    go(page, "#/visit/f-5?")
    for typed in ("643 0000 0000 0001", "643000000000001", "12345", "643000000000002"):
        page.fill("#tag", typed)
        page.click("text=Add")
    page.wait_for_selector("text=Ear tags (2)")
    page.fill("#heads", "12")
    page.click("#here")
    page.wait_for_selector("text=± 5 m")
    box = page.locator("#signature")
    box.scroll_into_view_if_needed()
    at = box.bounding_box()
    page.mouse.move(at["x"] + 20, at["y"] + 20)
    page.mouse.down()
    page.mouse.move(at["x"] + 120, at["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_selector("text=Sign again")
    page.click("#finish")
    until_rows(page, [["visit", "station"]])
    (text,) = station.db.execute(
        "SELECT body FROM field_visits WHERE farmer_id = 'f-5' AND body LIKE '%643000000000001%'"
    ).fetchone()
    body = json.loads(text)
    assert body["ear_tags"] == ["643000000000001", "643000000000002"]
    assert (body["heads"], body["accuracy_cm"], body["lon_e7"]) == (12, 500, 370_000_000)
    assert body["signature"]["about"] == "signature"


def test_the_stations_code_is_read_by_the_tablets_scanner(open_tablet):
    page = open_tablet("tab-qr")
    told = f"{page.url}#enrol=0123456789ABCDEF&key={'ab' * 16}"
    page.goto("/tablet/invite.html#" + told)
    page.wait_for_selector("svg path")
    read = page.evaluate(
        """async () => {
          const svg = document.querySelector("svg").cloneNode(true);
          svg.setAttribute("width", 600);
          svg.setAttribute("height", 600);
          const text = new XMLSerializer().serializeToString(svg);
          const image = new Image();
          image.src = "data:image/svg+xml;base64," + btoa(text);
          await image.decode();
          const canvas = document.createElement("canvas");
          canvas.width = canvas.height = 600;
          const pen = canvas.getContext("2d");
          pen.fillStyle = "#fff";
          pen.fillRect(0, 0, 600, 600);
          pen.drawImage(image, 0, 0);
          const path = "/tablet/shared/vendor/qr-scanner-1.4.2/qr-scanner.min.js";
          const { default: QrScanner } = await import(path);
          const found = await QrScanner.scanImage(canvas, { returnDetailedScanResult: true });
          return found.data;
        }"""
    )
    assert read == told


def test_what_needs_the_agent_says_why_and_is_written_again(open_tablet, station):
    page = open_tablet("tab-again")
    go(page, "#/apply/f-3?")  # whose line is open: the station will say no
    page.click("#more")
    page.click("#finish")
    until_rows(page, [["application", "needs_you"]])
    go(page, "#/outbox")
    page.wait_for_selector("text=has an open line of this kind already")
    page.wait_for_selector("[lang=en]:has-text('without an open line')")
    page.click("text=Write it again")
    page.wait_for_selector("#amount:has-text('KES 500')")
    assert rows(page) == [["application", "dropped"]]


@pytest.mark.parametrize("size", SIZES)
def test_every_screen_is_accessible_and_fits(open_tablet, size):
    page = open_tablet(f"tab-axe-{size}", size)
    for path, shown in (
        ("#/", "#search"), ("#/farmer/f-3", ".acts"), ("#/visit/f-3?", "#note"),
        ("#/apply/f-3?", "#more"), ("#/walk/plot-3", "#begin"), ("#/outbox", "#sync"),
        ("#/tablet", "#wipe"),
    ):  # fmt: skip
        go(page, path)
        page.wait_for_selector(shown)
        if size == "phone":  # the same nodes on both, and a second of processor each
            found = axe.Axe().run(page, options=RULES)
            assert found.violations_count == 0, found.generate_report()
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path


def test_swahili_is_spoken_after_it_was_chosen(open_tablet, station):
    page = open_tablet("tab-sw")
    go(page, "#/tablet")
    page.select_option("#language", "sw")
    page.wait_for_selector("text=Futa kompyuta kibao hii")
    page.reload()
    page.wait_for_selector("text=Siku yangu")
    go(page, "#/farmer/f-2")
    page.wait_for_selector(".plain li")
    lost = page.locator(".plain li").all_text_contents()
    features = models.current_model(station.db).model.features
    assert set(lost) <= {words_in("sw").say(one.words) for one in features}
