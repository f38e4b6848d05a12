"""The station against thingsboard-gateway 3.8.5 with its SQLite storage, the uplink cut.

The peer comes from PyPI and runs as its makers ship it (`bench.thingsboard`). Both hear ten
devices over Mosquitto at QoS 1, three readings a sample, one sample or ten a message, each
sample with its own number and time; the devices are ready-made packets from one thread
(`bench.devices`), the same for both. The station's messages are signed and verified, the
peer's are bare JSON. What counts is what is found in each one's SQLite file. First all
messages are let run and the rate is measured from the first message to the last row; then
each is killed (`kill -9`) in the middle of a run and started again until nothing more comes.
Of the peer's devices nobody sends again, because nobody tells them to: a broker's PUBACK is
all that they get.

The peer does no broker, no kiosk and no scoring. What is comparable is a station beside
somebody else's broker: keys, registry, intake, store. Its memory is counted so, and
`python -m bench memory` has the whole station.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.devices import Devices
from bench.report import Effort, Figure, Report
from bench.thingsboard import (
    DEVICES,
    METRICS,
    PACKAGE,
    body,
    configure,
    count,
    gateway,
    peer_environment,
    stored_messages,
    stored_samples,
    wait_until,
)
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

SAMPLES_EACH = {1: 600, 10: 2_000}  # of each device, in a run, by samples in a message
QUIET_S = 6.0  # no new row for so long: nothing more comes
RUN_S_MAX = 240.0
BYTES_PER_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run: readings a second, resident memory [MB], CPU [s], samples lost."""

    rate_per_s: float
    resident_mb: float
    cpu_s: float
    lost: int
    sent: int


Pairs = list[tuple[Outcome, Outcome]]  # the peer and the station, in turns


def measure(effort: Effort) -> Report:
    """Both, in turns, without and with a kill."""
    python = peer_environment(effort.scratch)
    calm: dict[int, Pairs] = {each: [] for each in SAMPLES_EACH}
    killed: Pairs = []
    for _ in range(effort.repeats):
        for each, pairs in calm.items():
            pairs.append((peer_run(effort.scratch, python, each), our_run(effort.scratch, each)))
        dead = peer_run(effort.scratch, python, 1, kill=True)
        killed.append((dead, our_killed_run(effort.scratch)))
    return _report(calm, killed)


def peer_run(scratch: Path, python: Path, each: int, *, kill: bool = False) -> Outcome:
    """The peer hears one load; with ``kill`` it dies at a third of it and starts again."""
    folder = Path(tempfile.mkdtemp(dir=scratch, prefix="gateway-"))
    (folder / "platform").mkdir()
    broker, platform = Mosquitto(folder), Mosquitto(folder / "platform")
    broker.start()
    configure(folder, broker.port, platform.port)
    with contextlib.ExitStack() as stack:
        stack.callback(broker.stop)
        process = stack.enter_context(gateway(python, folder, broker, platform))
        said = [body(seqs) for seqs in _numbers(each)]
        load = stack.enter_context(_devices(broker.port, dict.fromkeys(DEVICES, said)))
        began_s, before_s = time.perf_counter(), _cpu_s(process.pid)
        load.start()
        if kill:
            wait_until(lambda: stored_messages(folder) > len(DEVICES) * SAMPLES_EACH[1] // 3)
            process.kill()
            process.wait()
            process = stack.enter_context(gateway(python, folder, broker, platform))
            before_s = 0.0
        last_s, resident_mb = _settled(lambda: stored_messages(folder), process.pid)
        took_s, cpu_s = last_s - began_s, _cpu_s(process.pid) - before_s
        found = len(stored_samples(folder))
    sent = len(DEVICES) * SAMPLES_EACH[each]
    return Outcome(found * len(METRICS) / took_s, resident_mb, cpu_s, sent - found, sent)


def our_run(scratch: Path, each: int) -> Outcome:
    """The station hears the same samples."""
    with _station(scratch) as (settings, path), station_process(path) as process:
        said = {name: [_signed(name, seqs) for seqs in _numbers(each)] for name in DEVICES}
        with _devices(settings.broker_port, said) as load:
            began_s, before_s = time.perf_counter(), _cpu_s(process.pid)
            load.start()
            return _outcome(settings, process.pid, (began_s, before_s), SAMPLES_EACH[each])


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
        values, upto = dict.fromkeys(METRICS, 200_000), SAMPLES_EACH[1]
        for probe in probes:
            probe.fill(tuple(sample(seq, **values) for seq in range(1, upto + 1)))
        said = {probe: [_signed(probe.name, seqs) for seqs in _numbers(1)] for probe in probes}
        began_s = time.perf_counter()
        for i in range(upto):
            for probe in probes:
                probe.say(said[probe][i])
        wait_until(lambda: _stored(settings) > len(DEVICES) * upto // 3)
        process.kill()
        process.wait()
        process = stack.enter_context(station_process(path))
        stack.enter_context(_sending_again(probes))
        return _outcome(settings, process.pid, (began_s, 0.0), upto)


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


def _outcome(settings: Settings, pid: int, before: tuple[float, float], each: int) -> Outcome:
    """What is stored in the end; ``before`` is when it began and the CPU spent by then [s]."""
    last_s, resident_mb = _settled(lambda: _stored(settings), pid)
    found, sent = _stored(settings), len(DEVICES) * each
    rate = found * len(METRICS) / (last_s - before[0])
    return Outcome(rate, resident_mb, _cpu_s(pid) - before[1], sent - found, sent)


def _cpu_s(pid: int) -> float:
    return float(sum(psutil.Process(pid).cpu_times()[:2]))


def _stored(settings: Settings) -> int:
    return count(settings.database_path, "SELECT count(*) FROM samples")


def _numbers(each: int) -> list[range]:
    """The numbers in each message of a device."""
    return [range(first, first + each) for first in range(1, SAMPLES_EACH[each] + 1, each)]


def _signed(name: str, seqs: Sequence[int]) -> bytes:
    values = dict.fromkeys(METRICS, 200_000)
    return signed_batch(Batch(name, "e1", 1, 1, tuple(sample(seq, **values) for seq in seqs)))


@contextlib.contextmanager
def _devices(port: int, said: Mapping[str, Sequence[bytes]]) -> Iterator[Devices]:
    logins = {name: device_password(name) for name in DEVICES}
    topics = {name: (topic(SITE, name, "t"), payloads) for name, payloads in said.items()}
    devices = Devices(port, logins, topics)
    try:
        yield devices
    finally:
        devices.leave()


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


def _report(calm: dict[int, Pairs], killed: Pairs) -> Report:
    lost = [[pair[i].lost for pair in killed] for i in (0, 1)]
    sent = killed[0][0].sent
    last = Figure(
        f"samples lost of {sent:,} with one kill", _span(lost[1]), f"thingsboard {_span(lost[0])}"
    )
    return Report(
        title="Against thingsboard-gateway with SQLite storage",
        headings=(
            "who", "samples a message", "readings/s stored", "µs CPU a sample", "resident [MB]",
            "lost", f"lost of {sent:,} with a kill",
        ),
        rows=tuple(row for each, pairs in calm.items() for row in _rows(each, pairs, lost)),
        note=(
            f"{len(killed)} runs each, in turns, medians; lost: least to most. {len(DEVICES)} "
            f"devices, {len(METRICS)} readings a sample, Mosquitto, no uplink. {PACKAGE}, Python "
            f"{sys.version.split()[0]} both. The station: keys, registry, intake and store beside "
            "a broker that is not its own, without kiosk and sync. Its messages are signed and "
            "verified, which takes OpenSSL some 80 µs a message and Python's interpreter lock "
            "with it; the peer's are not. The clock holds the devices' sending."
        ),
        figures=(*(_figure(each, pairs) for each, pairs in calm.items()), last),
        numbers={
            f"{name}_{each}": _ratio(pairs, value)
            for each, pairs in calm.items()
            for name, value in (("rate", _rate), ("memory_share", _memory), ("cpu_share", _work))
        }
        | {"peer_lost_max": float(max(lost[0])), "ours_lost_max": float(max(lost[1]))},
    )  # fmt: skip


def _rows(each: int, pairs: Pairs, lost: list[list[int]]) -> Iterator[tuple[str, ...]]:
    for i, name in enumerate(("thingsboard-gateway, SQLite", "station")):
        runs = [pair[i] for pair in pairs]
        rate, work, memory = (_median(runs, value) for value in (_rate, _work, _memory))
        died = _span(lost[i]) if each == 1 else ""
        calm = _span([one.lost for one in runs])
        yield name, str(each), f"{rate:,.0f}", f"{work:,.0f}", f"{memory:.0f}", calm, died
    rate, work, memory = (_ratio(pairs, value) for value in (_rate, _work, _memory))
    yield "station to peer", str(each), f"{rate:.1f} ×", f"{work:.2f} ×", f"{memory:.2f} ×", "", ""


def _figure(each: int, pairs: Pairs) -> Figure:
    said = [
        f"{_median(runs, _rate):,.0f} /s, {_median(runs, _memory):.0f} MB"
        for runs in zip(*pairs, strict=True)
    ]
    many = f"{each} sample{'s' * (each > 1)} a message"
    return Figure(
        f"stored readings over Mosquitto, {many}",
        said[1],
        f"thingsboard-gateway with SQLite {said[0]} ({_ratio(pairs, _rate):.1f} ×)",
    )


def _median(runs: Sequence[Outcome], value: Callable[[Outcome], float]) -> float:
    return statistics.median(map(value, runs))


def _ratio(pairs: Pairs, value: Callable[[Outcome], float]) -> float:
    return statistics.median(value(ours) / value(peer) for peer, ours in pairs)


def _rate(one: Outcome) -> float:
    return one.rate_per_s


def _memory(one: Outcome) -> float:
    return one.resident_mb


def _work(one: Outcome) -> float:
    return one.cpu_s * 1e6 / one.sent


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"
