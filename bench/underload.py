"""Offline decisions while the intake works as hard as it can, in one process as at a station.

The same decisions as `python -m bench decision`, but on the database that the intake is
writing to at that moment, with its broker and threads in the same process. The village's
devices come back after weeks in the dark: a sample a minute of each, in the largest
batches that the wire allows, as fast as the station acknowledges them. Beside it, the
same decisions with nobody speaking. The limit is 50 ms for the 99th percentile.
"""

from __future__ import annotations

import contextlib
import gc
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.decision import agreed_by, applicants, form_of, percentiles, teller_at
from bench.report import Effort, Figure, Report
from bench.village import BIN, StationCopy, copied_station, told_village
from edge_node.intake import Intake, make_broker
from edge_node.store.database import leave_journal, open_database
from edge_node.store.decisions import KeptCard
from edge_node.store.devices import DeviceRegistry
from tests.support.edge_station import Events

LIMIT_MS = 50
DECISIONS_MIN = 100  # for each repeat
FLOOD_DAYS = 40
WARM_SAMPLES = 2_000  # stored before the first decision is taken
READY_S_MAX = 120.0
BETWEEN_S = 0.05  # farmers do not come without a pause


def measure(effort: Effort) -> Report:
    """Decide in silence and under load, in turns."""
    station = copied_station(told_village(effort), effort.scratch / "underload")
    calm_ms: list[float] = []
    busy_ms: list[float] = []
    rates: list[float] = []
    while len(busy_ms) < DECISIONS_MIN * effort.repeats:
        calm_ms += _round(station, effort.scratch, None)[0]
        took_ms, rate = _round(station, effort.scratch, FLOOD_DAYS)
        busy_ms += took_ms
        rates.append(rate)
    return _report(calm_ms, busy_ms, rates)


def _round(
    station: StationCopy, scratch: Path, flood_days: int | None
) -> tuple[list[float], float]:
    """One decision of each farmer who may apply [ms], and what came in meanwhile [readings/s]."""
    folder = Path(tempfile.mkdtemp(dir=scratch, prefix="underload-"))
    settings = replace(station.settings, folder=folder, broker="amqtt", broker_port=0)
    shutil.copyfile(station.settings.database_path, settings.database_path)
    registry = DeviceRegistry(settings.database_path, settings.station)
    events, signer = Events(), station.desk.signer
    broker = make_broker(settings, registry, "station-secret", events)
    intake = Intake(
        settings, settings.database_path, registry, signer, lambda: station.now_ms, events
    )
    access = broker.start()
    intake.start(access)
    try:
        with _flood(station, access.port, flood_days), _warm(intake, flood_days):
            before, began_s = intake.state().samples_count, time.perf_counter()
            took_ms = _decisions(station, settings.database_path)
            came = intake.state().samples_count - before
            return took_ms, came / (time.perf_counter() - began_s)
    finally:
        intake.stop()
        broker.stop()
        registry.close()


@contextlib.contextmanager
def _warm(intake: Intake, flood_days: int | None) -> Iterator[None]:
    pause, ends_s = threading.Event(), time.perf_counter() + READY_S_MAX
    while flood_days and intake.state().samples_count < WARM_SAMPLES:
        assert time.perf_counter() < ends_s, "the devices do not come"
        pause.wait(0.05)
    yield


@contextlib.contextmanager
def _flood(station: StationCopy, port: int, days: int | None) -> Iterator[None]:
    """All devices of the village with a sample a minute, from a process of their own."""
    if days is None:
        yield
        return
    command = [
        sys.executable, str(BIN / "harvestline-sim"), "fleet",
        "--district", str(station.village / "village"), "--broker", f"127.0.0.1:{port}",
        "--station-key", station.desk.signer.public_key.hex(), "--drought",
        "--days", str(days), "--sample-minutes", "1", "--json",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
        assert process.poll() is None, "the devices were done before the decisions: more days"
    finally:
        process.kill()
        process.wait()


def _decisions(station: StationCopy, path: Path) -> list[float]:
    took_ms, pause = [], threading.Event()
    with contextlib.closing(open_database(path)) as db:
        leave_journal(db)
        teller = teller_at(station, db)
        asks = applicants(db, teller)
        gc.collect()
        gc.freeze()  # as `harvestline-edge run` does
        for farmer_id, possible in asks:
            form, agreed = form_of(teller, possible), agreed_by(teller, possible)
            pause.wait(BETWEEN_S)
            began_s = time.perf_counter()
            kept = teller.apply(farmer_id, form, agreed)
            took_ms.append((time.perf_counter() - began_s) * 1e3)
            assert isinstance(kept, KeptCard), kept
    return took_ms


def _report(calm_ms: Sequence[float], busy_ms: Sequence[float], rates: Sequence[float]) -> Report:
    (calm50, calm99), (busy50, busy99) = percentiles(calm_ms), percentiles(busy_ms)
    rate = sum(rates) / len(rates)
    return Report(
        title="Offline decision under full intake load",
        headings=("what", "p50 [ms]", "p99 [ms]", "most [ms]"),
        rows=(
            ("nobody speaks", f"{calm50:.1f}", f"{calm99:.1f}", f"{max(calm_ms):.1f}"),
            ("full intake load", f"{busy50:.1f}", f"{busy99:.1f}", f"{max(busy_ms):.1f}"),
            ("limit", "", f"{LIMIT_MS}", ""),
        ),
        note=(
            f"{len(busy_ms)} decisions under load and {len(calm_ms)} without, on the database "
            f"that the intake was writing to; {rate:,.0f} samples a second came in meanwhile. "
            "Broker, intake and decision in one process, the devices in another."
        ),
        figures=(
            Figure(
                "offline decision under full intake load",
                f"p50 {busy50:.0f} ms, p99 {busy99:.0f} ms",
                f"goal {LIMIT_MS} ms; nobody speaking: p99 {calm99:.0f} ms",
            ),
        ),
        numbers={
            "busy_p50_ms": busy50, "busy_p99_ms": busy99, "calm_p50_ms": calm50,
            "calm_p99_ms": calm99, "busy_max_ms": max(busy_ms), "samples_per_s": rate,
            "limit_ms": float(LIMIT_MS),
        },
    )  # fmt: skip
