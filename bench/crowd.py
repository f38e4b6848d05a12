"""A thousand devices from one process against one station, on the embedded broker and Mosquitto.

`harvestline-sim fleet --devices` runs in one process, the station's telemetry half in
another that sees no package of the science stack. All devices connect at once, then
live half a day with a sample every ten minutes, an hour at a time, each hour
acknowledged before the next; everything must be stored once. Resident memory and
processor time of each process are the operating system's own account.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from bench.intake import brokers
from bench.report import Effort, Figure, Report
from core.units import MS_PER_DAY
from edge_node.store.database import open_database
from edge_node.store.devices import put_device
from edge_node.store.schema import migrate
from firmware_sim.district.places import District
from firmware_sim.district.village import build_district
from firmware_sim.fleet.crowd import crowded
from firmware_sim.history.folder import SECRETS_FILE
from firmware_sim.history.register import device_secrets, registered_devices
from firmware_sim.keys import device_password
from tests.support.edge_station import NOW_MS, STATION, STATION_SIGNER, settings_for
from tests.support.edge_station_process import free_port, station_process, write_settings

DEVICES = 1_000
SEED, FARMERS = 5, 42
SAMPLE_MINUTES = 10
STEP_MINUTES = 60
DAYS = 1
FLEET_S_MAX = 900.0
BYTES_PER_MB = 1_000_000
BYTES_PER_KIB = 1024


@dataclass(frozen=True, slots=True)
class Crowd:
    """One run: what was stored, in what time, and what both processes took."""

    devices: int
    samples: int
    took_s: float
    station_mb: float
    station_cpu_s: float
    fleet_mb: float
    fleet_cpu_s: float


def measure(effort: Effort) -> Report:
    """Run the crowd against each broker."""
    found = {kind: [run(effort.scratch, kind, DEVICES)] for kind in brokers()}
    return _report(found)


def run(scratch: Path, kind: str, devices: int, days: int = DAYS) -> Crowd:
    """One crowd against one station."""
    folder = Path(tempfile.mkdtemp(dir=scratch, prefix=f"crowd-{kind}-"))
    district = crowded(build_district(SEED, FARMERS), devices)
    settings = settings_for(
        folder, site=district.site, broker=kind, broker_port=free_port(), batch_ms_max=250,
        device_passwords_file=_passwords(folder, district),
    )  # fmt: skip
    with contextlib.closing(open_database(settings.database_path)) as db:
        migrate(db, NOW_MS)
        with db.atomic():
            for device in registered_devices(district, STATION):
                put_device(db, device)
    village = folder / "village"
    village.mkdir()
    secrets = device_secrets(build_district(SEED, FARMERS), FARMERS)
    (village / SECRETS_FILE).write_text(json.dumps(secrets))
    with station_process(write_settings(settings)) as station:
        watched = psutil.Process(station.pid)
        before_s = _cpu_s(watched)
        began_s = time.perf_counter()
        said = _fleet(village, settings.broker_port, devices, days)
        took_s = time.perf_counter() - began_s
        cpu_s, station_mb = _cpu_s(watched) - before_s, _peak_mb(watched)
    with contextlib.closing(open_database(settings.database_path)) as db:
        samples = int(db.execute("SELECT count(*) FROM samples").fetchone()[0])
        named = int(db.execute("SELECT count(DISTINCT device_id) FROM streams").fetchone()[0])
    assert said["unacknowledged"] == 0, said
    assert named == devices, f"expected {devices} devices stored, got {named}"
    assert samples > 0.9 * devices * days * MS_PER_DAY / (SAMPLE_MINUTES * 60_000)
    return Crowd(
        devices, samples, took_s, station_mb, cpu_s, said["resident_mb_max"], said["cpu_s"]
    )


def _passwords(folder: Path, district: District) -> Path:
    path = folder / "passwords.json"
    names = [place.device_id for place in district.devices]
    held = {name: {"password": device_password(district.seed, name)} for name in names}
    path.write_text(json.dumps(held))
    return path


def _fleet(village: Path, port: int, devices: int, days: int) -> dict[str, float]:
    """``harvestline-sim fleet`` as a process; what it says at the end."""
    command = [
        sys.executable, "-c", "from firmware_sim.app import main; main()", "fleet",
        "--district", str(village), "--broker", f"127.0.0.1:{port}",
        "--station-key", STATION_SIGNER.public_key.hex(), "--devices", str(devices),
        "--sample-minutes", str(SAMPLE_MINUTES), "--days", str(days),
        "--step-minutes", str(STEP_MINUTES), "--json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=FLEET_S_MAX, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _family(watched: psutil.Process) -> Iterator[psutil.Process]:
    yield watched
    yield from watched.children(recursive=True)  # Mosquitto is the station's child


def _cpu_s(watched: psutil.Process) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in _family(watched))


def _peak_mb(watched: psutil.Process) -> float:
    """The most that the station and its broker ever had resident [MB]."""
    total = 0
    for one in _family(watched):
        for line in Path(f"/proc/{one.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                total += int(line.split()[1]) * BYTES_PER_KIB
    return total / BYTES_PER_MB


def _report(found: dict[str, list[Crowd]]) -> Report:
    rows, figures, numbers = [], [], {}
    for kind, runs in found.items():
        took_s = median(one.took_s for one in runs)
        station_mb = median(one.station_mb for one in runs)
        station_s = median(one.station_cpu_s for one in runs)
        fleet_mb = median(one.fleet_mb for one in runs)
        fleet_s = median(one.fleet_cpu_s for one in runs)
        samples = runs[0].samples
        rows.append(
            (kind, f"{samples:,}", f"{took_s:.0f}", f"{samples / took_s:,.0f}", f"{station_mb:.0f}",
             f"{station_s:.0f}", f"{fleet_mb:.0f}", f"{fleet_s:.0f}")
        )  # fmt: skip
        figures.append(
            Figure(
                f"a thousand devices at one station, {kind}",
                f"{station_mb:.0f} MB, {station_s / samples * 1e6:,.0f} µs CPU a sample",
                f"the fleet, one process: {fleet_mb:.0f} MB",
            )
        )
        numbers |= {
            f"{kind}_took_s": took_s, f"{kind}_station_mb": station_mb,
            f"{kind}_station_cpu_s": station_s, f"{kind}_fleet_mb": fleet_mb,
            f"{kind}_fleet_cpu_s": fleet_s, f"{kind}_samples": float(samples),
        }  # fmt: skip
    return Report(
        title="A thousand devices from one process at one station",
        headings=(
            "broker", "samples stored", "took [s]", "samples/s", "station [MB]", "its CPU [s]",
            "fleet [MB]", "its CPU [s]",
        ),
        rows=tuple(rows),
        note=(
            f"{DEVICES:,} devices connect at once and live {DAYS} day with a sample every "
            f"{SAMPLE_MINUTES} minutes, {STEP_MINUTES} minutes a step; "
            "the time holds start, connection and the simulated season. "
            "Station: broker (Mosquitto as its child, counted in), intake and store, without "
            "the kiosk and sync; peak of resident memory. In life the same day takes a day: a "
            "thousand devices are then "
            f"{1000 / SAMPLE_MINUTES / 60:.1f} samples a second."
        ),
        figures=tuple(figures),
        numbers=numbers,
    )  # fmt: skip
