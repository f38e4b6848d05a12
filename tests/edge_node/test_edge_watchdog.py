"""systemd hears that a station is well only while its parts truly turn."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from core.units import MS_PER_HOUR
from core.wire.telemetry import topic
from edge_node.commands.doctor import diagnose
from edge_node.commands.findings import Verdict
from edge_node.commands.hands import Bench, Hands
from edge_node.commands.heart import Heart, Turns, Watchdog, notifier, watchdog_ms
from edge_node.commands.running import Running
from edge_node.commands.watching import STATUS, ask_running, page_alive, probe_pages, write_runtime
from edge_node.config import SettingError
from edge_node.intake import Intake, make_broker
from edge_node.keys import write_identity
from edge_node.store.devices import DeviceRegistry
from tests.support.edge_device import EdgeDevice
from tests.support.edge_station import (
    NOW_MS,
    SITE,
    STATION_SIGNER,
    WAIT_S,
    database,
    eventually,
    settings_for,
)
from tests.support.lending_station import APRIL_1, Station

SECOND_MS = 1_000


class Supervisor:
    """systemd's end of the socket, and a clock that the test moves."""

    def __init__(self, path: Path) -> None:
        self.now_ms = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0.01)
        self.tell = notifier({"NOTIFY_SOCKET": str(path)})

    def heard(self) -> str:
        """The newest word, or nothing."""
        found = ""
        try:
            while True:
                found = self._socket.recv(4096).decode()
        except TimeoutError:
            return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "notify")
    yield made
    made.close()


def test_a_stuck_committer_ends_the_signs_of_life(tmp_path: Path, supervisor: Supervisor):
    """A log whose reader hangs blocks whoever writes to it: a thread that is alive, and stuck."""
    hangs, seen = threading.Event(), threading.Event()

    def on_event(event: str, facts: Mapping[str, object]) -> None:
        if event == "messages_refused" and facts:
            seen.set()
            hangs.wait(60)

    settings = settings_for(tmp_path)
    database(tmp_path, "probe-1").close()
    registry = DeviceRegistry(settings.database_path, settings.station, lambda: NOW_MS)
    broker = make_broker(settings, registry, "station-secret", on_event)
    intake = Intake(
        settings, settings.database_path, registry, STATION_SIGNER, lambda: NOW_MS, on_event
    )
    stuck: list[tuple[str, ...]] = []
    heart = Heart(lambda: supervisor.now_ms)
    watchdog = Watchdog(heart, supervisor.tell, SECOND_MS, stuck.append)
    try:
        access = broker.start()
        intake.start(access)
        assert intake.wait_connected(WAIT_S)
        heart.watch("committer", intake.committer_turns, 60)
        heart.watch("intake", intake.network_turns, 60)
        _let_turn(intake)
        supervisor.now_ms += 61 * SECOND_MS
        watchdog.look(supervisor.now_ms)
        assert supervisor.heard().startswith("WATCHDOG=1")
        with EdgeDevice("probe-1", access.port) as probe:
            probe.publish(topic(SITE, "probe-1", "t"), b"garbage")
            assert seen.wait(WAIT_S)
            heart.stuck()  # from here on the committer's count stands still
            network = intake.network_turns()
            eventually(lambda: intake.network_turns() > network)
            supervisor.now_ms += 61 * SECOND_MS
            assert watchdog.look(supervisor.now_ms) == ("committer",)
            assert supervisor.heard() == "STATUS=stuck: committer", "no WATCHDOG=1 beside it"
            hangs.set()
            turns = intake.committer_turns()
            eventually(lambda: intake.committer_turns() > turns)
            network = intake.network_turns()
            eventually(lambda: intake.network_turns() > network)
            supervisor.now_ms += SECOND_MS
            assert watchdog.look(supervisor.now_ms) == ()
        assert supervisor.heard().startswith("WATCHDOG=1")
        assert stuck == [("committer",), ()], "said once when it came and once when it went"
    finally:
        hangs.set()
        intake.stop()
        broker.stop()
        registry.close()


def _let_turn(intake: Intake) -> None:
    for turns in (intake.committer_turns, intake.network_turns):
        before = turns()
        eventually(lambda turns=turns, before=before: turns() > before)


def test_pages_that_take_connections_and_never_answer_are_stuck(supervisor: Supervisor):
    """A kernel accepts for a server whose loop hangs: only an answer counts."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1]
        turns, stop, heart = Turns(), threading.Event(), Heart(lambda: supervisor.now_ms)
        heart.watch("pages", turns, 60)
        asked = threading.Event()

        def ask() -> bool:
            threading.Thread(target=_shut_when_asked, args=(hanging, asked)).start()
            return page_alive("127.0.0.1", port, None)

        stop.set()
        probe_pages(ask, turns, stop)
        assert asked.wait(WAIT_S)
        supervisor.now_ms += 61 * SECOND_MS
        assert heart.stuck() == ("pages",)


def _shut_when_asked(server: socket.socket, asked: threading.Event) -> None:
    taken, _ = server.accept()
    with taken:
        if taken.recv(4096).startswith(b"GET /api/v1/station/alive"):
            asked.set()


def test_without_a_supervisor_nothing_is_told():
    assert notifier({}) is None
    assert notifier({"NOTIFY_SOCKET": "relative"}) is None
    assert watchdog_ms({}) == watchdog_ms({"WATCHDOG_USEC": "infinity"}) == 0
    assert watchdog_ms({"WATCHDOG_USEC": "60000000"}) == 60_000


def test_an_abstract_socket_is_reached(tmp_path: Path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        name = f"harvestline-{tmp_path.name}"
        server.bind(f"\0{name}")
        server.settimeout(WAIT_S)
        tell = notifier({"NOTIFY_SOCKET": f"@{name}"})
        assert tell is not None
        tell("READY=1")
        assert server.recv(64) == b"READY=1"


def test_it_is_told_no_oftener_than_it_asks_for(supervisor: Supervisor):
    heart, turns = Heart(lambda: supervisor.now_ms), Turns()
    heart.watch("part", turns, 60)
    watchdog = Watchdog(heart, supervisor.tell, 20 * SECOND_MS, lambda _: None)
    told = []
    for _ in range(40):
        turns.turn()
        watchdog.look(supervisor.now_ms)
        told += [supervisor.heard()] if supervisor.now_ms % (5 * SECOND_MS) == 0 else []
        supervisor.now_ms += SECOND_MS
    assert [bool(each) for each in told] == [True, False, False, False, True, False, False, False]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_broker_whose_look_at_revocations_died_is_not_taken_for_running(tmp_path: Path):
    """Else a revoked device would stay connected for as long as the station runs."""
    settings = settings_for(tmp_path)
    database(tmp_path, "probe-1").close()
    clock_file_gone = threading.Event()

    def now_ms() -> int:
        if clock_file_gone.is_set():
            raise SettingError("expected a clock file")
        return NOW_MS

    registry = DeviceRegistry(settings.database_path, settings.station, now_ms)
    broker = make_broker(settings, registry, "station-secret", lambda _event, _facts: None)
    try:
        access = broker.start()
        assert broker.is_running
        clock_file_gone.set()
        eventually(lambda: not broker.is_running)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((access.host, access.port))
    finally:
        broker.stop()
        registry.close()
    assert not broker.is_running


class Hanging:
    """A clock that one thread waits for in vain, as for a device that answers no more."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor, self._began_ns = supervisor, time.monotonic_ns()
        self.name, self.caught, self.released = "", threading.Event(), threading.Event()

    def now_ms(self) -> int:
        if threading.current_thread().name == self.name and not self.released.is_set():
            self.caught.set()
            self.released.wait()
        return APRIL_1

    def elapsed_ms(self) -> int:
        passed_ms = (time.monotonic_ns() - self._began_ns) // 1_000_000
        return self._supervisor.now_ms + passed_ms


@pytest.mark.parametrize("part", ["sync", "features"])
def test_a_part_that_hangs_is_named_and_systemd_hears_no_more(
    tmp_path: Path, supervisor: Supervisor, part: str
):
    """The whole station runs; one of its threads waits for ever, alive."""
    station = Station(tmp_path)
    write_identity(tmp_path / "centre.pub.json", station.centre.identity)
    station.settings = replace(
        station.settings, broker_port=0, page_port=0, ballast_mib=0, sync_every_s=1, retry_s_max=1,
        server_url="http://127.0.0.1:9", server_identity_file=tmp_path / "centre.pub.json",
    )  # fmt: skip
    hanging = Hanging(supervisor)
    hands = Hands({}, hanging.now_ms, hanging.elapsed_ms, lambda: "minted", os.urandom)
    running = Running(Bench(hands, station.settings, station.keys, station.db, station.ends))
    watchdog = Watchdog(running.heart, supervisor.tell, SECOND_MS, lambda _: None)
    try:
        where = running.start()
        write_runtime(tmp_path, {"page": where.page, "pid": os.getpid()})
        hanging.name = part
        assert hanging.caught.wait(WAIT_S)
        running.heart.stuck()  # from here on its count stands still
        supervisor.now_ms += 2 * MS_PER_HOUR
        eventually(lambda: running.heart.stuck() == (part,))  # the others have turned again
        watchdog.look(hanging.elapsed_ms())
        assert supervisor.heard() == f"STATUS=stuck: {part}", "no WATCHDOG=1 beside it"
        found = diagnose(hands, station.settings).findings
        (said,) = [each for each in found if each.name == "running"]
        assert (said.verdict, said.found.rpartition(", ")[2]) == (Verdict.BAD, f"stuck: {part}")
        assert ask_running(station.settings, STATUS)["stuck_parts"] == [part]
        hanging.released.set()
        eventually(lambda: running.heart.stuck() == ())
        watchdog.look(hanging.elapsed_ms() + SECOND_MS)
        assert supervisor.heard().startswith("WATCHDOG=1")
    finally:
        hanging.released.set()
        running.stop()
        station.close()
