"""The systemd unit is sound, hardened, and fits what the station does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_node.app import main
from edge_node.commands.unit import unit_text
from edge_node.config import SettingError
from tests.support.requirements import require

EXPOSURE_MAX = 2.0
MUST_BE = {
    "Type": "notify", "WatchdogSec": "60", "Restart": "always", "CapabilityBoundingSet": "",
    "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes",
    "PrivateTmp": "yes", "PrivateDevices": "yes", "ProtectKernelTunables": "yes",
    "RestrictNamespaces": "yes", "MemoryDenyWriteExecute": "yes", "UMask": "0077",
    "SystemCallArchitectures": "native", "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
}  # fmt: skip


def settings_of(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z]+)=(.*)$", text, re.MULTILINE))


def test_the_unit_says_what_a_station_needs(tmp_path: Path):
    done = CliRunner().invoke(main, ["unit", "--config", str(tmp_path / "station.toml")])
    found = settings_of(done.stdout)
    assert found.items() >= MUST_BE.items()
    assert found["User"] == "harvestline"
    assert found["ReadWritePaths"] == str(tmp_path)
    assert "ProcSubset" not in found, "the clock counts from /proc/sys/kernel/random/boot_id"


@pytest.mark.parametrize("name", ["a b.toml", "%h.toml", 'q".toml'])
def test_a_path_that_systemd_would_read_otherwise_is_refused(tmp_path: Path, name: str):
    with pytest.raises(SettingError, match="without blanks"):
        unit_text(tmp_path / name, "harvestline", Path("/bin/true"))


def test_systemd_finds_nothing_wrong_and_little_exposed(tmp_path: Path):
    analyze = require("systemd-analyze")
    path = tmp_path / "harvestline-edge.service"
    path.write_text(unit_text(tmp_path / "station.toml", "root", Path("/bin/true")))
    verified = subprocess.run(
        [analyze, "verify", str(path)], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, path.name in verified.stderr) == (0, False), verified.stderr
    judged = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", judged.stdout)
    assert exposure is not None, judged.stderr
    assert float(exposure[1]) <= EXPOSURE_MAX
