"""Recovery: from `kill -9` to the next acknowledged sample, with a million readings in the store.

A station hears a device that sends without pause and is killed in the middle; it is
started again at once, and the clock runs from the kill until the device has the
watermark of a sample that it measured after the kill: a new process, SQLite's own
recovery of the write-ahead log, the broker, the device's new session, a commit with its
fsync. Beside it, the same with an empty store: what a start costs anyway. Every sample
that was acknowledged before the kill must be there afterwards.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.report import Effort, Figure, Report
from core.canonical import sha256_hex
from core.wire.telemetry import BATCH_SAMPLES_MAX, Batch
from edge_node.config import Settings
from edge_node.intake.committer import Arrival, Committer
from edge_node.intake.messages import Heard
from edge_node.store.database import open_database
from tests.support.edge_device import OutboxDevice
from tests.support.edge_station import (
    NOW_MS,
    STATION_SIGNER,
    database,
    sample,
    settings_for,
    signed_batch,
)
from tests.support.edge_station_process import free_port, station_process, write_settings

READINGS = 1_000_000
DEVICES = tuple(f"probe-{i}" for i in range(1, 11))
VALUES = {"soil_moisture_ppm": 200_000, "soil_temperature_mdeg_c": 21_000, "battery_mv": 3_900}
SENT_BEFORE = 2_000  # samples on their way when the station is killed
ANSWER_S_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """From the kill to the next watermark [s]; the journal that was left [MB]."""

    took_s: float
    journal_mb: float


def measure(effort: Effort) -> Report:
    """Kill and start, with an empty store and with a full one."""
    full = _station(effort.scratch, READINGS)
    empty = _station(effort.scratch, 0)
    found = [
        (recover(empty, f"e{i}"), recover(full, f"e{i}")) for i in range(2, effort.repeats + 2)
    ]
    with contextlib.closing(open_database(full.database_path)) as db:
        readings = int(db.execute("SELECT count(*) FROM readings").fetchone()[0])
        size_mb = full.database_path.stat().st_size / 1e6
    return _report(found, readings, size_mb)


def _station(scratch: Path, readings: int) -> Settings:
    """A station's folder with so many readings in its store."""
    folder = Path(tempfile.mkdtemp(dir=scratch, prefix="recovery-"))
    settings = settings_for(folder, broker_port=free_port(), batch_ms_max=250)
    db = database(folder, *DEVICES)
    committer = Committer(settings)
    each = readings // len(VALUES) // len(DEVICES)
    for name in DEVICES if each else ():
        for first in range(1, each + 1, BATCH_SAMPLES_MAX):
            seqs = range(first, min(first + BATCH_SAMPLES_MAX, each + 1))
            body = Batch(name, "e1", 1, first, tuple(sample(s, **VALUES) for s in seqs))
            document = signed_batch(body)
            heard = Heard(body, sha256_hex(document), document)
            committer.commit(db, [Arrival(heard, f"v1/{settings.site}/{name}/t", NOW_MS)])
    db.close()
    return settings


def recover(settings: Settings, epoch: str) -> Recovery:
    """One kill under load, and the way back."""
    path = write_settings(settings)
    name = DEVICES[0]
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(station_process(path))
        key = STATION_SIGNER.public_key
        probe = stack.enter_context(OutboxDevice(name, settings.broker_port, station_key=key))
        for seq in range(1, SENT_BEFORE + 1):
            probe.say(signed_batch(Batch(name, epoch, 1, 1, (sample(seq, **VALUES),))))
        probe.wait_watermark(SENT_BEFORE // 4, epoch, ANSWER_S_MAX)
        first.kill()
        began_s = time.perf_counter()
        first.wait()
        acknowledged = probe.watermark[epoch]
        journal = settings.database_path.with_name(f"{settings.database_path.name}-wal")
        journal_mb = journal.stat().st_size / 1e6 if journal.exists() else 0.0
        stack.enter_context(station_process(path))
        probe.wait(lambda me: me.is_connected, ANSWER_S_MAX)
        fresh = f"{epoch}-after"
        while not probe.watermark.get(fresh):
            assert time.perf_counter() - began_s < ANSWER_S_MAX
            probe.say(signed_batch(Batch(name, fresh, 1, 1, (sample(1, **VALUES),))))
            with contextlib.suppress(AssertionError):
                probe.wait_watermark(1, fresh, timeout_s=0.5)
        took_s = time.perf_counter() - began_s
        _require_kept(settings, name, epoch, acknowledged)
    return Recovery(took_s, journal_mb)


def _require_kept(settings: Settings, name: str, epoch: str, upto: int) -> None:
    with contextlib.closing(open_database(settings.database_path)) as db:
        found = db.execute(
            "SELECT count(*) FROM samples JOIN streams USING (stream_id)"
            " WHERE device_id = ? AND epoch = ? AND seq <= ?",
            (name, epoch, upto),
        ).fetchone()[0]
    assert found == upto, f"expected the {upto} acknowledged samples, found {found}"


def _report(found: list[tuple[Recovery, Recovery]], readings: int, size_mb: float) -> Report:
    empty_s, full_s = (statistics.median(pair[i].took_s for pair in found) for i in (0, 1))
    worst_s = max(pair[1].took_s for pair in found)
    journal_mb = max(pair[1].journal_mb for pair in found)
    return Report(
        title="Recovery after `kill -9`, with a million readings",
        headings=("store", "kill → next acknowledged sample [s]", "most [s]"),
        rows=(
            ("empty", f"{empty_s:.2f}", f"{max(pair[0].took_s for pair in found):.2f}"),
            (f"{readings:,} readings", f"{full_s:.2f}", f"{worst_s:.2f}"),
        ),
        note=(
            f"{len(found)} kills each, in turns, medians. Store of {size_mb:.0f} MB; up to "
            f"{journal_mb:.1f} MB of write-ahead log were left. Every sample that was "
            "acknowledged before a kill was there after it. Embedded broker, without kiosk "
            "and sync; the processor of the bench, not of a board."
        ),
        figures=(
            Figure(
                "from `kill -9` to the next acknowledged sample, a million readings",
                f"{full_s:.1f} s",
                f"with an empty store {empty_s:.1f} s",
            ),
        ),
        numbers={"full_s": full_s, "empty_s": empty_s, "full_s_max": worst_s,
                 "readings": float(readings), "journal_mb": journal_mb},
    )  # fmt: skip
