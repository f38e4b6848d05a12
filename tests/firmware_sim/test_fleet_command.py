"""``harvestline-sim fleet`` as a process, and what it refuses before it connects."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import EXIT_BAD_INPUT
from core.timeline import CLOCK_SETTING, DEMO_SETTING, clock_text
from firmware_sim.config import SettingError
from firmware_sim.district.village import build_district
from firmware_sim.fleet.secrets import read_secrets
from firmware_sim.history.folder import SECRETS_FILE
from firmware_sim.history.register import device_secrets
from firmware_sim.keys import DeviceSigner, KeyRing, device_key_seed
from tests.support.mosquitto import HOST, Mosquitto
from tests.support.tiny_station import TinyStation

STATION = DeviceSigner(device_key_seed(1, "station"))
MARCH_2026_MS = 1_772_312_400_000  # 1 March, midnight in Nairobi
DAY_MS = 86_400_000
SEED = 4


@pytest.fixture(scope="module")
def district_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fleet reads of a district's folder."""
    folder = tmp_path_factory.mktemp("district")
    secrets = device_secrets(build_district(SEED, 12), 12)
    (folder / SECRETS_FILE).write_text(json.dumps(secrets), encoding="utf-8")
    return folder


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    made.start()
    yield made
    made.stop()


def run(*arguments: str, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from firmware_sim.app import main; main()", *arguments],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_fleet_follows_the_clock_file_until_it_is_stopped(
    district_folder: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    secrets = read_secrets(district_folder / SECRETS_FILE)
    rings = {
        name: KeyRing((DeviceSigner(secret.key_seed).public_key,))
        for name, secret in secrets.of.items()
    }
    station = TinyStation(broker.port, STATION, rings)
    clock = tmp_path / "clock"
    clock.write_text(clock_text(MARCH_2026_MS), encoding="ascii")
    process = run(
        *("fleet", "--district", str(district_folder), "--broker", f"{HOST}:{broker.port}"),
        *("--station-key", STATION.public_key.hex(), "--flash", str(tmp_path / "flash"), "--json"),
        **{CLOCK_SETTING: str(clock), DEMO_SETTING: "1"},
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert (ready["ready"], ready["devices"]) == (True, len(secrets.of))
    assert station.wait_for(lambda s: len(s.births) == len(secrets.of), 30)
    fresh = tmp_path / "clock.new"
    fresh.write_text(clock_text(MARCH_2026_MS + 2 * DAY_MS), encoding="ascii")
    fresh.replace(clock)
    assert station.wait_for(lambda s: len(s.samples) >= 15 * len(secrets.of), 30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert json.loads(out)["samples_sent"] >= 15 * len(secrets.of)
    assert "devices connected" in err
    assert len(list((tmp_path / "flash").glob("*.flash"))) == len(secrets.of)
    assert station.deaths == []
    station.stop()


@pytest.mark.parametrize(
    ("options", "settings", "expected"),
    [
        (["--broker", "nowhere"], {}, "HOST:PORT"),
        (["--station-key", "abc"], {}, "64 hexadecimal digits"),
        ([], {}, "--rate to begin"),
        ([], {CLOCK_SETTING: "/nowhere/clock"}, "virtual clock is for"),
        ([], {CLOCK_SETTING: "/nowhere/clock", DEMO_SETTING: "1"}, "clock file at"),
        (["--rate", "5"], {CLOCK_SETTING: "/nowhere/clock", DEMO_SETTING: "1"}, "drop --rate"),
    ],
)
def test_fleet_refuses_what_it_cannot_understand(
    district_folder: Path, options: list[str], settings: dict[str, str], expected: str
) -> None:
    given = {"--broker": f"{HOST}:1", "--station-key": STATION.public_key.hex()}
    given.update(zip(options[::2], options[1::2], strict=True))
    words = [word for pair in given.items() for word in pair]
    process = run("fleet", "--district", str(district_folder), *words, **settings)
    _, err = process.communicate(timeout=60)
    assert process.returncode == EXIT_BAD_INPUT
    assert expected in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"site": "a"}',
        '{"site": "a", "devices": [{"device_id": "x"}]}',
        '{"site": "a", "devices": [{"device_id": "x", "key_seed": "zz", "password": "p"}]}',
        '{"site": "a", "devices": [{"device_id": "x", "key_seed": "00ff", "password": "p"}]}',
    ],
)
def test_broken_secrets_are_refused_with_their_path(tmp_path: Path, text: str) -> None:
    path = tmp_path / "devices-secret.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match=r"expected"):
        read_secrets(path)
