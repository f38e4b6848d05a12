"""``kill -9`` at random moments, of station, broker and both, while devices reboot.

What a watermark covered is in the store after every kill; in the end each sample is there,
once. The soak kills a thousand times.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from edge_node.config import Settings
from edge_node.store.database import open_database
from tests.support.edge_device import OutboxDevice
from tests.support.edge_station import (
    STATION_SIGNER,
    database,
    eventually,
    sample,
    secrets_file,
    settings_for,
)
from tests.support.edge_station_process import write_settings
from tests.support.requirements import require
from tests.support.station_zygote import Zygote, zygote

SAMPLES = 30  # of each device between two kills
CHECK_EVERY = 25  # kills between two looks at the whole file
REBOOTS = 0.3  # the chance that a device reboots with a kill
WAIT_S_MAX = 0.25  # before a kill
SOAK = pytest.param(500, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)])
NAMES = ("probe-1", "probe-2")


class Devices:
    """Two devices with outboxes that outlive their reboots, sending again and again."""

    def __init__(self, port: int) -> None:
        self._port, self._lock = port, threading.Lock()
        self._devices = {name: self._made(name) for name in NAMES}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._resend)
        self.told = dict.fromkeys(NAMES, 0)

    def __enter__(self) -> Self:
        for each in self._devices.values():
            each.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        for each in self._devices.values():
            each.__exit__(None, None, None)

    def _made(self, name: str) -> OutboxDevice:
        return OutboxDevice(name, self._port, station_key=STATION_SIGNER.public_key)

    def _resend(self) -> None:
        while not self._done.wait(0.25):
            self.send(())

    def send(self, seqs: range | tuple[()]) -> None:
        """Put samples into each outbox and send what no watermark covers."""
        with self._lock:
            for each in self._devices.values():
                each.fill(tuple(sample(seq) for seq in seqs))
                if each.is_connected or seqs:
                    each.send(batch_samples=5)

    def reboot(self, name: str) -> None:
        """Lose power and connection; the outbox is kept, the last watermark is not."""
        with self._lock:
            old = self._devices[name]
            self.note()
            old.__exit__(None, None, None)
            fresh = self._made(name)
            fresh.outbox, fresh.boot = old.outbox, old.boot + 1
            fresh.begin()
            self._devices[name] = fresh

    def note(self) -> None:
        """Take down what each was told, also before it rebooted."""
        for name, each in self._devices.items():
            self.told[name] = max(self.told[name], each.watermark.get("e1", 0))

    def all_told(self, upto: int) -> bool:
        self.note()
        return all(mark == upto for mark in self.told.values())


def quiet_port(chance: random.Random) -> int:
    """A port that no outgoing connection is given: devices that call a dead broker for
    minutes would some day be given its own one, and talk to themselves on it.
    """
    while True:
        port = chance.randrange(20_000, 30_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def broker_process(settings: Settings) -> int | None:
    """Mosquitto's, as the station noted it."""
    path = settings.folder / "mosquitto" / "pid"
    return int(path.read_text()) if path.exists() else None


def strike(chance: random.Random, settings: Settings, stations: Zygote, living: int) -> bool:
    """Kill station, broker or both; whether the station is gone."""
    whom = chance.choice(("station", "broker", "both")) if settings.broker != "amqtt" else "station"
    broker = broker_process(settings)
    if whom != "broker":
        stations.kill(living)
    if whom != "station" and broker is not None:
        with contextlib.suppress(ProcessLookupError):  # it fell a moment ago and is started anew
            os.kill(broker, signal.SIGKILL)
    return whom != "broker"


def require_covered(path: Path, told: dict[str, int], *, whole: bool) -> None:
    """Every number up to what was told is stored; now and then the whole file is read."""
    with contextlib.closing(open_database(path)) as db:
        for name, upto in told.items():
            found = db.execute(
                "SELECT count(*) FROM samples JOIN streams USING (stream_id)"
                " WHERE device_id = ? AND seq <= ?", [name, upto]
            ).fetchone()  # fmt: skip
            assert found == (upto,), f"{name} was told {upto}"
        if whole:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.fixture(scope="module")
def stations() -> Iterator[Zygote]:
    with zygote() as made:
        yield made


@pytest.mark.parametrize("broker", ["amqtt", "mosquitto"])
@pytest.mark.parametrize("kills", [6, SOAK])
def test_station_and_broker_killed_at_random_moments_lose_nothing_that_was_acknowledged(
    tmp_path: Path, stations: Zygote, broker: str, kills: int
):
    if broker == "mosquitto":
        require("mosquitto")
    chance = random.Random(kills)
    settings = settings_for(
        tmp_path, broker=broker, broker_port=quiet_port(random.Random()),
        device_passwords_file=secrets_file(tmp_path, *NAMES),
    )  # fmt: skip
    path = write_settings(settings)
    database(tmp_path, *NAMES).close()
    living = stations.start(path)
    stations_killed = 0
    try:
        with Devices(settings.broker_port) as devices:
            for turn in range(kills):
                devices.send(range(turn * SAMPLES + 1, (turn + 1) * SAMPLES + 1))
                threading.Event().wait(chance.uniform(0, WAIT_S_MAX))
                gone = strike(chance, settings, stations, living)
                stations_killed += gone
                for name in NAMES:
                    if chance.random() < REBOOTS:
                        devices.reboot(name)
                devices.note()
                require_covered(settings.database_path, devices.told, whole=turn % CHECK_EVERY == 0)
                if gone:
                    living = stations.start(path)
            eventually(devices.all_told, kills * SAMPLES, timeout_s=100)
    finally:
        with contextlib.suppress(ProcessLookupError):
            stations.kill(living)
        broker_left = broker_process(settings)
        if broker_left is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(broker_left, signal.SIGKILL)
    print(f"\n{broker}: {kills} kills, {stations_killed} of them of the station")
    require_covered(settings.database_path, dict.fromkeys(NAMES, kills * SAMPLES), whole=True)
    with contextlib.closing(open_database(settings.database_path)) as db:
        assert db.execute("SELECT count(*) FROM samples").fetchone() == (2 * kills * SAMPLES,)
        assert db.execute("SELECT count(*) FROM gaps").fetchone() == (0,)


def test_a_broker_that_a_killed_station_never_noted_is_ended(tmp_path: Path, stations: Zygote):
    """Between its start and the note of its number there is a moment to be killed in."""
    require("mosquitto")
    settings = settings_for(
        tmp_path, broker="mosquitto", broker_port=quiet_port(random.Random()),
        device_passwords_file=secrets_file(tmp_path, *NAMES),
    )  # fmt: skip
    path = write_settings(settings)
    database(tmp_path, *NAMES).close()
    stations.kill(stations.start(path))
    orphan = broker_process(settings)
    assert orphan is not None
    (tmp_path / "mosquitto" / "pid").unlink()
    living = stations.start(path)  # on the same port
    fresh = broker_process(settings)
    assert fresh not in (None, orphan)
    stations.kill(living)
    os.kill(fresh or 0, signal.SIGKILL)
