"""A backup is one instant of a station, sealed; what was altered or does not fit is refused."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.errors import HarvestlineError
from core.wire.envelope import LogClass
from edge_node.app import main
from edge_node.commands.backing_up import FILE_SETTINGS, make_backup, put_back
from edge_node.commands.hands import Bench, Hands
from edge_node.commands.sealed_file import (
    PIECE_BYTES,
    BackupAlteredError,
    BackupError,
    BackupHeader,
    OpeningReader,
    SealingWriter,
    read_header,
)
from edge_node.config import Settings
from edge_node.keys import load_key_file, write_identity
from edge_node.store import box, leases, logs
from edge_node.store.box import BoxState
from edge_node.store.database import open_database
from edge_node.store.schema import schema_files
from tests.support.edge_station_process import write_settings
from tests.support.lending_station import Station

SECRET = "correct horse battery"


@pytest.fixture
def station(tmp_path: Path):
    made = Station(tmp_path / "station") if (tmp_path / "station").mkdir() is None else None
    assert made is not None
    made.populate()
    identity = made.folder / "centre.pub.json"
    write_identity(identity, made.centre.identity)
    made.settings = replace(made.settings, server_identity_file=identity)
    yield made
    made.close()


def hands() -> Hands:
    drawn = itertools.count(1)
    return Hands(
        {}, lambda: 1_780_000_000_000, lambda: 0, lambda: "id",
        lambda count: next(drawn).to_bytes(count, "big"),
    )  # fmt: skip


def backed_up(station: Station, path: Path) -> Path:
    bench = Bench(hands(), station.settings, station.keys, station.db, station.ends)
    made = make_backup(bench, path, SECRET, write_settings(station.settings))
    assert made.size_bytes == path.stat().st_size
    return path


def test_a_backup_put_back_is_the_station_waiting(station: Station, tmp_path: Path):
    line = station.opened_line()
    station.draw(line, 100_000)
    path, folder = backed_up(station, tmp_path / "b.hlb"), tmp_path / "new"
    told = put_back(hands(), path, folder, SECRET, "kijani")
    assert path.stat().st_mode & 0o777 == 0o600
    secrets = [folder / name for name in ("station.db", "kijani.json", "kijani.link.json")]
    assert {each.stat().st_mode & 0o777 for each in secrets} == {0o600}
    assert load_key_file(folder / "kijani.json", "kijani").identity == station.keys.identity
    db = open_database(folder / "station.db")
    try:
        assert box.standing(db).state is BoxState.RESTORED
        assert logs.tail(db, LogClass.MONEY) == logs.tail(station.db, LogClass.MONEY)
    finally:
        db.close()
    request = json.loads(Path(told.request).read_bytes())
    assert request["key_id"] == station.keys.signer.key_id, "signed under the station's key"
    assert request["body"]["public_key"] != station.keys.identity.public_key
    assert not list(tmp_path.glob("*.restoring"))
    assert not (station.folder / "backup.tmp").exists()


def test_a_backup_under_load_is_one_instant(station: Station, tmp_path: Path):
    """Two rows of one transaction are both in it, or neither."""
    station.db.execute("CREATE TABLE pairs (n INTEGER PRIMARY KEY, side TEXT)")
    stop, began = threading.Event(), threading.Event()

    def write() -> None:
        db = open_database(station.settings.database_path)
        for n in itertools.count():
            with db.atomic():
                db.execute("INSERT INTO pairs VALUES (?, 'a')", [2 * n])
                db.execute("INSERT INTO pairs VALUES (?, 'b')", [2 * n + 1])
            began.set()
            if stop.is_set():
                break
        db.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert began.wait(30)
        paths = [backed_up(station, tmp_path / f"{n}.hlb") for n in range(2)]
    finally:
        stop.set()
        writer.join()
    for n, path in enumerate(paths):
        put_back(hands(), path, tmp_path / f"box-{n}", SECRET)
        with sqlite3.connect(tmp_path / f"box-{n}" / "station.db") as db:
            sides = dict(db.execute("SELECT side, count(*) FROM pairs GROUP BY side").fetchall())
        db.close()
        assert sides["a"] == sides["b"] > 0


def test_a_flipped_bit_anywhere_is_seen(station: Station, tmp_path: Path):
    whole = backed_up(station, tmp_path / "b.hlb").read_bytes()
    path = tmp_path / "flipped.hlb"
    for share in (0.0, 0.02, 0.5, 0.999):
        data = bytearray(whole)
        data[int(share * len(data))] ^= 1
        path.write_bytes(data)
        with pytest.raises((BackupAlteredError, BackupError)):
            put_back(hands(), path, tmp_path / "new", SECRET)
        assert not (tmp_path / "new").exists()


def test_a_backup_that_was_cut_off_is_seen(tmp_path: Path):
    header = BackupHeader("kijani", "k", 1, "1", 1, "00" * 16)
    path, cut = tmp_path / "b.hlb", tmp_path / "cut.hlb"
    with path.open("wb") as file:
        writer = SealingWriter(file, header, SECRET)
        writer.write(os.urandom(2 * PIECE_BYTES + 100))
        writer.finish()
    whole = path.read_bytes()
    piece = PIECE_BYTES + 16
    for kept in (1, -1, -116, -116 - piece):  # also exactly between two pieces
        cut.write_bytes(whole[:kept])
        with cut.open("rb") as file, pytest.raises((BackupAlteredError, BackupError)):
            OpeningReader(file, read_header(file), SECRET).read()


def test_pieces_that_changed_places_are_seen(tmp_path: Path):
    header = BackupHeader("kijani", "k", 1, "1", 1, "00" * 16)
    path = tmp_path / "b.hlb"
    with path.open("wb") as file:
        writer = SealingWriter(file, header, SECRET)
        writer.write(bytes(3 * PIECE_BYTES))
        writer.finish()
    data, size = path.read_bytes(), PIECE_BYTES + 16
    start = len(data) - 3 * size
    swapped = data[:start] + data[start + size : start + 2 * size] + data[start : start + size]
    path.write_bytes(swapped + data[start + 2 * size :])
    with path.open("rb") as file, pytest.raises(BackupAlteredError, match="piece 0"):
        OpeningReader(file, read_header(file), SECRET).read()


def test_what_does_not_fit_is_refused_by_name(station: Station, tmp_path: Path):
    path = backed_up(station, tmp_path / "b.hlb")
    with pytest.raises(BackupAlteredError, match="the secret is another"):
        put_back(hands(), path, tmp_path / "new", "another passphrase")
    with pytest.raises(BackupError, match=r"of nakuru, this one is of kijani"):
        put_back(hands(), path, tmp_path / "new", SECRET, "nakuru")
    (tmp_path / "a-file").touch()
    with pytest.raises(BackupError, match="is a file: name another"):
        put_back(hands(), path, tmp_path / "a-file", SECRET)
    with pytest.raises(BackupError, match="is in use"):
        put_back(hands(), path, station.folder, SECRET)
    with pytest.raises(BackupError, match="passphrase of 12"):
        put_back(hands(), path, tmp_path / "new", "short")
    (tmp_path / "other").write_bytes(b"PK\3\4 not a backup")
    with pytest.raises(BackupError, match="HLB1"):
        put_back(hands(), tmp_path / "other", tmp_path / "new", SECRET)


def test_a_backup_of_a_newer_release_is_refused(station: Station, tmp_path: Path):
    path, newest = backed_up(station, tmp_path / "b.hlb"), len(schema_files())
    data = path.read_bytes()
    said = f'"schema":{newest}'.encode()
    path.write_bytes(data.replace(said, f'"schema":{newest + 1}'.encode()[: len(said)], 1))
    if len(f"{newest}") == len(f"{newest + 1}"):
        with pytest.raises(BackupError, match="install the newer release"):
            put_back(hands(), path, tmp_path / "new", SECRET)
    with open_database(station.settings.database_path).conn as raw:
        raw.execute("INSERT INTO schema_files VALUES (?, ?, 1)", [newest + 1, "0" * 64])
    raw.close()
    with pytest.raises(HarvestlineError, match="install the newer release"):
        put_back(hands(), backed_up(station, tmp_path / "c.hlb"), tmp_path / "new", SECRET)


def test_a_backup_holds_every_file_that_a_setting_names():
    """Else a restored box would look for it where the old one had it."""
    named = {field.name for field in dataclasses.fields(Settings) if field.type == "Path"}
    assert named - {"folder", "log_file", "printer_path"} == set(FILE_SETTINGS)


def test_a_paid_out_draw_that_nobody_could_write_down_is_among_the_receipts(
    station: Station, tmp_path: Path
):
    """The money went over the counter; then the box was replaced before it was posted."""
    line = station.opened_line()
    begun = station.begin(line, 100_000)
    leases.mark_paid_out(station.db, begun.drawdown.draw_id, station.at_ms)
    unpaid = station.begin(line, 50_000)
    box.move(station.db, BoxState.REPLACED, station.at_ms, 2)
    receipts = tmp_path / "receipts.json"
    config = str(write_settings(station.settings))
    done = CliRunner().invoke(main, ["retire", "--config", config, str(receipts)])
    assert json.loads(done.stdout) == {"receipts": 1, "amount_minor": 100_000}
    (told,) = json.loads(receipts.read_text())
    assert (told["draw_id"], told["state"]) == (begun.drawdown.draw_id, "posted")
    assert unpaid.drawdown.draw_id not in receipts.read_text(), "nobody was paid for it"


def test_the_commands_write_restore_and_retire(station: Station, tmp_path: Path):
    line = station.opened_line()
    station.draw(line, 100_000)
    config = write_settings(station.settings)
    secret = tmp_path / "passphrase"
    secret.write_text(SECRET + "\n")
    with_secret = ("--passphrase-file", str(secret))
    run = CliRunner().invoke
    made = run(main, ["backup", "--config", str(config), str(tmp_path / "b.hlb"), *with_secret])
    assert made.exit_code == 0, made.output
    out = tmp_path / "new"
    back = run(main, ["restore", str(tmp_path / "b.hlb"), "--out", str(out), *with_secret])
    assert json.loads(back.stdout)["request"] == str(out / "box-request.json")
    sick = run(main, ["doctor", "--config", str(out / "station.toml"), "--json"])
    box_found = next(f for f in json.loads(sick.stdout)["findings"] if f["name"] == "box")
    assert (sick.exit_code, box_found["verdict"]) == (1, "bad")
    assert "replace-box" in box_found["do"]
    receipts = tmp_path / "receipts.json"
    ended = run(main, ["retire", "--config", str(config), str(receipts)])
    assert json.loads(ended.stdout) == {"receipts": 1, "amount_minor": 100_000}
    assert [each["amount_minor"] for each in json.loads(receipts.read_text())] == [100_000]
    assert box.standing(station.db).state is BoxState.REPLACED
