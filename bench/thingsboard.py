"""thingsboard-gateway 3.8.5 as its makers ship it, with SQLite storage and no platform.

From PyPI into an environment of its own; MQTT connector and ``storage: sqlite`` with their
defaults. It stores nothing until it has been connected to its platform once, so a second
Mosquitto stands in for the platform's broker at each start and is ended before the load.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.village import BIN
from core.wire.telemetry import topic
from tests.support.edge_station import SITE, device_password, sample
from tests.support.mosquitto import Mosquitto

PACKAGE = "thingsboard-gateway==3.8.5"
DEVICES = tuple(f"probe-{i}" for i in range(1, 11))
PROBE = "probe-0"  # says something at each start, and is not counted
METRICS = ("soil_moisture_ppm", "soil_temperature_mdeg_c", "battery_mv")
READY_S_MAX = 120.0
STARTED = "Gateway started."


def peer_environment(scratch: Path) -> Path:
    """A fresh environment with the peer in it; its interpreter."""
    folder = scratch / "gateway-environment"
    python = folder / "bin" / "python"
    uv = str(BIN / "uv")
    for command in (
        (uv, "venv", "--quiet", "--python", sys.executable, str(folder)),
        (uv, "pip", "install", "--quiet", "--python", str(python), PACKAGE),
    ):
        subprocess.run(command, check=True, capture_output=True)
    return python


@contextlib.contextmanager
def gateway(
    python: Path, folder: Path, broker: Mosquitto, platform: Mosquitto
) -> Iterator[subprocess.Popen[bytes]]:
    """The peer's process, once it stores what it hears and its uplink has been cut."""
    starts = _said(folder).count(STARTED)
    platform.start()
    with (folder / "said.txt").open("ab") as said:
        process = subprocess.Popen(
            [python, "-m", "thingsboard_gateway.tb_gateway"],
            cwd=folder, env={"TB_GW_CONFIG_DIR": f"{folder}/config/", "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip
    try:
        wait_until(lambda: _has_started(folder, process, starts))
        platform.stop()
        _wait_for_storage(folder, broker.port)
        yield process
    finally:
        platform.stop()
        process.kill()
        process.wait()


def stored_messages(folder: Path) -> int:
    """How many rows are in the peer's SQLite files."""
    paths = list((folder / "data").glob("*.db"))
    with contextlib.suppress(sqlite3.OperationalError):
        return sum(count(path, "SELECT count(*) FROM messages") for path in paths)
    return 0


def stored_samples(folder: Path) -> set[tuple[str, int]]:
    """Device and number of every sample that is in the peer's SQLite files."""
    found = set()
    for path in (folder / "data").glob("*.db"):
        with (
            contextlib.suppress(sqlite3.OperationalError),
            contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db,
        ):
            for (message,) in db.execute("SELECT message FROM messages"):
                found |= _told(json.loads(message))
    return {(name, seq) for name, seq in found if name in DEVICES}


def _told(message: dict[str, object]) -> set[tuple[str, int]]:
    """Which samples a stored message holds; the peer merges those of one device."""
    name = str(message.get("deviceName", ""))
    rows = message.get("telemetry", [])
    assert isinstance(rows, list), message
    return {(name, int(row["values"]["seq"])) for row in rows if "seq" in row.get("values", {})}


def body(seqs: Sequence[int]) -> bytes:
    """A message that the peer's connector understands; a list if it holds several samples."""
    samples = [
        {"ts": sample(seq).at_ms, "seq": seq} | dict.fromkeys(METRICS, 200_000) for seq in seqs
    ]
    return json.dumps(samples if len(samples) > 1 else samples[0]).encode()


def configure(folder: Path, port: int, platform_port: int) -> None:
    """What its makers ship, with SQLite, our topics, and no ThingsBoard that answers."""
    config = folder / "config"
    config.mkdir()
    (folder / "logs").mkdir()
    (folder / "data").mkdir()
    device = {
        "deviceNameExpressionSource": "topic",
        "deviceNameExpression": f"(?<=v1/{SITE}/)(.*?)(?=/t)",
        "deviceProfileExpressionSource": "constant",
        "deviceProfileExpression": "default",
    }
    series = [{"type": "integer", "key": k, "value": f"${{{k}}}"} for k in ("seq", *METRICS)]
    mapping = {
        "topicFilter": f"v1/{SITE}/+/t",
        "subscriptionQos": 1,
        "converter": {
            "type": "json", "deviceInfo": device, "sendDataOnlyOnChange": False,
            "timeout": 60_000, "attributes": [], "timeseries": series,
        },
    }  # fmt: skip
    connector = {
        "name": "field", "type": "mqtt", "enableRemoteLogging": False, "logLevel": "ERROR",
        "broker": {
            "host": "127.0.0.1", "port": port, "clientId": "gateway", "version": 5,
            "maxMessageNumberPerWorker": 10, "maxNumberOfWorkers": 100, "cleanSession": False,
            "cleanStart": False, "sessionExpiryInterval": 3600, "security": {"type": "anonymous"},
        },
        "mapping": [mapping],
        "requestsMapping": {},
    }  # fmt: skip
    gateway = {
        "thingsboard": {
            "host": "127.0.0.1", "port": platform_port, "remoteShell": False,
            "remoteConfiguration": False, "statistics": {"enable": False},
            "security": {"type": "accessToken", "accessToken": "none"}, "qos": 1,
            "reportStrategy": {"type": "ON_RECEIVED"},
        },
        "storage": {"type": "sqlite", "data_file_path": f"{folder}/data/"},
        "grpc": {"enabled": False},
        "connectors": [{"type": "mqtt", "name": "field", "configuration": "mqtt.json"}],
    }  # fmt: skip
    (config / "tb_gateway.json").write_text(json.dumps(gateway))
    (config / "mqtt.json").write_text(json.dumps(connector))
    (config / "logs.json").write_text(json.dumps(_quiet_logs()))


def _quiet_logs() -> dict[str, object]:
    names = ("service", "connector", "converter", "tb_connection", "storage", "extension")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"out": {"class": "logging.StreamHandler", "level": "INFO"}},
        "loggers": {
            n: {"handlers": ["out"], "level": "INFO" if n == "service" else "ERROR"} for n in names
        },
    }


def _said(folder: Path) -> str:
    path = folder / "said.txt"
    return path.read_text() if path.exists() else ""


def _has_started(folder: Path, process: subprocess.Popen[bytes], starts: int) -> bool:
    """Whether the peer says that it has started, once more than before."""
    assert process.poll() is None, _said(folder)[-2000:]
    return _said(folder).count(STARTED) > starts


def _wait_for_storage(folder: Path, port: int) -> None:
    """Say something now and then until it is found in the peer's storage."""
    client = _client(PROBE, port)
    pause, numbers = threading.Event(), itertools.count(1)
    ends_s = time.perf_counter() + READY_S_MAX
    before = stored_messages(folder)
    while stored_messages(folder) <= before:
        assert time.perf_counter() < ends_s, _said(folder)[-2000:]
        client.publish(topic(SITE, PROBE, "t"), body([next(numbers)]), qos=1)
        pause.wait(0.5)
    client.disconnect()
    client.loop_stop()


def _client(name: str, port: int) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.username_pw_set(name, device_password(name))
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def count(path: Path, sql: str) -> int:
    """The number that a question to an SQLite file gives."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
        return int(db.execute(sql).fetchone()[0])


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something, not for ever."""
    pause, ends_s = threading.Event(), time.perf_counter() + READY_S_MAX
    while not condition():
        assert time.perf_counter() < ends_s, f"not within {READY_S_MAX} s"
        pause.wait(0.05)
