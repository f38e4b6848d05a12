"""The kiosk as JSON: the same acts and visits, problem+json when a promise breaks."""

from __future__ import annotations

import pytest

from core.lending.limit import Movement
from core.wire.records import Down
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import CARDS, Station, lease, status

API = "/api/v1/kiosk"


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


@pytest.fixture
def client(station):
    with visiting(station, Elapsed()) as client:
        yield client


def enter(client, farmer="f-1"):
    answer = client.post(f"{API}/identify", json={"card": CARDS[farmer]})
    assert answer.status_code == 200
    client.headers["x-csrf-token"] = answer.json()["csrf"]
    return answer.json()


def test_apply_then_draw_then_repeat(client):
    enter(client)
    [possible] = client.get(f"{API}/home").json()["possible"]
    ask = {
        "product_id": possible["product_id"],
        "subject_ids": possible["subject_ids"],
        "asked_minor": 800_000,
        "purposes": possible["purposes"],
        "application_id": "ap-1",
    }
    decided = client.post(f"{API}/apply", json=ask)
    assert decided.status_code == 201
    assert client.post(f"{API}/apply", json=ask).json() == decided.json()
    line_id = decided.json()["line_id"]
    price = client.get(f"{API}/quote", params={"line_id": line_id, "amount_minor": 300_000}).json()
    draw = {
        "line_id": line_id,
        "amount_minor": 300_000,
        "quote_sha256": price["quote_sha256"],
        "draw_id": "d-1",
    }
    for _ in range(2):
        begun = client.post(f"{API}/draw", json=draw)
        assert (begun.status_code, begun.json()["draw"]["state"]) == (201, "pending")
    for _ in range(2):
        posted = client.post(f"{API}/draw/d-1/payout", json={"confirmed": True}).json()
        assert posted["draw"]["state"] == "posted"
    [line] = client.get(f"{API}/home").json()["lines"]
    assert (line["drawable_minor"], line["owed"]["principal_minor"]) == (500_000, 300_000)


def test_a_business_no_is_an_answer(client, station):
    station.centre.say(Down.LINE, status("line-1", 2_000_000, Movement.OPENED), station.at_ms)
    station.centre.say_lease(lease("le-1", "line-1", 100_000))
    station.take_down()
    enter(client)
    answer = client.get(f"{API}/quote", params={"line_id": "line-1", "amount_minor": 150_000})
    assert answer.status_code == 200
    assert answer.json()["refused"] == {
        "code": "draw_above_lease",
        "params": {"available": "KES 1,000.00"},
        "sentence": "At most KES 1,000.00 can be drawn here now.",
    }


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/draw", {"line_id": "line-9", "amount_minor": 5, "quote_sha256": ""}, "HL-EDGE-008"),
        ("/draw", {"line_id": "line-9"}, "HL-CORE-003"),
        ("/draw", {"line_id": "line-9", "amount_minor": 1.5, "quote_sha256": ""}, "HL-CORE-003"),
        ("/draw/d-9/payout", {"confirmed": True}, "HL-EDGE-008"),
        ("/apply", {"product_id": "x", "subject_ids": [], "asked_minor": 1, "purposes": []},
         "HL-EDGE-008"),
        ("/withdraw", [], "HL-EDGE-011"),
    ],
)  # fmt: skip
def test_broken_requests_are_problems(client, path, body, code):
    enter(client)
    answer = client.post(API + path, json=body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:harvestline:error:{code}"


def test_without_a_visit_or_its_token_nothing_is_done(client):
    assert client.get(f"{API}/home").status_code == 401
    assert client.post(f"{API}/identify", json={"card": "nobody's"}).status_code == 401
    enter(client)
    client.headers["x-csrf-token"] = "0" * 64
    assert client.post(f"{API}/withdraw", json={"purposes": []}).status_code == 401


def test_a_body_that_is_not_json_is_a_problem(client):
    answer = client.post(
        f"{API}/identify", content=b"{", headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("HL-EDGE-011")


def test_the_status_has_what_a_director_needs(client):
    found = client.get("/api/v1/station/status").json()
    assert found["model"]["version"] == 1
    assert [one["log"] for one in found["outbox"]] == ["money", "features", "raw"]
    assert found["leases"][0]["leases_count"] == 1
    assert found["clock_known"]


def test_consents_are_withdrawn_one_by_one(client):
    enter(client)
    ask = {
        "product_id": "crop-season",
        "subject_ids": ["plot-1"],
        "asked_minor": 800_000,
        "purposes": ["automated_decision", "device_readings"],
    }
    client.post(f"{API}/apply", json=ask)
    left = client.post(f"{API}/withdraw", json={"purposes": ["device_readings"]}).json()
    assert left == {"granted": ["automated_decision"]}
    assert client.post(f"{API}/leave").status_code == 204
    assert client.get(f"{API}/home").status_code == 401
