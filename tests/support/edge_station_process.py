"""A station's telemetry half as a process of its own, to be killed.

It prints the broker's port and hears devices until it is killed or its standard input
ends. It sees no package that an edge-only installation would not have.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from edge_node.config import Settings, load_settings
from edge_node.intake import Intake, make_broker
from edge_node.store.devices import DeviceRegistry
from tests.support.edge_station import NOW_MS, STATION_SIGNER, WAIT_S, Events

# sqlite-utils loads pandas where it finds it; a station has none.
_AS_AT_THE_EDGE = f"""
import sys
sys.modules["numpy"] = sys.modules["pandas"] = None
from {__name__} import main
main()
"""


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def write_settings(settings: Settings) -> Path:
    """The settings as a file in their folder; what is at its default is left out."""
    path = settings.folder / "edge.toml"
    lines = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if value != field.default:
            lines.append(
                f"{field.name} = {json.dumps(value if type(value) is int else str(value))}"
            )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@contextlib.contextmanager
def heard(settings_path: Path) -> Iterator[int]:
    """Hear devices on an existing database, in this process; the broker's port."""
    settings = load_settings(settings_path, {})
    registry = DeviceRegistry(settings.database_path, settings.station)
    events = Events()
    broker = make_broker(settings, registry, "station-secret", events)
    intake = Intake(
        settings, settings.database_path, registry, STATION_SIGNER, lambda: NOW_MS, events
    )
    access = broker.start()
    intake.start(access)
    assert intake.wait_connected(WAIT_S)
    yield access.port
    intake.stop()
    broker.stop()
    registry.close()


def main() -> None:
    """Run a station until standard input ends."""
    with heard(Path(sys.argv[1])) as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        sys.stdin.read()


@contextlib.contextmanager
def station_process(settings_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running station; it is killed in the end if nobody has killed it before."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _AS_AT_THE_EDGE, str(settings_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip().isdigit()
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
