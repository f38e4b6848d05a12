"""The station against thingsboard-gateway 3.8.5 with its SQLite storage, the uplink cut.

The peer comes from PyPI into an environment of the bench's own, and runs as its makers
ship it: MQTT connector and `storage: sqlite` with their defaults. It stores nothing until it
has been connected to its platform once (`TBGatewayService` waits there, and starts what
fills the storage only afterwards), so a second Mosquitto stands in for the platform's
broker at each start, and is ended before the load. Both hear ten devices over Mosquitto,
one sample of three readings a message, QoS 1, each sample with its own number and time;
the devices are ready-made packets from one thread (`bench.devices`), the same for both.
The station's messages are signed and verified, the peer's are bare JSON. What counts is
what is found in each one's SQLite file. First all messages are let run and the rate is
measured from the first message to the last row; then each is killed (`kill -9`) in the middle of a
run and started again until nothing more comes. Of the peer's devices nobody sends
again, because nobody tells them to: a broker's PUBACK is all that they get.

The peer does no broker, no kiosk and no scoring. What is comparable is a station beside
somebody else's broker: keys, registry, intake, store. Its memory is counted so, and
`python -m bench memory` has the whole station.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import psutil
from paho.mqtt.enums import CallbackAPIVersion

from bench.devices import Devices
from bench.report import Effort, Figure, Report
from bench.village import BIN
from core.wire.telemetry import Batch, topic
from edge_node.config import Settings
from tests.support.edge_device import OutboxDevice
from tests.support.edge_station import (
    SITE,
    STATION_SIGNER,
    database,
    device_password,
    sample,
    settings_for,
    signed_batch,
)
from tests.support.edge_station_process import station_process, write_settings
from tests.support.mosquitto import Mosquitto

PACKAGE = "thingsboard-gateway==3.8.5"
DEVICES = tuple(f"probe-{i}" for i in range(1, 11))
PROBE = "probe-0"  # says something at each start, and is not counted
SAMPLES_EACH = 600  # of each device, in a run
METRICS = ("soil_moisture_ppm", "soil_temperature_mdeg_c", "battery_mv")
READY_S_MAX = 120.0
QUIET_S = 6.0  # no new row for so long: nothing more comes
RUN_S_MAX = 240.0
IN_FLIGHT_MAX = 20
BYTES_PER_MB = 1_000_000
STARTED = "Gateway started."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run: readings a second, resident memory [MB], CPU [s], samples lost."""

    rate_per_s: float
    resident_mb: float
    cpu_s: float
    lost: int
    sent: int


def measure(effort: Effort) -> Report:
    """Both, in turns, without and with a kill."""
    python = peer_environment(effort.scratch)
    calm, killed = [], []
    for _ in range(effort.repeats):
        calm.append((peer_run(effort.scratch, python, kill=False), our_run(effort.scratch)))
        killed.append((peer_run(effort.scratch, python, kill=True), our_killed_run(effort.scratch)))
    return _report(calm, killed)


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


def peer_run(scratch: Path, python: Path, *, kill: bool) -> Outcome:
    """The peer hears one load; with ``kill`` it dies at a third of it and starts again."""
    folder = Path(tempfile.mkdtemp(dir=scratch, prefix="gateway-"))
    (folder / "platform").mkdir()
    broker, platform = Mosquitto(folder), Mosquitto(folder / "platform")
    broker.start()
    _peer_configuration(folder, broker.port, platform.port)
    with contextlib.ExitStack() as stack:
        stack.callback(broker.stop)
        process = stack.enter_context(_gateway(python, folder, broker, platform))
        bodies = [_body(seq) for seq in range(1, SAMPLES_EACH + 1)]
        load = _devices(broker.port, dict.fromkeys(DEVICES, bodies))
        stack.callback(load.leave)
        began_s, before_s = time.perf_counter(), _cpu_s(process.pid)
        load.start()
        if kill:
            _wait(lambda: _rows(folder) > len(DEVICES) * SAMPLES_EACH // 3)
            process.kill()
            process.wait()
            process = stack.enter_context(_gateway(python, folder, broker, platform))
        load.join()
        last_s, resident_mb = _settled(lambda: _rows(folder), process.pid)
        cpu_s = _cpu_s(process.pid) - before_s
        found = len(_peer_samples(folder))
    sent = len(DEVICES) * SAMPLES_EACH
    rate = found * len(METRICS) / (last_s - began_s)
    return Outcome(rate, resident_mb, cpu_s, sent - found, sent)


def our_run(scratch: Path) -> Outcome:
    """The station hears the same samples."""
    with _station(scratch) as (settings, path), station_process(path) as process:
        values = dict.fromkeys(METRICS, 200_000)
        samples = [sample(seq, **values) for seq in range(1, SAMPLES_EACH + 1)]
        said = {
            name: [signed_batch(Batch(name, "e1", 1, 1, (one,))) for one in samples]
            for name in DEVICES
        }
        load = _devices(settings.broker_port, said)
        began_s, before_s = time.perf_counter(), _cpu_s(process.pid)
        load.start()
        found = _outcome(settings, process.pid, began_s, before_s)
        load.leave()
        return found


def our_killed_run(scratch: Path) -> Outcome:
    """The station dies in the middle; devices send again what no watermark covers."""
    with contextlib.ExitStack() as stack:
        settings, path = stack.enter_context(_station(scratch))
        process = stack.enter_context(station_process(path))
        key = STATION_SIGNER.public_key
        probes = [
            stack.enter_context(OutboxDevice(name, settings.broker_port, station_key=key))
            for name in DEVICES
        ]
        signed = {probe: _signed(probe) for probe in probes}
        began_s = time.perf_counter()
        for i in range(SAMPLES_EACH):
            for probe in probes:
                probe.say(signed[probe][i])
        _wait(lambda: _stored(settings) > len(DEVICES) * SAMPLES_EACH // 3)
        process.kill()
        process.wait()
        process = stack.enter_context(station_process(path))
        stack.enter_context(_sending_again(probes))
        return _outcome(settings, process.pid, began_s, 0.0)


@contextlib.contextmanager
def _station(scratch: Path) -> Iterator[tuple[Settings, Path]]:
    """A station's folder beside a Mosquitto that it did not start."""
    folder = Path(tempfile.mkdtemp(dir=scratch, prefix="station-"))
    broker = Mosquitto(folder)
    broker.start()
    secret = folder / "broker-password"
    secret.write_text("none")
    settings = settings_for(
        folder, broker="external", broker_port=broker.port, broker_user="station",
        broker_password_file=secret, batch_ms_max=250,
    )  # fmt: skip
    database(folder, *DEVICES).close()
    try:
        yield settings, write_settings(settings)
    finally:
        broker.stop()


def _outcome(settings: Settings, pid: int, began_s: float, before_s: float) -> Outcome:
    last_s, resident_mb = _settled(lambda: _stored(settings), pid)
    found, sent = _stored(settings), len(DEVICES) * SAMPLES_EACH
    rate = found * len(METRICS) / (last_s - began_s)
    return Outcome(rate, resident_mb, _cpu_s(pid) - before_s, sent - found, sent)


def _cpu_s(pid: int) -> float:
    return float(sum(psutil.Process(pid).cpu_times()[:2]))


def _stored(settings: Settings) -> int:
    return _count(settings.database_path, "SELECT count(*) FROM samples")


def _devices(port: int, said: Mapping[str, Sequence[bytes]]) -> Devices:
    logins = {name: device_password(name) for name in DEVICES}
    topics = {name: (topic(SITE, name, "t"), payloads) for name, payloads in said.items()}
    return Devices(port, logins, topics)


def _signed(probe: OutboxDevice) -> list[bytes]:
    """A device's load, one sample a message, signed before the clock starts."""
    values = dict.fromkeys(METRICS, 200_000)
    samples = tuple(sample(seq, **values) for seq in range(1, SAMPLES_EACH + 1))
    probe.fill(samples)
    return [signed_batch(Batch(probe.name, "e1", 1, 1, (one,))) for one in samples]


@contextlib.contextmanager
def _sending_again(probes: list[OutboxDevice]) -> Iterator[None]:
    done = threading.Event()

    def run() -> None:
        while not done.wait(1.0):
            for probe in probes:
                if probe.is_connected:
                    probe.send(batch_samples=1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _client(name: str, port: int) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.username_pw_set(name, device_password(name))
    client.max_inflight_messages_set(IN_FLIGHT_MAX)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def _peer_configuration(folder: Path, port: int, platform_port: int) -> None:
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


@contextlib.contextmanager
def _gateway(
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
        _wait(lambda: _has_started(folder, process, starts))
        platform.stop()
        _wait_for_storage(folder, broker.port)
        yield process
    finally:
        platform.stop()
        process.kill()
        process.wait()


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
    before = _rows(folder)
    while _rows(folder) <= before:
        assert time.perf_counter() < ends_s, _said(folder)[-2000:]
        client.publish(topic(SITE, PROBE, "t"), _body(next(numbers)), qos=1)
        pause.wait(0.5)
    client.disconnect()
    client.loop_stop()


def _rows(folder: Path) -> int:
    paths = list((folder / "data").glob("*.db"))
    with contextlib.suppress(sqlite3.OperationalError):
        return sum(_count(path, "SELECT count(*) FROM messages") for path in paths)
    return 0


def _body(seq: int) -> bytes:
    at_ms = sample(seq).at_ms
    return json.dumps({"ts": at_ms, "seq": seq} | dict.fromkeys(METRICS, 200_000)).encode()


def _peer_samples(folder: Path) -> set[tuple[str, int]]:
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


def _count(path: Path, sql: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
        return int(db.execute(sql).fetchone()[0])


def _settled(rows: Callable[[], int], pid: int) -> tuple[float, float]:
    """When the last row came, once no more come [s], and the process's memory [MB]."""
    pause, found, last_s = threading.Event(), rows(), time.perf_counter()
    ends_s = last_s + RUN_S_MAX
    resident_mb = 0.0
    while time.perf_counter() < min(last_s + QUIET_S, ends_s):
        resident_mb = max(resident_mb, psutil.Process(pid).memory_info().rss / BYTES_PER_MB)
        pause.wait(0.05)
        now = rows()
        if now > found:
            found, last_s = now, time.perf_counter()
    return last_s, resident_mb


def _wait(condition: Callable[[], bool]) -> None:
    pause, ends_s = threading.Event(), time.perf_counter() + READY_S_MAX
    while not condition():
        assert time.perf_counter() < ends_s, f"not within {READY_S_MAX} s"
        pause.wait(0.05)


def _report(calm: list[tuple[Outcome, Outcome]], killed: list[tuple[Outcome, Outcome]]) -> Report:
    ratio = statistics.median(ours.rate_per_s / peer.rate_per_s for peer, ours in calm)
    share = statistics.median(ours.resident_mb / peer.resident_mb for peer, ours in calm)
    peer_rate, our_rate = (statistics.median(p[i].rate_per_s for p in calm) for i in (0, 1))
    peer_mb, our_mb = (statistics.median(p[i].resident_mb for p in calm) for i in (0, 1))
    lost = [[p[i].lost for p in runs] for runs in (calm, killed) for i in (0, 1)]
    sent = calm[0][0].sent
    rows = tuple(
        (name, f"{rate:,.0f}", f"{mb:.0f}", _span(calm_lost), _span(killed_lost))
        for name, rate, mb, calm_lost, killed_lost in (
            ("thingsboard-gateway, SQLite", peer_rate, peer_mb, lost[0], lost[2]),
            ("station", our_rate, our_mb, lost[1], lost[3]),
        )
    )
    return Report(
        title="Against thingsboard-gateway with SQLite storage",
        headings=(
            "who", "readings/s stored", "resident [MB]", f"lost of {sent:,}", "lost with a kill"
        ),
        rows=(*rows, ("station to peer", f"{ratio:.1f} ×", f"{share:.2f} ×", "", "")),
        note=(
            f"{len(calm)} runs each, in turns, medians; lost: least to most. {len(DEVICES)} "
            f"devices, {SAMPLES_EACH} samples each, {len(METRICS)} readings a sample, one sample "
            f"a message, Mosquitto, no uplink. {PACKAGE}, Python {sys.version.split()[0]} both. "
            "The station: keys, registry, intake and store beside a broker that is not its own, "
            "without kiosk and sync. Its messages are signed and verified; the peer's are not. "
            "The clock holds the devices' sending."
        ),
        figures=(
            Figure(
                "stored readings, thingsboard-gateway with SQLite beside",
                f"{our_rate:,.0f} /s, {our_mb:.0f} MB, {_span(lost[3])} of {sent:,} lost",
                f"{peer_rate:,.0f} /s ({ratio:.1f} ×), {peer_mb:.0f} MB, {_span(lost[2])} lost",
            ),
        ),
        numbers={
            "peer_per_s": peer_rate, "ours_per_s": our_rate, "ratio": ratio,
            "peer_mb": peer_mb, "ours_mb": our_mb, "memory_share": share,
            "peer_lost_max": float(max(lost[2])), "ours_lost_max": float(max(lost[3])),
        },
    )  # fmt: skip


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"
