"""An agent's tablet carries sealed letters between a dark station and the centre, in Chromium."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import IO, Any

import pytest
from starlette.responses import Response

from core.shape import encode
from core.wire.envelope import LogName
from core.wire.fieldwork import OperationVerdict
from core.wire.records import Down
from edge_node.decide.fieldwork import FieldDesk
from edge_node.decide.tablets import TabletDoor
from edge_node.decide.telemetry import Telemetry
from edge_node.faces.carrier import Cargo
from edge_node.faces.kiosk.teller import Sources
from edge_node.faces.kiosk.words import words_in
from edge_node.faces.tablet.application import TabletPages
from edge_node.faces.tablet.cargo import UNLINKED_MS, FieldCargo
from edge_node.faces.tablet.counter import Counter
from edge_node.faces.tablet.sessions import Sessions
from edge_node.store import logs
from edge_node.sync.stick import cargo_state, export_to, import_from
from firmware_sim.links.tcp import HOST
from server.services.downlink import send
from server.store import logs as centre_logs
from tests.support.centre import Served, entropy
from tests.support.centre_kit import STATION
from tests.support.chromium import chromium
from tests.support.kiosk import Elapsed
from tests.support.kiosk_kit import MONEY
from tests.support.linked_station import linked_station
from tests.support.tablet import HOSTS
from tests.support.tablet_page import as_held, sync, until, until_kept

DRIVER = "the browser's driver is not installed: it is no part of a station"
pytest.importorskip("playwright.sync_api", reason=DRIVER)
pytestmark = pytest.mark.browser

CARRY = "async () => (await import('/tablet/cargo.js')).toCentre()"
TRAVELLING = "async () => (await import('/tablet/cargo.js')).travelling()"
SPOIL = """async name => {
  const { meta, setMeta } = await import("/tablet/vault.js");
  const one = await meta(name);
  const data = one.data.slice(0);
  new Uint8Array(data)[data.byteLength - 9] ^= 1;
  await setMeta(name, { ...one, data });
}"""
HANDED_IN = (
    "async () => (await (await import('/tablet/cargo.js')).travelling()).sent "
    "&& !(await navigator.locks.query()).held.length"
)
AGAIN = """async () => {
  const { meta, setMeta } = await import("/tablet/vault.js");
  await setMeta("cargo_up", { ...(await meta("cargo_up")), sent_ms: 0, tries: 0, tried_ms: 0 });
}"""


async def _no_other_page(scope: Any, receive: Any, send_: Any) -> None:
    await Response(status_code=404)(scope, receive, send_)


def pages_of(station: Any, centre_url: str) -> TabletPages:
    """The tablet's pages of a station with what its tablets carry, as ``running`` wires them."""
    turn, db = threading.Lock(), station.db

    def hand_out(file: IO[bytes], bytes_max: int) -> None:
        with turn:
            export_to(db, station.ends, file, station.clock, bytes_max)

    def take_in(file: IO[bytes]) -> Mapping[str, Any]:
        with turn:
            return dict(encode(import_from(db, station.ends, file, "carrier", station.clock)))

    def state() -> str:
        with turn:
            return cargo_state(db, station.ends, station.clock, UNLINKED_MS)

    field = FieldDesk(
        station.desk, lambda *_: Telemetry(), lambda: "id", lambda _: (), lambda *_: ""
    )
    sources = Sources(lambda: (station.at_ms, 1_000), lambda: "id")
    counter = Counter(
        db, field, sources, Sessions(Elapsed(), entropy("sessions")), entropy("counter"), words_in,
        station.ends.desk.signer.public_key.hex(), turn_of_its_own(),
        FieldCargo(Cargo(hand_out, take_in, 2**24), centre_url, state),
    )  # fmt: skip
    return TabletPages(_no_other_page, counter, HOSTS, None)


def turn_of_its_own() -> threading.Lock:
    """The counter's turn; what is carried has another."""
    return threading.Lock()


@pytest.fixture
def dark(tmp_path):
    """A station that knew its centre and has had no link for two hours."""
    with linked_station(tmp_path) as linked:
        client = linked.client()
        for _ in range(4):
            assert not linked.station.sync(client).problem
        linked.station.at_ms += 2 * UNLINKED_MS
        linked.kit.clock.at_ms = linked.station.at_ms
        yield linked


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, dark):
    served = Served(pages_of(dark.station, f"http://{HOST}:{dark.link.port}"))
    door = TabletDoor(dark.station.db, STATION, dark.station.clock, entropy("door"))
    code, _ = door.invite("tab-1", ("agent-1", "Juma Otieno"), (), 14)
    context = browser.new_context(**as_held(served.url, (390, 844), (37.0, 0.0), 5))
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.add_init_script("window.setInterval = () => 0")  # only the test brings it to sync
    page.goto(f"/tablet/#enrol={code}")
    page.click("#enrol")
    page.wait_for_selector("nav.bar")
    until_kept(page)
    until(page, HANDED_IN)
    yield page
    context.close()
    served.close()


def at_station(page) -> None:
    """The tablet is at the station: a whole round, not one that finds another under way."""
    for _ in range(600):
        told = sync(page)
        assert "refused" not in told
        if not told.get("busy"):
            return
        page.wait_for_timeout(100)
    pytest.fail("expected a round to come to its end")


def at_centre(dark) -> int:
    return len(dark.kit.read(centre_logs.inbound_run, LogName(STATION, MONEY), 0, 10**6))


def test_letters_go_to_the_centre_and_its_words_come_back(page, dark):
    station, before = dark.station, at_centre(dark)
    station.money(3)
    at_station(page)
    dark.kit.centre.write(
        lambda work: send(work, STATION, Down.OPERATION, OperationVerdict("op-x", True, ""))
    )
    page.evaluate(AGAIN)
    assert page.evaluate(CARRY)
    assert at_centre(dark) > before
    assert station.waiting() > 0, "the station knows of it only when the tablet is back"
    told = page.evaluate(TRAVELLING)
    assert told["sent"]
    assert min(told["up"], told["down"]) > 100
    down = logs.down_tail(station.db, station.ends.down).seq
    at_station(page)
    assert station.waiting() == 0
    assert logs.down_tail(station.db, station.ends.down).seq > down
    dark.require_all_once()
    page.evaluate("location.hash = '#/tablet'")
    page.wait_for_selector("#cargo")


def test_what_is_carried_twice_or_late_or_was_altered_changes_nothing(page, dark):
    station = dark.station
    station.money(2)
    at_station(page)
    page.evaluate(AGAIN)
    assert page.evaluate(CARRY)
    first = at_centre(dark)
    page.evaluate(AGAIN)
    assert page.evaluate(CARRY), "the same once more"
    assert at_centre(dark) == first
    page.evaluate(SPOIL, "cargo_down")
    at_station(page)
    assert station.waiting() in (0, 2), "an altered answer is refused, or its receipts were whole"
    page.evaluate(AGAIN)
    assert page.evaluate(CARRY)
    at_station(page)
    assert station.waiting() == 0
    dark.require_all_once()


def test_letters_outlive_the_page_and_wait_for_a_link(page, dark):
    dark.station.money(1)
    dark.link.cut()
    at_station(page)
    assert not page.evaluate(CARRY)
    kept = page.evaluate(TRAVELLING)
    assert kept["up"] > 100
    assert not kept["sent"]
    page.reload()
    page.wait_for_selector("nav.bar")
    assert page.evaluate(TRAVELLING)["up"] == kept["up"]
    dark.link.mend()
    page.evaluate(AGAIN)
    until(page, f"async () => ({CARRY})().then(() => ({HANDED_IN})())")
    at_station(page)
    assert dark.station.waiting() == 0


def test_a_station_with_a_link_gives_nothing_to_carry_and_the_page_speaks_with_no_other(page, dark):
    station = dark.station
    client = dark.client()
    assert not station.sync(client).problem
    station.money(1)
    at_station(page)
    assert page.evaluate(TRAVELLING)["up"] == 0
    other = Served(_no_other_page)
    try:
        refused = page.evaluate(
            "async url => fetch(url, {mode: 'no-cors'}).then(() => '', (error) => String(error))",
            other.url,
        )
    finally:
        other.close()
    assert "Failed to fetch" in refused
