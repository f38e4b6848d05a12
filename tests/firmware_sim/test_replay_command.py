"""``harvestline-sim replay`` against a real broker, with a synthetic and with real recordings."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.errors import EXIT_BAD_INPUT, EXIT_UNAVAILABLE
from core.wire.telemetry import BATCH_SAMPLES_MAX
from firmware_sim.app import main
from firmware_sim.fleet.fleet import Fleet
from firmware_sim.fleet.rehearsal import NotAcknowledgedError
from firmware_sim.fleet.secrets import read_secrets
from firmware_sim.fleet.station import uplink_to
from firmware_sim.keys import DeviceSigner, KeyRing, device_key_seed
from firmware_sim.replay.devices import new_secrets, replay_members
from firmware_sim.replay.mapping import read_map
from firmware_sim.replay.player import Patience, play_all, start_ms
from firmware_sim.replay.recording import read_recording
from tests.support.mosquitto import HOST, Mosquitto, free_port
from tests.support.tiny_station import TinyStation

STATION = DeviceSigner(device_key_seed(1, "station"))
MAP = """
[file]
format = "csv"
form = "wide"
time_column = "time"
error_ms = 1500

[[device]]
id = "meter-9"
kind = "electricity_meter"
subject = "pump"

[[device.reading]]
metric = "energy_wh"
column = "kwh"
multiply = "1000"
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Twelve hours, a minute apart; one row is bad."""
    rows = [
        f"2024-05-01T{minute // 60:02d}:{minute % 60:02d},{minute / 10}\n" for minute in range(720)
    ]
    rows[7] = "2024-05-01T00:07,\n"
    path = tmp_path / "meter.csv"
    path.write_text("time,kwh\n" + "".join(rows), encoding="utf-8")
    (tmp_path / "map.toml").write_text(MAP, encoding="utf-8")
    return path


def replay(recording: Path, map_path: Path, *options: str) -> Result:
    words = ["replay", str(recording), "--map", str(map_path), *options]
    if "--secrets" not in options:
        words += ["--secrets", str(recording.with_name("replay-devices.json"))]
    return CliRunner().invoke(main, words)


def station_for(broker: Mosquitto, secrets_path: Path) -> TinyStation:
    secrets = read_secrets(secrets_path)
    rings = {
        name: KeyRing((DeviceSigner(secret.key_seed).public_key,))
        for name, secret in secrets.of.items()
    }
    return TinyStation(broker.port, STATION, rings)


def uplink(broker: Mosquitto) -> list[str]:
    return ["--broker", f"{HOST}:{broker.port}", "--station-key", STATION.public_key.hex()]


def test_check_writes_keys_and_register_and_names_bad_rows(recording: Path) -> None:
    folder = recording.parent
    result = replay(
        recording,
        folder / "map.toml",
        *("--register", str(folder / "registry.json"), "--bad-rows", str(folder / "bad.csv")),
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "devices": 1,
        "samples": 719,
        "rows": 720,
        "readings": 719,
        "rows_elsewhere": 0,
        "readings_outside": 0,
        "bad_rows": {"no value": 1},
    }
    assert "line 9: no value of meter-9 energy_wh" in result.stderr
    assert (folder / "bad.csv").read_text() == "line,reason\n9,no value of meter-9 energy_wh\n"
    assert stat.S_IMODE((folder / "replay-devices.json").stat().st_mode) == 0o600
    assert "key_seed" not in (folder / "registry.json").read_text()


def test_recording_arrives_whole_and_once_as_fast_as_it_is_acknowledged(
    recording: Path, broker: Mosquitto
) -> None:
    map_path = recording.with_name("map.toml")
    assert replay(recording, map_path).exit_code == 0
    station = station_for(broker, recording.with_name("replay-devices.json"))
    result = replay(recording, map_path, *uplink(broker), "--start-at", "2026-01-01T00:00")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["samples_sent"], told["unacknowledged"]) == (719, 0)
    samples = [station.samples[key] for key in sorted(station.samples, key=lambda k: k[2])]
    station.stop()
    assert [s.seq for s in samples] == list(range(1, 720))
    assert samples[0].at_ms == 1_767_225_600_000
    assert {s.error_ms for s in samples} == {1_500}
    assert samples[-1].values == {"energy_wh": 71_900}
    assert set(station.repeats.values()) == {1}
    assert len(samples) > 2 * BATCH_SAMPLES_MAX


def test_paced_replay_takes_its_time_and_ends(recording: Path, broker: Mosquitto) -> None:
    map_path = recording.with_name("map.toml")
    assert replay(recording, map_path).exit_code == 0
    station = station_for(broker, recording.with_name("replay-devices.json"))
    result = replay(recording, map_path, *uplink(broker), "--rate", "50000")
    station.stop()
    assert result.exit_code == 0, result.output
    assert len(station.samples) == 719


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (["--broker", f"{HOST}:1"], EXIT_BAD_INPUT, "--station-key"),
        (["--from", "yesterday"], EXIT_BAD_INPUT, "expected a time"),
        (["--from", "2030-01-01"], EXIT_BAD_INPUT, "none that the MAP speaks of"),
    ],
)
def test_what_cannot_be_played_is_said(
    recording: Path, options: list[str], code: int, expected: str
) -> None:
    result = replay(recording, recording.with_name("map.toml"), *options)
    assert (result.exit_code, expected in result.stderr) == (code, True), result.output


def test_nobody_at_the_broker_is_an_error_and_not_a_hang(recording: Path) -> None:
    map_path = recording.with_name("map.toml")
    assert replay(recording, map_path).exit_code == 0
    mapping = read_map(map_path)
    found = read_recording(recording, mapping)
    secrets = read_secrets(recording.with_name("replay-devices.json"))
    members = replay_members(mapping, found.moments, secrets)
    link = uplink_to("replay", f"{HOST}:{free_port()}", STATION.public_key.hex())
    with (
        Fleet(members, link, start_ms(found), lambda: "e1") as fleet,
        pytest.raises(NotAcknowledgedError, match="cannot connect") as caught,
    ):
        play_all(fleet, found, 0, Patience(connect_s=0.5), lambda _: None)
    assert caught.value.entry.exit_code == EXIT_UNAVAILABLE


def test_real_recordings_arrive_over_a_real_broker(
    data_folder: Path, repository: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    greenhouse = data_folder / "greenhouse_italy_15min" / "greenhouse_long.parquet"
    weather = data_folder / "maricopa_field_trials" / "test01__cotton2013.wth"
    for name, path, window in (
        ("greenhouse_italy", greenhouse, ["--from", "2021-09-01", "--until", "2021-09-08"]),
        ("maricopa_weather", weather, []),
    ):
        map_path = repository / "firmware_sim" / "data" / f"{name}.toml"
        secrets = tmp_path / f"{name}.json"
        numbers = iter(range(1, 250))
        made = new_secrets(read_map(map_path), "replay", lambda n=numbers: bytes([next(n)]) * 32)
        secrets.write_text(json.dumps(made), encoding="utf-8")
        station = station_for(broker, secrets)
        result = replay(path, map_path, "--secrets", str(secrets), *window, *uplink(broker))
        station.stop()
        assert result.exit_code == 0, result.output
        told = json.loads(result.stdout)
        assert told["samples"] == told["samples_sent"] == len(station.samples) > 1_000
        assert station.refused == []
