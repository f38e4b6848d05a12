"""Finishing a visit gives up what was begun in it and not confirmed, at once and once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from core.wire.envelope import LogClass
from core.wire.records import Up
from edge_node.decide.draws import recover
from edge_node.faces.kiosk.open_draws import give_up_own
from edge_node.faces.kiosk.teller import Sources, Teller
from edge_node.faces.kiosk.visits import GRACE_MS, IDLE_MS_MAX, Visit
from edge_node.store import logs
from tests.support.forms import Forms
from tests.support.kiosk import visiting
from tests.support.lending_station import CARDS, Station, lent_station

LINE = "line-1"
API = "/api/v1/kiosk"


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    found = lent_station(tmp_path)
    yield found
    found.close()


def begin(client: httpx.Client, amount_minor: int = 100_000) -> tuple[str, str]:
    """The page that reads a draw back, and the visit's token."""
    client.post("/identify", data={"card": CARDS["f-1"]})
    page = client.get(f"/draw/{LINE}/price?amount={amount_minor}")
    form = Forms(page.text).fields[f"/draw/{LINE}"]
    return client.post(f"/draw/{LINE}", data=form).url.path, form["csrf"]


def states(station: Station) -> list[str]:
    run = logs.read_run(station.db, LogClass.MONEY, 0, 1_000, 10**9)
    return [each.body["state"] for each in run if each.kind == Up.DRAWDOWN.value]


def drawable_minor(station: Station) -> int:
    return teller_of(station).line("f-1", LINE).drawable_minor


def teller_of(station: Station) -> Teller:
    sources = Sources(lambda: (station.at_ms, station.error_ms), station.mint)
    return Teller(station.db, station.desk, sources, station.telemetry_of)


def test_finish_frees_the_draw_that_nobody_confirmed_at_once(station, client):
    room_minor = drawable_minor(station)
    pays, _ = begin(client, room_minor)
    assert drawable_minor(station) == 0
    client.post("/leave")
    assert states(station) == ["pending", "voided"]
    assert drawable_minor(station) == room_minor
    client.post("/identify", data={"card": CARDS["f-1"]})
    assert "Cancelled" in client.get(pays).text


def test_finish_pressed_again_and_at_once_changes_nothing_more(station, client):
    begin(client)
    with ThreadPoolExecutor(4) as hands:
        answers = list(hands.map(lambda _: client.post("/leave"), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert states(station) == ["pending", "voided"]


def test_finish_keeps_what_was_confirmed(station, client):
    pays, csrf = begin(client)
    client.post(pays, data={"csrf": csrf, "confirmed": "yes"})
    client.post("/leave")
    assert states(station) == ["pending", "posted"]


def test_yes_and_finish_at_once_settle_a_draw_one_way(station, client):
    pays, csrf = begin(client)
    told = {"csrf": csrf, "confirmed": "yes"}
    with ThreadPoolExecutor(2) as hands:
        acts = [hands.submit(client.post, pays, data=told), hands.submit(client.post, "/leave")]
        assert all(act.result().status_code < 500 for act in acts)
    assert states(station) in (["pending", "posted"], ["pending", "voided"])


def test_finish_keeps_what_waits_at_another_kiosk(station, client, elapsed):
    pays, csrf = begin(client)
    with visiting(station, elapsed) as other:
        other.post("/identify", data={"card": CARDS["f-1"]})
        assert other.get(f"/draw/{LINE}").url.path == pays
        other.post("/leave")
    assert states(station) == ["pending"]
    client.post(pays, data={"csrf": csrf, "confirmed": "yes"})
    assert states(station) == ["pending", "posted"]


def test_a_screen_that_was_left_standing_frees_its_draw_when_it_forgets_the_visit(
    station, client, elapsed
):
    begin(client)
    elapsed.ms += IDLE_MS_MAX + GRACE_MS + 1
    client.post("/leave")  # what the page sends when nobody has answered
    assert states(station) == ["pending", "voided"]


def test_finish_over_the_interface_frees_its_draw_too(station, client):
    answer = client.post(f"{API}/identify", json={"card": CARDS["f-1"]}).json()
    price = client.get(f"{API}/quote", params={"line_id": LINE, "amount_minor": 100_000}).json()
    body = {"line_id": LINE, "amount_minor": 100_000, "quote_sha256": price["quote_sha256"]}
    headers = {"x-csrf-token": answer["csrf"]}
    assert client.post(f"{API}/draw", json=body, headers=headers).status_code == 201
    client.post(f"{API}/leave")
    assert states(station) == ["pending", "voided"]


def test_a_crash_after_the_draw_was_freed_and_before_the_visit_ended_changes_nothing(
    station, client, elapsed
):
    pays, csrf = begin(client)
    begun = Visit("f-1", "en", csrf, 0, draw_ids=(pays.rsplit("/", 1)[1],))
    give_up_own(teller_of(station), begun)  # and the power fails: visits are in memory alone
    assert recover(station.db, station.desk, station.clock) == ()
    with visiting(station, elapsed) as anew:
        anew.cookies.set("visit", client.cookies["visit"])
        assert anew.post("/leave").url.path == "/"
    assert states(station) == ["pending", "voided"]


def test_a_crash_before_the_draw_was_freed_leaves_it_to_the_next_start(station, client, elapsed):
    begin(client)
    with visiting(station, elapsed) as anew:  # another process: it knows of no visit
        anew.cookies.set("visit", client.cookies["visit"])
        anew.post("/leave")
    assert states(station) == ["pending"]
    assert len(recover(station.db, station.desk, station.clock)) == 1
    client.post("/leave")
    assert states(station) == ["pending", "voided"]
