"""The commands for devices, as a person would use them."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest
from click.testing import CliRunner
from paho.mqtt.enums import CallbackAPIVersion

from edge_node.app import main
from edge_node.config import load_settings
from edge_node.keys import SEED_BYTES, create_key_file, public_path
from edge_node.store.database import open_database
from tests.support.edge_station import eventually
from tests.support.mosquitto import free_port


@pytest.fixture
def config(tmp_path: Path) -> Path:
    centre = tmp_path / "centre.json"
    create_key_file(centre, "centre", os.urandom(SEED_BYTES), os.urandom(SEED_BYTES))
    folder = tmp_path / "station"
    run("init", "--name", "kijani-1", "--site", "kijani", "--out", str(folder),
        "--server-identity", str(public_path(centre)))  # fmt: skip
    path = folder / "station.toml"
    run("devices", "list", "--config", str(path))
    db = open_database(load_settings(path, {}).database_path)
    with db.atomic():
        db.conn.execute(
            "INSERT INTO subjects (subject_id, farmer_id, kind, body)"
            " VALUES ('plot-3', 'f-1', 'plot', '{}')"
        )
    db.close()
    return path


def run(*words: str, code: int = 0) -> list[dict[str, Any]]:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == code, done.output + repr(done.exception)
    return [json.loads(line) for line in done.stdout.splitlines()] if code == 0 else []


def act(config: Path, *words: str, code: int = 0) -> list[dict[str, Any]]:
    return run("devices", words[0], "--config", str(config), *words[1:], code=code)


def invited(config: Path) -> str:
    made = act(
        config, "invite", "--device", "soil-7", "--kind", "soil_probe", "--subject", "plot-3"
    )
    return str(made[0]["code"])


def test_a_device_from_invitation_to_revocation(config: Path, tmp_path: Path):
    out = tmp_path / "soil-7.json"
    act(config, "enrol", "--code", invited(config), "--out", str(out))
    secrets = json.loads(out.read_text(encoding="utf-8"))
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert secrets["site"] == "kijani"
    assert set(secrets["devices"][0]) == {"device_id", "password", "key_seed"}
    fresh = act(config, "rotate", "soil-7")[0]["password"]
    assert fresh != secrets["devices"][0]["password"]
    for words, standing in (
        (("quarantine", "soil-7", "--reason", "odd"), "quarantined"),
        (("release", "soil-7"), "good"),
        (("revoke", "soil-7", "--reason", "stolen"), "revoked"),
    ):
        assert act(config, *words)[0]["standing"] == standing
        assert act(config, "list")[0]["standing"] == standing
    act(config, "rotate", "soil-7", code=4)
    act(config, "enrol", "--code", "00000-00000", code=4)


def test_secrets_are_never_written_over_and_the_code_stays(config: Path, tmp_path: Path):
    out = tmp_path / "soil-7.json"
    out.write_text("kept", encoding="utf-8")
    code = invited(config)
    act(config, "enrol", "--code", code, "--out", str(out), code=2)
    assert out.read_text(encoding="utf-8") == "kept"
    assert act(config, "enrol", "--code", code)[0]["devices"][0]["device_id"] == "soil-7"


def test_a_gateway_and_a_foreign_device(config: Path):
    assert len(act(config, "gateway", "lora-1")[0]["password"]) == 64
    words = ("adopt", "--device", "soil-9", "--kind", "soil_probe", "--subject", "plot-3")
    assert act(config, *words)[0]["foreign"] is True
    rows = act(config, "list")
    assert rows[0]["foreign"] is True
    assert rows[1] == {"gateway_id": "lora-1", "standing": "good"}


def test_mutual_tls_hands_over_certificate_and_authority(
    config: Path, monkeypatch: pytest.MonkeyPatch
):
    act(config, "certificate", "soil-7", code=3)
    monkeypatch.setenv("HARVESTLINE_EDGE_BROKER_TLS", "mutual")
    done = act(config, "enrol", "--code", invited(config))[0]
    assert done["authority"].startswith("-----BEGIN CERTIFICATE-----")
    assert done["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE KEY" in done["certificate_key"]
    again = act(config, "certificate", "soil-7", "--replace")[0]
    assert again["certificate"] != done["certificate"]


def test_running_station_serves_pages_over_tls_and_hears_a_gateway(config: Path, tmp_path: Path):
    mapping = tmp_path / "adapters.toml"
    mapping.write_text(
        '[[device]]\nforeign_id = "urn:dev:x"\nformat = "senml"\ndevice = "soil-9"\n'
        'metric = [{ from = "t", to = "soil_temperature_mdeg_c", scale = "1000" }]\n',
        encoding="utf-8",
    )
    words = ("adopt", "--device", "soil-9", "--kind", "soil_probe", "--subject", "plot-3")
    act(config, *words)
    password = act(config, "gateway", "phone-1")[0]["password"]
    settings = {
        "ADAPTERS_FILE": str(mapping), "BROKER_TLS": "server", "PAGE_TLS": "server",
        "BROKER_PORT": "0", "BROKER_TLS_PORT": str(free_port()), "PAGE_PORT": "0",
    }  # fmt: skip
    environment = {f"HARVESTLINE_EDGE_{name}": text for name, text in settings.items()}
    with station_process(config, environment) as ready:
        ca = config.parent / "tls" / "ca.pem"
        assert ready["page"].startswith("https://")
        context = ssl.create_default_context(cafile=str(ca))
        assert httpx.get(ready["page"], verify=context, follow_redirects=True).status_code == 200
        client = mqtt.Client(CallbackAPIVersion.VERSION2, "phone-1", protocol=mqtt.MQTTv311)
        client.username_pw_set("phone-1", password)
        client.tls_set(ca_certs=str(ca))
        client.connect("127.0.0.1", int(settings["BROKER_TLS_PORT"]), 30)
        client.loop_start()
        client.publish("f1/kijani/phone-1/senml", b'[{"n":"urn:dev:x/t","v":21.5}]', qos=1)
        db = open_database(load_settings(config, {}).database_path)
        sql = "SELECT value, grade FROM readings_by_source"
        eventually(lambda: db.conn.execute(sql).fetchall() == [(21_500, "relayed")])
        client.disconnect()
        client.loop_stop()
        db.close()


@contextlib.contextmanager
def station_process(config: Path, environment: dict[str, str]) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-c", "from edge_node.app import main; main()"]
    log = config.parent / "log"
    with log.open("wb") as stderr, subprocess.Popen(
        [*command, "run", "--config", str(config)],
        stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, **environment},
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text(encoding="utf-8")
            yield json.loads(line)
        finally:
            process.terminate()
            process.wait(30)
