"""A disk without room: money, consents and applications go on, readings wait, retention helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from core.lending.lease import Clock
from edge_node.decide.desk import Desk
from edge_node.decide.draws import Receipt
from edge_node.intake.committer import Committer
from edge_node.store.ballast import Ballast
from edge_node.store.database import DiskFullError, StationDatabase, open_database
from edge_node.store.decisions import KeptCard
from edge_node.store.outbox import raise_floor, trust_clock
from edge_node.store.retention import let_go, mark_delivered
from edge_node.sync.daily import tend_readings
from tests.support.edge_device import OutboxDevice
from tests.support.edge_station import (
    NOW_MS,
    STATION_SIGNER,
    RunningStation,
    database,
    eventually,
    running_station,
    sample,
    settings_for,
)
from tests.support.lending_station import Station, onboarding
from tests.support.power_cuts import message
from tests.support.small_disk import fill_up, small_disk

DAY_MS = 86_400_000
BALLAST_MIB = 2
MESSAGES = 200
AGAIN_S = 5.0


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """A station that lends, on a disk of 8 MiB that somebody else has filled."""
    with small_disk(tmp_path / "disk", 8) as folder:
        made = Station(folder)
        made.populate(3)
        made.centre.say_lease(onboarding("on-2"))
        made.take_down()
        made.db.ballast = Ballast(folder / "ballast", BALLAST_MIB)
        assert made.db.has_room
        # An empty journal, so that the next transaction needs room on the disk.
        made.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        fill_up(folder / "hog")
        yield made
        made.close()


def readings(station: Station) -> None:
    """What the intake does with a batch, on a connection without a right to the ballast."""
    with closing(open_database(station.settings.database_path)) as db:
        arrivals = [message("probe-1", 1 + 3 * n) for n in range(MESSAGES)]
        Committer(settings_for(station.folder)).commit(db, arrivals)


def test_money_consent_and_application_commit_when_readings_cannot(station: Station):
    with pytest.raises(DiskFullError):
        readings(station)
    line_id = station.opened_line(1)  # an application, its consents, its decision, its line
    assert isinstance(station.draw(line_id, 100_000), Receipt)
    assert isinstance(station.apply(2), KeptCard)
    assert not station.db.has_room  # they lived on the ballast
    (station.folder / "hog").unlink()
    assert station.db.has_room
    readings(station)
    assert station.db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_without_the_ballast_the_same_money_would_not_be_kept(station: Station):
    station.db.ballast = None
    with pytest.raises(DiskFullError):
        station.opened_line(1)


def test_what_can_wait_waits_while_money_lives_on_the_ballast(station: Station):
    (station.folder / "hog").unlink()
    readings(station)
    fill_up(station.folder / "hog")
    station.opened_line(1)
    rules = settings_for(station.folder)
    count = "SELECT count(*) FROM log_records WHERE log = 'raw'"
    before = station.db.execute(count).fetchone()
    assert tend_readings(station.db, rules, station.desk, station.clock)
    assert station.db.execute(count).fetchone() == before
    (station.folder / "hog").unlink()
    assert tend_readings(station.db, rules, station.desk, station.clock)
    assert station.db.execute(count).fetchone() == (before[0] + MESSAGES,)


def filled(station: RunningStation, probe: OutboxDevice) -> int:
    """Send until the disk is full of readings; the last number that was acknowledged."""
    sent = 0
    while not station.intake.state().storage_blocked:
        probe.fill(tuple(sample(seq) for seq in range(sent + 1, sent + 1_001)))
        sent += 1_000
        sent_until(probe, lambda upto=sent: is_settled(station, probe, upto))
    eventually(lambda: probe.watermark["e1"] == upto(station.db))
    return probe.watermark["e1"]


def sent_until(probe: OutboxDevice, condition: Callable[[], bool]) -> None:
    """Send again what no watermark covers, as a device does, until a condition holds.

    A queue of two messages overflows when the committer is late; amqtt does not keep what
    was turned away then.
    """
    while not condition():
        probe.send(batch_samples=100)
        with suppress(AssertionError):
            eventually(condition, timeout_s=AGAIN_S)


def is_settled(station: RunningStation, probe: OutboxDevice, sent: int) -> bool:
    return probe.watermark.get("e1", 0) == sent or station.intake.state().storage_blocked


def probe(station: RunningStation) -> OutboxDevice:
    return OutboxDevice("probe-1", station.access.port, station_key=STATION_SIGNER.public_key)


def goes_on(station: RunningStation, desk: Desk, later: Clock) -> bool:
    """What the station does every minute; whether the intake took up its work again."""
    tend_readings(station.db, station.settings, desk, later)
    return not station.intake.state().storage_blocked


def upto(db: StationDatabase) -> int:
    return int(db.execute("SELECT max(upto) FROM streams").fetchone()[0])


def held(db: StationDatabase) -> set[int]:
    return {seq for (seq,) in db.execute("SELECT seq FROM samples")}


def test_readings_that_filled_the_disk_leave_it_when_the_centre_has_them_and_intake_goes_on(
    tmp_path: Path,
):
    with small_disk(tmp_path / "disk", 16) as folder:
        # The ballast holds more than a journal grows to, as the default does: what is in the
        # journal can be brought into the file on it.
        settings = settings_for(
            folder, ballast_mib=6, raw_retention_days=1, raw_age_days_max=1_000,
            queue_messages_max=2, batch_messages_max=2,
        )  # fmt: skip
        with running_station(settings, "probe-1") as station, probe(station) as device:
            acknowledged = filled(station, device)
            assert held(station.db) >= set(range(1, acknowledged + 1))
            station.db.ballast = Ballast(settings.ballast_path, 6)
            delivered = deliver(station.db, acknowledged * 3 // 4)
            raise_floor(station.db, NOW_MS)
            desk = Desk(settings.station, STATION_SIGNER, 0)
            later = trust_clock(station.db, NOW_MS + 2 * DAY_MS, 0)
            eventually(goes_on, station, desk, later)
            sent_until(device, lambda: upto(station.db) == device.outbox[-1].seq)
            assert station.events.names.count("storage_released") >= 1
            assert held(station.db) == set(range(delivered + 1, upto(station.db) + 1))


def deliver(db: StationDatabase, seq: int) -> int:
    """The centre acknowledges what ends at or before a number; the last number that it has."""
    sql = "SELECT sha256, last_seq FROM telemetry_documents WHERE last_seq <= ?"
    rows = db.execute(sql, [seq]).fetchall()
    for start in range(0, len(rows), 20):
        found = [sha256 for sha256, _ in rows[start : start + 20]]
        try:
            mark_delivered(db, found, NOW_MS)
        except DiskFullError:  # it gave the ballast up, so that the next one finds room
            mark_delivered(db, found, NOW_MS)
    return max(last for _, last in rows)


def test_the_disk_gets_the_pages_back_that_retention_emptied(tmp_path: Path):
    with small_disk(tmp_path / "disk", 9) as folder, closing(database(folder, "probe-1")) as db:
        committer, rules = (
            Committer(settings_for(folder)),
            settings_for(folder, raw_retention_days=1, raw_age_days_max=1_000),
        )
        for start in range(0, 3_000, 500):
            committer.commit(db, [message("probe-1", 1 + 3 * n) for n in range(start, start + 500)])
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        db.ballast = Ballast(folder / "ballast", 1)
        assert db.has_room
        delivered = deliver(db, 8_000)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        fill_up(folder / "hog")
        before = (folder / "station.db").stat().st_size
        for _ in range(10):
            let_go(db, rules, NOW_MS + 2 * DAY_MS)
        assert db.has_room  # although the disk is as full of other things as it was
        assert (folder / "station.db").stat().st_size < before
        assert held(db) == set(range(delivered + 1, 9_001))
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_restart_does_not_forget_that_the_ballast_was_given_up(tmp_path: Path):
    with small_disk(tmp_path / "disk", 7) as folder:
        settings = settings_for(folder, ballast_mib=2)
        database(folder, "probe-1").close()
        with (folder / "hog").open("wb") as hog:
            hog.write(bytes(4 * 1024 * 1024))  # room for many readings, and none for the ballast
        with running_station(settings) as station, probe(station) as device:
            device.fill((sample(1),))
            device.send()
            eventually(lambda: station.intake.state().storage_blocked)
            assert device.watermark == {}
            (folder / "hog").unlink()
            device.wait_watermark(1)
