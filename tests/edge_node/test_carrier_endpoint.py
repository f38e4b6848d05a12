"""An agent's device as carrier: the sealed file over HTTP at the station, and back."""

from __future__ import annotations

import io

import httpx
import pytest

from core.shape import encode
from core.wire.carrier import MAGIC, documents_in, framed
from core.wire.envelope import MAGIC as ENVELOPE_MAGIC
from core.wire.envelope import LogClass
from edge_node.decide.desk import RequestError
from edge_node.faces.carrier import PATH, Cargo, Door
from edge_node.faces.resting import FAILURES_MAX, FAILURES_MS
from edge_node.store import logs, outbox
from edge_node.sync.stick import export_to, import_from
from tests.support.carrier_door import RIGHT, TOKEN, Turned, served_door
from tests.support.lending_station import Down, Station, farmer

BYTES_MAX = 200_000


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


@pytest.fixture
def elapsed():
    return Turned()


@pytest.fixture
def device(station, elapsed):
    """An agent's device at the station's network."""

    def hand_out(file, bytes_max):
        export_to(station.db, station.ends, file, station.clock, bytes_max)

    def take_in(file):
        return encode(import_from(station.db, station.ends, file, "carrier", station.clock))

    with (
        served_door(Cargo(hand_out, take_in, BYTES_MAX), elapsed) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        yield client


def test_a_device_carries_envelopes_up_and_the_answer_down(station, device):
    station.draw(station.opened_line(1), 300_000)
    fetched = device.get(PATH, headers=RIGHT)
    assert fetched.status_code == 200
    documents = list(documents_in(io.BytesIO(fetched.content).read, "fetched"))
    receipts = [station.centre.take(each) for each in documents if each.startswith(ENVELOPE_MAGIC)]
    station.centre.say(Down.FARMER, farmer(9, "card-9"), station.at_ms)
    down = station.centre.envelope(len(station.centre.down), len(station.centre.down))
    back = MAGIC + b"".join(framed(each) for each in (*receipts, down))
    for applied, known in ((1, 0), (0, 1)):  # a second device brings the same
        told = device.post(PATH, content=back, headers=RIGHT).json()
        assert (told["applied_count"], told["known_count"]) == (applied, known)
        assert (told["receipts_count"], told["refused"]) == (1, [])
    assert outbox.delivered(station.db, LogClass.MONEY) == logs.tail(station.db, LogClass.MONEY)


def test_other_requests_reach_the_pages(device):
    assert device.get("/").text == "pages"
    assert device.get("/carrier/else").text == "pages"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
    ],
)
def test_without_the_token_nothing_is_given_or_taken(station, device, headers):
    before = logs.down_tail(station.db, station.ends.down)
    for answer in (
        device.get(PATH, headers=headers),
        device.post(PATH, headers=headers, content=b"x"),
    ):
        assert answer.status_code == 401
        assert answer.json()["type"].endswith("HL-EDGE-023")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert logs.down_tail(station.db, station.ends.down) == before


def test_after_too_many_wrong_tokens_their_address_rests_and_no_other(device, elapsed):
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=device.base_url, transport=elsewhere) as guesser:
        for _ in range(FAILURES_MAX):
            answer = guesser.get(PATH, headers={"authorization": "Bearer guess"})
            assert answer.status_code == 401
        assert guesser.get(PATH, headers=RIGHT).status_code == 401
        assert device.get(PATH, headers=RIGHT).status_code == 200
        elapsed.at_ms += FAILURES_MS
        assert guesser.get(PATH, headers=RIGHT).status_code == 200


def test_a_file_above_the_bound_is_refused_and_none_is_given(device):
    answer = device.post(PATH, content=MAGIC + b"\0" * BYTES_MAX, headers=RIGHT)
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("HL-EDGE-013")
    assert len(device.get(PATH, headers=RIGHT).content) <= BYTES_MAX


def test_what_is_no_file_of_envelopes_is_refused_by_name(station, device):
    answer = device.post(PATH, content=b"PK\x03\x04 a zip", headers=RIGHT)
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("HL-CORE-006")


def test_a_token_that_could_be_guessed_is_refused():
    with pytest.raises(RequestError, match="longer"):
        Door("short", Turned())
