"""A draw to the centre and a lease back over TLS: what it takes, and in what time at 2 kbit/s.

The bytes are those that cross a real TCP link, TLS and headers included; docs/carriers.md
states them ("What an exchange takes") and this holds it to them. The quick tests count over
a fast link; the soak tests hold the clock against a slow one.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from core.lending.lease import LeaseKind
from core.wire.envelope import LogClass, LogName
from edge_node.store import leases, uplink
from edge_node.sync.metering import RUN_BYTES_MAX, UNMETERED
from edge_node.sync.rounds import Pace, Rhythm, run_rounds
from edge_node.sync.wires import Patience
from firmware_sim.links.tcp import LinkShape
from server.store import logs as centre_logs
from tests.support.centre import entropy
from tests.support.centre_kit import STATION, open_known
from tests.support.linked_station import linked_station
from tests.support.tls import make_certificate

TWO_KBIT_S = LinkShape(bytes_per_s=250, latency_ms=1_000)
TWO_G = LinkShape(bytes_per_s=3_750, latency_ms=1_000)
# docs/carriers.md, "What an exchange takes": bytes over TCP both ways, seconds at 2 kbit/s.
KEPT, RESUMED, FIRST = (4_200, 32.0), (5_400, 48.0), (6_200, 55.0)
GPRS_S_MAX = 16.0
BATCHES = 150
MONEY_BEHIND_RAW_S_MAX, ALL_S_MAX = 90.0, 600.0


@pytest.fixture
def lending(tmp_path: Path):
    """A station and its centre over TLS, with lines that are leased to the station."""
    with linked_station(tmp_path, certificate=make_certificate(tmp_path)) as linked:
        open_known(linked.kit)
        client = linked.client()
        settle(linked, client)
        yield linked, client


def settle(linked, client):
    while (done := linked.station.sync(client)).more:
        assert done.problem == ""


def draw(linked):
    """The farmer of a leased line draws."""
    book = next(
        each
        for each in leases.open_leases(linked.station.db)
        if each.lease.kind is LeaseKind.LINE and each.lease.product_id == "crop-season"
    )
    line_id = book.lease.line_id
    (farmer_id,) = linked.station.db.execute(
        "SELECT farmer_id FROM lines WHERE line_id = ?", [line_id]
    ).fetchone()
    linked.station.draw(line_id, farmer_id, 50_000)


def exchange(linked, client):
    """Draw, then sync once: the bytes that crossed the link, and how long it took [s]."""
    draw(linked)
    held = len(leases.open_leases(linked.station.db))
    before, began_s = linked.link.counts.carried_bytes, time.perf_counter()
    done = linked.station.sync(client)
    took_s = time.perf_counter() - began_s
    assert done.problem == ""
    assert done.pushed_records_count == 3  # the draw, its consent, its payout
    assert len(leases.open_leases(linked.station.db)) == held + 1
    carried = linked.link.counts.carried_bytes - before
    print(f"{carried} bytes, {took_s:.1f} s, connection {client.connections_count}")
    return carried, took_s


def three_exchanges(linked, client):
    """Over a connection that is there, over one that goes on with its session, anew."""
    kept = exchange(linked, client)
    assert client.connections_count == 1
    linked.link.drop_connections()
    resumed = exchange(linked, client)
    assert client.is_resumed
    fresh = linked.client()
    first = exchange(linked, fresh)
    assert not fresh.is_resumed
    return kept, resumed, first


def test_what_a_draw_and_a_lease_take_is_what_is_stated(lending):
    linked, client = lending
    found = [carried for carried, _ in three_exchanges(linked, client)]
    assert found == sorted(found)
    assert all(
        carried <= most for carried, (most, _) in zip(found, (KEPT, RESUMED, FIRST), strict=True)
    )


def test_a_silent_line_is_given_up_and_the_session_goes_on_over_the_next(lending):
    """Half open: the station's bytes are nowhere, and nobody tells it."""
    linked, _ = lending
    client = linked.client(Patience(connect_s=20, answer_s=3, bytes_per_s_min=100_000))
    while linked.station.sync(client).problem:
        pass  # a busy machine took longer than this client waits
    draw(linked)
    linked.link.silence()
    assert "HL-EDGE-005" in linked.station.sync(client).problem
    linked.link.drop_connections()
    linked.link.mend()
    while linked.station.sync(client).problem or linked.station.waiting():
        pass
    assert client.is_resumed
    linked.require_all_once()


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_draw_and_a_lease_at_two_kilobits_a_second(lending):
    linked, client = lending
    linked.link.reshape(TWO_KBIT_S)
    for (carried, took_s), (most, most_s) in zip(
        three_exchanges(linked, client), (KEPT, RESUMED, FIRST), strict=True
    ):
        assert carried <= most
        assert took_s <= most_s
    linked.link.reshape(TWO_G)
    assert exchange(linked, client)[1] <= GPRS_S_MAX


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_a_station_that_learnt_a_fast_link_lends_on_a_slow_one(lending):
    """Readings under way, a draw meanwhile, and a line that goes silent for a minute."""
    linked, client = lending
    station, done, stop = linked.station, threading.Event(), threading.Event()
    uplink.keep_up_bytes(station.db, RUN_BYTES_MAX)
    linked.link.drop_connections()
    station.raw(BATCHES)
    linked.link.reshape(TWO_KBIT_S)

    def clock():
        if not station.waiting():
            done.set()
        return station.clock

    rhythm = Rhythm(Pace(1, 2), UNMETERED, entropy("two kilobits"))
    act = (station.db, station.ends, client, clock, rhythm, stop)
    rounds = threading.Thread(target=run_rounds, args=act)
    began_s = time.perf_counter()
    rounds.start()
    try:
        assert soon(lambda: high_water(linked, LogClass.RAW) > 0)
        money, asked_s = high_water(linked, LogClass.MONEY), time.perf_counter()
        draw(linked)
        assert soon(lambda: high_water(linked, LogClass.MONEY) == money + 3)
        money_s = time.perf_counter() - asked_s
        linked.link.silence()
        done.wait(60)
        linked.link.drop_connections()
        linked.link.mend()
        assert done.wait(ALL_S_MAX)
    finally:
        stop.set()
        linked.link.reshape(LinkShape())
        rounds.join(120)
    print(
        f"money after {money_s:.0f} s, {BATCHES} batches in {time.perf_counter() - began_s:.0f} s"
    )
    linked.require_all_once()
    assert money_s < MONEY_BEHIND_RAW_S_MAX


def high_water(linked, log):
    return linked.kit.read(centre_logs.high_water, LogName(STATION, log))


def soon(holds, within_s=300.0):
    pause, until_s = threading.Event(), time.perf_counter() + within_s
    while not holds():
        if time.perf_counter() > until_s:
            return False
        pause.wait(0.2)
    return True
