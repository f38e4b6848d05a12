"""Killed, full, unwritable, mistimed: what a watermark covered is there afterwards."""

from __future__ import annotations

import contextlib
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.store.ballast import Ballast
from edge_node.store.database import open_database
from edge_node.store.retention import delete_expired
from tests.support.edge_device import OutboxDevice
from tests.support.edge_station import (
    NOW_MS,
    STATION_SIGNER,
    RunningStation,
    database,
    eventually,
    running_station,
    sample,
    secrets_file,
    settings_for,
)
from tests.support.edge_station_process import free_port, station_process, write_settings
from tests.support.requirements import require
from tests.support.small_disk import fill_up, small_disk

STATION_KEY = STATION_SIGNER.public_key
YEAR_MS = 366 * 86_400_000


@pytest.fixture(params=["amqtt", "mosquitto"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "mosquitto":
        require("mosquitto")
    return str(request.param)


def probe(port: int, name: str = "probe-1") -> OutboxDevice:
    return OutboxDevice(name, port, station_key=STATION_KEY)


def stored(path: Path, name: str) -> list[int]:
    db = open_database(path)
    with contextlib.closing(db):
        rows = db.conn.execute(
            "SELECT seq FROM samples JOIN streams USING (stream_id) WHERE device_id = ?"
            " ORDER BY seq", (name,),
        ).fetchall()  # fmt: skip
        assert db.conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return [seq for (seq,) in rows]


@contextlib.contextmanager
def resending(*devices: OutboxDevice) -> Iterator[None]:
    """Devices that send again, every quarter of a second, what no watermark covers."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(0.25):
            for each in devices:
                if each.is_connected:
                    each.send()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def fill_until_blocked(station: RunningStation, each: OutboxDevice, first: int = 1) -> int:
    """Send until the station stops acknowledging; the last number that was sent."""
    sent = first - 1
    while not station.intake.state().storage_blocked:
        each.fill(tuple(sample(seq) for seq in range(sent + 1, sent + 501)))
        sent += 500
        each.send(batch_samples=100)
        eventually(settled, station, each, sent)
    eventually(lambda: each.watermark["e1"] == upto(station))  # one may still be under way
    return sent


def upto(station: RunningStation) -> int:
    return int(station.db.execute("SELECT max(upto) FROM streams").fetchone()[0])


def settled(station: RunningStation, each: OutboxDevice, sent: int) -> bool:
    return each.watermark.get("e1", 0) == sent or station.intake.state().storage_blocked


def test_full_database_stops_acknowledgement_and_money_still_fits(kind: str, tmp_path: Path):
    settings = settings_for(
        tmp_path, broker=kind, database_mib_max=1, raw_retention_days=1, raw_age_days_max=1,
        device_passwords_file=secrets_file(tmp_path, "probe-1"), queue_messages_max=2,
        batch_messages_max=2,
    )  # fmt: skip
    with running_station(settings, "probe-1") as station, probe(station.access.port) as each:
        sent = fill_until_blocked(station, each)
        acknowledged = each.watermark["e1"]
        assert "storage_blocked" in station.events.names
        assert acknowledged < sent
        assert stored(settings.database_path, "probe-1")[:acknowledged] == list(
            range(1, acknowledged + 1)
        )
        with station.db.atomic():  # money is not bound by the telemetry's share
            station.db.execute(
                "INSERT INTO streams (device_id, epoch) VALUES (?, ?)", ("x", "y" * 200_000)
            )
        assert each.watermark["e1"] == acknowledged
        while delete_expired(station.db, settings, NOW_MS + YEAR_MS):
            pass
        with resending(each):
            each.wait_watermark(sent)
        assert station.events.names.count("storage_released") == 1
        assert not station.intake.state().storage_blocked


def test_full_disk_stops_acknowledgement_until_there_is_room_again(tmp_path: Path):
    with small_disk(tmp_path / "disk", 6) as folder:
        settings = settings_for(folder, ballast_mib=1)
        hog = folder / "hog"
        with running_station(settings, "probe-1") as station, probe(station.access.port) as each:
            assert Ballast(settings.ballast_path, 1).is_set_aside()
            each.fill((sample(1),))
            each.send()
            each.wait_watermark(1)
            fill_up(hog)
            sent = fill_until_blocked(station, each, 2)
            acknowledged = each.watermark["e1"]
            assert acknowledged < sent
            assert set(range(1, acknowledged + 1)) <= set(stored(settings.database_path, "probe-1"))
            # The ballast was given up, and what it set aside is there for money.
            with station.db.atomic():
                station.db.execute(
                    "INSERT INTO streams (device_id, epoch) VALUES (?, ?)", ("x", "y" * 100_000)
                )
            hog.unlink()
            with resending(each):
                each.wait_watermark(sent)
            eventually(Ballast(settings.ballast_path, 1).is_set_aside)


def test_file_that_cannot_be_written_stops_acknowledgement(tmp_path: Path):
    """Every write of the process fails with an error that is not "full", as on a bad card."""
    settings = settings_for(tmp_path, broker_port=free_port(), ballast_mib=0)
    path = write_settings(settings)
    database(tmp_path, "probe-1").close()
    with station_process(path) as station, probe(settings.broker_port) as each:
        each.fill(tuple(sample(seq) for seq in range(1, 11)))
        each.send()
        each.wait_watermark(10)
        before = resource.prlimit(station.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(station.pid, resource.RLIMIT_FSIZE, (1, before[1]))
        each.fill(tuple(sample(seq) for seq in range(11, 21)))
        each.send()
        each.wait(lambda me: me.published == 2)
        with pytest.raises(AssertionError):
            each.wait_watermark(11, timeout_s=1)
        assert stored(settings.database_path, "probe-1") == list(range(1, 11))
        resource.prlimit(station.pid, resource.RLIMIT_FSIZE, before)
        with resending(each):
            each.wait_watermark(20)
        assert stored(settings.database_path, "probe-1") == list(range(1, 21))


def test_station_clock_set_back_a_year_goes_on(tmp_path: Path):
    with (
        running_station(settings_for(tmp_path), "probe-1") as station,
        probe(station.access.port) as each,
    ):
        each.fill((sample(1),))
        each.send()
        each.wait_watermark(1)
        station.clock_ms[0] -= YEAR_MS
        each.fill((sample(2),))
        each.send()
        each.wait_watermark(2)
        rows = station.db.conn.execute(
            "SELECT received_ms, clock_back FROM samples ORDER BY seq"
        ).fetchall()
        assert rows == [(NOW_MS, 0), (NOW_MS, 1)]


def test_ballast_is_really_allocated(tmp_path: Path):
    ballast = Ballast(tmp_path / "ballast", 2)
    assert not ballast.is_set_aside()
    assert ballast.set_aside()
    status = (tmp_path / "ballast").stat()
    assert status.st_blocks * 512 >= status.st_size == 2 * 1024 * 1024
    assert ballast.release()
    assert not ballast.release()
    assert Ballast(tmp_path / "none", 0).is_set_aside()


def test_ballast_that_does_not_fit_leaves_nothing_behind(tmp_path: Path):
    with small_disk(tmp_path / "disk", 1) as folder:
        assert not Ballast(folder / "ballast", 4).set_aside()
        assert list(folder.iterdir()) == []
