"""A card that fails under the station: nothing is acknowledged that is not on it."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from edge_node.intake.committer import Committer
from edge_node.store.database import StoreError, open_database
from tests.support.edge_device import OutboxDevice
from tests.support.edge_station import (
    STATION_SIGNER,
    RunningStation,
    database,
    eventually,
    running_station,
    sample,
    settings_for,
)
from tests.support.faulty_disk import IOERR_FSYNC, IOERR_WRITE, OK, SYNC, WRITE, Disk, faulty_disk
from tests.support.power_cuts import PROBES, Cut, Told, look, message
from tests.support.small_disk import breakable_disk

COMMITS = 40


def device(station: RunningStation) -> OutboxDevice:
    return OutboxDevice("probe-1", station.access.port, station_key=STATION_SIGNER.public_key)


def send(each: OutboxDevice, *seqs: int) -> None:
    each.fill(tuple(sample(seq) for seq in seqs))
    each.send()


def failing(disk: Disk, kind: str, code: int, share: float) -> None:
    """From now on some operations on the journal and the file fail."""
    chance = Random(5)
    disk.before = lambda asked, _: code if asked == kind and chance.random() < share else OK


@pytest.mark.parametrize("reopens", [False, True])
def test_no_failed_sync_is_ever_taken_for_a_success(tmp_path: Path, reopens: bool):
    """The disk keeps nothing of what it failed to sync, and then says that all is well.

    Both of a connection that goes on and of one that is opened anew; the power is cut
    after each commit that succeeded.
    """
    home, failures, told = tmp_path / "home", 0, Told()
    home.mkdir()
    with faulty_disk(home, Random(3)) as disk:
        db = database(home, *PROBES)
        db.execute("PRAGMA wal_autocheckpoint=60")
        failing(disk, SYNC, IOERR_FSYNC, 0.3)
        committer, cuts = Committer(settings_for(tmp_path)), []
        for _ in range(COMMITS):
            arrivals = [message(probe, told.watermarks[probe] + 1) for probe in PROBES]
            try:
                done = committer.commit(db, arrivals)
            except StoreError:
                failures += 1
                if reopens:
                    with contextlib.suppress(StoreError):  # then the old one goes on
                        fresh = open_database(home / "station.db")
                        db.close()
                        db = fresh
                continue
            told.watermarks |= {probe: mark.upto for probe, mark in done.watermarks.items()}
            cuts.append(Cut("sync", disk.image(), copy.deepcopy(told)))
        disk.before = lambda _kind, _name: OK
        db.close()
    assert failures > COMMITS // 8
    assert len(cuts) > COMMITS // 4
    for number, cut in enumerate(cuts):
        folder = tmp_path / f"cut-{number}"
        folder.mkdir()
        for name, content in cut.files.items():
            (folder / name).write_bytes(content)
        found = look(cut, folder)
        assert (found.lost_rows, found.corrupt) == (0, "")


def test_a_second_sync_does_not_bring_back_what_the_first_one_lost(tmp_path: Path):
    """That the disk above is as mean as Linux: else the test above could not fail."""
    with (
        faulty_disk(tmp_path, Random(3)) as disk,
        contextlib.closing(open_database(tmp_path / "station.db")) as db,
    ):
        db.execute("CREATE TABLE one (a)")
        failing(disk, SYNC, IOERR_FSYNC, 1.0)
        with pytest.raises(StoreError), db.atomic():
            db.execute("INSERT INTO one VALUES (zeroblob(20000))")
        disk.before = lambda _kind, _name: OK
        images = {disk.image()["station.db-wal"] for _ in range(20)}
        page_cache = (tmp_path / "station.db-wal").read_bytes()
    assert len(images) == 1  # what is on the platter is settled, for better or worse
    assert page_cache not in images


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with faulty_disk(tmp_path, Random(11)) as found:
        yield found


@pytest.mark.parametrize(("kind", "code"), [(SYNC, IOERR_FSYNC), (WRITE, IOERR_WRITE)])
def test_intake_on_a_failing_card_stops_tells_reopens_verifies_and_goes_on(
    tmp_path: Path, disk: Disk, kind: str, code: int
):
    with running_station(settings_for(tmp_path), "probe-1") as station, device(station) as each:
        send(each, 1, 2, 3)
        each.wait_watermark(3)
        failing(disk, kind, code, 1.0)
        send(each, 4, 5, 6)
        eventually(lambda: station.intake.state().storage_blocked)
        blocked = station.events.facts[station.events.names.index("storage_blocked")]
        assert blocked["code"] == "HL-EDGE-002"
        assert each.watermark == {"e1": 3}
        disk.before = lambda _kind, _name: OK
        each.wait_watermark(6)
        names = station.events.names
        assert names.index("storage_verified") < names.index("storage_released")
        cut = Cut("cut", disk.image(), Told({"probe-1": 6}, 0, {"probe-1": 0}))
    found = tmp_path / "found"
    found.mkdir()
    for name, content in cut.files.items():
        (found / name).write_bytes(content)
    assert stored(found / "station.db") == [1, 2, 3, 4, 5, 6]


def test_a_card_that_came_back_without_what_was_acknowledged_is_not_written_on(
    tmp_path: Path, disk: Disk
):
    with running_station(settings_for(tmp_path), "probe-1") as station, device(station) as each:
        send(each, 1, 2, 3)
        each.wait_watermark(3)
        failing(disk, SYNC, IOERR_FSYNC, 1.0)
        send(each, 4)
        eventually(lambda: station.intake.state().storage_blocked)
        # As a card that forgot its last writes; before it is well, so that the station finds
        # nothing else when it looks, and unsynced, because it syncs nothing yet.
        station.db.execute("PRAGMA synchronous=OFF")
        with station.db.atomic():
            station.db.execute("UPDATE streams SET upto = 2")
        disk.before = lambda _kind, _name: OK
        eventually(lambda: "storage_damaged" in station.events.names)
        facts = station.events.facts[station.events.names.index("storage_damaged")]
        assert "restore it" in str(facts["detail"])
        assert station.intake.state().storage_blocked
        assert each.watermark == {"e1": 3}


def test_a_card_that_turns_read_only_stops_acknowledgement_until_it_is_repaired(tmp_path: Path):
    """A real ext4 in which the kernel finds an error, with the station's files open on it."""
    with breakable_disk(tmp_path, 16) as card:
        settings = settings_for(card.folder)
        with running_station(settings, "probe-1") as station, device(station) as each:
            send(each, 1, 2, 3)
            each.wait_watermark(3)
            card.fail()
            send(each, 4, 5, 6)
            eventually(lambda: station.intake.state().storage_blocked)
            facts = station.events.facts[station.events.names.index("storage_blocked")]
            assert facts["code"] == "HL-EDGE-002"
            assert each.watermark == {"e1": 3}
        card.repair()  # which nobody can while a process has files open on it
        with running_station(settings) as station, device(station) as each:
            assert stored(settings.database_path) == [1, 2, 3]
            send(each, 4, 5, 6)
            each.wait_watermark(6)
        assert stored(settings.database_path) == [1, 2, 3, 4, 5, 6]


def stored(path: Path) -> list[int]:
    with contextlib.closing(open_database(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [seq for (seq,) in db.execute("SELECT seq FROM samples ORDER BY seq")]
