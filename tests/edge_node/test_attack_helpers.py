"""A helper who steals: guesses the farmer's pictures, pays out what the farmer began, stays on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from core.wire.proxies import Helper, HelperAct, Relation
from edge_node.decide import proxies
from edge_node.decide.pictures import FAILURES_MAX, FREE_FAILURES, Choice, choose
from edge_node.store import leases, picture_codes
from tests.support.lending_station import CARDS, Station, lent_station

API = "/api/v1/kiosk"
MINE = ("cow", "tree", "star", "pot")
HERS = ("hen", "hen", "fish", "moon")
WRONG = ("hoe", "hoe", "hoe", "cow")
A_DAY_MINOR = 100_000


@pytest.fixture
def station(tmp_path) -> Iterator[Station]:
    found = lent_station(tmp_path)
    proxies.grant(found.db, found.desk, helper(found), found.clock)
    for who, pictures in (("", MINE), ("h-1", HERS)):
        told = Choice(f"e-{who}", "f-1", pictures, b"s" * 16, who)
        choose(found.db, found.desk, told, found.clock)
    yield found
    found.close()


def helper(station: Station, helper_id: str = "h-1", name: str = "Juma") -> Helper:
    until = station.desk.today(station.clock) + timedelta(days=30)
    return Helper(
        helper_id, "f-1", HelperAct.GRANT, name, Relation.CHILD, A_DAY_MINOR, "KES",
        until.isoformat(),
    )  # fmt: skip


def come(client: httpx.Client, pictures: tuple[str, ...]) -> httpx.Response:
    found = client.post(f"{API}/identify", json={"card": CARDS["f-1"], "pictures": list(pictures)})
    if found.status_code == httpx.codes.OK:
        client.headers["x-csrf-token"] = found.json()["csrf"]
    return found


def begin(client: httpx.Client, amount: int, draw_id: str) -> httpx.Response:
    asked = {"line_id": "line-1", "amount_minor": amount}
    price = client.get(f"{API}/quote", params=asked).json()
    told = {**asked, "quote_sha256": price["quote_sha256"], "draw_id": draw_id}
    return client.post(f"{API}/draw", json=told)


def pay_out(client: httpx.Client, draw_id: str) -> httpx.Response:
    return client.post(f"{API}/draw/{draw_id}/payout", json={"confirmed": True})


def test_a_helpers_own_pictures_do_not_begin_the_farmers_tries_anew(client, station, elapsed):
    """Else two guesses, their own pictures, and two guesses more, through all 20,736."""
    for tries in range(1, FAILURES_MAX + 1):
        assert come(client, WRONG).status_code == httpx.codes.UNAUTHORIZED
        assert picture_codes.failures_count(station.db, "f-1") == tries
        come(client, HERS)
        elapsed.ms += 3_600_000
    assert come(client, MINE).status_code == httpx.codes.UNAUTHORIZED, "locked: with an agent only"


def test_the_farmers_own_pictures_do(client, station):
    for _ in range(FREE_FAILURES):
        come(client, WRONG)
    assert come(client, MINE).status_code == httpx.codes.OK
    assert picture_codes.failures_count(station.db, "f-1") == 0


def test_a_helper_does_not_pay_out_what_the_farmer_began(client, station):
    come(client, MINE)
    assert begin(client, 8 * A_DAY_MINOR, "d-1").status_code == httpx.codes.CREATED
    come(client, HERS)
    again = {"line_id": "line-1", "amount_minor": 8 * A_DAY_MINOR, "draw_id": "d-1"}
    client.post(f"{API}/draw", json={**again, "quote_sha256": "0" * 64})
    assert pay_out(client, "d-1").status_code >= httpx.codes.BAD_REQUEST
    assert leases.draw(station.db, "d-1").drawdown.state.value == "pending"


def test_a_helper_who_is_ended_is_paid_nothing_more(client, station):
    come(client, HERS)
    assert begin(client, A_DAY_MINOR, "d-1").status_code == httpx.codes.CREATED
    proxies.withdraw(station.db, station.desk, "f-1", "h-1", station.clock)
    assert pay_out(client, "d-1").status_code >= httpx.codes.BAD_REQUEST
    assert leases.draw(station.db, "d-1").drawdown.state.value == "pending"


def test_a_helper_who_is_ended_sees_nothing_more(client):
    come(client, HERS)
    stolen = httpx.Cookies(client.cookies)
    come(client, MINE)
    csrf = client.headers["x-csrf-token"]
    client.post("/helpers/end", data={"csrf": csrf, "helper_id": "h-1"})
    client.cookies = stolen
    assert client.get(f"{API}/home").status_code == httpx.codes.UNAUTHORIZED
