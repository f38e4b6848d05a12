"""Thirty days of a village over 2G: bytes by class, and time on a link that is cut all along.

Compared are what money, daily features and raw readings of 60 devices and 40 farmers
take in the station's real envelopes, and how long the real push needs for them on a
modelled link of 30 kbit/s with a latency of 1 s each way that is cut every 1 to 5
minutes. The model is held against the clock: the same push over a real TCP link of the
same rate and latency, with a small village.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.report import Effort, Figure, Report
from core.wire.envelope import LogClass
from edge_node.store import logs, outbox
from edge_node.sync.metering import UNMETERED
from edge_node.sync.rounds import Pace, Rhythm, run_rounds
from edge_node.sync.wires import CentreClient
from firmware_sim.links.tcp import HOST, LinkShape, TcpLink
from tests.support.centre import Served, elapsed_ms, entropy
from tests.support.lending_station import Station
from tests.support.village_month import (
    BATCHES_A_DAY,
    DAYS,
    DRAWS_EACH,
    FARMERS,
    GPRS,
    UP_LOGS,
    ModelLink,
    Radio,
    Sent,
    fill,
    send,
)

STEADY = Radio(GPRS.bytes_per_s, GPRS.latency_ms)
REAL_S_MAX = 280.0
# What goes over the real link, whose seconds are real: a day of two farmers in which each
# device sends twelve batches, about a minute at 2G's speed.
REAL_DAYS, REAL_FARMERS, REAL_BATCHES_A_DAY = 1, 2, 12
MS_PER_S, MS_PER_MINUTE, BYTES_PER_KB = 1_000, 60_000, 1_000


@dataclass(frozen=True, slots=True)
class Month:
    """What one month took: bytes and records by class, and the run over the link."""

    records: dict[LogClass, int]
    sent_bytes: dict[LogClass, int]
    sent: Sent


def month(
    folder: Path,
    days: int = DAYS,
    farmers: int = FARMERS,
    radio: Radio = GPRS,
    batches_a_day: int = BATCHES_A_DAY,
) -> Month:
    """Fill a station and send everything over a modelled link, in virtual time."""
    folder.mkdir(parents=True, exist_ok=True)
    station = Station(folder)
    try:
        fill(station, days, farmers, batches_a_day)
        sent = send(station, ModelLink(radio, station))
        records = {log: logs.tail(station.db, log).seq for log in UP_LOGS}
        for log in UP_LOGS:
            assert len(station.centre.received[log].records) == records[log]
        sizes = {
            log: sum(size for each, _, size in station.centre.taken if each is log)
            for log in UP_LOGS
        }
        return Month(records, sizes, sent)
    finally:
        station.close()


def measured_s(folder: Path, radio: Radio = STEADY) -> float:
    """How long a small village's day takes over a real TCP link of that rate and latency [s]."""
    folder.mkdir(parents=True, exist_ok=True)
    station = Station(folder)
    served = Served(station.centre.application())
    port = int(served.url.rpartition(":")[2])
    shape = LinkShape(bytes_per_s=radio.bytes_per_s, latency_ms=radio.latency_ms)
    try:
        fill(station, REAL_DAYS, REAL_FARMERS, REAL_BATCHES_A_DAY)
        with TcpLink(HOST, port, np.random.default_rng(1), shape) as link:
            return _sync_s(station, f"http://{HOST}:{link.port}")
    finally:
        served.close()
        station.close()


def _sync_s(station: Station, url: str) -> float:
    client, stop, whole = CentreClient(url, elapsed_ms), threading.Event(), threading.Event()
    rhythm = Rhythm(Pace(60, 60), UNMETERED, entropy("real"))
    ended_s = [0.0]
    taken: Callable[[bytes], bytes] = station.centre.take

    def noting(data: bytes) -> bytes:
        receipt = taken(data)
        received = station.centre.received
        if all(log in received and len(received[log].records) == tails[log] for log in UP_LOGS):
            ended_s[0] = time.perf_counter()
            whole.set()
        return receipt

    tails = {log: logs.tail(station.db, log).seq for log in UP_LOGS}
    station.centre.take = noting  # type: ignore[method-assign]
    act = (station.db, station.ends, client, lambda: station.clock, rhythm, stop)
    thread = threading.Thread(target=run_rounds, args=act)
    began_s = time.perf_counter()
    thread.start()
    try:
        assert whole.wait(REAL_S_MAX), "expected everything within the time of a bench"
    finally:
        stop.set()
        thread.join(REAL_S_MAX)
        client.close()
    assert all(outbox.delivered(station.db, log).seq for log in UP_LOGS[:2])
    return ended_s[0] - began_s


def modelled_s(folder: Path, radio: Radio = STEADY) -> float:
    """How long the model says that the same takes, until the last bytes are there [s]."""
    sent = month(folder, REAL_DAYS, REAL_FARMERS, radio, REAL_BATCHES_A_DAY).sent
    return (max(sent.done_ms.values()) - radio.latency_ms) / MS_PER_S


def measure(effort: Effort) -> Report:
    """Send the month, and hold the model against a real link."""
    found = month(effort.scratch / "month")
    real_s = measured_s(effort.scratch / "real")
    model_s = modelled_s(effort.scratch / "model")
    return _report(found, real_s, model_s)


def _report(found: Month, real_s: float, model_s: float) -> Report:
    minutes = {log: found.sent.done_ms[log] / MS_PER_MINUTE for log in UP_LOGS}
    kb = {log: found.sent_bytes[log] / BYTES_PER_KB for log in UP_LOGS}
    error = model_s / real_s - 1
    names = {LogClass.MONEY: "money and consents", LogClass.FEATURES: "daily features",
             LogClass.RAW: "every raw reading"}  # fmt: skip
    rows = tuple(
        (names[log], f"{found.records[log]:,}", f"{kb[log]:,.0f}",
         f"{found.sent_bytes[log] / found.records[log]:.0f}", f"{minutes[log]:.1f}")
        for log in UP_LOGS
    )  # fmt: skip
    rate_kbit_s = GPRS.bytes_per_s * 8 // 1000
    return Report(
        title="Thirty days of a village over 2G",
        headings=("class", "records", "kB", "bytes a record", "at the centre after [min]"),
        rows=rows,
        note=(
            f"60 devices every 10 minutes in signed batches of six, {FARMERS} farmers who apply "
            f"and draw {DRAWS_EACH} times. kB are of the envelopes that the centre took. The link: "
            f"{rate_kbit_s} kbit/s, {GPRS.latency_ms / MS_PER_S:g} s each way, cut "
            f"{found.sent.cuts} times; {found.sent.sent_bytes / BYTES_PER_KB:,.0f} kB were sent in "
            f"all. Time is the model's; for a day of two farmers and 720 batches it says "
            f"{model_s:.1f} s where "
            f"a real TCP link of that rate and latency took {real_s:.1f} s ({error:+.0%})."
        ),
        figures=(
            Figure(
                "30 days of a village over 2G, money and features",
                f"{minutes[LogClass.FEATURES]:.1f} min",
                f"raw readings too {minutes[LogClass.RAW]:.0f} min",
            ),
        ),
        numbers={
            **{f"{log.value}_kb": kb[log] for log in UP_LOGS},
            **{f"{log.value}_min": minutes[log] for log in UP_LOGS},
            "real_s": real_s, "model_s": model_s, "cuts": float(found.sent.cuts),
        },
    )  # fmt: skip
