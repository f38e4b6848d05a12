"""kill -9 of a real process at random moments during drawdowns: invariants 1, 2 and 3."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading

import pytest

from core.lending.lease import DrawState
from core.lending.limit import Movement
from core.wire.envelope import GENESIS, LogClass, chain_head
from core.wire.records import Down
from edge_node.decide.draws import recover
from edge_node.store import leases, logs
from tests.conftest import REPOSITORY
from tests.support.lending_station import Station, lease, status

ROUNDS = 6
DRAW_MINOR = 50_000
SEED = 20_260_401


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate(1)
    told = status("line-1", 9_000_000, Movement.OPENED)
    station.centre.say(Down.LINE, told, station.at_ms)
    for number, amount in enumerate((4_000_000, 3_000_000)):
        station.centre.say_lease(lease(f"le-{number}", "line-1", amount, limit_minor=9_000_000))
    station.take_down()
    yield station
    station.close()


def run_until_killed(station, name, lines_min):
    """Start the process, kill it once it has said so many lines; what it said."""
    command = [sys.executable, "-m", "tests.support.draw_until_killed"]
    arguments = [str(station.folder), "line-1", str(DRAW_MINOR), name]
    process = subprocess.Popen(
        command + arguments, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    said, enough = [], threading.Event()

    def listen():
        for line in process.stdout:
            said.append(line.split())
            if len(said) > lines_min:
                enough.set()
        enough.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert enough.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    listener.join(10)
    process.stdout.close()
    return said


def test_a_station_killed_while_paying_out_keeps_every_receipt_and_over_draws_nothing(station):
    chance = random.Random(SEED)
    receipts = {}
    for number in range(ROUNDS):
        said = run_until_killed(station, f"run-{number}", chance.randrange(1, 12))
        receipts.update({line[1]: int(line[2]) for line in said if line[0] == "posted"})
        unsettled = {kept.drawdown.draw_id for kept in leases.pending_draws(station.db)}
        confirmed = {
            kept.drawdown.draw_id
            for kept in leases.pending_draws(station.db)
            if kept.paid_out_at_ms
        }
        settled = recover(station.db, station.desk, station.clock)
        assert {d.draw_id for d in settled} == unsettled
        assert {d.draw_id for d in settled if d.state is DrawState.POSTED} == confirmed
        for book in leases.books_of_line(station.db, "line-1"):
            assert book.used_minor <= book.lease.amount_minor
    kept = {k.drawdown.draw_id: k.drawdown for k in leases.draws_of_line(station.db, "line-1")}
    for draw_id, amount in receipts.items():
        assert kept[draw_id].state is DrawState.POSTED, f"seed {SEED}: receipt {draw_id} is lost"
        assert kept[draw_id].amount_minor == amount
    assert len(receipts) > ROUNDS
    assert_log_and_state_agree(station, kept)


def assert_log_and_state_agree(station, kept):
    records = logs.read_run(station.db, LogClass.MONEY, 0, 10**6, 10**9)
    name = station.ends.up(LogClass.MONEY)
    assert chain_head(name, GENESIS, records) == logs.tail(station.db, LogClass.MONEY).head
    last, seen = {}, []
    for record in records:
        if record.kind == "drawdown":
            last[record.body["draw_id"]] = record.body["state"]
            seen.append((record.body["draw_id"], record.body["state"]))
    assert last == {draw_id: draw.state.value for draw_id, draw in kept.items()}
    assert len(seen) == len(set(seen)), "one step of one draw stands in the log once"
