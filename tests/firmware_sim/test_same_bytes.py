"""One seed, one command, the same bytes: on the wire and in the station's store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from firmware_sim.history.folder import SECRETS_FILE
from firmware_sim.history.register import device_secrets
from tests.support.edge_station import STATION_SIGNER
from tests.support.requirements import require
from tests.support.village_station import VillageStation, season, village_station

FARMERS = 42
DAYS = 2
DEVICES = 12
PLAN = """
[firmware]
page_samples = 3
flash_slots = 2
[faults]
rates = "greenhouse"
[[event]]
day = 0
hour = 14
device = "soil-01"
what = "torn_page"
[[event]]
day = 1
device = "soil-01"
what = "power_on"
[[adversary]]
kind = "bucket"
device = "soil-07"
[[adversary]]
kind = "replay"
device = "soil-05"
"""


def lived(village: VillageStation, folder: Path, out: Path) -> dict[str, float]:
    """Run the command; what it says at the end."""
    command = [
        sys.executable, "-c", "from firmware_sim.app import main; main()", "fleet",
        "--district", str(folder), "--broker", f"127.0.0.1:{village.station.access.port}",
        "--station-key", STATION_SIGNER.public_key.hex(), "--plan", str(folder / "plan.toml"),
        "--days", str(DAYS), "--devices", str(DEVICES), "--messages", str(out), "--json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def heard_in_a_life(folder: Path, out: Path) -> tuple[dict[str, bytes], list[str]]:
    """What each device published, and the hashes of what a fresh station stored of it."""
    out.mkdir()
    with village_station(out, broker="mosquitto") as village:
        said = lived(village, folder, out / "messages")
        assert said["unacknowledged"] == 0
        assert said["samples_sent"] > 14 * DEVICES
        assert said["resident_mb_max"] > 0
        assert village.refused() == {}
        rows = village.station.db.execute("SELECT sha256 FROM telemetry_documents ORDER BY sha256")
        stored = [sha256 for (sha256,) in rows]
    return {path.name: path.read_bytes() for path in (out / "messages").iterdir()}, stored


def test_same_seed_says_the_same_bytes(tmp_path: Path) -> None:
    require("mosquitto")
    secrets = device_secrets(season()[0], FARMERS)
    (tmp_path / SECRETS_FILE).write_text(json.dumps(secrets), encoding="utf-8")
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    first, first_stored = heard_in_a_life(tmp_path, tmp_path / "first")
    again, again_stored = heard_in_a_life(tmp_path, tmp_path / "again")
    assert len(first) == DEVICES
    assert first == again
    assert first_stored == again_stored
