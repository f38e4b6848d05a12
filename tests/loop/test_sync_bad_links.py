"""Links that trickle, vanish, flap and lag: all that was receipted is at the centre, once."""

from __future__ import annotations

import socket
import threading

import numpy as np
import pytest

from edge_node.store import uplink
from edge_node.sync.metering import RUN_BYTES_MIN, UNMETERED
from edge_node.sync.rounds import Pace, Rhythm, run_rounds
from edge_node.sync.wires import CentreClient, CentreUnreachableError, LinkCutError, Patience
from firmware_sim.links.tcp import HOST, LinkShape
from server.store import logs as centre_logs
from tests.support.centre import elapsed_ms, entropy
from tests.support.linked_station import UP_LOGS, linked_station

TWO_KBIT_S = 250  # bytes/s
WAIT_S_MAX = 120.0


@pytest.fixture
def linked(tmp_path):
    with linked_station(tmp_path) as made:
        yield made


class Rounds:
    """``run_rounds`` in a thread of its own until everything is receipted."""

    def __init__(self, linked, patience=None, retry_s_max=1):
        self._linked, self._stop, self.done = linked, threading.Event(), threading.Event()
        client = linked.client(patience)
        rhythm = Rhythm(Pace(1, retry_s_max), UNMETERED, entropy("bad links"))
        station = linked.station

        def clock():
            if not station.waiting():
                self.done.set()
            return station.clock

        act = (station.db, station.ends, client, clock, rhythm, self._stop)
        self._thread = threading.Thread(target=run_rounds, args=act)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._linked.link.mend()
        self._linked.link.reshape(LinkShape())
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


def arrivals(linked):
    """How many records of each log the centre has."""
    return {log: linked.kit.read(centre_logs.high_water, _name(log)) for log in UP_LOGS}


def _name(log):
    return centre_logs.LogName("st-one", log)


def test_the_smallest_envelope_passes_two_kilobits_a_second(linked):
    assert linked.station.sync(linked.client()).problem == ""
    linked.station.money()
    uplink.keep_up_bytes(linked.station.db, RUN_BYTES_MIN)
    linked.link.reshape(LinkShape(bytes_per_s=TWO_KBIT_S))
    assert linked.station.sync(linked.client()).problem == ""
    linked.require_all_once()


def test_money_that_is_written_during_a_raw_push_arrives_before_its_end(linked):
    station = linked.station
    station.raw(900)
    linked.link.reshape(LinkShape(bytes_per_s=16_000))
    money, _, raw = UP_LOGS
    with Rounds(linked) as rounds:
        assert _soon(lambda: arrivals(linked)[raw] > 0)
        station.money()
        assert _soon(lambda: arrivals(linked)[money] == 1)
        assert 0 < arrivals(linked)[raw] < 900
        assert rounds.done.wait(WAIT_S_MAX)
    linked.require_all_once()


def _soon(holds):
    pause = threading.Event()
    return any(holds() or pause.wait(0.05) for _ in range(2_000))


def test_a_peer_that_vanishes_is_given_up_and_what_was_cut_is_sent_smaller(linked):
    station = linked.station
    station.raw(200)
    client = linked.client(Patience(connect_s=2, answer_s=1, bytes_per_s_min=100_000))
    linked.link.silence()
    before = uplink.pace(station.db)
    assert "HL-EDGE-005" in station.sync(client).problem
    assert uplink.pace(station.db).down_bytes < before.down_bytes
    station.money()
    assert "HL-EDGE-005" in station.sync(client).problem
    assert uplink.pace(station.db).up_bytes < before.up_bytes
    linked.link.drop_connections()
    linked.link.mend()
    patient = linked.client()  # a busy machine is no dead link
    while (done := station.sync(patient)).more:
        pass
    assert done.problem == ""
    linked.require_all_once()


def test_an_answer_that_trickles_for_ever_is_given_up():
    with socket.create_server((HOST, 0)) as server:
        ended = threading.Event()

        def trickle():
            peer, _ = server.accept()
            with peer:
                peer.recv(65_536)
                peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
                while not ended.wait(0.1):
                    peer.sendall(b"x")

        thread = threading.Thread(target=trickle)
        thread.start()
        url = f"http://{HOST}:{server.getsockname()[1]}"
        client = CentreClient(url, elapsed_ms, Patience(2, 1, 1_000))
        with pytest.raises(LinkCutError, match="late"):
            client.post("/api/v1/pull", b"{}", "application/json")
        ended.set()
        thread.join(10)
        client.close()


def test_where_nothing_comes_through_nobody_waits_for_ever_and_nothing_is_counted(linked):
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind((HOST, 0))
        deaf.listen(0)  # its queue is full after one connection: the next ones hear nothing
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(deaf.getsockname())
        url = f"http://{HOST}:{deaf.getsockname()[1]}"
        client = CentreClient(url, elapsed_ms, Patience(connect_s=0.5))
        with pytest.raises(CentreUnreachableError) as caught:
            client.post("/api/v1/pull", b"{}", "application/json")
        assert not isinstance(caught.value, LinkCutError)
        assert client.sent_bytes == 0
        client.close()


def flap(linked, shortest_s, longest_s, until):
    """Cut and mend by chance until all is there."""
    chance = np.random.default_rng(11)
    cuts, cuts_max = 0, int(1_800 / longest_s)
    while cuts < cuts_max and not until.wait(chance.uniform(shortest_s, longest_s)):
        linked.link.cut()
        cuts += 1
        until.wait(chance.uniform(shortest_s, longest_s) / 4)
        linked.link.mend()
    return cuts


def fill(station):
    station.raw(400)
    station.features(300)
    station.money(40)


def test_a_flapping_link_brings_everything_once(linked):
    fill(linked.station)
    linked.link.reshape(LinkShape(bytes_per_s=60_000, latency_ms=20))
    with Rounds(linked) as rounds:
        cuts = flap(linked, 0.5, 1.5, rounds.done)
        assert rounds.done.wait(WAIT_S_MAX)
    assert cuts >= 3
    linked.require_all_once()


def test_connections_that_break_by_chance_bring_everything_once(linked):
    fill(linked.station)
    linked.link.reshape(LinkShape(bytes_per_s=200_000, drop_after_bytes_mean=12_000))
    with Rounds(linked) as rounds:
        assert rounds.done.wait(WAIT_S_MAX)
    assert linked.link.counts.dropped >= 3
    linked.require_all_once()


def test_a_link_with_a_long_way_brings_everything_once(linked):
    fill(linked.station)
    linked.link.reshape(LinkShape(bytes_per_s=200_000, latency_ms=200))
    with Rounds(linked) as rounds:
        assert rounds.done.wait(WAIT_S_MAX)
    linked.require_all_once()


@pytest.mark.soak
@pytest.mark.parametrize(
    ("shape", "flaps"),
    [
        (LinkShape(bytes_per_s=4_000, latency_ms=1_000), (1.0, 5.0)),
        (LinkShape(bytes_per_s=4_000, latency_ms=3_000), None),
        (LinkShape(bytes_per_s=TWO_KBIT_S, latency_ms=1_000), None),
    ],
    ids=["flapping every 1-5 s, latency 1 s", "latency 3 s", "2 kbit/s, latency 1 s"],
)
def test_dreadful_links_bring_everything_once(linked, shape, flaps):
    station = linked.station
    station.raw(20)
    station.features(20)
    station.money(3)
    linked.link.reshape(shape)
    with Rounds(linked, retry_s_max=2) as rounds:
        if flaps:
            flap(linked, *flaps, rounds.done)
        assert rounds.done.wait(1_800)
    linked.require_all_once()
