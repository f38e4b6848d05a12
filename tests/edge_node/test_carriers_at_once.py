"""The same envelopes by two agents' devices, a stick and the link at once, at a station."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from core.shape import encode
from core.wire.carrier import MAGIC, documents_in, framed
from core.wire.envelope import MAGIC as ENVELOPE_MAGIC
from core.wire.envelope import LogClass
from edge_node.faces.carrier import PATH, Cargo
from edge_node.store import logs, outbox, village
from edge_node.store.database import open_database
from edge_node.store.outbox import trust_clock
from edge_node.sync.applying import apply_envelope
from edge_node.sync.stick import export_to, import_file, import_from
from tests.support.carrier_door import RIGHT, served_door
from tests.support.centre import elapsed_ms
from tests.support.lending_station import Down, Station, farmer

FARMERS = range(10, 16)


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    station.draw(station.opened_line(1), 300_000)
    yield station
    station.close()


class Part:
    """A part of a running station: a connection of its own, used in turns."""

    def __init__(self, station):
        self._station, self._turn = station, threading.Lock()
        self.db = open_database(station.settings.database_path, any_thread=True)

    def _clock(self):
        return trust_clock(self.db, self._station.at_ms, self._station.error_ms)

    def hand_out(self, file, bytes_max):
        with self._turn:
            export_to(self.db, self._station.ends, file, self._clock(), bytes_max)

    def take_in(self, file):
        with self._turn:
            done = import_from(self.db, self._station.ends, file, "carrier", self._clock())
            return encode(done)

    def stick(self, path):
        with self._turn:
            return encode(import_file(self.db, self._station.ends, path, self._clock()))

    def link(self, data):
        with self._turn:
            return apply_envelope(self.db, self._station.ends, data, "link", self._clock())


@pytest.fixture
def parts(station):
    """Four parts: the endpoint's, the stick's, the link's, and one more for a second stick."""
    made = [Part(station) for _ in range(4)]
    yield made
    for part in made:
        part.db.close()


@pytest.fixture
def url(parts):
    cargo = Cargo(parts[0].hand_out, parts[0].take_in, 1_000_000)
    with served_door(cargo, elapsed_ms) as found:
        yield found


def device(url, content):
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        return client.post(PATH, content=content, headers=RIGHT).json()


def answered(station):
    """The centre's receipts for what the station wrote, and envelopes of six new farmers."""
    out = io.BytesIO()
    export_to(station.db, station.ends, out, station.clock)
    out.seek(0)
    documents = list(documents_in(out.read, "out"))
    receipts = [station.centre.take(each) for each in documents if each[:4] == ENVELOPE_MAGIC]
    first = len(station.centre.down) + 1
    for n in FARMERS:
        station.centre.say(Down.FARMER, farmer(n, f"card-{n}"), station.at_ms)
    downs = [station.centre.envelope(n, n + 1) for n in range(first, first + len(FARMERS), 2)]
    return receipts, downs


def test_one_answer_by_two_devices_two_sticks_and_the_link_at_once_is_applied_once(
    station, parts, url, tmp_path
):
    receipts, downs = answered(station)
    one = MAGIC + b"".join(framed(each) for each in (*receipts, *downs))
    other = MAGIC + b"".join(framed(each) for each in (*reversed(downs), *receipts))
    (tmp_path / "one.hls").write_bytes(one)
    (tmp_path / "other.hls").write_bytes(other)
    start = threading.Barrier(5)

    def at_once(act, *arguments):
        start.wait()
        return act(*arguments)

    def by_link():
        return [parts[2].link(each) for each in downs]

    with ThreadPoolExecutor(5) as pool:
        files = [
            pool.submit(at_once, device, url, one),
            pool.submit(at_once, device, url, other),
            pool.submit(at_once, parts[1].stick, tmp_path / "one.hls"),
            pool.submit(at_once, parts[3].stick, tmp_path / "other.hls"),
        ]
        linked = pool.submit(at_once, by_link)
        told = [each.result() for each in files]
        assert len(linked.result()) == len(downs)
    assert [each["refused"] for each in told] == [[]] * 4
    applied = station.db.execute(
        "SELECT count(*), count(DISTINCT seq), max(seq) FROM down_records"
    ).fetchone()
    assert applied == (len(station.centre.down),) * 3
    assert all(village.farmer(station.db, f"f-{n}") for n in FARMERS)
    assert outbox.delivered(station.db, LogClass.MONEY) == logs.tail(station.db, LogClass.MONEY)


def test_two_devices_fetch_the_same_while_the_farmers_go_on(station, url):
    start = threading.Barrier(3)

    def fetch():
        start.wait()
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            return client.get(PATH, headers=RIGHT).content

    with ThreadPoolExecutor(2) as pool:
        fetched = [pool.submit(fetch) for _ in range(2)]
        start.wait()
        for n in (2, 3):
            station.draw(station.opened_line(n), 100_000)
        files = [each.result() for each in fetched]
    for file in (*files, files[0]):
        for each in documents_in(io.BytesIO(file).read, "fetched"):
            if each[:4] == ENVELOPE_MAGIC:
                station.centre.take(each)
    money = station.centre.received[LogClass.MONEY].records
    ours = logs.read_run(station.db, LogClass.MONEY, 0, 1_000, 10**7)
    assert list(money) == list(ours[: len(money)])
    assert len(money) >= 6
