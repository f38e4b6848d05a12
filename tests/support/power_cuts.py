"""A station's store lives, is cut off at any write or sync, and is looked at afterwards.

The station's own code runs on a :mod:`tests.support.faulty_disk`: its schema files, its
committer, its logs, its retention, its settings. A cut is an image of the disk as it may
be found when the power returns, with what had been acknowledged by then. Every life
begins on an image of the one before it, as a station does that is cut off again and again.
"""

from __future__ import annotations

import copy
import itertools
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

import apsw

from core.canonical import sha256_hex
from core.lending.lease import Clock
from core.wire.envelope import GENESIS, LogClass, LogName, chain_head
from core.wire.records import Up
from edge_node.intake.committer import Arrival, Committer
from edge_node.intake.messages import Heard
from edge_node.store import logs
from edge_node.store.database import (
    StationDatabase,
    StoreError,
    give_back_pages,
    open_database,
)
from edge_node.store.retention import let_go, mark_delivered
from edge_node.store.schema import migrate, schema_files
from tests.support.edge_station import NOW_MS, STATION, batch, settings_for, signed_batch
from tests.support.faulty_disk import OK, Disk, faulty_disk
from tests.support.lending_station import consent

PROBES = ("probe-1", "probe-2")
SAMPLES = 3  # in a message
COMMITS, MESSAGES = 6, 4  # in a life; in a commit
CHECKPOINT_PAGES = 60  # so that commits bring about checkpoints, as every 1,000 pages do
DAY_MS = 86_400_000
MIGRATION, INTAKE, CHECKPOINT, RETENTION, CLOSE = (
    "migration", "intake", "checkpoint", "retention", "close",
)  # fmt: skip
PHASES = (MIGRATION, INTAKE, CHECKPOINT, RETENTION, CLOSE)
CLOCK = Clock(NOW_MS, 1_000, NOW_MS - DAY_MS)


@dataclass
class Told:
    """What the station has acknowledged, and what its retention may have taken since."""

    watermarks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PROBES, 0))
    receipts: int = 0  # of records in the money log
    expired: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PROBES, 0))


@dataclass(frozen=True)
class Cut:
    """A power cut: in which phase, what the disk held, what had been acknowledged."""

    phase: str
    files: Mapping[str, bytes]
    told: Told


@dataclass(frozen=True)
class Found:
    """What was left of it: acknowledged rows that are gone, and what is broken."""

    lost_rows: int
    corrupt: str


@cache
def message(probe: str, first: int) -> Arrival:
    """The signed message of a probe that begins at a number."""
    body = batch(probe, *range(first, first + SAMPLES), oldest=1)
    raw = signed_batch(body)
    return Arrival(Heard(body, sha256_hex(raw), raw), f"v1/kijani/{probe}/t", NOW_MS)


class Life:
    """A station's store from its opening to its end, on a disk that notes cuts."""

    def __init__(self, disk: Disk, told: Told, synchronous: str, share: float) -> None:
        self.cuts: list[Cut] = []
        self._disk, self._told, self._share = disk, told, share
        self._phase, self._chance = MIGRATION, Random(disk.chance.random())
        self._synchronous = synchronous
        self._committer = Committer(settings_for(Path()))
        disk.before = self._maybe_cut

    def _maybe_cut(self, _kind: str, _name: str) -> int:
        if self._chance.random() < self._share * _WEIGHT[self._phase]:
            told = copy.deepcopy(self._told)
            self.cuts.append(Cut(self._phase, self._disk.image(), told))
        return OK

    def live(self) -> None:
        """Open, migrate, take in, lend, checkpoint, let go, close."""
        db = open_database(self._disk.folder / "station.db")
        try:
            db.execute(f"PRAGMA synchronous={self._synchronous}")
            db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            if not db["schema_files"].exists():
                migrate(db, NOW_MS, schema_files()[:1])  # the oldest station, with readings
                self._take_in(db)
                self._phase = MIGRATION
            migrate(db, NOW_MS)
            for _ in range(COMMITS):
                self._take_in(db)
                self._lend(db)
            self._phase = CHECKPOINT
            db.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._take_in(db)
            self._phase = CHECKPOINT
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._take_in(db)
            self._let_go(db)
            self._take_in(db)
        finally:
            self._phase = CLOSE
            db.close()

    def _take_in(self, db: StationDatabase) -> None:
        self._phase = INTAKE
        firsts = [
            (probe, self._told.watermarks[probe] + 1 + n * SAMPLES)
            for n in range(MESSAGES // len(PROBES))
            for probe in PROBES
        ]
        done = self._committer.commit(db, [message(*each) for each in firsts])
        for probe, mark in done.watermarks.items():
            self._told.watermarks[probe] = mark.upto

    def _lend(self, db: StationDatabase) -> None:
        number = logs.tail(db, LogClass.MONEY).seq + 1
        with db.atomic():
            given = consent(f"consent-{number}", "farmer-a", "terms")
            logs.append(db, STATION, Up.CONSENT, given, CLOCK)
        self._told.receipts = number

    def _let_go(self, db: StationDatabase) -> None:
        """The centre has the older half of what each probe said; that is past its age."""
        self._phase = RETENTION
        halves = {probe: mark // 2 for probe, mark in self._told.watermarks.items()}
        rows = db.execute(
            "SELECT sha256, device_id, last_seq FROM telemetry_documents JOIN streams"
            " USING (stream_id)"
        ).fetchall()
        self._told.expired = halves
        mark_delivered(db, [sha for sha, probe, last in rows if last <= halves[probe]], NOW_MS)
        rules = settings_for(Path(), raw_retention_days=10, raw_age_days_max=25)
        let_go(db, rules, NOW_MS + 20 * DAY_MS)
        give_back_pages(db, 20)


# Migration has many writes, closing few: so that each phase has its share of the cuts.
_WEIGHT = {MIGRATION: 0.5, INTAKE: 0.6, CHECKPOINT: 3.0, RETENTION: 3.0, CLOSE: 8.0}


def cuts(
    folder: Path, seed: int, synchronous: str, share: float = 0.05
) -> Iterator[tuple[Cut, Path]]:
    """Cuts without end, each with a fresh folder that holds what its disk held."""
    chance, told, files = Random(seed), Told(), dict[str, bytes]()
    for number in itertools.count():
        home = _laid_out(folder / f"life-{number}", files)
        with faulty_disk(home, Random(chance.random())) as disk:
            life = Life(disk, copy.deepcopy(told), synchronous, share)
            # Without syncs a life may begin on a broken file, and end early.
            with (
                suppress(StoreError, sqlite3.DatabaseError)
                if synchronous == "OFF"
                else nullcontext()
            ):
                life.live()
        for count, cut in enumerate(life.cuts):
            yield cut, _laid_out(folder / f"cut-{number}-{count}", cut.files)
        last = chance.choice([*life.cuts, None]) if number % 5 else None
        told, files = (last.told, dict(last.files)) if last else (Told(), {})


def _laid_out(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def look(cut: Cut, folder: Path) -> Found:
    """Start the station on what a cut left, and compare."""
    with faulty_disk(folder, Random(0)):  # so that nobody waits for the real disk
        return _looked(cut, folder)


def _looked(cut: Cut, folder: Path) -> Found:
    try:
        db = open_database(folder / "station.db")
    except StoreError as error:
        return Found(0, str(error))
    try:
        migrate(db, NOW_MS)
        lost_rows = sum(_lost(db, cut.told))
        corrupt = _damage(db)
        if not (lost_rows or corrupt):
            _go_on(db, cut.told)
    except (StoreError, sqlite3.DatabaseError) as error:
        return Found(0, str(error))
    finally:
        db.close()
    return Found(lost_rows, corrupt or _second_opinion(folder / "station.db"))


def _lost(db: StationDatabase, told: Told) -> Iterator[int]:
    """Acknowledged readings and receipts that are not there."""
    for probe, upto in told.watermarks.items():
        stored = {
            seq
            for (seq,) in db.execute(
                "SELECT r.seq FROM readings r JOIN streams USING (stream_id)"
                " JOIN samples p USING (stream_id, seq)"
                " JOIN telemetry_documents d USING (document_id) WHERE device_id = ?", [probe]
            )
        }  # fmt: skip
        yield len(set(range(told.expired[probe] + 1, upto + 1)) - stored)
    yield max(0, told.receipts - logs.tail(db, LogClass.MONEY).seq)


def _damage(db: StationDatabase) -> str:
    """What SQLite, the chain of the money log and the documents' own hashes say."""
    checks: tuple[Callable[[], str], ...] = (
        lambda: _joined(db, "PRAGMA integrity_check", "ok"),
        lambda: _joined(db, "PRAGMA foreign_key_check", ""),
        lambda: _broken_chain(db),
        lambda: _altered(db),
    )
    return next((fault for check in checks if (fault := check())), "")


def _joined(db: StationDatabase, sql: str, good: str) -> str:
    text = "; ".join(str(row[0]) for row in db.execute(sql))
    return "" if text == good else text


def _broken_chain(db: StationDatabase) -> str:
    records = logs.read_run(db, LogClass.MONEY, 0, 10**6, 10**9)
    head = chain_head(LogName(STATION, LogClass.MONEY), GENESIS, records)
    return "" if head == logs.tail(db, LogClass.MONEY).head else "the money log's chain is broken"


def _altered(db: StationDatabase) -> str:
    rows = db.execute("SELECT sha256, raw FROM telemetry_documents")
    return next((f"{sha} was altered" for sha, raw in rows if sha256_hex(raw) != sha), "")


def _go_on(db: StationDatabase, told: Told) -> None:
    """The devices send again what no watermark covers; it is stored once."""
    arrivals = [message(probe, told.watermarks[probe] + 1) for probe in PROBES]
    done = Committer(settings_for(Path())).commit(db, arrivals)
    assert all(done.watermarks[p].upto >= told.watermarks[p] + SAMPLES for p in PROBES)
    assert not done.refused


def _second_opinion(path: Path) -> str:
    """Whether another SQLite (the one that apsw brings) finds it sound."""
    other = apsw.Connection(str(path))
    try:
        found = other.pragma("integrity_check")
    finally:
        other.close()
    return "" if found == "ok" else f"SQLite {apsw.sqlite_lib_version()}: {found}"
