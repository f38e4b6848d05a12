"""Intake: readings per second into durable storage, against the naive paho loop.

On the embedded broker, and on Mosquitto if it is installed; on the disk as it is, and on
memory cards whose sync takes 4, 10 and 20 ms (`bench.card`), for what a batch saves is
syncs. Both take the same messages from the same broker into SQLite with WAL and
``synchronous=FULL``. The naive loop is the tutorial's: parse, insert, commit, for each
message; it verifies no signature, knows no watermark and judges no quality. Between the
two stands the station itself, told to commit each message by itself. The broker holds all
messages before the clock starts, so that it and the devices cost nothing; the clock stops
at the last commit. Absolute rates move with the machine; the ratios are what should be
trusted.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.backlog import DEVICES, METRICS, WAIT_S_MAX, Load, holding, written_load
from bench.card import card
from bench.report import Effort, Figure, Report
from edge_node.config import Settings
from edge_node.intake import Intake, make_broker
from edge_node.intake.broker.access import BrokerAccess
from edge_node.store.database import open_database
from edge_node.store.devices import DeviceRegistry
from tests.support.edge_station import (
    NOW_MS,
    SITE,
    STATION_SIGNER,
    Events,
    database,
    secrets_file,
    settings_for,
)

# Messages for the station, by samples in each: a device that reports at once, some that
# gather. Whole commits, so that no last batch waits for company while the clock runs.
MESSAGES = {1: 4_500, 10: 2_000, 50: 600}
DISKS_MS: dict[str, tuple[float | None, ...]] = {
    "amqtt": (None, 4.0),
    "mosquitto": (None, 4.0, 10.0, 20.0),
}
SAMPLES = {"amqtt": (1, 10), "mosquitto": (1, 10, 50)}
# A loop that commits each message gets as many as it can store in so long [s], and a bit.
NAIVE_S = {"amqtt": 0.5, "mosquitto": 1.2}
NAIVE_MESSAGE_S, NAIVE_MESSAGES_MIN = 0.0004, 60
# amqtt gives a delivery up after 5 s without acknowledgement, for good, so its backlog must
# be one that the naive loop works off in that time; the station would be sent it again.
BACKLOG_MESSAGES_MAX = {"amqtt": 500, "mosquitto": 4_500}
SHOWN = (1, 10)  # of these the README speaks


class NaiveLoop:
    """What a tutorial would write, with the one setting that makes it durable."""

    def __init__(self, path: Path, load: Load) -> None:
        self._path = path
        self._left = load.messages_count
        self.done = threading.Event()
        self._db: sqlite3.Connection | None = None

    def run(self, access: BrokerAccess) -> None:
        """Take everything that the broker holds."""
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=access.client_id, clean_session=False
        )
        client.username_pw_set(access.user, access.password)
        client.on_connect = lambda c, *_: c.subscribe(f"v1/{SITE}/+/t", qos=1)
        client.on_message = self._on_message
        client.connect(access.host, access.port)
        client.loop_start()
        assert self.done.wait(WAIT_S_MAX)
        client.disconnect()
        client.loop_stop()
        if self._db is not None:
            self._db.close()

    def _on_message(self, _c: mqtt.Client, _d: object, message: mqtt.MQTTMessage) -> None:
        if self._db is None:
            self._db = sqlite3.connect(self._path, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("CREATE TABLE readings (device, epoch, seq, at_ms, metric, value)")
        body: dict[str, Any] = json.loads(message.payload)["body"]
        self._db.executemany(
            "INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?)",
            [
                (body["device"], body["epoch"], each["seq"], each["at_ms"], metric, value)
                for each in body["samples"]
                for metric, value in each["values"].items()
            ],
        )
        self._db.commit()
        self._left -= 1
        if not self._left:
            self.done.set()


def naive_rate(settings: Settings, load: Load) -> float:
    """Readings per second of the naive loop."""
    with broker(settings) as (_, access), holding(settings.broker, access, load):
        loop = NaiveLoop(settings.folder / "naive.db", load)
        began_s = time.perf_counter()
        loop.run(access)
        took_s = time.perf_counter() - began_s
    stored = _readings(settings.folder / "naive.db")  # a repeated message is stored twice
    assert stored >= load.readings_count, f"expected {load.readings_count}, got {stored}"
    return load.readings_count / took_s


def our_rate(settings: Settings, load: Load) -> float:
    """Readings per second of the intake."""
    with broker(settings) as (registry, access), holding(settings.broker, access, load):
        intake = Intake(
            settings, settings.database_path, registry, STATION_SIGNER, lambda: NOW_MS, Events()
        )
        began_s = time.perf_counter()
        intake.start(access)
        pause = threading.Event()
        while intake.state().samples_count < load.samples_count:
            assert time.perf_counter() - began_s < WAIT_S_MAX
            pause.wait(0.005)
        took_s = time.perf_counter() - began_s
        intake.stop()
    stored = _readings(settings.database_path)
    assert stored == load.readings_count, f"expected {load.readings_count}, got {stored}"
    return load.readings_count / took_s


@contextlib.contextmanager
def broker(settings: Settings) -> Iterator[tuple[DeviceRegistry, BrokerAccess]]:
    """A fresh broker and the devices that may use it."""
    database(settings.folder, *DEVICES).close()
    registry = DeviceRegistry(settings.database_path, settings.station)
    found = make_broker(settings, registry, "station-secret", Events())
    try:
        yield registry, found.start()
    finally:
        found.stop()
        registry.close()


def _readings(path: Path) -> int:
    with contextlib.closing(open_database(path)) as db:
        return int(db.conn.execute("SELECT count(*) FROM readings").fetchone()[0])


def fsync_ms(folder: Path) -> float:
    """What it takes to write a page and have it on the disk, the median [ms]."""
    took = []
    with (folder / "probe").open("wb") as file:
        for _ in range(100):
            began_s = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began_s)
    return statistics.median(took) * 1000


def measure(effort: Effort) -> Report:
    """All loops on each broker and disk, in turns."""
    folder = Path(tempfile.mkdtemp(dir=effort.scratch, prefix="intake-"))
    rates = [
        _rates(folder, Case(kind, sync_ms, samples), effort.repeats)
        for kind in brokers()
        for samples in SAMPLES[kind]
        for sync_ms in DISKS_MS[kind]
    ]
    return _report(rates, effort.repeats)


@dataclass(frozen=True, slots=True)
class Case:
    """A broker, a card's sync [ms] or None for the disk as it is, samples in a message."""

    kind: str
    card_ms: float | None
    samples_each: int

    @property
    def name(self) -> str:
        """What stands in the JSON file."""
        where = "disk" if self.card_ms is None else f"card{self.card_ms:.0f}ms"
        return f"{self.kind}_{where}_{self.samples_each}"


@dataclass(frozen=True, slots=True)
class Rates:
    """Medians of one case [readings/s]; ratios are medians of the turns."""

    case: Case
    sync_ms: float
    naive: float
    each: float
    ours: float
    to_naive: float
    to_each: float


def brokers() -> tuple[str, ...]:
    """The brokers that can be had here."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return ("amqtt", "mosquitto") if found else ("amqtt",)


def _rates(folder: Path, case: Case, repeats: int) -> Rates:
    sync_ms = case.card_ms if case.card_ms is not None else fsync_ms(folder)
    bound = BACKLOG_MESSAGES_MAX[case.kind]
    few = int(NAIVE_S[case.kind] / (sync_ms / 1e3 + NAIVE_MESSAGE_S)) // len(DEVICES) * len(DEVICES)
    slow = written_load(folder, case.samples_each, min(bound, max(NAIVE_MESSAGES_MIN, few)))
    fast = written_load(folder, case.samples_each, min(bound, MESSAGES[case.samples_each]))
    with card(case.card_ms):
        rows = [
            (
                naive_rate(_fresh(folder, case.kind), slow),
                our_rate(_fresh(folder, case.kind, commits_each=True), slow),
                our_rate(_fresh(folder, case.kind), fast),
            )
            for _ in range(repeats)
        ]
    naive, each, ours = (statistics.median(column) for column in zip(*rows, strict=True))
    return Rates(
        case=case,
        sync_ms=sync_ms,
        naive=naive,
        each=each,
        ours=ours,
        to_naive=statistics.median(row[2] / row[0] for row in rows),
        to_each=statistics.median(row[2] / row[1] for row in rows),
    )


def _samples(each: int) -> str:
    return f"{each} sample{'s' * (each > 1)} a message"


def _report(rates: list[Rates], repeats: int) -> Report:
    return Report(
        title="Readings per second into durable storage",
        headings=(
            "broker", "samples a message", "one sync [ms]", "naive loop",
            "station, a commit each", "station", "to naive", "to a commit each",
        ),
        rows=tuple(
            (
                one.case.kind, str(one.case.samples_each), _disk(one), f"{one.naive:,.0f}",
                f"{one.each:,.0f}", f"{one.ours:,.0f}", f"{one.to_naive:.1f} ×",
                f"{one.to_each:.1f} ×",
            )
            for one in rates
        ),
        note=(
            f"Readings per second, medians of {repeats} runs each, in turns; ratios are medians "
            f"of the turns. {len(METRICS)} readings a sample. Card: the disk of this machine "
            "under a VFS whose sync waits so long, as a memory card's does, for both sides "
            "alike; disk: as it is. The naive loop commits each message and checks nothing; the "
            "station checks each signature, judges quality, keeps the signed batch, acknowledges "
            "after the commit and signs each device's watermark; in the fifth column it commits "
            "each message by itself, which is what the batches are worth. The loops that commit "
            "each message get about a second's worth of messages, the station up to "
            f"{max(MESSAGES.values()):,}; amqtt holds {BACKLOG_MESSAGES_MAX['amqtt']:,} at most, "
            "for it drops what a client does not acknowledge within 5 s."
        ),
        figures=tuple(
            Figure(
                f"readings into durable storage, {one.case.kind}, "
                f"{_samples(one.case.samples_each)}, {_disk(one)} ms a sync",
                f"{one.ours:,.0f} /s",
                f"naive paho loop {one.naive:,.0f} /s ({one.to_naive:.1f} ×)",
            )
            for one in rates
            if one.case.samples_each in SHOWN and one.case.card_ms in (None, 4.0)
        ),
        numbers={
            f"{one.case.name}_{name}": value
            for one in rates
            for name, value in (
                ("ours_per_s", one.ours), ("naive_per_s", one.naive), ("each_per_s", one.each),
                ("to_naive", one.to_naive), ("to_each", one.to_each), ("sync_ms", one.sync_ms),
            )
        },
    )  # fmt: skip


def _disk(one: Rates) -> str:
    return f"{one.sync_ms:.1f} ({'disk' if one.case.card_ms is None else 'card'})"


def _fresh(scratch: Path, kind: str, *, commits_each: bool = False) -> Settings:
    folder = Path(tempfile.mkdtemp(dir=scratch))
    secrets = secrets_file(folder, *DEVICES)
    found = settings_for(folder, broker=kind, device_passwords_file=secrets, batch_ms_max=250)
    return replace(found, batch_messages_max=1) if commits_each else found
