"""The real unit under a real systemd: ready, killed, stuck, stopped (docs/station.md)."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.support.systemd_box import PYTHON, STATION, SYSTEMD, UNIT, install, systemd_box

BROKERS = ("amqtt", "mosquitto")


def require_systemd() -> None:
    """Skip where a box cannot be had."""
    tools = ("unshare", "nsenter", "useradd", "runuser", "ip")
    missing = [name for name in tools if shutil.which(name) is None]
    missing += [str(path) for path in (SYSTEMD, PYTHON) if not path.exists()]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root and systemd, iproute2, util-linux; missing: {missing}")


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_systemd_starts_restarts_and_stops_the_real_unit(tmp_path: Path) -> None:
    require_systemd()
    install(tmp_path)
    with systemd_box(tmp_path) as box:
        box.wait_active(0)
        assert box.show("StatusText") == "" or "all parts turn" in box.show("StatusText")
        assert '"ready": true' in box.journal()

        box.signal(signal.SIGKILL)
        killed_s = box.wait_active(1)

        # Every thread stands still: the signs of life end, and systemd kills it.
        box.signal(signal.SIGSTOP)
        stuck_s = box.wait_active(2)
        assert "watchdog" in box.run("journalctl", "--no-pager", "--output", "cat").lower()

        box.run("systemctl", "stop", UNIT)
        assert (box.show("ActiveState"), box.show("Result")) == ("inactive", "success")
        print(f"back {killed_s:.0f} s after a kill, {stuck_s:.0f} s after it was stuck")

        secrets = json.dumps({"probe-1": {"seed": "", "password": "not-a-secret-" * 3}})
        box.run("bash", "-c", f"echo '{secrets}' > {STATION}/devices.json")
        settings = f'broker = "mosquitto"\ndevice_passwords_file = "{STATION}/devices.json"\n'
        box.run("bash", "-c", f"echo '{settings}' >> {STATION}/station.toml")
        box.run("systemctl", "restart", UNIT)
        box.wait_active(0)
        assert box.run("systemctl", "is-active", UNIT) == "active"
        assert '"broker": "mosquitto"' in box.journal()
