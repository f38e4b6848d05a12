"""The station's resident memory in an edge-only environment, against a board of 512 MB.

``harvestline-edge run`` is started on a told village's station in a fresh environment
that holds only what ``requirements/edge.txt`` locks (sqlite-utils imports numpy and
pandas wherever they are installed, so a developer's environment says nothing). All
devices of the village report over its broker and farmers come to its kiosk while the
uplink is cut: once in the clear, once with every device and every visit over TLS. Beside
it, the same station and load in the developer's environment.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from bench.report import Effort, Figure, Report
from bench.tlsdoor import TlsDoor
from bench.village import BIN, StationCopy, copied_station, told_village
from core.units import MS_PER_DAY
from edge_node.keys import read_identity
from firmware_sim.fleet.fleet import Fleet
from firmware_sim.fleet.secrets import read_secrets
from firmware_sim.fleet.station import uplink_to
from firmware_sim.fleet.village import Habits, village_members
from firmware_sim.history.folder import SECRETS_FILE, read_district
from firmware_sim.story.clockfile import ClockFile
from firmware_sim.story.peers import Kiosk
from tests.support.edge_station_process import write_settings

REPOSITORY = Path(__file__).resolve().parents[1]
LIMIT_MB = 512
GOAL_MB = 150
BYTES_PER_MB = 1_000_000
BYTES_PER_KIB = 1024
LOAD_DAYS = 10
SAMPLE_MS = 600_000  # every ten minutes, 18 times what the demo's devices send
ACKNOWLEDGED_S_MAX = 120.0
NOWHERE = "http://127.0.0.1:9"  # the discard port: the uplink is cut
STOP_S_MAX = 30
_NAMES = {
    "edge": "edge environment",
    "edge_tls": "edge environment, TLS",
    "developer": "developer environment",
}


@dataclass(frozen=True, slots=True)
class Resident:
    """A station's resident memory [MB] and what it carried meanwhile."""

    idle_mb: float
    loaded_mb: float
    peak_mb: float
    samples: int
    visits: int


def measure(effort: Effort) -> Report:
    """Start the station in both environments, load it, and look at it from outside."""
    village = told_village(effort)
    edge = edge_environment(effort.scratch)
    installed_mb = _probed_mb(edge)
    both = []
    for where, program, tls in (
        ("edge", edge / "bin", False), ("edge_tls", edge / "bin", True), ("developer", BIN, False),
    ):  # fmt: skip
        runs = [
            _resident(copied_station(village, effort.scratch / f"{where}-{i}"), program, tls=tls)
            for i in range(effort.repeats)
        ]
        both.append((where, runs))
    return _report(dict(both), installed_mb)


def edge_environment(scratch: Path) -> Path:
    """A fresh environment with the edge's lock and the station's wheel, and nothing else."""
    folder, dist = scratch / "edge-environment", scratch / "dist"
    uv, python = str(BIN / "uv"), str(folder / "bin" / "python")
    lock = str(REPOSITORY / "requirements" / "edge.txt")
    _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
    _run(uv, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable,
         "--out-dir", str(dist), ".")  # fmt: skip
    install = (uv, "pip", "install", "--quiet", "--python", python, "--compile-bytecode")
    _run(*install, "--require-hashes", "--requirement", lock)
    whole = next(iter(dist.glob("*.whl")))
    wheel = _run(sys.executable, "-m", "tools.station_wheel", str(whole)).strip()
    _run(*install, "--no-deps", wheel)
    return folder


def _probed_mb(edge: Path) -> float:
    """What is installed [MB]; fails if the science stack could be imported there."""
    said = _run(
        str(edge / "bin" / "python"), "tools/edge_probe.py", "requirements/edge.txt"
    )  # fmt: skip
    return float(said.split(" takes ")[1].split()[0])


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout


def _resident(station: StationCopy, programs: Path, *, tls: bool) -> Resident:
    clock = ClockFile(station.folder / "clock", station.now_ms)
    with _running(station, programs, clock, tls=tls) as ready, _doors(station, ready) as doors:
        watched = psutil.Process(ready["pid"])
        idle_mb = watched.memory_info().rss / BYTES_PER_MB
        samples, visits = _load(station, ready | doors, clock)
        loaded_mb = watched.memory_info().rss / BYTES_PER_MB
        return Resident(idle_mb, loaded_mb, _peak_mb(watched.pid), samples, visits)


@contextmanager
def _running(
    station: StationCopy, programs: Path, clock: ClockFile, *, tls: bool
) -> Iterator[dict[str, Any]]:  # fmt: skip
    settings = replace(station.settings, server_url=NOWHERE)
    if tls:
        settings = replace(settings, broker_tls="server", broker_tls_port=0, page_tls="server")
    config = write_settings(settings)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment |= clock.environment()
    process = subprocess.Popen(
        [programs / "harvestline-edge", "run", "--config", config], cwd=station.folder,
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=(station.folder / "log").open("w"), text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(STOP_S_MAX)


@contextmanager
def _doors(station: StationCopy, ready: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Plain doors on the loopback before a station's TLS ones; none if it has none."""
    if not str(ready["page"]).startswith("https"):
        yield {}
        return
    secured = next(
        json.loads(line)
        for line in (station.folder / "log").read_text(encoding="utf-8").splitlines()
        if '"broker_secured"' in line
    )
    context = ssl.create_default_context(cafile=str(station.folder / "tls" / "ca.pem"))
    page_port = int(str(ready["page"]).rpartition(":")[2])
    with (
        TlsDoor(int(secured["port"]), context) as broker,
        TlsDoor(page_port, context) as page,
    ):
        yield {
            "broker": f"127.0.0.1:{broker.port}",
            "page": f"http://127.0.0.1:{page.port}",
        }


def _load(station: StationCopy, ready: dict[str, Any], clock: ClockFile) -> tuple[int, int]:
    """Let days pass: all devices report and every farmer looks at the kiosk once a day."""
    held = read_secrets(station.village / "village" / SECRETS_FILE)
    identity = station.settings.key_path.with_suffix(".pub.json")
    uplink = uplink_to(held.site, ready["broker"], read_identity(identity).public_key)
    district, truth = read_district(station.village / "village", drought=True)
    members = village_members(district, truth, held.of, Habits(sample_ms=SAMPLE_MS))
    cards = json.loads((station.village / "secrets" / "cards.json").read_bytes())
    epochs = iter(range(len(members) + 1))
    visits = 0
    with Fleet(members, uplink, station.now_ms, lambda: f"bench{next(epochs)}") as fleet:
        for day in range(1, LOAD_DAYS + 1):
            at_ms = station.now_ms + day * MS_PER_DAY
            clock.advance(at_ms)
            fleet.advance(at_ms)
            for row in cards:
                with Kiosk(str(ready["page"]), str(row["token"])) as kiosk:
                    kiosk.home()
                visits += 1
            assert fleet.wait_acknowledged(ACKNOWLEDGED_S_MAX), "samples left unacknowledged"
        return fleet.counts().samples_sent, visits


def _peak_mb(pid: int) -> float:
    """The most that the process ever had resident, as Linux counts it [MB]."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * BYTES_PER_KIB / BYTES_PER_MB
    raise AssertionError("expected VmHWM in /proc/PID/status")


def _report(measured: dict[str, list[Resident]], installed_mb: float) -> Report:
    rows, numbers = [], {"installed_mb": installed_mb, "limit_mb": float(LIMIT_MB)}
    for where, runs in measured.items():
        idle_mb = median(one.idle_mb for one in runs)
        loaded_mb = median(one.loaded_mb for one in runs)
        peak_mb = median(one.peak_mb for one in runs)
        numbers |= {f"{where}_idle_mb": idle_mb, f"{where}_peak_mb": peak_mb}
        cells = (
            f"{idle_mb:.0f}",
            f"{loaded_mb:.0f}",
            f"{peak_mb:.0f}",
            f"{peak_mb / LIMIT_MB:.2f}",
        )
        rows.append((_NAMES[where], *cells))
    rows.append(("limit: the whole board", "", "", str(LIMIT_MB), "1"))
    edge = measured["edge"]
    one, peak_mb, tls_mb = edge[0], numbers["edge_peak_mb"], numbers["edge_tls_peak_mb"]
    return Report(
        title="Resident memory of a station",
        headings=("station in the", "idle [MB]", "after load [MB]", "peak [MB]", "peak to limit"),
        rows=tuple(rows),
        note=(
            f"Medians of {len(edge)} starts. One process: embedded broker, intake, store, daily "
            f"features, kiosk, sync with its uplink cut. Load: {LOAD_DAYS} days of the village's "
            f"devices at a sample every {SAMPLE_MS // 60_000} minutes ({one.samples:,} samples, "
            f"acknowledged) and {one.visits} visits to the kiosk. The edge environment takes "
            f"{installed_mb:.0f} MB of disk with bytecode."
        ),
        figures=(
            Figure(
                "station resident memory, edge-only install, peak under load",
                f"{peak_mb:.0f} MB",
                f"goal {GOAL_MB} MB",
            ),
            Figure(
                "the same, every device and visit over TLS",
                f"{tls_mb:.0f} MB",
                f"goal {GOAL_MB} MB",
            ),
        ),
        numbers=numbers,
    )
