"""People at one kiosk who mean no good or touch too fast: in turns, at once, back, again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from core.units import MS_PER_DAY
from core.wire.envelope import LogClass
from core.wire.records import Up
from edge_node.decide.pictures import FAILURES_MAX
from edge_node.store import logs
from tests.support.forms import Forms
from tests.support.kiosk import visiting
from tests.support.lending_station import CARDS, Station, lent_station

LINE = "line-1"
MINE = ("cow", "tree", "star", "pot")
GUESSES = 10_000
MS_PER_HOUR = 3_600_000
OWN = (
    *("/home", "/agreements", "/helpers", "/ask", "/season/plot-1", f"/draw/{LINE}", "/code"),
    *(f"/draw/{LINE}/price?amount=100000", f"/leave/{LINE}", "/api/v1/kiosk/home"),
)


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    found = lent_station(tmp_path)
    yield found
    found.close()


def hold_card(client: httpx.Client, farmer: str = "f-1") -> httpx.Response:
    return client.post("/identify", data={"card": CARDS[farmer]})


def price_form(client: httpx.Client) -> dict[str, str]:
    page = client.get(f"/draw/{LINE}/price?amount=100000")
    return Forms(page.text).fields[f"/draw/{LINE}"]


def states(station: Station) -> list[str]:
    run = logs.read_run(station.db, LogClass.MONEY, 0, 1_000, 10**9)
    return [each.body["state"] for each in run if each.kind == Up.DRAWDOWN.value]


def touch(client: httpx.Client, path: str, pictures: tuple[str, ...]) -> httpx.Response:
    page = client.get(path)
    for picture in pictures:
        page = client.post(path, data={**Forms(page.text).fields[path], "add": picture})
    return page


def test_two_who_take_turns_see_and_do_nothing_of_each_other(station, client):
    hold_card(client, "f-1")
    form = price_form(client)
    pays = client.post(f"/draw/{LINE}", data=form).url.path
    client.post(pays, data={"csrf": form["csrf"], "confirmed": "yes"})
    receipt = pays.replace("payout", "receipt")
    client.post("/leave")
    second = hold_card(client, "f-2")
    assert "Farmer 2" in second.text
    for path in (*OWN[4:6], OWN[7], receipt, pays):
        page = client.get(path)
        assert "Farmer 1" not in page.text, path
        assert "That did not work" in page.text, path
    before = states(station)
    client.post(f"/draw/{LINE}", data=form)  # the first one's page, sent once more
    client.post(f"{receipt}/print", data={"csrf": form["csrf"]})
    assert states(station) == before == ["pending", "posted"]


def test_a_stolen_card_without_its_pictures_opens_nothing(station, client):
    hold_card(client)
    touch(client, "/code", (*MINE, *MINE))
    client.post("/leave")
    page = hold_card(client)
    assert page.url.path == "/known"
    csrf = Forms(page.text).fields["/known"]["csrf"]
    for path in OWN:
        assert "Farmer 1" not in client.get(path).text, path
    for path, fields in (
        (f"/draw/{LINE}", {"amount": "100000", "shown": "x", "draw_id": "d-1"}),
        ("/withdraw", {"purpose": "terms"}),
        ("/helpers/end", {"helper_id": "h-1"}),
        ("/code", {"add": "cow"}),
        ("/ask", {"appeal_id": "a-1", "kind": "person"}),
    ):
        refused = client.post(path, data={"csrf": csrf, **fields})
        assert "Hold your card to the reader" in refused.text, path
    assert states(station) == []
    assert client.get("/known").status_code == 200, "the visit still waits for its pictures"


def test_wrong_pictures_without_end_lock_the_card_after_eight(client, elapsed):
    hold_card(client)
    touch(client, "/code", (*MINE, *MINE))
    client.post("/leave")
    tried, page = 0, hold_card(client)
    while tried < GUESSES and 'name="add"' in page.text:  # once nothing is left to touch: locked
        csrf = Forms(page.text).fields["/known"]["csrf"]
        wrong = {"csrf": csrf, "so_far": "hen,hen,fish", "add": "moon"}
        client.post("/known", data=wrong)
        tried += 1
        elapsed.ms += MS_PER_HOUR
        page = hold_card(client)
    assert tried == FAILURES_MAX
    elapsed.ms += 365 * MS_PER_DAY
    page = hold_card(client)
    csrf = Forms(page.text).fields["/language"]["csrf"]
    for _ in range(20):  # right ones, too: the form is made up, for none is shown any more
        right = {"csrf": csrf, "so_far": ",".join(MINE[:3]), "add": MINE[3]}
        assert "Farmer 1" not in client.post("/known", data=right).text
    assert "These pictures are locked" in client.get("/known").text


def test_yes_and_no_at_once_settle_a_draw_one_way(station, client):
    hold_card(client)
    form = price_form(client)
    pays = client.post(f"/draw/{LINE}", data=form).url.path
    touches = [{"csrf": form["csrf"], "confirmed": each} for each in ("yes", "no") * 4]
    with ThreadPoolExecutor(8) as hands:
        list(hands.map(lambda touched: client.post(pays, data=touched), touches))
    assert states(station)[0] == "pending"
    assert len(set(states(station)[1:])) == 1, "posted or voided, never both"
    assert len(states(station)) == 2


def test_back_after_a_yes_and_yes_again_pays_once(station, client):
    hold_card(client)
    form = price_form(client)
    with ThreadPoolExecutor(4) as hands:  # the button, four times
        pays = {
            e.url.path
            for e in hands.map(lambda f: client.post(f"/draw/{LINE}", data=f), [form] * 4)
        }
    assert len(pays) == 1
    assert states(station) == ["pending"]
    for back in (f"/draw/{LINE}/price?amount=100000", f"/draw/{LINE}?amount=200000"):
        page = client.get(back)  # the back button: the draw that waits, to confirm or to cancel
        assert {page.url.path} == pays, back
        assert "Yes, pay me" in page.text
    client.post(*pays, data={"csrf": form["csrf"], "confirmed": "yes"})
    assert states(station) == ["pending", "posted"]


def test_a_second_pages_yes_begins_no_second_draw(station, client):
    hold_card(client)
    first, second, third = (price_form(client) for _ in range(3))  # three pages, side by side
    third["amount"] = "200000"
    with ThreadPoolExecutor(3) as hands:
        answers = list(
            hands.map(lambda f: client.post(f"/draw/{LINE}", data=f), [first, second] * 2)
        )
    answers.append(client.post(f"/draw/{LINE}", data=third))
    assert len({each.url.path for each in answers}) == 1
    assert states(station) == ["pending"]
    pays = answers[0].url.path
    client.post(pays, data={"csrf": first["csrf"], "confirmed": "no"})
    assert client.get(f"/draw/{LINE}").url.path == f"/draw/{LINE}", "nothing waits any more"
    assert price_form(client)["amount"] == "100000"
    assert states(station) == ["pending", "voided"]


def test_a_draw_that_waits_is_asked_about_at_another_kiosk_too(station, client, elapsed):
    hold_card(client)
    pays = client.post(f"/draw/{LINE}", data=price_form(client)).url.path
    with visiting(station, elapsed) as other:
        hold_card(other)
        page = other.get(f"/draw/{LINE}")
        assert page.url.path == pays
        csrf = Forms(page.text).fields[pays]["csrf"]
        other.post(pays, data={"csrf": csrf, "confirmed": "no"})
    assert "Cancelled" in client.get(pays).text
    assert states(station) == ["pending", "voided"]


def test_a_clock_that_is_set_back_pays_no_draw_twice_and_lifts_no_lock(station, client, elapsed):
    hold_card(client)
    form = price_form(client)
    pays = client.post(f"/draw/{LINE}", data=form).url.path
    station.at_ms -= 40 * MS_PER_DAY
    for _ in range(2):
        client.post(pays, data={"csrf": form["csrf"], "confirmed": "yes"})
    assert states(station) == ["pending", "posted"]
    elapsed.ms += 1  # what waits and ends run on is set by nobody
    assert client.get("/home").status_code == 200
