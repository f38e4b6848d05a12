"""A station's telemetry half for tests: real store, real broker, real intake."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.shape import encode
from core.signing import sign_document
from core.wire.registry import Device
from core.wire.telemetry import BATCH, BIRTH, DEATH, Batch, Birth, Death, DeviceKind, Sample
from edge_node.config import Settings
from edge_node.intake import Intake, make_broker
from edge_node.intake.adapters import Adapters
from edge_node.intake.broker.access import Broker, BrokerAccess
from edge_node.keys import StationSigner
from edge_node.store.database import StationDatabase
from edge_node.store.devices import DeviceRegistry, put_device
from tests.support.station_store import migrated

NOW_MS = 1_780_000_000_000  # 2026-05-28
SITE = "kijani"
STATION_SIGNER = StationSigner(hashlib.sha256(b"station").digest())
STATION = "kijani-1"
WAIT_S = 60.0


def device_signer(name: str) -> StationSigner:
    """The key of a test device."""
    return StationSigner(hashlib.sha256(f"key/{name}".encode()).digest())


def device_password(name: str) -> str:
    """The MQTT password of a test device."""
    return hashlib.sha256(f"password/{name}".encode()).hexdigest()


def device(name: str, subject: str = "plot-1", kind: DeviceKind = DeviceKind.SOIL_PROBE) -> Device:
    """A registered test device."""
    return Device(
        device_id=name,
        kind=kind,
        subject_id=subject,
        station=STATION,
        public_key=device_signer(name).public_key.hex(),
        password_sha256=hashlib.sha256(device_password(name).encode()).hexdigest(),
    )


def sample(seq: int, at_ms: int = 0, error_ms: int = 0, **values: int) -> Sample:
    """A sample, by default one a minute."""
    return Sample(
        seq, at_ms or NOW_MS + seq * 60_000 - 86_400_000, error_ms,
        values or {"soil_moisture_ppm": 200_000 + seq},
    )  # fmt: skip


def batch(name: str, *seqs: int, epoch: str = "e1", oldest: int = 0) -> Batch:
    """A batch with default samples of these numbers."""
    return Batch(name, epoch, 1, oldest or seqs[0], tuple(sample(seq) for seq in seqs))


def signed_batch(body: Batch, signer: StationSigner | None = None) -> bytes:
    """The signed document of a batch."""
    return sign_document(BATCH, encode(body), signer or device_signer(body.device))


def signed_birth(name: str, epoch: str = "e1", boot: int = 1) -> bytes:
    """The signed birth of a test device."""
    birth = Birth(name, epoch, boot, DeviceKind.SOIL_PROBE, "fw-1", ("soil_moisture_ppm",), 0, 0)
    return sign_document(BIRTH, encode(birth), device_signer(name))


def signed_death(name: str, epoch: str = "e1", boot: int = 1) -> bytes:
    """The signed death of a test device."""
    return sign_document(DEATH, encode(Death(name, epoch, boot)), device_signer(name))


def settings_for(folder: Path, **changes: object) -> Settings:
    """Settings of a test station on a free port."""
    values: dict[str, object] = {
        "station": STATION, "site": SITE, "folder": folder, "broker_port": 0,
        "batch_ms_max": 20, "ballast_mib": 1, "retry_s_max": 1,
    }  # fmt: skip
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


def secrets_file(folder: Path, *names: str) -> Path:
    """The devices' passwords as a lender hands them over for Mosquitto."""
    path = folder / "devices-secret.json"
    entries = {name: {"seed": "", "password": device_password(name)} for name in names}
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def database(folder: Path, *names: str) -> StationDatabase:
    """A fresh database with registered devices."""
    db = migrated(folder / "station.db", NOW_MS)
    for name in names:
        put_device(db, device(name))
    return db


def eventually(condition: object, *arguments: object, timeout_s: float = WAIT_S) -> None:
    """Return when a condition on another thread or process holds; fail when it never does."""
    pause = threading.Event()
    ends_s = time.monotonic() + timeout_s
    while not condition(*arguments):  # type: ignore[operator]
        assert time.monotonic() < ends_s, f"not within {timeout_s} s: {condition}"
        pause.wait(0.01)


@dataclass
class Events:
    """What a station reported."""

    names: list[str] = field(default_factory=list)
    facts: list[Mapping[str, str | int]] = field(default_factory=list)

    def __call__(self, name: str, facts: Mapping[str, str | int]) -> None:
        """Keep an event."""
        self.facts.append(facts)
        self.names.append(name)


@dataclass
class RunningStation:
    """A station that hears devices."""

    settings: Settings
    db: StationDatabase
    registry: DeviceRegistry
    broker: Broker
    access: BrokerAccess
    intake: Intake
    events: Events
    clock_ms: list[int]

    def count(self, table: str, where: str = "1") -> int:
        """How many rows a table has."""
        sql = f"SELECT count(*) FROM {table} WHERE {where}"  # noqa: S608  # fixed names
        return int(self.db.conn.execute(sql).fetchone()[0])


@contextlib.contextmanager
def running_station(
    settings: Settings, *names: str, adapters: Adapters | None = None
) -> Iterator[RunningStation]:
    """A station with registered devices, its broker listening, its intake connected."""
    db = database(settings.folder, *names)
    events, clock_ms = Events(), [NOW_MS]
    registry = DeviceRegistry(settings.database_path, settings.station, lambda: clock_ms[0])
    broker = make_broker(settings, registry, "station-secret", events)
    intake = Intake(
        settings, settings.database_path, registry, STATION_SIGNER, lambda: clock_ms[0], events,
        adapters,
    )  # fmt: skip
    try:
        access = broker.start()
        intake.start(access)
        assert intake.wait_connected(WAIT_S)
        yield RunningStation(settings, db, registry, broker, access, intake, events, clock_ms)
    finally:
        intake.stop()
        broker.stop()
        registry.close()
        db.close()
